"""The five modes, over real HTTP: what is created, changed, left alone and let go."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tajo_sf_pipeline.audience.destination import EventsDestination, Guards
from tajo_sf_pipeline.errors import GuardError
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline_tests.mapped_rows import DAY, Engine, audience, person
from tajo_sf_pipeline_tests.workspaces import BrevoAccount

ALL = Guards(max_removed="100%")
MakeEngine = Callable[..., Engine]


@pytest.fixture
def engine_of(brevo: BrevoAccount, tmp_path: Path) -> MakeEngine:
    """Give audiences that have never synced."""
    return lambda **settings: Engine(tmp_path, brevo, audience(**settings))


def _people(*numbers: int) -> list[dict[str, Any]]:
    return [person(number) for number in numbers]


def _names(engine: Engine) -> dict[str, Any]:
    """Give each contact's first name, by the number in its address."""
    return {
        key.removesuffix("@example.com"): contact["attributes"].get("FIRSTNAME")
        for key, contact in engine.account.contacts().items()
    }


def _on_list(engine: Engine, name: str = "people") -> list[str]:
    return sorted(email.removesuffix("@example.com") for email in engine.members(name))


def _told(summary: Summary, *names: str) -> tuple[Any, ...]:
    assert summary.conserved, summary
    return tuple(getattr(summary, name) for name in names)


def _add_by_hand(engine: Engine, email: str, **more: Any) -> None:
    """Make a contact as a person or another tool would."""
    httpx.post(
        f"{engine.account.url}/v3/contacts",
        json={"email": email, **more},
        headers={"api-key": engine.account.key},
    ).raise_for_status()


def _made_by_hand(engine: Engine) -> int:
    """Make the audience's list before the audience does."""
    to = engine.audience.destination
    assert to.list is not None
    return engine.account.make_list(to.list, to.folder)


def test_upsert_creates_and_updates_and_lets_nobody_go(engine_of: MakeEngine) -> None:
    """New rows are created, changed ones updated; what is gone from the source stays."""
    engine = engine_of()
    assert (2, 0, 2) == _told(engine.run(_people(1, 2)), "created", "updated", "confirmed")
    second = engine.run([person(1, FIRSTNAME="Zoë"), person(3)])
    assert (1, 1, 0, 2) == _told(second, "created", "updated", "removed", "confirmed")
    assert {"p1": "Zoë", "p2": "Name2", "p3": "Name3"} == _names(engine)
    assert ["p1", "p2", "p3"] == _on_list(engine)


def test_insert_leaves_what_is_there_alone(engine_of: MakeEngine) -> None:
    """Neither a changed row, nor a contact that somebody else has made, is written."""
    engine = engine_of(mode="insert")
    _add_by_hand(engine, "p9@example.com", attributes={"FIRSTNAME": "By hand"})
    first = engine.run(_people(1, 9))
    assert (1, 1, 0) == _told(first, "confirmed", "skipped_by_mode", "failed")
    second = engine.run([person(1, FIRSTNAME="Zoë"), person(2), person(9)])
    assert (1, 2) == _told(second, "confirmed", "skipped_by_mode")
    assert {"p1": "Name1", "p2": "Name2", "p9": "By hand"} == _names(engine)


@pytest.mark.parametrize("others", [1, 150], ids=["few", "many"])
def test_update_writes_only_contacts_that_exist(engine_of: MakeEngine, others: int) -> None:
    """A row without a contact in Brevo is counted and not sent; the others are updated."""
    engine = engine_of(mode="update")
    _add_by_hand(engine, "p1@example.com")
    absent = range(100, 100 + others)
    first = engine.run(_people(1, *absent))
    assert (0, 1, 1, others) == _told(first, "created", "updated", "confirmed", "skipped_by_mode")
    assert {"p1": "Name1"} == _names(engine)
    second = engine.run([person(1, FIRSTNAME="Zoë"), *_people(*absent)])
    assert (1, others) == _told(second, "confirmed", "skipped_by_mode")
    assert {"p1": "Zoë"} == _names(engine)


@pytest.mark.parametrize("many", [4, 160], ids=["few", "many"])
def test_s08_mirror_removes_only_what_the_audience_added(engine_of: MakeEngine, many: int) -> None:
    """Rows that are gone leave the list; whom a person put there stays, and so does the contact."""
    engine = engine_of(mode="mirror")
    engine.run(_people(*range(many + 1)))
    number = engine.lists()["people"]
    _add_by_hand(engine, "guest@example.com", listIds=[number])
    engine.change(guards=ALL)
    run = engine.run(_people(0))
    assert (many, 0, 1) == _told(run, "removed", "planned", "unchanged")
    assert ["guest", "p0"] == _on_list(engine)
    assert many + 2 == len(engine.account.contacts())
    assert (0, 0) == _told(engine.run(_people(0)), "removed", "api_calls")


@pytest.mark.parametrize("many", [4, 160], ids=["few", "many"])
@pytest.mark.parametrize("on_leave", ["remove_from_list", "clear_attributes"])
def test_s08_whom_others_put_on_the_list_stays_also_after_being_in_the_audience(
    engine_of: MakeEngine, many: int, on_leave: str
) -> None:
    """Who is on the list before the audience's first run was not put there by it."""
    engine = engine_of(mode="mirror", on_leave=on_leave, guards=ALL)
    engine.account.contact("P1@example.com", listIds=[_made_by_hand(engine)])
    engine.run(_people(*range(many + 1)))
    assert many + 1 == len(_on_list(engine))
    assert (many,) == _told(engine.run(_people(0)), "removed")
    assert ["p0", "p1"] == _on_list(engine)
    assert (0, 0) == _told(engine.run(_people(0)), "removed", "api_calls")


