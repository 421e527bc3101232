"""What a run owes to the rows that it did not bring: failures, leavers, doubts, what is counted."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyarrow as pa
import pytest

from tajo_sf_pipeline.audience.destination import (
    Campaign,
    ContactsDestination,
    EventsDestination,
    Guards,
)
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.brevo.imports import Finished
from tajo_sf_pipeline.config.limit import Limit
from tajo_sf_pipeline.config.settings import Brevo
from tajo_sf_pipeline.destinations import background, events
from tajo_sf_pipeline.destinations.delivery import Delivery, no_reasons, with_reasons
from tajo_sf_pipeline.destinations.lookup import arrived, existing
from tajo_sf_pipeline.engine import recovery
from tajo_sf_pipeline.errors import GuardError, UncertainError, VendorOutageError
from tajo_sf_pipeline.planning.plan import Plan
from tajo_sf_pipeline.state.base import InFlightBatch
from tajo_sf_pipeline.state.dead_letter import Filter
from tajo_sf_pipeline.state.journal import Journal
from tajo_sf_pipeline_tests.mapped_rows import DAY, Engine, audience, person
from tajo_sf_pipeline_tests.scripted_server import Answer, scripted
from tajo_sf_pipeline_tests.state_in_memory import StateInMemory
from tajo_sf_pipeline_tests.workspaces import BrevoAccount

MakeEngine = Callable[..., Engine]
# Its query binds a window: a row that an extract lacks has not left the source.
WINDOWED = "SELECT 1 WHERE :window_start < 1"
ANYBODY = Guards(max_removed=Limit(100, percent=True))


@pytest.fixture
def engine_of(brevo: BrevoAccount, tmp_path: Path) -> MakeEngine:
    """Give audiences that have never synced; an outage is not waited for."""
    return lambda **settings: Engine(
        tmp_path, brevo, audience(**{"verify": "off"} | settings), {"patience": 0}
    )


@contextmanager
def _client(account: BrevoAccount) -> Iterator[Client]:
    settings = Brevo(api_key=account.key, base_url=f"{account.url}/v3", patience=0)
    with Client(settings, budget=None) as client:
        yield client


def _people(*numbers: int) -> list[dict[str, Any]]:
    return [person(number) for number in numbers]


def _refuse(engine: Engine, *keys: str) -> None:
    engine.account.change(faults=[{"poison": key} for key in keys])


# -- Rows that were refused


def test_s06_a_refused_row_that_left_the_source_is_forgotten(engine_of: MakeEngine) -> None:
    """It is no failure any more, and its letter has ended: nothing waits for it."""
    engine = engine_of()
    _refuse(engine, "p1@example.com")
    assert (1, 1) == ((run := engine.run(_people(0, 1))).confirmed, run.failed)
    assert 1 == engine.ledger.failed().num_rows
    run = engine.run(_people(0))
    assert (0, 0, {}) == (run.failed, engine.ledger.failed().num_rows, engine.dead_letters())
    assert ["left"] == [
        dead_letter.state for dead_letter in engine.sync().dead_letters.find(Filter())
    ]


def test_s06_a_refused_row_of_a_window_is_kept_until_it_arrives(engine_of: MakeEngine) -> None:
    """Its letter stays open while it is refused, and closes when a later run has brought it."""
    engine = engine_of(sql=WINDOWED)
    _refuse(engine, "p1@example.com")
    engine.run(_people(0, 1))
    run = engine.run([])
    assert (0, 1, ["p1@example.com"]) == (run.retried, run.left_over, [*engine.dead_letters()])
    engine.account.change(faults=[])
    run = engine.run([])
    assert (1, 0, {}, 0) == (
        run.retried,
        run.left_over,
        engine.dead_letters(),
        engine.ledger.failed().num_rows,
    )


def test_a_campaign_waits_until_every_row_has_arrived(engine_of: MakeEngine) -> None:
    """Nobody is left out of it because Brevo refused him once."""
    campaign = Campaign(name="Welcome", subject="Hello", sender={"id": 1}, html="<p>Hello</p>")
    engine = engine_of(destination=ContactsDestination(list="people", campaign=campaign))
    _refuse(engine, "p1@example.com")
    engine.run(_people(0, 1))
    assert 0 == engine.account.count("campaigns")
    engine.account.change(faults=[])
    engine.run(_people(0, 1))
    assert 1 == engine.account.count("campaigns")


def test_a_retried_row_does_not_leave_the_list_that_it_was_to_leave(engine_of: MakeEngine) -> None:
    """As it is, not as it should be: the retry forgets the old list, and the contact is on both."""
    engine = engine_of(sql=WINDOWED, destination=ContactsDestination(list_from="segment"))
    engine.run([{**person(1), "list": "gold"}])
    path = "/v3/contacts/p1*"
    engine.account.change(faults=[{"status": 400, "method": "PUT", "path": path}])
    assert 1 == engine.run([{**person(1), "list": "silver"}]).failed
    assert 1 == engine.run([]).retried
    assert ({"p1@example.com"}, {"p1@example.com"}) == (
        engine.members("gold"),
        engine.members("silver"),
    )
    known = engine.ledger.history("p1@example.com")
    assert known is not None
    assert (engine.lists()["silver"],) == known.lists


def test_s02_a_run_remembers_wherever_its_state_is(engine_of: MakeEngine) -> None:
    """In memory too: the second run sends nothing, and no file of state was made."""
    engine = engine_of()
    engine.state = StateInMemory()
    path = "/v3/contacts"
    engine.account.change(faults=[{"status": 400, "method": "POST", "path": path, "times": 1}])
    first, second = engine.run(_people(0, 1)), engine.run(_people(0, 1))
    assert (1, 1, 1, 1) == (first.confirmed, first.failed, second.unchanged, second.confirmed)
    assert {} == engine.dead_letters()
    assert {"mapped", "plans"} >= {path.name for path in engine.home.iterdir()}


# -- Rows that leave


def _delivery(engine: Engine, client: Client, own: int) -> Delivery:
    sync = engine.sync()
    return Delivery(
        client=client,
        ledger=sync.ledger,
        journal=Journal(engine.paths),
        dead_letters=sync.dead_letters,
        audience=engine.audience,
        key=engine.audience.key,
        run_id="run",
        sync_date=DAY,
        plan=engine.paths.plan(DAY, "run"),
        list_ids={None: own},
    )


def test_s08_who_leaves_is_taken_off_the_lists_of_the_audience(engine_of: MakeEngine) -> None:
    """Of the audience's own list too, on which an import has put him; who moves stays on that."""
    engine = engine_of()
    own, old = (engine.account.make_list(name, name) for name in ("own", "old"))
    rows: dict[str, tuple[str, list[int] | None, str | None, set[int]]] = {
        # action, leaves, refused for, and the lists afterwards
        "moves": ("update", [old], None, {own}),
        "stays": ("update", [], None, {own, old}),
        "is gone": ("remove", [old], None, set()),
        "is gone, the list was not noted": ("remove", None, None, {old}),
        "is refused": ("remove", [old], "no", {own, old}),
    }
    keys = {name: f"{name.replace(' ', '.').replace(',', '')}@example.com" for name in rows}
    for key in keys.values():
        engine.account.contact(key, listIds=[own, old])
    plan = pa.table(
        {
            "_key": [keys[name] for name in rows],
            "action": [action for action, *_ in rows.values()],
            "leaves": pa.array([leaves for _, leaves, *_ in rows.values()], pa.list_(pa.int64())),
        }
    )
    refused = {keys[name]: why for name, (_, _, why, _) in rows.items() if why}
    with _client(engine.account) as client:
        reasons = with_reasons(plan, no_reasons(plan), refused)
        after = _delivery(engine, client, own).leave_lists(plan, reasons)
    assert [None, None, None, None, "no"] == after.to_pylist()
    contacts = engine.account.contacts()
    assert {name: lists for name, (*_, lists) in rows.items()} == {
        name: set(contacts[key]["listIds"]) for name, key in keys.items()
    }


