"""What the engine costs beside what nobody can leave out, in one run and on the same files.

    python -m benchmarks.plan [--rows 1000000] [--large 10000000]

Every task runs in a process of its own, which tells its CPU seconds and its peak memory. The bare
counterparts are a DuckDB anti-join of the mapped file and the ledger on key and fingerprint, and a
DuckDB `to_json` of the rows with an append of as many ledger rows. `--large 0` leaves out the last
comparison, which needs about 3 GB of disk. Both sides run three times, in turns: medians.
"""

import argparse
import itertools
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa

from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.destinations.contacts import ContactsWriter
from tajo_sf_pipeline.destinations.delivery import Delivery
from tajo_sf_pipeline.planning.diff import Wanted, compare
from tajo_sf_pipeline.planning.plan import parts
from tajo_sf_pipeline.state.dead_letters import DeadLetters
from tajo_sf_pipeline.state.journal import Journal
from tajo_sf_pipeline.state.ledger import Ledger
from tajo_sf_pipeline.state.ledger_file import LedgerFile
from tajo_sf_pipeline.state.run_summary import Planned
from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline.storage.arrow_file import rows_of
from tajo_sf_pipeline.storage.paths import Paths
from tajo_sf_pipeline_tests.mapped_rows import audience

_DAY = date(2026, 11, 20)
_END = datetime(2026, 11, 21, tzinfo=UTC)
_TABLE = """
CREATE TABLE rows (
    key VARCHAR, fingerprint UBIGINT, version TIMESTAMPTZ, present BOOLEAN, list VARCHAR,
    lists BIGINT[], source_row BIGINT, sync_date DATE, action VARCHAR, run_id VARCHAR,
    confirmed_at TIMESTAMPTZ
);
CREATE TABLE payloads (key VARCHAR, payload VARCHAR, confirmed_at TIMESTAMPTZ);
"""
_RUNS = 3
_MOST_FOR_LARGE = 1.2  # of the time that as many more rows would take
_ATTRIBUTES = (
    *("FIRSTNAME", "LASTNAME", "LTV", "CHURN", "ORDERS"),
    *("CITY", "SEGMENT", "LAST", "RFM"),
)


def make(file: Path, rows: int, changed_every: int) -> None:
    """Write a mapped file of contacts with nine attributes; every n-th has changed, or none."""
    mark = f"if(i % {changed_every} = 0, '+', '')" if changed_every else "''"
    with duckdb.connect() as database:
        database.execute(
            f"""
            COPY (
                SELECT *, '{{"email":"' || _key || '","attributes":' || to_json(
                    {{{", ".join(f"{name}: {name}" for name in _ATTRIBUTES)}}}) || '}}' AS _payload,
                    hash(_row, FIRSTNAME) AS _fingerprint
                FROM (
                    SELECT i::BIGINT AS _row, 'person' || hash(i) || '@example.com' AS _key,
                        'Name' || (i % 1000) || {mark} AS FIRSTNAME,
                        'Surname' || (i % 977) AS LASTNAME, (i % 7)::DOUBLE AS LTV,
                        (i % 100) / 100 AS CHURN, (i % 50)::DOUBLE AS ORDERS,
                        'City ' || (i % 300) AS CITY, 'gold' AS SEGMENT,
                        (DATE '2026-01-01' + (i % 300)::INTEGER)::VARCHAR AS LAST,
                        'R' || (i % 5) AS RFM, TIMESTAMPTZ '{_END.isoformat()}' AS _version
                    FROM range({rows}) AS t(i)
                )
            ) TO '{file}' (
                FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE {parquet.ROWS_PER_GROUP}
            )
            """
        )
        nobody = "SELECT NULL::VARCHAR AS key WHERE false"
        database.execute(f"COPY ({nobody}) TO '{_rejected(file)}' (FORMAT parquet)")


def _rejected(file: Path) -> Path:
    return file.with_name("rejected.parquet")


def _wanted(file: Path) -> Wanted:
    return Wanted(
        mapped=file,
        rejected=_rejected(file),
        mode="upsert",
        cursor=False,
        sync_date=_DAY,
        window_end=_END,
    )


def bare_anti_join(file: Path, ledger: Path) -> int:
    with duckdb.connect() as database:
        database.execute(f"ATTACH '{ledger}' AS ledger (READ_ONLY)")
        [(found,)] = database.execute(
            f"SELECT count(*) FROM read_parquet('{file}') AS m ANTI JOIN ledger.rows AS c "
            "ON c.key = m._key AND c.fingerprint = m._fingerprint"
        ).fetchall()
    return int(found)


def plan(file: Path, ledger: Path) -> int:
    planned, _ = compare(Ledger(ledger), _wanted(file), file.with_suffix(".plan"))
    return planned.writes


def plan_and_remember(file: Path, ledger: Path) -> int:
    """Plan, and write the ledger as the delivery would."""
    book, written = Ledger(ledger), file.with_suffix(".plan")
    planned, _ = compare(book, _wanted(file), written)
    book.confirm(pa.Table.from_batches(rows_of(written, 0, planned.writes)), "second")
    return planned.writes


def remember(file: Path, ledger: Path) -> int:
    """Make the ledger of a file that was synced, without its payloads: no plan reads them."""
    with LedgerFile(ledger).writing() as database:
        database.execute(
            "INSERT INTO rows SELECT _key, _fingerprint, _version, true, NULL, [1], _row, "
            f"'{_DAY}', 'create', 'first', now() FROM read_parquet('{file}')"
        )
    return parquet.rows(file)


