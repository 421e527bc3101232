"""The promises of a sync, end to end: real servers, real Dagster runs, an account for each test."""

import json
from datetime import timedelta

import httpx
import pytest

from tajo_sf_pipeline.state.dead_letter import Filter
from tajo_sf_pipeline.state.dead_letters import DeadLetters
from tajo_sf_pipeline_tests.workspaces import Workspace

MANY = 250  # more than go one by one
COLUMNS = "email,first_name,points"
MAPPING = {"email": "email", "first_name": "FIRSTNAME", "points": "POINTS"}


@pytest.fixture
def people(workspace: Workspace) -> Workspace:
    """Give a workspace with one audience over a table of people."""
    table = workspace.table("people", COLUMNS, _people(MANY))
    workspace.audience("people", f"SELECT * FROM {table}", MAPPING)
    workspace.brevo.attributes(POINTS="float")
    return workspace


def _people(count: int) -> list[tuple[object, ...]]:
    return [(f"p{n}@example.com", f"Name{n}", n) for n in range(count)]


def test_s01_every_row_is_in_exactly_one_place(workspace: Workspace) -> None:
    """Bad, repeated, unchanged and new rows are all counted, and the check on the asset agrees."""
    rows = [*_people(MANY), ("no address", "x", 1), (None, "x", 1), ("P1@Example.com ", "zz", 1)]
    table = workspace.table("people", COLUMNS, rows)
    workspace.audience(
        "people", f"SELECT * FROM {table}", {"email": "email", "first_name": "FIRSTNAME"}
    )
    workspace.sync()
    workspace.table("people", COLUMNS, [*rows, ("new@example.com", "New", 1)])
    [run] = workspace.sync()
    assert {
        "extracted": MANY + 4,
        "rejected": 3,
        "stale": 0,
        "unchanged": MANY,
        "skipped_by_mode": 0,
        "planned": 1,
        "confirmed": 1,
        "failed": 0,
        "pending": 0,
        "removed": 0,
    }.items() <= run.items()
    assert [
        "is not an e-mail address",
        "has no e-mail address",
        "repeats the contact of another row",
    ] == [reject["reason"] for reject in workspace.rejected("people")]


def test_s02_rows_that_a_report_names_are_not_confirmed(people: Workspace) -> None:
    """Brevo's import completes, its report names two rows: these come again with the next run."""
    refused = ["p3@example.com", "p77@example.com"]
    people.brevo.change(faults=[{"report": {"invalid_emails": refused}}])
    [first] = people.bring()
    assert (MANY - 2, 2) == (first["confirmed"], first["failed"])
    dead_letters = DeadLetters(people.paths("people").dead_letters).find(Filter(state="open"))
    assert {(key, "invalid_emails") for key in refused} == {
        (dead_letter.key, dead_letter.reason) for dead_letter in dead_letters
    }
    [second] = people.bring()
    assert (2, 2, MANY - 2) == (second["planned"], second["confirmed"], second["unchanged"])
    assert MANY == len(people.brevo.contacts())


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_s02_nothing_of_an_import_that_ends_badly_is_confirmed(
    people: Workspace, status: str
) -> None:
    """All its rows fail, with the status as the reason, and all come again."""
    people.brevo.change(faults=[{"import_status": status}])
    ran = people.tajo("connectors", "sync", "snowflake", "--json")
    assert 1 == ran.code
    assert (0, MANY) == (ran.json()[0]["confirmed"], ran.json()[0]["failed"])
    [second] = people.bring()
    assert MANY == second["confirmed"]


def test_s02_an_import_without_an_end_is_pending(people: Workspace) -> None:
    """After the deadline its rows count as pending, not as confirmed, and the exit code says so."""
    people.write(brevo={"import_deadline": 1})
    people.brevo.change(faults=[{"import_stays": "queued"}])
    ran = people.tajo("connectors", "sync", "snowflake", "--json")
    assert 5 == ran.code
    assert (0, MANY) == (ran.json()[0]["confirmed"], ran.json()[0]["pending"])


def test_s02_a_single_refused_contact_fails_alone(workspace: Workspace) -> None:
    """Of a few contacts, one has the id of nobody's list: its neighbours are confirmed."""
    table = workspace.table(
        "few", "email,first_name", [("a@example.com", "A"), ("b@example.com", "B")]
    )
    workspace.audience(
        "few", f"SELECT * FROM {table}", {"email": "email", "first_name": "FIRSTNAME"}
    )
    workspace.brevo.change(faults=[{"status": 400, "method": "POST", "path": "/v3/contacts"}])
    [run] = workspace.bring()
    assert (1, 1) == (run["confirmed"], run["failed"])
    assert ["b@example.com"] == list(workspace.brevo.contacts())


def test_s03_the_same_date_twice_sends_nothing(people: Workspace) -> None:
    """The second run makes no call at all."""
    people.bring()
    before = people.brevo.writes()
    [run] = people.bring()
    assert (0, MANY, 0) == (run["planned"], run["unchanged"], run["api_calls"])
    assert before == people.brevo.writes()


