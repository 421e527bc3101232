"""What goes wrong on the way to Brevo: kills, lost answers, imports without an end."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tajo_sf_pipeline.audience.destination import EventsDestination
from tajo_sf_pipeline.errors import ConfigurationError, TajoError, VendorOutageError
from tajo_sf_pipeline.state import failpoints
from tajo_sf_pipeline.state.journal import Journal
from tajo_sf_pipeline_tests.killed_sync import killed
from tajo_sf_pipeline_tests.mapped_rows import Engine, audience, person, write_mapped
from tajo_sf_pipeline_tests.workspaces import BrevoAccount

MANY = 150  # more than go one by one
MakeEngine = Callable[..., Engine]


@pytest.fixture
def engine_of(brevo: BrevoAccount, tmp_path: Path) -> MakeEngine:
    """Give audiences that have never synced."""
    return lambda **settings: Engine(tmp_path, brevo, audience(verify="off", **settings))


def _people(count: int) -> list[dict[str, Any]]:
    return [person(number) for number in range(count)]


def _paths(engine: Engine) -> Counter[str]:
    return Counter(path.removeprefix("/v3/") for _, path, _ in engine.account.writes())


def _event(number: int) -> dict[str, Any]:
    event = {
        "event_name": "order_completed",
        "event_date": "2026-11-20T10:00:00Z",
        "identifiers": {"email_id": f"p{number}@example.com"},
        "event_properties": {"order": number},
    }
    return {"key": f"order-{number}", "payload": json.dumps(event)}


def _events(engine_of: MakeEngine, on_uncertain: str) -> Engine:
    """Give an audience of events about contacts that are there."""
    engine = engine_of(
        mode="append",
        on_uncertain=on_uncertain,
        destination=EventsDestination(event="order_completed"),
    )
    for number in range(5):
        httpx.post(
            f"{engine.account.url}/v3/contacts",
            json={"email": f"p{number}@example.com"},
            headers={"api-key": engine.account.key},
        ).raise_for_status()
    return engine


def _arrived(engine: Engine) -> int:
    """Count the events that Brevo holds."""
    told = httpx.get(
        f"{engine.account.url}/v3/events",
        params={"limit": 1000},
        headers={"api-key": engine.account.key},
    )
    return len(told.raise_for_status().json()["events"])


@pytest.mark.parametrize(
    ("step", "imports"),
    [
        ("journal.written", 1),
        ("call.sent", 2),
        ("process.known", 1),
        ("ledger.confirmed", 1),
    ],
)
def test_s05_a_killed_import_is_found_again(engine_of: MakeEngine, step: str, imports: int) -> None:
    """Every row arrives; an import whose number is known is asked for and not sent again."""
    engine = engine_of()
    write_mapped(engine.paths, _people(MANY))
    killed(engine, step)
    run = engine.run(_people(MANY))
    assert (True, 0, 0) == (run.conserved, run.failed, run.pending)
    assert (MANY, imports) == (
        len(engine.account.contacts()),
        _paths(engine)["contacts/import"],
    )
    assert MANY == engine.ledger.present()
    assert not engine.paths.journal.exists()
    assert [] == list((engine.home / "plans").glob("*/*"))


def test_s05_killed_in_the_middle_of_single_calls(engine_of: MakeEngine) -> None:
    """Only the window in flight is written twice, and nobody is lost."""
    engine = engine_of()
    write_mapped(engine.paths, _people(60))
    killed(engine, "call.sent", times=40)
    run = engine.run(_people(60))
    assert (25, 35, True) == (run.unchanged, run.confirmed, run.conserved)
    assert (60, 75) == (len(engine.account.contacts()), _paths(engine)["contacts"])


@pytest.mark.parametrize("on_uncertain", ["hold", "resend"])
@pytest.mark.parametrize("step", ["journal.written", "call.sent"])
def test_s05_killed_events_are_never_doubled(
    engine_of: MakeEngine, on_uncertain: str, step: str
) -> None:
    """What Brevo shows has arrived. What it does not show waits for a person, or is sent."""
    engine = _events(engine_of, on_uncertain)
    write_mapped(engine.paths, [_event(number) for number in range(3)])
    killed(engine, step)
    run = engine.run([_event(number) for number in range(4)])
    lost = step == "journal.written" and on_uncertain == "hold"
    assert (True, 3 if lost else 0) == (run.conserved, run.failed)
    assert 1 if lost else 4 == _arrived(engine)
    assert 3 * lost == len(engine.dead_letters())


def test_a_lost_answer_to_events_is_looked_up(engine_of: MakeEngine) -> None:
    """The batch was taken and its answer was lost: the events are confirmed, and sent once."""
    engine = _events(engine_of, "hold")
    engine.account.change(
        faults=[{"disconnect": "after", "method": "POST", "path": "/v3/events/batch"}]
    )
    run = engine.run([_event(number) for number in range(3)])
    assert (3, 0, 3) == (run.confirmed, run.failed, _arrived(engine))
    again = engine.run([_event(number) for number in range(3)])
    assert (0, 3) == (again.planned, again.unchanged)


@pytest.mark.parametrize(("on_uncertain", "failed", "pending"), [("hold", 3, 0), ("resend", 0, 3)])
def test_events_that_may_be_lost(
    engine_of: MakeEngine, on_uncertain: str, failed: int, pending: int
) -> None:
    """Brevo does not show them: they wait for a person, or the next run sends them."""
    engine = _events(engine_of, on_uncertain)
    fault = {"status": 502, "method": "POST", "path": "/v3/events/batch"}
    engine.account.change(faults=[fault])
    events = [_event(number) for number in range(3)]
    run = engine.run(events)
    assert (0, failed, pending, True) == (run.confirmed, run.failed, run.pending, run.conserved)
    again = engine.run(events)
    assert (3 if on_uncertain == "resend" else 0, True) == (again.confirmed, again.conserved)
    if on_uncertain == "hold":
        engine.ledger.release([f"order-{number}" for number in range(3)])
        assert 3 == engine.run(events).confirmed
    assert 3 == _arrived(engine)


def test_an_import_without_an_end_is_not_sent_again(engine_of: MakeEngine) -> None:
    """Its rows are pending, and stay so in the next run; new rows are sent meanwhile."""
    engine = engine_of()
    engine.brevo = {"import_deadline": 0.1}
    engine.account.change(faults=[{"import_stays": "queued"}])
    first = engine.run(_people(MANY))
    assert (0, MANY, True) == (first.confirmed, first.pending, first.conserved)
    second = engine.run(_people(MANY + 2))
    assert (2, MANY, True) == (second.confirmed, second.pending, second.conserved)
    assert 1 == _paths(engine)["contacts/import"]


def test_a_report_that_cannot_be_had_confirms_nobody(engine_of: MakeEngine) -> None:
    """The rows are pending; the next run reads the report and does not send them again."""
    engine = engine_of()
    engine.brevo = {"patience": 0}
    refused = {"report": {"invalid_emails": ["p3@example.com"]}}
    engine.account.change(faults=[refused, {"report_status": 503}])
    first = engine.run(_people(MANY))
    assert (0, MANY, True) == (first.confirmed, first.pending, first.conserved)
    assert 1 == _paths(engine)["contacts/import"]


def test_an_outage_in_the_middle_says_how_far_it_came(engine_of: MakeEngine) -> None:
    """The error and the ledger tell it; the next run does the rest and no row twice."""
    engine = engine_of()
    engine.brevo = {"patience": 0}
    fault = {"status": 503, "method": "POST", "path": "/v3/contacts", "skip": 30, "times": 1}
    engine.account.change(faults=[fault])
    with pytest.raises(VendorOutageError) as stopped:
        engine.run(_people(60))
    assert "30 of 60 rows were accepted by Brevo" in stopped.value.happened
    [(_, summary)] = engine.ledger.runs()
    assert ("vendor_outage", 30, 30, True) == (
        summary.outcome,
        summary.confirmed,
        summary.pending,
        summary.conserved,
    )
    run = engine.run(_people(60))
    assert (30, 30) == (run.unchanged, run.confirmed)


def test_ctrl_c_settles_what_was_answered(
    engine_of: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is interrupted knows what Brevo took, says so, and the next one does the rest."""
    engine, calls = engine_of(), iter(range(1000))

    def interrupt(step: str) -> None:
        if step == "call.sent" and next(calls) == 29:
            raise KeyboardInterrupt

    monkeypatch.setattr(failpoints, "watcher", interrupt)
    with pytest.raises(KeyboardInterrupt) as stopped:
        engine.run(_people(60))
    assert "30 of 60 rows were accepted by Brevo" in stopped.value.__notes__[0]
    monkeypatch.undo()
    [(_, summary)] = engine.ledger.runs()
    assert ("interrupted", 30) == (summary.outcome, summary.confirmed)
    run = engine.run(_people(60))
    assert (30, 30, 60) == (run.unchanged, run.confirmed, _paths(engine)["contacts"])