def bare_json_and_append(file: Path, ledger: Path) -> int:
    attributes = ", ".join(f"{name}: {name}" for name in _ATTRIBUTES)
    with duckdb.connect() as database:
        database.execute(
            f"SELECT sum(strlen(to_json({{email: _key, attributes: {{{attributes}}}}}))) "
            f"FROM read_parquet('{file}')"
        ).fetchall()
    with duckdb.connect(ledger.with_suffix(".bare")) as database:
        database.execute(_TABLE)
        database.execute(
            "INSERT INTO rows SELECT _key, _fingerprint, _version, true, NULL, [1], _row, "
            f"'{_DAY}', 'create', 'first', now() FROM read_parquet('{file}')"
        )
        database.execute(
            f"INSERT INTO payloads SELECT _key, _payload, now() FROM read_parquet('{file}')"
        )
    return parquet.rows(file)


class _AtOnce:
    """A Brevo whose every answer is there at once."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._started: list[int] = []

    def number(self, *_call: Any, **_options: Any) -> int:
        self._started.append(next(self._numbers))
        return self._started[-1]

    def post(self, *_call: Any, **_options: Any) -> dict[str, int]:
        return {"processId": self.number()}

    def get(self, _path: str, **_parameters: Any) -> dict[str, Any]:
        return {"processes": [{"id": n, "status": "completed"} for n in self._started[-50:]]}


def first_sync(file: Path, ledger: Path) -> int:
    """Do all of a first sync but the API's own time."""
    book, written = Ledger(ledger), file.with_suffix(".plan")
    planned, _ = compare(book, _wanted(file), written)
    delivery = Delivery(
        client=cast("Client", _AtOnce()),
        ledger=book,
        journal=Journal(Paths(ledger.parent, "journal")),
        dead_letters=DeadLetters(ledger.with_suffix(".letters")),
        audience=audience(),
        key="email",
        run_id="first",
        sync_date=_DAY,
        plan=written,
        list_ids={None: 1},
    )
    writer = ContactsWriter(delivery.audience)
    sender = writer.sender(delivery)
    for part in parts(written, writer.route):
        sender.send(part)
    sender.finish()
    assert planned == Planned(create=delivery.receipt.confirmed)
    return delivery.receipt.confirmed


_TASKS: dict[str, Callable[[Path, Path], int]] = {
    task.__name__: task
    for task in (
        *(bare_anti_join, plan, plan_and_remember),
        *(remember, bare_json_and_append, first_sync),
    )
}


def _run(task: str, file: Path, ledger: Path) -> dict[str, float]:
    """Run a task in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.plan", "--task", task, str(file), str(ledger)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _run_on_a_copy(task: str, file: Path, ledger: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=ledger.parent) as folder:
        copy = Path(folder) / ledger.name
        if ledger.exists():
            shutil.copyfile(ledger, copy)
        return _run(task, file, copy)


def _told(task: str, file: Path, ledger: Path) -> dict[str, float]:
    before = resource.getrusage(resource.RUSAGE_SELF)
    rows = _TASKS[task](file, ledger)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return {"cpu": cpu, "peak_mb": after.ru_maxrss / 1024, "rows": rows}


def _compare(what: str, tasks: tuple[str, str], file: Path, ledger: Path, most: float) -> float:
    """Run both in turns, print a line of the medians, and give our CPU seconds."""
    rounds = [[_run_on_a_copy(task, file, ledger) for task in tasks] for _ in range(_RUNS)]
    beside, ours = (
        statistics.median(told["cpu"] for told in runs) for runs in zip(*rounds, strict=True)
    )
    ratios = sorted(told["cpu"] / bare["cpu"] for bare, told in rounds)
    last = rounds[-1][1]
    print(  # noqa: T201
        f"{what:<42} bare {beside:6.2f} s  ours {ours:6.2f} s  x{statistics.median(ratios):5.2f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}, at most {most})  {last['rows']:>9,.0f} rows sent  "
        f"peak {max(told['peak_mb'] for _, told in rounds):6.0f} MB",
        flush=True,
    )
    return ours


def _all(rows: int, large: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        same, changed, ledger = (
            folder / "same.parquet",
            folder / "changed.parquet",
            folder / "ledger",
        )
        make(same, rows, 0)
        make(changed, rows, 100)
        _compare("first sync", ("bare_json_and_append", "first_sync"), same, ledger, 2)
        _run("first_sync", same, ledger)
        small = _compare("nothing changed", ("bare_anti_join", "plan"), same, ledger, 1.5)
        _compare("1 % changed", ("bare_anti_join", "plan_and_remember"), changed, ledger, 2)
    if large:
        with tempfile.TemporaryDirectory() as name:
            file, ledger = Path(name) / "same.parquet", Path(name) / "ledger"
            make(file, large, 0)
            _run("remember", file, ledger)
            what = f"nothing changed, {large:,} rows"
            times = _compare(what, ("bare_anti_join", "plan"), file, ledger, 1.5) / small
            most = _MOST_FOR_LARGE * large / rows
            print(f"{what:<42} x{times:5.2f} the CPU of {rows:,} (at most {most:g})")  # noqa: T201


def main() -> None:
    """Print one line for each comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=10_000_000)
    parser.add_argument("--task", nargs=3)
    given = parser.parse_args()
    if given.task:
        task, file, ledger = given.task
        print(json.dumps(_told(task, Path(file), Path(ledger))))  # noqa: T201
    else:
        _all(given.rows, given.large)


if __name__ == "__main__":
    main()