def test_s03_only_what_changed_is_sent(people: Workspace) -> None:
    """One changed row of many is one update."""
    people.bring()
    people.table("people", COLUMNS, [*_people(MANY)[1:], ("p0@example.com", "Zoë", 7)])
    [run] = people.bring()
    assert (1, 1, MANY - 1) == (run["updated"], run["confirmed"], run["unchanged"])
    assert "Zoë" == people.brevo.contacts()["p0@example.com"]["attributes"]["FIRSTNAME"]


def test_s04_an_older_date_changes_no_contact_of_a_newer_one(people: Workspace) -> None:
    """A backfill of yesterday after today's run finds other values: they are stale, not sent."""
    people.bring()
    people.table("people", COLUMNS, [("p0@example.com", "Old", 0)])
    yesterday = people.settings().today() - timedelta(days=1)
    [run] = people.sync("--date", str(yesterday))
    assert (0, 1) == (run["planned"], run["stale"])
    assert "Name0" == people.brevo.contacts()["p0@example.com"]["attributes"]["FIRSTNAME"]


@pytest.mark.parametrize(("nulls", "kept"), [("skip", "Ada"), ("clear", None)])
@pytest.mark.parametrize("count", [3, MANY], ids=["one by one", "import"])
def test_s10_a_null_leaves_or_clears(
    workspace: Workspace, nulls: str, kept: str | None, count: int
) -> None:
    """By default Brevo keeps what it has; with `nulls: clear` it forgets it. Zero is a value."""
    table = workspace.table("nulls", COLUMNS, _people(count))
    workspace.brevo.attributes(POINTS="float")
    workspace.audience(
        "nulls",
        f"SELECT email, first_name, points FROM {table}",
        {"email": "email", "first_name": "FIRSTNAME", "points": "POINTS"},
        nulls=nulls,
    )
    workspace.table("nulls", COLUMNS, [(f"p{n}@example.com", "Ada", 0) for n in range(count)])
    workspace.bring()
    workspace.table("nulls", COLUMNS, [(f"p{n}@example.com", " ", 0) for n in range(count)])
    [run] = workspace.bring()
    assert count == run["confirmed"]
    attributes = workspace.brevo.contacts()["p0@example.com"]["attributes"]
    assert (kept, 0) == (attributes.get("FIRSTNAME"), attributes["POINTS"])


def test_s11_an_incomplete_extract_is_a_failed_extract(people: Workspace) -> None:
    """The warehouse declares more rows than it delivers: the run fails, nothing is kept or sent."""
    fault = {"fault": "declare_extra_rows", "rows": 5, "times": 1}
    httpx.post(f"{people.sandbox.snowflake_url}/admin/faults", json=fault).raise_for_status()
    ran = people.tajo("connectors", "sync", "snowflake", "--json")
    assert 5 == ran.code
    assert ("TAJO-701", "incomplete") == (
        ran.json()[0]["error"]["code"],
        ran.json()[0]["error"]["kind"],
    )
    assert f"declared {MANY + 5} rows" in ran.json()[0]["error"]["message"]
    assert [] == list(people.home.glob("extracts/*/*"))
    assert {} == people.brevo.contacts()