def test_s08_removed_counts_who_was_taken_off(engine_of: MakeEngine) -> None:
    """Whom Brevo does not take off its list has not left; the next run tries again."""
    engine = engine_of(mode="mirror", guards=ANYBODY)
    engine.run(_people(0, 1))
    path = f"/v3/contacts/lists/{engine.lists()['people']}/contacts/remove"
    engine.account.change(faults=[{"status": 400, "method": "POST", "path": path}])
    run = engine.run(_people(0))
    assert (0, 1, 2) == (run.removed, run.left_over, engine.ledger.present())
    run = engine.run(_people(0))
    assert (1, 0, 1) == (run.removed, run.left_over, engine.ledger.present())


@pytest.mark.parametrize("on_leave", ["clear_attributes", "blocklist", "delete"])
def test_s18_who_was_deleted_in_brevo_has_left(engine_of: MakeEngine, on_leave: str) -> None:
    """There is nobody to be changed any more: the row is gone, and no failure."""
    engine = engine_of(mode="mirror", on_leave=on_leave, guards=ANYBODY)
    engine.run(_people(0, 1))
    headers = {"api-key": engine.account.key}
    httpx.delete(f"{engine.account.url}/v3/contacts/p1@example.com", headers=headers)
    run = engine.run(_people(0))
    assert (1, 0, 1) == (run.removed, run.left_over, engine.ledger.present())