def test_s06_a_refused_row_is_tried_again(engine_of: MakeEngine) -> None:
    """Also by a run whose extract lacks it; accepted, its letter closes by itself."""
    engine = engine_of(sql="SELECT 1 WHERE :window_start < 1")
    engine.account.change(faults=[{"status": 400, "method": "POST", "path": "/v3/contacts"}])
    first = engine.run(_people(2))
    assert (1, 1, ["p0@example.com"]) == (
        first.confirmed,
        first.failed,
        list(engine.dead_letters()),
    )
    second = engine.run([person(5)])
    assert (1, 1, True) == (second.confirmed, second.retried, second.conserved)
    assert {} == engine.dead_letters()
    assert 3 == len(engine.account.contacts())


def test_a_row_that_was_given_up_is_not_sent(engine_of: MakeEngine) -> None:
    """A person discarded its letter: it counts as rejected until its values change."""
    engine = engine_of()
    engine.account.change(faults=[{"poison": "p0@example.com"}])
    engine.run(_people(2))
    dead_letters = engine.sync().dead_letters
    from tajo_sf_pipeline.state.dead_letter import Filter

    dead_letters.end(
        [dead_letter.id for dead_letter in dead_letters.find(Filter(state="open"))], "discarded"
    )
    before = engine.account.writes()
    run = engine.run(_people(2))
    assert (0, 1, 1, True) == (run.planned, run.rejected, run.unchanged, run.conserved)
    assert before == engine.account.writes()
    assert 1 == engine.run([person(0, FIRSTNAME="New"), person(1)]).planned