def test_mirror_takes_back_who_comes_back(engine_of: MakeEngine) -> None:
    """A row that left and is the same again is put on the list again."""
    engine = engine_of(mode="mirror", guards=ALL)
    engine.run(_people(1, 2))
    engine.run(_people(1))
    assert (1, 1) == _told(engine.run(_people(1, 2)), "created", "confirmed")
    assert ["p1", "p2"] == _on_list(engine)


def test_a_rejected_row_has_not_left_the_source(engine_of: MakeEngine) -> None:
    """A contact whose values cannot be mapped any more stays on the mirror's list."""
    engine = engine_of(mode="mirror", guards=ALL)
    engine.run(_people(1, 2))
    run = engine.run(_people(1), rejected=[" P2@example.com"])
    assert (0, 1) == _told(run, "removed", "rejected")
    assert ["p1", "p2"] == _on_list(engine)


def test_s08_an_empty_extract_removes_nobody(engine_of: MakeEngine) -> None:
    """Unless that is allowed, and the guard on leavers lets it pass."""
    engine = engine_of(mode="mirror", guards=ALL)
    engine.run(_people(1, 2))
    assert (0,) == _told(engine.run([]), "removed")
    engine.change(allow_empty=True)
    assert (2,) == _told(engine.run([]), "removed")
    assert [] == _on_list(engine)


def test_s08_too_many_leavers_stop_the_run_before_any_write(engine_of: MakeEngine) -> None:
    """The error says how many and how to let them pass; then the run is done and tells of it."""
    engine = engine_of(mode="mirror")
    engine.run(_people(*range(10)))
    before = engine.account.writes()
    with pytest.raises(GuardError) as stopped:
        engine.run([*_people(*range(7)), person(50)])
    assert ("TAJO-802", 4) == (stopped.value.code, stopped.value.exit_code)
    assert "3 of 10 rows would leave" in stopped.value.happened
    assert "--accept-guard max_removed" in stopped.value.next_step
    assert before == engine.account.writes()
    run = engine.run([*_people(*range(7)), person(50)], accept=("max_removed",))
    assert (3, 1, ("max_removed",)) == _told(run, "removed", "confirmed", "accepted_guards")
    assert 8 == len(_on_list(engine))


def test_s04_a_backfill_of_a_mirror_lets_nobody_go(engine_of: MakeEngine) -> None:
    """Yesterday's extract lacks a row that today's has: it stays on the list."""
    engine = engine_of(mode="mirror", guards=ALL)
    engine.run(_people(1, 2))
    run = engine.run(_people(1), day=DAY - timedelta(days=1), path="backfill")
    assert (0, 1) == _told(run, "removed", "unchanged")
    assert ["p1", "p2"] == _on_list(engine)


@pytest.mark.parametrize("many", [3, 120], ids=["few", "many"])
@pytest.mark.parametrize(
    ("on_leave", "expected"),
    [
        ("clear_attributes", (None, False, False)),
        ("blocklist", ("Name1", True, False)),
        ("delete", None),
    ],
)
def test_on_leave_says_what_becomes_of_leavers(
    engine_of: MakeEngine, on_leave: str, expected: tuple[Any, ...] | None, many: int
) -> None:
    """Beside leaving the list they lose their attributes, are blocklisted, or are deleted."""
    if on_leave == "delete" and many > 100:
        pytest.skip("each is a call of its own, as the few are")
    engine = engine_of(mode="mirror", on_leave=on_leave, guards=ALL)
    engine.run(_people(*range(many + 1)))
    run = engine.run(_people(0))
    assert (many, 0) == _told(run, "removed", "left_over")
    contact = engine.account.contacts().get("p1@example.com")
    assert expected == (
        contact
        and (
            contact["attributes"].get("FIRSTNAME"),
            contact["emailBlacklisted"],
            engine.lists()["people"] in contact["listIds"],
        )
    )
    assert ["p0"] == _on_list(engine)


def _event(number: int, **properties: Any) -> dict[str, Any]:
    event = {
        "event_name": "order_completed",
        "event_date": "2026-11-20T10:00:00Z",
        "identifiers": {"email_id": f"p{number}@example.com"},
        "event_properties": {"order": number, **properties},
    }
    return {"key": f"order-{number}", "payload": json.dumps(event)}


def test_append_sends_every_event_once(engine_of: MakeEngine) -> None:
    """An event id that Brevo has taken is never sent again, whatever else of its row changes."""
    engine = engine_of(mode="append", destination=EventsDestination(event="order_completed"))
    for number in range(3):
        _add_by_hand(engine, f"p{number}@example.com")
    assert (2,) == _told(engine.run([_event(0), _event(1)]), "confirmed")
    run = engine.run([_event(0, late=True), _event(1), _event(2)])
    assert (1, 2) == _told(run, "confirmed", "unchanged")
    sent = [path for _, path, _ in engine.account.writes() if "event" in path]
    assert ["/v3/events/batch"] * 2 == sent