# -- Rows of which nobody knows whether they arrived


def test_s05_a_contact_whose_answer_was_lost_is_written_again(engine_of: MakeEngine) -> None:
    """Also where its source says again what Brevo had accepted before."""
    engine = engine_of()
    engine.run(_people(0))
    lost = {"disconnect": "after", "method": "POST", "path": "/v3/contacts", "times": 9}
    engine.account.change(faults=[lost])
    with pytest.raises(VendorOutageError):
        engine.run([person(0, FIRSTNAME="Lost")])
    engine.account.change(faults=[])
    assert 1 == engine.run(_people(0)).confirmed
    assert "Name0" == engine.account.contacts()["p0@example.com"]["attributes"]["FIRSTNAME"]


def _window(plan: Plan) -> InFlightBatch:
    """Give the first row of a plan as it stands in the journal, long ago."""
    return InFlightBatch(
        number=0,
        run_id="killed",
        plan=str(plan.file),
        route="import",
        category="plain",
        list_id=1,
        first=0,
        rows=1,
        digest="",
        at=0,
    )


@pytest.mark.parametrize("processes", [(), (12345,)], ids=["never answered", "never ended"])
def test_s05_rows_of_a_lost_import_are_in_doubt(
    engine_of: MakeEngine, processes: tuple[int, ...]
) -> None:
    """A day later they are news to the next plan, though the ledger knows them as they are."""
    engine = engine_of()
    engine.run(_people(0, 1))
    plan = engine.plan([person(0, FIRSTNAME="New"), person(1)])
    journal = Journal(engine.paths)
    number = journal.begin(_window(plan))
    if processes:
        journal.started(number, *processes)
    with _client(engine.account) as client:
        recovery.recover(
            journal, engine.sync().writer, lambda _: _delivery(engine, client, 1), client
        )
    assert () == journal.unsettled
    counts = engine.plan(_people(0, 1)).counts
    assert (1, 1) == (counts.update, counts.unchanged)


