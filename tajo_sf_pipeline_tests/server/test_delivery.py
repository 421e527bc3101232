"""How rows travel: ways, lists by column, consent, poison, read-back, campaigns, objects."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tajo_sf_pipeline.audience.destination import Campaign, ContactsDestination, Guards
from tajo_sf_pipeline.errors import RefusedError
from tajo_sf_pipeline_tests.mapped_rows import Engine, audience, person
from tajo_sf_pipeline_tests.workspaces import BrevoAccount

MakeEngine = Callable[..., Engine]


@pytest.fixture
def engine_of(brevo: BrevoAccount, tmp_path: Path) -> MakeEngine:
    """Give audiences that have never synced."""
    return lambda **settings: Engine(tmp_path, brevo, audience(**settings))


def _calls(engine: Engine) -> Counter[str]:
    """Count the writes by method and path, with the numbers of lists taken out."""
    return Counter(
        f"{method} {''.join('#' if part.isdigit() else part for part in path.split('/')[-2:])}"
        for method, path, _ in engine.account.writes()
    )


def _in(segment: str, *numbers: int, **more: Any) -> list[dict[str, Any]]:
    return [{**person(number), "list": segment, **more} for number in numbers]


@pytest.mark.parametrize("many", [3, 130], ids=["few", "many"])
def test_a_contact_that_changes_its_list_leaves_the_old_one(
    engine_of: MakeEngine, many: int
) -> None:
    """There is a list for each value; who has another value joins and leaves in the same run."""
    engine = engine_of(destination=ContactsDestination(list_from="segment"))
    first = engine.run(_in("gold", *range(many)) + _in("silver", many))
    assert (many + 1, 0) == (first.confirmed, first.failed)
    second = engine.run(_in("gold", 0) + _in("silver", *range(1, many + 1)))
    assert (many - 1, many - 1, 2) == (second.updated, second.confirmed, second.unchanged)
    assert {"p0@example.com"} == engine.members("gold")
    assert {f"p{number}@example.com" for number in range(1, many + 1)} == engine.members("silver")
    known = engine.ledger.history("p1@example.com")
    assert known is not None
    assert (engine.lists()["silver"],) == known.lists


def test_a_contact_without_a_list_leaves_its_list(engine_of: MakeEngine) -> None:
    """A row whose column is empty stays a contact and is on none of the lists."""
    engine = engine_of(destination=ContactsDestination(list_from="segment"))
    engine.run(_in("gold", 1, 2))
    run = engine.run([*_in("gold", 1), {**person(2), "list": None}])
    assert (1, True) == (run.confirmed, run.conserved)
    assert {"p1@example.com"} == engine.members("gold")
    assert 2 == len(engine.account.contacts())


def test_lists_by_column_of_a_mirror(engine_of: MakeEngine) -> None:
    """Who leaves the source leaves the list on which his value had put him."""
    engine = engine_of(
        mode="mirror",
        destination=ContactsDestination(list_from="segment"),
        guards=Guards(max_removed="100%"),
    )
    engine.run(_in("gold", 1, 2) + _in("silver", 3))
    run = engine.run(_in("gold", 1))
    assert (2, 0) == (run.removed, run.left_over)
    assert ({"p1@example.com"}, set()) == (engine.members("gold"), engine.members("silver"))


@pytest.mark.parametrize("many", [3, 130], ids=["few", "many"])
def test_s09_flags_are_sent_only_where_a_row_has_them(engine_of: MakeEngine, many: int) -> None:
    """Blocklisted rows travel apart from the others; a row without a flag keeps what Brevo has."""
    engine = engine_of()
    rows: list[dict[str, Any]] = [
        *({**person(number), "email_blacklisted": True} for number in range(many)),
        *({**person(number), "email_blacklisted": None} for number in range(many, 2 * many)),
        {**person(1000), "email_blacklisted": False},
        {**person(1001), "email_blacklisted": None, "sms_blacklisted": True},
    ]
    run = engine.run([row | {"sms_blacklisted": row.get("sms_blacklisted")} for row in rows])
    assert (2 * many + 2, 0) == (run.confirmed, run.failed)
    contacts = engine.account.contacts()
    blocked = {email for email, contact in contacts.items() if contact["emailBlacklisted"]}
    assert {f"p{number}@example.com" for number in range(many)} == blocked
    assert contacts["p1001@example.com"]["smsBlacklisted"]
    imports = _calls(engine)["POST contactsimport"]
    assert (0 if many < 100 else 2) == imports


def test_the_plan_says_which_way_and_why(engine_of: MakeEngine) -> None:
    """Many plain rows go by import, and the one with a flag of its own by a call of its own."""
    engine = engine_of()
    rows = [{**person(number), "email_blacklisted": None} for number in range(150)]
    plan = engine.plan([*rows, {**person(200), "email_blacklisted": False}])
    told = plan.as_json(show_keys=False)
    assert [("single", 1, 1), ("import", 150, 1)] == [
        (route["way"], route["rows"], route["api_calls"]) for route in told["ways"]
    ]
    assert "an import has no flags for a single contact" == told["ways"][0]["why"]
    assert [{"action": "create", "reason": "new", "rows": 151}] == told["reasons"]
    assert [] == engine.account.writes()


@pytest.mark.parametrize("rows", [1_000, pytest.param(10_000, marks=pytest.mark.long)])
def test_s07_one_bad_row_never_fails_its_neighbours(engine_of: MakeEngine, rows: int) -> None:
    """Of the rows that are refused as a whole, one is a dead letter, for at most 30 calls."""
    engine = engine_of(verify="off")
    good = engine_of(name="good", verify="off").run([person(n) for n in range(rows, 2 * rows)])
    engine.account.change(faults=[{"poison": "p777@example.com"}])
    run = engine.run([person(number) for number in range(rows)])
    assert (rows - 1, 1, True) == (run.confirmed, run.failed, run.conserved)
    assert ["p777@example.com"] == list(engine.dead_letters())
    assert run.api_calls - good.api_calls <= 30


def test_what_is_wrong_with_every_body_is_no_rows_fault(engine_of: MakeEngine) -> None:
    """Where nothing is accepted at all the run ends with Brevo's refusal after a few calls."""
    engine = engine_of()
    fault = {"status": 400, "method": "POST", "path": "/v3/contacts/import", "times": 1000}
    engine.account.change(faults=[fault])
    with pytest.raises(RefusedError) as refused:
        engine.run([person(number) for number in range(1_000)])
    assert "0 of 1000 rows were accepted" in refused.value.happened
    assert len(engine.dead_letters()) <= 10
    [(_, summary)] = engine.ledger.runs()
    assert ("validation", 0, True) == (summary.outcome, summary.confirmed, summary.conserved)


