"""What every state promises, wherever it keeps it: the same cases for files and for memory."""

import threading
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tajo_sf_pipeline.errors import BusyError, InternalError
from tajo_sf_pipeline.planning.diff import Wanted, compare
from tajo_sf_pipeline.state.base import CampaignRecord, InFlightBatch, Ledger, State
from tajo_sf_pipeline.state.dead_letter import Filter
from tajo_sf_pipeline.state.dead_letters import MAPPING, UNCERTAIN, VALIDATION
from tajo_sf_pipeline.state.files import StateInFiles
from tajo_sf_pipeline.state.run_summary import Planned, Summary
from tajo_sf_pipeline_tests.state_in_memory import StateInMemory

JANE, JOHN, GUEST = "jane@example.com", "john@example.com", "guest@example.com"
DAY = date(2026, 3, 1)
_PATIENCE = 0.05  # seconds
KINDS: dict[str, Callable[[Path], State]] = {
    "files": lambda folder: StateInFiles(folder / "home", patience=_PATIENCE),
    "memory": lambda _: StateInMemory(patience=_PATIENCE),
}


@pytest.fixture(params=KINDS)
def state(request: pytest.FixtureRequest, tmp_path: Path) -> State:
    """Return the state of a workspace that has never synced."""
    return KINDS[request.param](tmp_path)


@pytest.fixture
def ledger(state: State) -> Ledger:
    """Return the ledger of an audience that has never synced."""
    return state.ledger("vips")


def _at(hour: int) -> datetime:
    return datetime(2026, 3, 1, hour, tzinfo=UTC)


def _rows(*keys: str, fingerprint: int = 1, hour: int = 1, **more: Any) -> pa.Table:
    """Make rows of a plan."""
    count = len(keys)
    columns = {
        "_row": pa.array(range(count), pa.int64()),
        "_key": pa.array(keys, pa.string()),
        "_version": pa.array([_at(hour)] * count, pa.timestamp("us", tz="UTC")),
        "_payload": pa.array([f"{key} {fingerprint}" for key in keys], pa.string()),
        "_fingerprint": pa.array([fingerprint] * count, pa.uint64()),
        **{name: pa.array([value] * count) for name, value in more.items()},
    }
    return pa.table(columns)


def _written(folder: Path, rows: pa.Table) -> Path:
    """Write rows as the mapping does."""
    path = folder / "mapped.parquet"
    pq.write_table(rows, path)
    return path


def _summary(run_id: str, **more: Any) -> Summary:
    zero = {field.name: 0 for field in fields(Summary) if field.type is int}
    same = {"audience": "vips", "sync_date": DAY.isoformat(), "run_id": run_id, "seconds": 0.5}
    return Summary(**{**zero, **same, **more})


def _failed(ledger: Ledger) -> dict[str, tuple[str, bool]]:
    return {row["key"]: (row["reason"], row["held"]) for row in ledger.failed().to_pylist()}


# -- The ledger


def test_an_audience_that_has_never_synced_knows_nothing(state: State, tmp_path: Path) -> None:
    """Nobody has to make its ledger first."""
    ledger, mapped = state.ledger("vips"), _written(tmp_path, _rows(JANE))
    assert not state.has_ledger("vips")
    assert (None, None, None, 0, [], [], False, True) == (
        *(ledger.history(JANE), ledger.campaign("Welcome"), ledger.last_sync(), ledger.present()),
        *(ledger.runs(), ledger.failed().to_pylist(), ledger.has_snapshot(7)),
        ledger.is_news(mapped),
    )
    assert [JANE] == ledger.unknown(mapped).to_pylist()


def test_s02_what_is_confirmed_is_known(state: State, ledger: Ledger, tmp_path: Path) -> None:
    """With its last two payloads and its lists, to whoever asks for the ledger next."""
    ledger.confirm(_rows(JANE, lists=[7]), "first", new=True)
    ledger.confirm(_rows(JANE, fingerprint=2, lists=[7, 8], action="update"), "second")
    assert state.has_ledger("vips")
    known = state.ledger("vips").history(JANE)
    assert known is not None
    assert (True, (7, 8), f"{JANE} 2", f"{JANE} 1", "second", "update") == (
        *(known.present, known.lists, known.payload, known.payload_before),
        *(known.run_id, known.action),
    )
    assert not ledger.is_news(_written(tmp_path, _rows(JANE, fingerprint=2)))
    assert [JOHN] == ledger.unknown(_written(tmp_path, _rows(JANE, JOHN))).to_pylist()
    assert (1, 1) == (ledger.present(), ledger.confirmed_by("second"))
    assert [(None, 7, 1), (None, 8, 1)] == ledger.lists_of("second")