def test_s02_a_number_that_a_report_names_is_not_confirmed(engine_of: MakeEngine) -> None:
    """Reports write phone numbers as digits, without the sign that the key has."""
    engine = engine_of(key="sms")
    numbers = ("+33612000001", "+33612000002")
    plan = engine.plan(
        {"key": number, "payload": json.dumps({"attributes": {"SMS": number}})}
        for number in numbers
    )
    with scripted() as server, _client(BrevoAccount(server.url, "key")) as client:
        server.will(Answer(text="33612000002\n"))
        delivery = _delivery(engine, client, 1)
        rows = pa.Table.from_batches(plan.rows(0, 2))
        started = background.Started(delivery.journal.begin(_window(plan)), rows, 1)
        reports = {"duplicate_phone_id": f"{server.url}/report"}
        background.settle(delivery, [(started, Finished("completed", reports))])
    assert (1, 1) == (delivery.receipt.confirmed, delivery.receipt.failed)
    assert {numbers[1]: "duplicate_phone_id"} == engine.dead_letters()


def test_s02_events_that_were_not_sent_are_without_an_answer(engine_of: MakeEngine) -> None:
    """An outage in the middle of a batch: their letters stay open, for nothing became of them."""
    engine = engine_of(mode="append", destination=EventsDestination(event="order_completed"))
    plan = engine.plan([{"key": f"o-{number}", "payload": "{}"} for number in range(3)])
    told = ("TAJO-513", "an outage", "Wait.")
    error = UncertainError(*told, uncertain=(), unsent=(1, 2), refused={0: "no"})
    with _client(engine.account) as client:
        delivery = _delivery(engine, client, 1)
        rows = pa.Table.from_batches(plan.rows(0, 3))
        events.settle_uncertain(delivery, rows, error)
    receipt = delivery.receipt
    assert (1, 2, ["o-1", "o-2"]) == (receipt.failed, receipt.pending, receipt.in_doubt)


def test_s02_an_event_like_another_one_has_not_arrived(engine_of: MakeEngine) -> None:
    """Contact, name, moment and every property must be those of the event that was sent."""
    account = engine_of().account
    for name in ("jane", "john"):
        account.contact(f"{name}@example.com")
    sent = {
        "event_name": "order_completed",
        "event_date": "2026-11-20T10:00:00.000Z",
        "identifiers": {"email_id": "jane@example.com"},
        "event_properties": {"event_id": "o-1", "total": 1},
    }
    headers = {"api-key": account.key}
    httpx.post(f"{account.url}/v3/events", json=sent, headers=headers).raise_for_status()
    asked: dict[str, tuple[dict[str, Any], bool]] = {
        "the same": ({}, True),
        "the same moment": ({"event_date": "2026-11-20T11:00:00+01:00"}, True),
        "another contact": ({"identifiers": {"email_id": "john@example.com"}}, False),
        "no contact": ({"identifiers": {"email_id": "nobody@example.com"}}, False),
        "another name": ({"event_name": "order_paid"}, False),
        "another moment": ({"event_date": "2026-11-20T10:00:01.000Z"}, False),
        "another id": ({"event_properties": {"event_id": "o-2", "total": 1}}, False),
        "another property": ({"event_properties": {"event_id": "o-1", "total": 2}}, False),
    }
    with _client(account) as client:
        found = arrived(client, [json.dumps(sent | change) for change, _ in asked.values()])
    assert {name: there for name, (_, there) in asked.items()} == dict(
        zip(asked, found, strict=True)
    )


# -- What is counted, and how far a run has come


def test_last_sync_is_moved_by_the_incremental_path_alone(engine_of: MakeEngine) -> None:
    """And only where no row is without an answer: the next window must begin before it."""
    engine, reached = engine_of(sql=WINDOWED), []
    engine.run(_people(0), path="backfill")
    reached.append(engine.ledger.last_sync())
    engine.run(_people(0))
    reached.append(engine.ledger.last_sync())
    engine.brevo["import_deadline"] = 0.1
    engine.account.change(import_seconds=1000)
    assert 101 == engine.run(_people(*range(1, 102)), day=DAY.replace(day=25)).pending
    reached.append(engine.ledger.last_sync())
    end = datetime(2026, 11, 21, tzinfo=UTC)
    assert [None, end, end] == reached


