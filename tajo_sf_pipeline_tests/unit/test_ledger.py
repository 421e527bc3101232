"""What the ledger remembers, and how it judges."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import stamina.instrumentation

from tajo_sf_pipeline.errors import BusyError, ConfigurationError, InternalError, TajoError
from tajo_sf_pipeline.planning.diff import Wanted, compare
from tajo_sf_pipeline.state import ledger_file as module
from tajo_sf_pipeline.state import ledger_schema
from tajo_sf_pipeline.state.ledger import Ledger
from tajo_sf_pipeline.state.ledger_file import LedgerFile
from tajo_sf_pipeline.state.run_summary import Planned, Summary

JANE, JOHN = "jane@example.com", "john@example.com"
OLD, NEW = 1, 2  # fingerprints
Row = tuple[str, int, datetime]  # key, fingerprint, version
MANY: list[Row] = [(f"{n}@example.com", n, datetime(2026, 3, 1, tzinfo=UTC)) for n in range(50_000)]


def _day(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


def _table(*rows: Row) -> pa.Table:
    keys, fingerprints, versions = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "_row": pa.array(range(len(rows)), pa.int64()),
            "_key": pa.array(keys, pa.string()),
            "_version": pa.array(versions, pa.timestamp("us", tz="UTC")),
            "_payload": pa.array([f'{{"email":"{key}"}}' for key in keys], pa.string()),
            "_fingerprint": pa.array(fingerprints, pa.uint64()),
        }
    )


def _summary(run_id: str = "run", **counts: int) -> Summary:
    """Make a run's summary; what is not given is zero."""
    zero = {field.name: 0 for field in fields(Summary) if field.type is int}
    return Summary(
        audience="vips", sync_date="2026-03-01", run_id=run_id, seconds=0.5, **{**zero, **counts}
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Give the ledger of an audience that has never synced."""
    return Ledger(tmp_path / "ledger" / "vips.duckdb")


class Planning:
    """Plans mapped rows against a ledger."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._ledger = ledger
        self._mapped = folder / "mapped.parquet"
        self._rejected = folder / "rejected.parquet"
        pq.write_table(pa.table({"key": pa.array([], pa.string())}), self._rejected)
        self.file = folder / "plans" / "plan.arrow"

    def __call__(self, *rows: Row, cursor: bool = False) -> Planned:
        pq.write_table(_table(*rows), self._mapped)
        wanted = Wanted(
            mapped=self._mapped,
            rejected=self._rejected,
            mode="upsert",
            cursor=cursor,
            sync_date=date(2026, 3, 1),
            window_end=_day(9),
        )
        planned, _ = compare(self._ledger, wanted, self.file)
        return planned

    def rows(self) -> list[dict[str, Any]]:
        with pa.ipc.open_file(self.file) as plan:
            found: list[dict[str, Any]] = plan.read_all().to_pylist()
        return found


@pytest.fixture
def plan(ledger: Ledger, tmp_path: Path) -> Planning:
    """Give the planning of an audience that has never synced."""
    return Planning(ledger, tmp_path)


def test_s02_nothing_is_known_before_brevo_accepted_it(plan: Planning) -> None:
    """Planning remembers nothing: the same rows are planned again."""
    assert [Planned(create=2)] * 2 == [
        plan((JANE, NEW, _day(1)), (JOHN, NEW, _day(1))) for _ in "ab"
    ]


def test_s03_what_was_confirmed_is_unchanged(ledger: Ledger, plan: Planning) -> None:
    """A row that Brevo has accepted is not planned again."""
    ledger.confirm(_table((JANE, NEW, _day(1))), "run")
    assert Planned(create=1, unchanged=1) == plan((JANE, NEW, _day(1)), (JOHN, NEW, _day(1)))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((JANE, OLD, _day(5)), Planned(unchanged=1)),
        ((JANE, OLD, _day(9)), Planned(unchanged=1)),
        ((JANE, OLD, _day(1)), Planned(unchanged=1)),
        ((JANE, NEW, _day(9)), Planned(update=1)),
        ((JANE, NEW, _day(5)), Planned(update=1)),
        ((JANE, NEW, _day(4)), Planned(stale=1)),
        ((JOHN, NEW, _day(1)), Planned(create=1)),
    ],
    ids=[
        "the same",
        "the same, newer",
        "the same, older",
        "changed, newer",
        "changed, as new",
        "changed, older",
        "another contact, older",
    ],
)
def test_s04_a_row_against_the_ledger(
    ledger: Ledger, plan: Planning, row: Row, expected: Planned
) -> None:
    """Only a changed row that is not older than what Brevo has is written over it."""
    ledger.confirm(_table((JANE, OLD, _day(5))), "run")
    assert expected == plan(row)