def test_read_back_tells_what_brevo_does_not_hold(engine_of: MakeEngine) -> None:
    """An attribute is deleted in the middle of a run: its lost values are told by its name."""
    engine = engine_of(verify="all")
    first = engine.run([person(number) for number in range(3)])
    assert (3, {}) == (first.verified, dict(first.differences))
    fault = {"delete_attribute": "LASTNAME", "method": "POST", "path": "/v3/contacts"}
    engine.account.change(faults=[fault])
    run = engine.run([person(n, FIRSTNAME="New", LASTNAME="Name") for n in range(3)])
    assert (3, {"LASTNAME": 3}) == (run.verified, dict(run.differences))


@pytest.mark.parametrize(("verify", "expected"), [("sample", 5), ("off", 0)])
def test_read_back_of_a_sample(engine_of: MakeEngine, verify: str, expected: int) -> None:
    """By default five contacts of a run are read back; or none."""
    run = engine_of(verify=verify).run([person(number) for number in range(300)])
    assert expected == run.verified


def _campaigns(engine: Engine) -> list[dict[str, Any]]:
    told = httpx.get(
        f"{engine.account.url}/v3/emailCampaigns", headers={"api-key": engine.account.key}
    )
    return [
        {name: campaign[name] for name in ("name", "status")}
        for campaign in told.json()["campaigns"]
    ]


@pytest.mark.parametrize(
    ("send", "path", "status"),
    [(False, "incremental", "draft"), (True, "backfill", "draft"), (True, "incremental", "sent")],
)
def test_campaign_is_made_once(engine_of: MakeEngine, send: bool, path: str, status: str) -> None:
    """It stays a draft unless it shall be sent and the run is no backfill."""
    campaign = Campaign(
        name="Welcome", subject="Hello", sender={"id": 1}, html="<p>Hello</p>", send=send
    )
    engine = engine_of(destination=ContactsDestination(list="people", campaign=campaign))
    for number in range(2):
        engine.run([person(number)], path=path)
    [made] = _campaigns(engine)
    assert "Welcome" == made["name"]
    assert status in ("sent", made["status"]) if status == "draft" else made["status"] != "draft"
