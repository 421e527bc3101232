"""`tajo dead-letters`: what was refused, seen and acted upon, through real runs."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline_tests.steps import synced
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

Rows = list[tuple[str | None, str]]
REST = {"transport": "sql_api"}  # the quicker one to begin with
PEOPLE: Rows = [
    ("ann@example.com", "1"),
    ("no address", "2"),
    (None, "3"),
    ("eve@example.com", "4"),
]


def _people(workspace: Workspace, rows: Rows) -> str:
    return workspace.table("people", "email,points", rows)


def _synced(workspace: Workspace) -> Workspace:
    """Sync four people, of whom the mapping takes two and Brevo one."""
    workspace.write(snowflake=REST)
    workspace.brevo.attributes(POINTS="float")
    table = _people(workspace, PEOPLE)
    workspace.audience(
        "people",
        f"SELECT email, CAST(points AS INT) AS points FROM {table} ORDER BY points",
        {"email": "email", "points": "POINTS"},
    )
    workspace.brevo.change(faults=[{"poison": "eve@example.com"}])
    run = synced(workspace, "people")
    assert (2, 1, 1) == (run.rejected, run.confirmed, run.failed)
    return workspace


@pytest.fixture
def people(workspace: Workspace) -> Workspace:
    """Give a workspace with letters to a test that changes them."""
    return _synced(workspace)


@pytest.fixture(scope="module")
def dead_letters(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Give one to all tests that only look."""
    folder = tmp_path_factory.mktemp("letters")
    return _synced(Workspace.new(folder, sandbox, BrevoAccount.new(sandbox)))


def _dead_letters(workspace: Workspace, *arguments: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = workspace.tajo(
        "dead-letters", "list", "--json", *arguments
    ).json()["letters"]
    return sorted(found, key=lambda dead_letter: str(dead_letter["key"] or ""))


def _states(workspace: Workspace) -> dict[str, str]:
    return {
        str(dead_letter["key"]): str(dead_letter["state"])
        for dead_letter in _dead_letters(workspace, "--state", "all")
    }


def test_rejects_and_refusals_stand_in_one_list(dead_letters: Workspace) -> None:
    """Each has its key (masked), kind, code, and the place of its row in the extract."""
    found = _dead_letters(dead_letters)
    assert [
        (None, "mapping", "TAJO-821", 2),
        ("e***@example.com", "validation", "TAJO-822", 3),
        ("n***", "mapping", "TAJO-821", 1),
    ] == [(one["key"], one["kind"], one["code"], one["row"]) for one in found]
    today = dead_letters.settings().today().isoformat()
    assert {("people", today, f"extracts/people/{today}.parquet", 0, 1, "open")} == {
        (
            *(one["audience"], one["sync_date"], one["extract"], one["row_group"]),
            *(one["attempts"], one["state"]),
        )
        for one in found
    }


def test_a_list_for_people_masks_what_is_personal(dead_letters: Workspace) -> None:
    """Neither the keys nor the addresses in Brevo's reasons are shown; the reasons are counted."""
    ran = dead_letters.tajo("dead-letters", "list")
    assert 0 == ran.code
    assert "eve@example.com" not in ran.out
    for words in ("letters  column", "is not an e-mail address", "e***@example.com"):
        assert words in ran.out
    dead_letters.write(snowflake=REST, log_personal_data=True)
    shown = dead_letters.tajo("dead-letters", "list")
    dead_letters.write(snowflake=REST)
    assert "eve@example.com" in shown.out


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["--kind", "validation"], ["e***@example.com"]),
        (["--reason", "NOT AN E-MAIL"], ["n***"]),
        (["--audience", "nobody"], []),
        (["--date", "2026-01-02"], []),
        (["--state", "accepted"], []),
    ],
)
def test_filters_choose(dead_letters: Workspace, arguments: list[str], keys: list[str]) -> None:
    """Each filter of the command narrows the list."""
    assert keys == [dead_letter["key"] for dead_letter in _dead_letters(dead_letters, *arguments)]


@pytest.mark.parametrize("arguments", [["--kind", "odd"], ["--state", "odd"]])
def test_unknown_kind_or_state_is_refused(workspace: Workspace, arguments: list[str]) -> None:
    """A filter that could never match is a mistake."""
    ran = workspace.tajo("dead-letters", "list", *arguments)
    assert (2, True) == (ran.code, "'odd'" in ran.err)


def test_show_prints_the_source_row_while_its_extract_is_kept(dead_letters: Workspace) -> None:
    """The whole row as the warehouse gave it, and the payload; or why it cannot be shown."""
    [eve] = _dead_letters(dead_letters, "--kind", "validation")
    number = str(eve["id"])
    shown = dead_letters.tajo("dead-letters", "show", number, "--json").json()
    assert {"EMAIL": "eve@example.com", "POINTS": "4"} == shown["source"]
    payload = json.loads(shown["payload"])
    assert ("eve@example.com", {"POINTS": 4}) == (payload["email"], payload["attributes"])
    assert "'eve@example.com'" in dead_letters.tajo("dead-letters", "show", number).out