def test_s08_who_has_left_is_known_as_not_present(ledger: Ledger) -> None:
    """So that he can come back."""
    ledger.confirm(_rows(JANE), "first", new=True)
    ledger.confirm(_rows(JANE, action="remove"), "second")
    known = ledger.history(JANE)
    assert (0, False) == (ledger.present(), known and known.present)


def test_s06_a_row_fails_until_it_is_confirmed(ledger: Ledger) -> None:
    """A later failure takes the place of the earlier one; the neighbour stays."""
    ledger.fail(_rows(JANE, JOHN, why="no"), "first")
    ledger.fail(_rows(JANE, why="still no"), "second")
    assert {JANE: ("still no", False), JOHN: ("no", False)} == _failed(ledger)
    ledger.confirm(_rows(JANE), "third")
    assert {JOHN: ("no", False)} == _failed(ledger)


def test_a_held_row_is_released_once(ledger: Ledger) -> None:
    """Only those that a person names, and that were held."""
    ledger.fail(_rows(JANE, JOHN, why="lost"), "first", held=True)
    assert (1, 0) == (ledger.release([JANE, GUEST]), ledger.release([JANE]))
    assert {JANE: ("lost", False), JOHN: ("lost", True)} == _failed(ledger)


def test_s06_failures_of_rows_that_left_are_forgotten(ledger: Ledger, tmp_path: Path) -> None:
    """Not that of a row that is there, nor one that is held."""
    ledger.fail(_rows(JANE, JOHN, why="no"), "first")
    ledger.fail(_rows(GUEST, why="lost"), "first", held=True)
    ledger.forget_failures(_written(tmp_path, _rows(JANE)))
    assert {JANE: ("no", False), GUEST: ("lost", True)} == _failed(ledger)


@pytest.mark.parametrize(("mirror", "present"), [(True, 2), (False, 1)])
def test_s05_a_row_in_doubt_is_news(
    ledger: Ledger, tmp_path: Path, mirror: bool, present: int
) -> None:
    """Whatever its source says; a new one of a mirror can leave it."""
    ledger.confirm(_rows(JANE), "first", new=True)
    ledger.mark_unknown(_rows(JANE, JOHN, fingerprint=2), "second", mirror=mirror)
    assert ledger.is_news(_written(tmp_path, _rows(JANE)))
    assert ledger.is_news(_written(tmp_path, _rows(JANE, fingerprint=2)))
    assert present == ledger.present()


def test_s04_versions_are_raised_and_never_lowered(ledger: Ledger, tmp_path: Path) -> None:
    """And only where the source says the same."""
    ledger.confirm(_rows(JANE, hour=5), "first", new=True)
    for rows, hour in (
        (_rows(JANE, hour=4), 5),
        (_rows(JANE, hour=6, fingerprint=2), 5),
        (_rows(JANE, hour=7), 7),
    ):
        ledger.advance(_written(tmp_path, rows))
        known = ledger.history(JANE)
        assert _at(hour) == (known and known.version)


def test_s08_members_of_before_are_noted_but_for_our_own(ledger: Ledger) -> None:
    """A list is noted once it was looked at, also an empty one."""
    ledger.confirm(_rows(JANE), "first", new=True)
    ledger.snapshot_members(7, [JANE, GUEST])
    ledger.snapshot_members(8, [])
    assert (True, True, False) == tuple(map(ledger.has_snapshot, (7, 8, 9)))
    with ledger.reading() as database:
        found = database.execute("SELECT list, keys FROM ledger.guests ORDER BY list").fetchall()
    assert [(7, [GUEST]), (8, [])] == found


def test_a_campaign_is_made_once(ledger: Ledger) -> None:
    """What is told later about the same name takes its place."""
    ledger.record_campaign("Welcome", 5, sent=False)
    ledger.record_campaign("Welcome", 5, sent=True)
    assert CampaignRecord(5, sent=True) == ledger.campaign("Welcome")


def test_s06_a_watermark_moves_forward_only(ledger: Ledger) -> None:
    """A run that gives no moment leaves it; every run is remembered."""
    for run, moment in (("a", _at(5)), ("b", _at(4)), ("c", None)):
        ledger.finish(_summary(run, extracted=3), last_sync=moment, newest=moment)
    assert _at(5) == ledger.last_sync()
    assert ["c", "b", "a"] == [summary.run_id for _, summary in ledger.runs()]
    assert ["c"] == [summary.run_id for _, summary in ledger.runs(1)]
    assert _summary("b", extracted=3) == ledger.run_of("b")
    with pytest.raises(InternalError):
        ledger.run_of("d")