@pytest.mark.parametrize(
    ("newest", "expected"),
    [(None, Planned(update=1)), (_day(5), Planned(update=1)), (_day(6), Planned(stale=1))],
    ids=["no later run", "a run of that day", "a later run"],
)
def test_s04_without_a_cursor_the_newest_run_speaks_for_its_rows(
    ledger: Ledger, plan: Planning, newest: datetime | None, expected: Planned
) -> None:
    """A row that a later run saw unchanged, and so did not write, is not turned back either."""
    ledger.confirm(_table((JANE, OLD, _day(3))), "run")
    ledger.finish(_summary(), last_sync=None, newest=newest)
    assert expected == plan((JANE, NEW, _day(5)))


def test_s04_newest_never_goes_back(ledger: Ledger, plan: Planning) -> None:
    """A backfill does not make the audience's latest run an older one."""
    ledger.confirm(_table((JANE, OLD, _day(3))), "run")
    for newest in (_day(6), _day(2), None):
        ledger.finish(_summary(), last_sync=None, newest=newest)
    assert Planned(stale=1) == plan((JANE, NEW, _day(5)))


def test_confirm_replaces(ledger: Ledger, plan: Planning) -> None:
    """A contact stands once, as Brevo accepted it last."""
    ledger.confirm(_table((JANE, OLD, _day(1)), (JOHN, OLD, _day(1))), "first")
    ledger.confirm(_table((JANE, NEW, _day(2))), "second")
    assert [1, 1] == [ledger.confirmed_by(run) for run in ("first", "second")]
    assert Planned(unchanged=2) == plan((JANE, NEW, _day(2)), (JOHN, OLD, _day(1)))


def test_plan_has_the_rows_to_send(ledger: Ledger, plan: Planning) -> None:
    """A plan's rows say who, what and why; unchanged and stale ones are not among them."""
    ledger.confirm(_table((JANE, OLD, _day(1)), ("x@example.com", OLD, _day(9))), "run")
    plan((JOHN, NEW, _day(2)), (JANE, NEW, _day(2)), ("x@example.com", NEW, _day(2)))
    told = {"_version": _day(2), "_fingerprint": NEW, "_sync_date": date(2026, 3, 1)}
    expected = [
        {"_key": JANE, "_row": 1, "action": "update", "reason": "changed"},
        {"_key": JOHN, "_row": 0, "action": "create", "reason": "new"},
    ]
    assert [
        {**told, **row, "_payload": f'{{"email":"{row["_key"]}"}}', "category": "plain"}
        for row in expected
    ] == [
        {name: value for name, value in row.items() if value is not None and value != []}
        for row in plan.rows()
    ]


def test_nothing_to_send_writes_no_plan(ledger: Ledger, plan: Planning) -> None:
    """A run without writes leaves no file of people behind."""
    ledger.confirm(_table((JANE, NEW, _day(1))), "run")
    plan((JANE, NEW, _day(1)))
    assert not plan.file.exists()


@pytest.mark.parametrize("seed", range(3))
def test_s15_plan_is_in_the_order_of_keys(plan: Planning, seed: int) -> None:
    """The order of the source does not change what is sent first."""
    keys = [f"{n:02}@example.com" for n in range(50)]
    plan(*((key, NEW, _day(1)) for key in Random(seed).sample(keys, len(keys))))
    assert keys == [row["_key"] for row in plan.rows()]


def test_s14_files_are_their_owners(ledger: Ledger, plan: Planning, tmp_path: Path) -> None:
    """Nobody else may read the ledger or a plan."""
    plan((JANE, NEW, _day(1)))
    files = [tmp_path / "ledger" / "vips.duckdb", plan.file]
    assert [0o600, 0o600] == [file.stat().st_mode & 0o777 for file in files]