@pytest.mark.parametrize("line", [b"{}\n", b"nonsense\n", b'{"settled": 7}\n'])
def test_a_damaged_journal_is_refused(engine_of: MakeEngine, line: bytes) -> None:
    """Nobody guesses what was in flight: a person must see it."""
    engine = engine_of()
    engine.paths.journal.parent.mkdir(parents=True)
    engine.paths.journal.write_bytes(line)
    with pytest.raises(ConfigurationError) as refused:
        engine.run(_people(2))
    assert "TAJO-128" == refused.value.code
    assert line == engine.paths.journal.read_bytes()


def test_a_line_that_was_cut_off_announces_nothing(engine_of: MakeEngine) -> None:
    """The call of a window goes out after its line is whole: half a line was never sent."""
    engine = engine_of()
    engine.paths.journal.parent.mkdir(parents=True)
    engine.paths.journal.write_bytes(b'{"sent": {"num')
    assert () == Journal(engine.paths).unsettled
    assert 2 == engine.run(_people(2)).confirmed


def test_one_call_in_twenty_fails(engine_of: MakeEngine) -> None:
    """Brevo answers 500 now and then: the run waits it out and everybody arrives."""
    engine = engine_of()
    faults = [{"status": 500, "path": "/v3/contacts*", "skip": 20 * n} for n in range(5)]
    engine.account.change(faults=faults)
    try:
        run = engine.run(_people(80))
    except TajoError as error:
        pytest.fail(str(error))
    assert (80, 80) == (run.confirmed, len(engine.account.contacts()))