def test_corrected_rows_close_their_letters_by_themselves(people: Workspace) -> None:
    """The next run that brings a row ends its letter, and a row that left ends it too.

    The letter's row is not looked for in the later extract, which has others at its place.
    """
    [eve] = _dead_letters(people, "--kind", "validation")
    people.brevo.change(faults=[])
    _people(people, [("eve@example.com", "1"), ("no address", "2"), ("ann@example.com", "4")])
    synced(people, "people")
    assert {"None": "left", "e***@example.com": "accepted", "n***": "open"} == _states(people)
    [still] = _dead_letters(people)
    assert 2 == still["attempts"]
    number = str(eve["id"])
    assert people.tajo("dead-letters", "show", number, "--json").json()["source"] is None
    paths, day = people.paths("people"), people.settings().today()
    assert "a later run has replaced" in people.tajo("dead-letters", "show", number).out
    paths.extract(day).unlink()
    assert "is not kept any more" in people.tajo("dead-letters", "show", number).out


@pytest.mark.long
def test_replay_runs_the_dates_again_with_the_sources_values_of_now(people: Workspace) -> None:
    """The row arrives as the source has it now, by a tagged run; what Brevo has is not sent."""
    _people(people, [*PEOPLE[:3], ("eve@example.com", "40")])
    people.brevo.change(faults=[])
    before = len(people.brevo.writes())
    ran = people.tajo("dead-letters", "replay", "--kind", "validation", "--json")
    assert 0 == ran.code, ran.err
    told = ran.json()
    assert {"accepted": 1} == told["letters"]
    assert [(1, 1)] == [(run["confirmed"], run["unchanged"]) for run in told["runs"]]
    assert 40 == people.brevo.contacts()["eve@example.com"]["attributes"]["POINTS"]
    assert 1 == len(people.brevo.writes()) - before
    assert {"tajo/replay": "1"} == _tags(people, told["runs"][0]["run_id"], "tajo/replay")


@pytest.mark.long
def test_replay_of_a_row_that_is_still_wrong_says_so(people: Workspace) -> None:
    """The letter stays open with one attempt more, and the exit code tells of it."""
    ran = people.tajo("dead-letters", "replay", "--kind", "validation")
    assert (1, True) == (ran.code, "1 dead letters replayed: 1 still open" in ran.out)
    [dead_letter] = _dead_letters(people, "--kind", "validation")
    assert (2, "open") == (dead_letter["attempts"], dead_letter["state"])


def test_discarded_rows_are_not_sent_until_the_source_changes_them(people: Workspace) -> None:
    """A person's word holds for the row as it was; another value is another row."""
    [eve] = _dead_letters(people, "--kind", "validation")
    assert 0 == people.tajo("dead-letters", "discard", str(eve["id"])).code
    people.brevo.change(faults=[])
    run = synced(people, "people")
    assert (0, 0, {"ann@example.com"}) == (run.confirmed, run.failed, set(people.brevo.contacts()))
    _people(people, [*PEOPLE[:3], ("eve@example.com", "40")])
    assert 1 == synced(people, "people").confirmed


def test_discarding_many_asks_first(people: Workspace) -> None:
    """A filter may take more than one thinks; no filter at all is refused."""
    assert (2, "TAJO-156") == _refusal(people, "discard")
    ran = people.tajo("dead-letters", "discard", "--audience", "people", "--yes", "--json")
    assert (0, 3) == (ran.code, len(ran.json()["discarded"]))
    assert [] == _dead_letters(people)
    assert (2, "TAJO-156") == _refusal(people, "replay")
    assert (2, "TAJO-157") == _refusal(people, "discard", str(ran.json()["discarded"][0]))
    assert (2, "TAJO-156") == _refusal(people, "show", "9999")


def _refusal(workspace: Workspace, *arguments: str) -> tuple[int, str]:
    ran = workspace.tajo("dead-letters", *arguments)
    return ran.code, ran.err[:8]


def test_nothing_to_list_makes_no_file(workspace: Workspace) -> None:
    """Who only looks leaves the home as it was."""
    ran = workspace.tajo("dead-letters", "list")
    assert (0, "no dead letters are open\n") == (ran.code, ran.out)
    assert not workspace.home.exists()


def test_extracts_are_kept_as_long_as_the_workspace_says(people: Workspace) -> None:
    """A run removes the files of its audience that are older, and no younger ones."""
    today = people.settings().today()
    paths = people.paths("people")
    old, recent = (today - timedelta(days=days) for days in (9, 2))
    for day, age in ((old, 9), (recent, 2)):
        for file in (paths.extract(day), paths.mapped(day), paths.rejected(day)):
            file.write_bytes(b"")
            written = (datetime.now(UTC) - timedelta(days=age)).timestamp()
            os.utime(file, (written, written))
    people.write(snowflake=REST, retention={"extracts": "7d"})
    synced(people, "people")
    kept = sorted(path.name for path in people.home.glob("*/people/*.parquet"))
    assert [f"{day}.parquet" for day in (recent, recent, today, today)] == [
        name for name in kept if ".rejected" not in name
    ]
    assert [f"{day}.rejected.parquet" for day in (recent, today)] == [
        name for name in kept if ".rejected" in name
    ]


def _tags(workspace: Workspace, run_id: str, *names: str) -> dict[str, str]:
    from tajo_sf_pipeline.defs import runs

    with runs.instance(workspace.settings()) as instance:
        run = instance.get_run_by_id(run_id)
    assert run is not None
    return {name: run.tags[name] for name in names}