def test_s15_the_same_input_gives_the_same_requests(
    people: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A workspace without a ledger gets the rows in another order: it sends the same bytes."""
    people.bring()
    table = people.table("people", COLUMNS, reversed(_people(MANY)))
    fresh = tmp_path_factory.mktemp("fresh")
    second = Workspace(fresh, people.sandbox, people.brevo, people.prefix)
    second.audience("people", f"SELECT * FROM {table}", MAPPING)
    second.bring()
    imports = [write for write in people.brevo.writes() if write[1] == "/v3/contacts/import"]
    assert 2 == len(imports)
    assert imports[0] == imports[1]


def test_s15_a_second_run_makes_no_second_list(people: Workspace) -> None:
    """The list is found by its name, whatever made it."""
    people.bring()
    people.table("people", COLUMNS, _people(MANY + 10))
    people.bring()
    assert {"people": MANY + 10} == people.brevo.lists()


def test_s14_no_secret_and_no_address_in_what_is_printed(people: Workspace) -> None:
    """A verbose run prints neither the key of Brevo nor anybody's e-mail."""
    people.write(snowflake={"debug": True})
    ran = people.tajo("connectors", "sync", "snowflake")
    assert people.brevo.key not in ran.out + ran.err
    assert "@example.com" not in ran.out + ran.err


def test_s16_an_attribute_that_brevo_lacks_is_found_before_the_first_write(
    workspace: Workspace,
) -> None:
    """Missing and mistyped attributes are told together, with their columns; nothing is sent."""
    table = workspace.table("people", COLUMNS, _people(MANY))
    workspace.brevo.attributes(POINTS="text")
    workspace.audience(
        "people",
        f"SELECT email, first_name, points FROM {table}",
        {"email": "email", "first_name": "NICKNAME", "points": "POINTS"},
    )
    ran = workspace.tajo("connectors", "sync", "snowflake", "--json")
    error = ran.json()[0]["error"]
    assert (2, "TAJO-611") == (ran.code, error["code"])
    missing, mistyped = error["message"].splitlines()
    assert missing.startswith(
        "column FIRST_NAME -> attribute NICKNAME: Brevo has no such attribute"
    )
    assert (
        "column POINTS -> attribute POINTS: the values are float, Brevo's type is text" == mistyped
    )
    assert {} == workspace.brevo.contacts()


def test_last_sync_is_bound_to_what_was_confirmed(workspace: Workspace) -> None:
    """The second run asks only for what is newer, less the lookback; --full asks for everything."""
    stamp = "2026-10-0{}T12:00:00"
    rows = [(f"c{n}@example.com", f"N{n}", stamp.format(n)) for n in range(1, 4)]
    table = workspace.table("changes", "email,first_name,updated_at", rows)
    workspace.audience(
        "changes",
        f"SELECT email, first_name, updated_at FROM {table} WHERE updated_at > :last_sync",
        {"email": "email", "first_name": "FIRSTNAME"},
        cursor="updated_at",
        lookback="1h",
    )
    assert [3, 1, 3] == [
        workspace.sync(*arguments)[0]["extracted"] for arguments in ([], [], ["--full"])
    ]


def test_a_failed_row_does_not_move_the_watermark(workspace: Workspace) -> None:
    """A row that Brevo refused is asked for again, although its cursor is old by then."""
    rows = [("c1@example.com", "2026-10-01T12:00:00"), ("c2@example.com", "2026-10-05T12:00:00")]
    table = workspace.table("changes", "email,updated_at", rows)
    workspace.audience(
        "changes",
        f"SELECT email, updated_at FROM {table} WHERE updated_at > :last_sync",
        {"email": "email"},
        cursor="updated_at",
    )
    workspace.brevo.change(faults=[{"status": 400, "method": "POST", "path": "/v3/contacts"}])
    assert [1, 0] == [workspace.bring()[0]["failed"] for _ in range(2)]
    assert ["c1@example.com", "c2@example.com"] == sorted(workspace.brevo.contacts())


def test_the_query_tag_names_workspace_audience_date_and_run(people: Workspace) -> None:
    """Snowflake's query history tells which run asked."""
    [run] = people.bring()
    statements = httpx.get(f"{people.sandbox.snowflake_url}/admin/statements").json()["statements"]
    tags = [
        json.loads(one["query_tag"])
        for one in statements
        if run["run_id"] in (one["query_tag"] or "")
    ]
    assert {
        "app": "tajo",
        "workspace": "test",
        "audience": "people",
        "sync_date": run["sync_date"],
        "run": run["run_id"],
    } == tags[0]


def test_a_one_off_query_goes_to_a_list_by_its_id(people: Workspace) -> None:
    """A query, a list and a mapping on the command line are an audience of their own."""
    people.bring()
    list_id = str(next(iter(people.brevo.contacts().values()))["listIds"][0])
    table = people.table("vips", "email,score", [("vip@example.com", 3)])
    query = f"SELECT email, score FROM {table}"
    [run] = people.sync("--query", query, "--list-id", list_id, "--map", "score=POINTS")
    assert (1, 1) == (run["planned"], run["confirmed"])
    assert 3 == people.brevo.contacts()["vip@example.com"]["attributes"]["POINTS"]


def test_s04_a_newer_version_that_says_the_same_counts(workspace: Workspace) -> None:
    """A row touched without a change is as new as its cursor: no older value comes over it."""
    table = workspace.table("cur", "email,first_name,updated_at", [_versioned("Ada", 10)])
    workspace.audience(
        "cur",
        f"SELECT * FROM {table}",
        {"email": "email", "first_name": "FIRSTNAME"},
        cursor="updated_at",
    )
    workspace.bring()
    workspace.table("cur", "email,first_name,updated_at", [_versioned("Ada", 20)])
    assert 1 == workspace.bring()[0]["unchanged"]
    workspace.table("cur", "email,first_name,updated_at", [_versioned("Eve", 15)])
    assert (0, 1) == tuple(workspace.bring()[0][name] for name in ("planned", "stale"))


def _versioned(name: str, day: int) -> tuple[str, str, str]:
    return "a@example.com", name, f"2026-10-{day}T12:00:00"


def test_connectors_that_are_not_enabled_do_nothing(people: Workspace) -> None:
    """Without Snowflake there is no audience; without Brevo a run says what waits."""
    people.write(brevo={"enabled": False})
    ran = people.tajo("connectors", "sync", "snowflake")
    assert (2, True) == (ran.code, "TAJO-118" in ran.err)
    people.write(snowflake={"enabled": False})
    validated = people.tajo("config", "validate", "--json").json()
    assert ([], True) == (validated["audiences"], "not enabled" in validated["notes"][0])