def test_s04_a_run_that_was_stopped_judges_no_other(engine_of: MakeEngine) -> None:
    """It wrote nothing: a row of an earlier date is not stale because of it."""
    engine = engine_of()
    engine.run(_people(0), day=DAY.replace(day=17))
    engine.account.change(faults=[{"status": 503, "path": "/v3/contacts", "times": 9}])
    with pytest.raises(VendorOutageError):
        engine.run([person(0, FIRSTNAME="Late")], day=DAY.replace(day=19))
    engine.account.change(faults=[])
    assert 1 == engine.run([person(0, FIRSTNAME="Earlier")], day=DAY.replace(day=18)).confirmed


def test_volume_is_that_of_the_runs_of_this_path_that_came_to_their_end(
    engine_of: MakeEngine,
) -> None:
    """Neither a backfill nor a run that was stopped says how many rows are usual."""
    engine = engine_of(guards=Guards(volume=Limit(50, percent=True)), sql=WINDOWED)
    engine.run(_people(0, 1))
    engine.run(_people(*range(8)), path="backfill")
    engine.account.change(faults=[{"status": 503, "path": "/v3/contacts", "times": 9}])
    with pytest.raises(VendorOutageError):
        engine.run(_people(50, 0, 1))
    engine.account.change(faults=[])
    assert "done" == engine.run(_people(0, 1)).outcome
    with pytest.raises(GuardError, match="the last 2 runs had 2 on average"):
        engine.run(_people(0, 1, 2, 3))


# -- What is read back


def test_read_back_asks_for_what_brevo_has_accepted(engine_of: MakeEngine) -> None:
    """Neither who was refused nor who was deleted is told as a difference."""
    engine = engine_of(verify="all", mode="mirror", on_leave="delete", guards=ANYBODY)
    engine.run(_people(0, 1))
    _refuse(engine, "p2@example.com")
    run = engine.run([person(0, FIRSTNAME="New"), person(2)])
    assert (1, 1, 1) == (run.confirmed, run.failed, run.removed)
    assert (1, {}) == (run.verified, dict(run.differences))


def test_a_read_back_that_fails_ends_no_run(engine_of: MakeEngine) -> None:
    """The rows have arrived all the same; the run says how many were looked at."""
    engine = engine_of(verify="all")
    fault = {"status": 503, "method": "GET", "path": "/v3/contacts/p*", "times": 9}
    engine.account.change(faults=[fault])
    run = engine.run(_people(0))
    assert ("done", 1, 0) == (run.outcome, run.confirmed, run.verified)


def test_a_few_keys_are_asked_for_one_by_one(engine_of: MakeEngine) -> None:
    """Of those that Brevo has all are found, and no others."""
    account = engine_of().account
    account.contact("Jane@Example.com", ext_id="n-1")
    with _client(account) as client:
        emails = existing(client, pa.array(["jane@example.com", "no@example.com"]), "email")
        ids = existing(client, pa.array(["n-1", "n-2"]), "ext_id")
    assert (["jane@example.com"], ["n-1"]) == (emails.to_pylist(), ids.to_pylist())


def test_many_keys_are_looked_for_in_every_page_of_the_account() -> None:
    """A contact of the last page is one of Brevo's too, in whatever letters it is written."""
    page = [{"email": f"other{number}@example.com"} for number in range(1000)]
    keys = pa.array([f"p{number}@example.com" for number in range(101)])
    with scripted() as server:
        server.will(
            Answer(json={"contacts": page}),
            Answer(json={"contacts": [{"email": "P100@Example.com"}, {"id": 7}]}),
        )
        with _client(BrevoAccount(server.url, "key")) as client:
            found = existing(client, keys, "email")
        offsets = [parse_qs(urlsplit(asked.path).query)["offset"] for asked in server.asked]
    assert ["p100@example.com"] == found.to_pylist()
    assert [["0"], ["1000"]] == offsets