def test_last_sync_moves_and_never_back(ledger: Ledger) -> None:
    """The watermark is the greatest that a run has reached; a run may leave it alone."""
    reached = [ledger.last_sync()]
    for moment in (_day(2), None, _day(1), _day(3)):
        ledger.finish(_summary(), last_sync=moment, newest=None)
        reached.append(ledger.last_sync())
    assert [None, _day(2), _day(2), _day(2), _day(3)] == reached


def test_run_is_remembered(ledger: Ledger) -> None:
    """What a run did can be asked for by its id; the last word on it counts."""
    ledger.finish(_summary("one", extracted=1, rejected=1), last_sync=None, newest=None)
    ledger.finish(_summary("two", extracted=2), last_sync=None, newest=None)
    ledger.finish(_summary("one", extracted=3, failed=2), last_sync=None, newest=None)
    assert _summary("one", extracted=3, failed=2) == ledger.run_of("one")


def test_run_that_is_not_known(ledger: Ledger) -> None:
    """Asking for a run that the ledger never saw is a defect, and says so."""
    with pytest.raises(InternalError) as raised:
        ledger.run_of("nobody")
    assert "TAJO-901" == raised.value.code


def _refusals(path: Path) -> list[str]:
    """Read the ledger and write to it; give the codes of what that raises."""
    codes = []
    uses: list[Callable[[], object]] = [
        lambda: Ledger(path).last_sync(),
        lambda: Ledger(path).confirm(_table((JANE, NEW, _day(1))), "run"),
    ]
    for use in uses:
        with pytest.raises(TajoError) as refused:
            use()
        codes.append(refused.value.code)
    return codes


def test_newer_schema_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    """A ledger that a later version wrote is left alone."""
    path = tmp_path / "ledger" / "vips.duckdb"
    ledger.confirm(_table((JANE, NEW, _day(1))), "run")
    with duckdb.connect(path) as database:
        database.execute("UPDATE schema_version SET version = version + 1")
    before = path.read_bytes()
    assert ["TAJO-143", "TAJO-143"] == _refusals(path)
    assert before == path.read_bytes()