def test_a_transaction_that_fails_changes_nothing(ledger: Ledger) -> None:
    """A ledger knows all of a batch or none of it."""
    ledger.confirm(_rows(JANE), "first", new=True)
    bad = _rows(JANE, fingerprint=2).set_column(2, "_version", pa.nulls(1, pa.timestamp("us")))
    with pytest.raises(Exception, match="NOT NULL"):
        ledger.confirm(bad, "second")
    known = ledger.history(JANE)
    assert ("first", f"{JANE} 1") == (known and (known.run_id, known.payload))


def test_audiences_have_ledgers_of_their_own(state: State) -> None:
    """What one knows, another does not."""
    state.ledger("vips").confirm(_rows(JANE), "first", new=True)
    assert (1, 0) == (state.ledger("vips").present(), state.ledger("buyers").present())


def test_a_plan_is_held_against_what_is_known(ledger: Ledger, tmp_path: Path) -> None:
    """A new row is created, a changed one updated, one that failed tried again."""
    ledger.confirm(_rows(JANE, JOHN), "first", new=True)
    ledger.fail(_rows(GUEST, why="no"), "first")
    mapped = _written(tmp_path, pa.concat_tables([_rows(JANE), _rows(JOHN, "new", fingerprint=2)]))
    rejected = tmp_path / "rejected.parquet"
    pq.write_table(pa.table({"key": pa.array([], pa.string())}), rejected)
    wanted = Wanted(
        mapped=mapped,
        rejected=rejected,
        mode="upsert",
        cursor=False,
        sync_date=DAY,
        window_end=_at(23),
    )
    planned = Planned(create=1, update=1, unchanged=1, retry=1)
    plan = tmp_path / "plans" / "plan.arrow"
    # Who plans leaves nothing behind that the next plan would see.
    assert [planned, planned] == [compare(ledger, wanted, plan)[0] for _ in "ab"]
    with pa.ipc.open_file(plan) as file:
        told = {row["_key"]: row["action"] for row in file.read_all().to_pylist()}
    assert {JOHN: "update", "new": "create", GUEST: "retry"} == told


# -- The journal

BATCH = InFlightBatch(
    number=0,
    run_id="run",
    plan="/plan.arrow",
    route="import",
    category="plain",
    list_id=7,
    first=0,
    rows=2,
    digest="0f",
    at=1_700_000_000.5,
)


def test_s05_a_later_run_finds_what_is_unsettled(state: State) -> None:
    """Each batch as it was begun, and the processes that Brevo gave; other audiences see none."""
    journal = state.journal("vips")
    first, second, third = (journal.begin(replace(BATCH, first=n)) for n in range(3))
    journal.started(second, 41, 42)
    journal.settled(first)
    expected = (
        replace(BATCH, number=second, first=1, processes=(41, 42)),
        replace(BATCH, number=third, first=2),
    )
    assert expected == journal.unsettled == state.journal("vips").unsettled
    assert () == state.journal("buyers").unsettled


def test_s05_a_later_run_settles_what_an_earlier_one_began(state: State) -> None:
    """Its own batches get numbers beside those."""
    number = state.journal("vips").begin(BATCH)
    later = state.journal("vips")
    own = later.begin(BATCH)
    assert number != own
    later.settled(number)
    assert [own] == [batch.number for batch in state.journal("vips").unsettled]
    later.settled(own)
    assert () == state.journal("vips").unsettled


# -- Dead letters


def _refused(*keys: str, reason: str = "is not a number") -> pa.Table:
    count = len(keys)
    return pa.table(
        {
            "key": pa.array(keys, pa.string()),
            "column": pa.array(["LTV"] * count, pa.string()),
            "reason": pa.array([reason] * count, pa.string()),
            "fingerprint": pa.array(range(2**64 - count, 2**64), pa.uint64()),
        }
    )


def _add(state: State, run: str, *keys: str, kind: str = MAPPING) -> None:
    state.dead_letters.add(
        _refused(*keys), audience="vips", sync_date=DAY, run_id=run, kind=kind, query_id="q"
    )


def _states(state: State) -> dict[str | None, str]:
    return {letter.key: letter.state for letter in state.dead_letters.find(Filter())}