def _damaged(path: Path, damage: str) -> bytes:
    """Damage a ledger of many rows; give the bytes that it has then."""
    Ledger(path).confirm(_table(*MANY), "run")
    good = path.read_bytes()
    bad = {
        "another file": b"email;ltv\n" * 1000,
        "emptied": b"",
        "header": bytes([good[0] ^ 0xFF]) + good[1:],
        "block": good[:20_000] + bytes([good[20_000] ^ 0xFF]) + good[20_001:],
        "cut off": good[: len(good) // 2],
    }[damage]
    path.write_bytes(bad)
    return bad


@pytest.mark.parametrize("damage", ["another file", "emptied", "header", "block"])
def test_corrupt_file_is_refused(tmp_path: Path, damage: str) -> None:
    """A damaged ledger is never begun anew: a person must see it, and its bytes stay."""
    path = tmp_path / "vips.duckdb"
    bad = _damaged(path, damage)
    assert ["TAJO-144", "TAJO-144"] == _refusals(path)
    assert bad == path.read_bytes()


def test_file_that_is_cut_off_plans_nothing(tmp_path: Path) -> None:
    """A ledger whose rows are not all there does not make the missing ones new."""
    path = tmp_path / "vips.duckdb"
    bad = _damaged(path, "cut off")
    plan = Planning(Ledger(path), tmp_path)
    with pytest.raises(ConfigurationError) as refused:
        plan(*MANY)
    assert "TAJO-144" == refused.value.code
    assert (False, bad) == (plan.file.exists(), path.read_bytes())


_HOLD = """
import sys, duckdb
with duckdb.connect(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def _another_process_holding(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold the file in a child process until it reads a line."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            assert child.stdout is not None
            assert "held\n" == child.stdout.readline()
            yield child
        finally:
            child.kill()


@pytest.fixture
def waiting() -> Iterator[Event]:
    """Tell when the ledger has found its file locked."""
    event = Event()
    stamina.instrumentation.set_on_retry_hooks([lambda _details: event.set()])
    yield event
    stamina.instrumentation.set_on_retry_hooks(None)


def test_a_second_process_is_waited_for(ledger: Ledger, tmp_path: Path, waiting: Event) -> None:
    """Who finds the ledger in use waits, and goes on when it is free."""
    ledger.finish(_summary(), last_sync=_day(1), newest=None)
    with (
        _another_process_holding(tmp_path / "ledger" / "vips.duckdb") as child,
        ThreadPoolExecutor(1) as pool,
    ):
        reading = pool.submit(ledger.last_sync)
        assert waiting.wait(timeout=10)
        assert not reading.done()
        child.communicate("go on\n")
        assert _day(1) == reading.result(timeout=10)


def test_a_second_process_is_not_waited_for_for_ever(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patience ends with an error that names the file."""
    ledger.finish(_summary(), last_sync=_day(1), newest=None)
    monkeypatch.setattr(module, "_LOCK_PATIENCE", timedelta(seconds=0.2))
    with _another_process_holding(path := tmp_path / "ledger" / "vips.duckdb"):
        assert ["TAJO-142", "TAJO-142"] == _refusals(path)
        with pytest.raises(BusyError):
            Ledger(path).last_sync()


def test_history_has_the_payload_before(ledger: Ledger) -> None:
    """Of a row are known where it came from, and what Brevo accepted last and before."""
    for day, name in ((1, "Ada"), (2, "Eve"), (3, "Zoe")):
        row = _table((JANE, day, _day(day)))
        payload = pa.array([name], pa.string())
        ledger.confirm(row.set_column(3, "_payload", payload), f"run {day}")
    known = ledger.history(JANE)
    assert known is not None
    assert ("Zoe", "Eve", _day(3), 0, "run 3", True) == (
        known.payload,
        known.payload_before,
        known.version,
        known.source_row,
        known.run_id,
        known.present,
    )
    assert None is ledger.history(JOHN)


def test_old_payloads_are_not_kept_for_ever(ledger: Ledger, tmp_path: Path) -> None:
    """After many runs only the last two payloads of each row are in the file."""
    for number in range(6):
        ledger.confirm(_table((JANE, number, _day(1)), (JOHN, number, _day(1))), "run")
    ledger.finish(_summary(), last_sync=None, newest=None)
    with duckdb.connect(tmp_path / "ledger" / "vips.duckdb", read_only=True) as database:
        assert [(4,)] == database.execute("SELECT count(*) FROM payloads").fetchall()
    known = ledger.history(JANE)
    assert known is not None
    assert known.payload == known.payload_before == f'{{"email":"{JANE}"}}'


def _failed(row: Row) -> pa.Table:
    return _table(row).append_column("why", pa.array(["no"], pa.string()))


def test_s06_a_row_that_failed_comes_back_though_the_extract_lacks_it(
    ledger: Ledger, plan: Planning
) -> None:
    """It is tried again with its last values, until a newer row of that key is in the extract."""
    ledger.fail(_failed((JANE, OLD, _day(1))), "run")
    assert Planned(create=1, retry=1) == plan((JOHN, NEW, _day(2)))
    assert {JANE: "retry", JOHN: "create"} == {row["_key"]: row["action"] for row in plan.rows()}
    assert Planned(create=1) == plan((JANE, NEW, _day(2)))
    ledger.confirm(_table((JANE, NEW, _day(2))), "run")
    assert Planned(create=1) == plan((JOHN, NEW, _day(2)))


def test_a_held_row_waits_for_a_person(ledger: Ledger, plan: Planning) -> None:
    """Nobody knows whether it arrived: it is sent again only when it has been released."""
    ledger.fail(_failed((JANE, NEW, _day(1))), "run", held=True)
    assert Planned(held=1) == plan((JANE, NEW, _day(1)))
    assert 1 == ledger.release([JANE])
    assert Planned(create=1) == plan((JANE, NEW, _day(1)))


_SCHEMA_1 = """
CREATE TABLE schema_version AS SELECT 1 AS version;
CREATE TABLE contacts (
    key VARCHAR NOT NULL, fingerprint UBIGINT NOT NULL, version TIMESTAMPTZ NOT NULL,
    run_id VARCHAR NOT NULL, confirmed_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE runs (
    run_id VARCHAR NOT NULL, finished_at TIMESTAMPTZ NOT NULL, summary JSON NOT NULL
);
CREATE TABLE watermark (last_sync TIMESTAMPTZ, newest TIMESTAMPTZ);
INSERT INTO watermark VALUES ('2026-03-02 00:00:00+00', '2026-03-03 00:00:00+00');
INSERT INTO contacts VALUES
    ('jane@example.com', 2, '2026-03-01 00:00:00+00', 'old', '2026-03-01 00:00:00+00');
INSERT INTO runs VALUES ('old', '2026-03-01 00:00:00+00', '{"audience": "vips", "sync_date":
    "2026-03-01", "run_id": "old", "extracted": 1, "rejected": 0, "created": 1, "updated": 0,
    "stale": 0, "unchanged": 0, "confirmed": 1, "failed": 0, "pending": 0, "api_calls": 3,
    "seconds": 0.5, "skipped_by_mode": 0, "removed": 0, "planned": 1}');
"""


def test_file_of_the_first_version_keeps_working(
    ledger: Ledger, plan: Planning, tmp_path: Path
) -> None:
    """Its rows, its watermark and its runs are known, and it takes what this version writes."""
    path = tmp_path / "ledger" / "vips.duckdb"
    path.parent.mkdir()
    with duckdb.connect(path) as database:
        database.execute(_SCHEMA_1)
    assert Planned(unchanged=1, create=1) == plan((JANE, NEW, _day(4)), (JOHN, NEW, _day(4)))
    assert (_day(2), 1) == (ledger.last_sync(), ledger.run_of("old").confirmed)
    ledger.confirm(_table((JANE, OLD, _day(4))), "run")
    assert Planned(update=1) == plan((JANE, NEW, _day(4)))


def test_s05_a_ledger_that_could_not_be_made_is_not_there(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a process that is killed at that moment leaves a file that no later run can open."""
    with monkeypatch.context() as patch:
        patch.setattr(ledger_schema, "TABLES", "SELECT error('killed')")
        with pytest.raises(duckdb.Error, match="killed"):
            ledger.present()
    assert [] == list((tmp_path / "ledger").iterdir())
    assert 0 == ledger.present()


def _file(folder: Path) -> LedgerFile:
    return LedgerFile(folder / "ledger" / "vips.duckdb")


def test_backup_and_restore(ledger: Ledger, plan: Planning, tmp_path: Path) -> None:
    """A copy put back knows what it knew then; what it replaces stays beside it."""
    copy = tmp_path / "copies" / "vips.duckdb"
    ledger.confirm(_table((JANE, NEW, _day(1))), "run")
    _file(tmp_path).backup(copy)
    ledger.confirm(_table((JOHN, NEW, _day(1))), "run")
    _file(tmp_path).restore(copy)
    assert Planned(unchanged=1, create=1) == plan((JANE, NEW, _day(1)), (JOHN, NEW, _day(1)))
    kept = Ledger(tmp_path / "ledger" / "vips.before-restore")
    assert 2 == kept.present()
    assert 0o600 == copy.stat().st_mode & 0o777


@pytest.mark.parametrize("damage", ["another file", "emptied", "header"])
def test_a_copy_that_is_no_ledger_is_not_restored(
    ledger: Ledger, tmp_path: Path, damage: str
) -> None:
    """The ledger in use stays as it is."""
    copy = tmp_path / "copy.duckdb"
    _damaged(copy, damage)
    ledger.confirm(_table((JANE, NEW, _day(1))), "run")
    with pytest.raises(ConfigurationError) as refused:
        _file(tmp_path).restore(copy)
    assert "TAJO-144" == refused.value.code
    assert 1 == ledger.present()


def test_nothing_to_back_up_or_to_restore(tmp_path: Path) -> None:
    """A ledger that never was, and a copy that is not there, are told by name."""
    codes = []
    for use in (_file(tmp_path).backup, _file(tmp_path).restore):
        with pytest.raises(ConfigurationError) as refused:
            use(tmp_path / "copy.duckdb")
        codes.append(refused.value.code)
    assert ["TAJO-147", "TAJO-148"] == codes