def test_a_workspace_that_never_refused_has_no_letters(state: State) -> None:
    """Nobody has to make the store first."""
    letters, every = state.dead_letters, Filter()
    assert ([], 0, {}, [], 0, 0) == (
        *(letters.find(every), letters.count(every), letters.reasons(every)),
        letters.keys("vips").to_pylist(),
        *(letters.discarded("vips").num_rows, letters.prune(datetime.now(UTC))),
    )


def test_s06_a_letter_counts_attempts(state: State) -> None:
    """One for each run that wrote it; it is found by what it is about."""
    for run in ("first", "first", "second"):
        _add(state, run, JANE)
    _add(state, "second", JOHN, kind=VALIDATION)
    letters = state.dead_letters
    [jane] = letters.find(Filter(kind=MAPPING))
    assert (JANE, 2, "second", "open", "TAJO-821", DAY) == (
        *(jane.key, jane.attempts, jane.run_id, jane.state, jane.code, jane.sync_date),
    )
    assert (2, 1) == (letters.count(Filter(audience="vips")), len(letters.find(Filter(), limit=1)))
    assert {("LTV", "is not a number"): 2} == letters.reasons(Filter())
    assert [JANE, JOHN] == letters.keys("vips").to_pylist()
    assert [] == letters.keys("vips", but_of_run="second").to_pylist()


def test_s06_a_run_settles_the_letters_of_others(state: State, tmp_path: Path) -> None:
    """Of rows that are mapped, or have left the whole source; not of those that it waits for."""
    _add(state, "first", JANE, JOHN, "left", "waiting")
    _add(state, "second", JOHN)
    mapped = _written(tmp_path, _rows(JANE, JOHN, "waiting"))
    state.dead_letters.settle(
        audience="vips", run_id="second", mapped=mapped, pending=["waiting"], whole=True
    )
    assert {JANE: "accepted", JOHN: "open", "left": "left", "waiting": "open"} == _states(state)


def test_s06_letters_are_closed_by_key(state: State) -> None:
    """But for those that this run wrote."""
    _add(state, "first", JANE)
    _add(state, "second", JOHN)
    state.dead_letters.close([JANE, JOHN], audience="vips", run_id="second")
    assert {JANE: "accepted", JOHN: "open"} == _states(state)


def test_what_a_person_discards_is_given_up_as_it_was(state: State) -> None:
    """What may have arrived is given up whatever it says; a letter ends once."""
    _add(state, "first", JANE)
    _add(state, "first", JOHN, kind=UNCERTAIN)
    letters = state.dead_letters
    ids = [letter.id for letter in letters.find(Filter())]
    assert (2, 0) == (letters.end(ids, "discarded"), letters.end(ids, "replayed"))
    assert [
        {"key": JANE, "fingerprint": 2**64 - 1},
        {"key": JOHN, "fingerprint": None},
    ] == letters.discarded("vips").to_pylist()


def test_s14_old_closed_letters_go(state: State) -> None:
    """Open ones stay, and of what may have arrived the key."""
    _add(state, "first", JANE, GUEST)
    _add(state, "first", JOHN, kind=UNCERTAIN)
    letters = state.dead_letters
    letters.close([JANE], audience="vips", run_id="second")
    [john] = letters.find(Filter(kind=UNCERTAIN))
    letters.end([john.id], "discarded")
    assert 0 == letters.prune(datetime.now(UTC) - timedelta(days=1))
    assert 1 == letters.prune(datetime.now(UTC) + timedelta(days=1))
    assert {GUEST: "open", JOHN: "discarded"} == _states(state)


# -- One writer


def test_a_second_writer_is_refused(state: State) -> None:
    """In this thread or another, until the first has ended; it is told who that is."""
    told: list[str] = []

    def write() -> None:
        try:
            with state.writing("vips", "another"):
                told.append("wrote")
        except BusyError as error:
            told.append(f"{error.code} {'the-first' in str(error)}")

    with state.writing("vips", "the-first"):
        write()
        other = threading.Thread(target=write)
        other.start()
        other.join()
    write()
    assert ["TAJO-145 True", "TAJO-145 True", "wrote"] == told


def test_a_writer_that_is_interrupted_lets_go(state: State) -> None:
    """Else nobody could ever sync that audience again."""
    with pytest.raises(KeyboardInterrupt), state.writing("vips"):
        raise KeyboardInterrupt
    with state.writing("vips"):
        assert () == state.journal("vips").unsettled


def test_writers_of_two_audiences_do_not_wait(state: State) -> None:
    """Each has a lock of its own."""
    with state.writing("vips"), state.writing("buyers"):
        state.ledger("vips").confirm(_rows(JANE), "first", new=True)
    assert 1 == state.ledger("vips").present()
