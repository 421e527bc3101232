"""Rows a second of `snowflake.jsonv2`, beside a plain decode of the same bytes.

    python -m benchmarks.jsonv2 [--rows N] [--json]

The plain one is `json.loads`, then a function for each cell by its column's type, row by row, then
`pa.array` for each column (`Table.from_pylist` wants a dict for each row, and is slower still).
That both make the same table is checked before anything is measured; then they take turns.
"""

import json
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table

from tajo_sf_pipeline.sources.snowflake.jsonv2 import arrow_schema, record_batch, row_types

REPETITIONS = 5
ROWS_OF_A_PARTITION = 100_000
COLUMNS = row_types(
    [
        {"name": "EMAIL", "type": "text"},
        {"name": "FIRST_NAME", "type": "text"},
        {"name": "LAST_NAME", "type": "text"},
        {"name": "LTV_SCORE", "type": "fixed", "precision": 12, "scale": 2},
        {"name": "RFM_CLASS", "type": "text"},
        {"name": "TOTAL_ORDERS", "type": "fixed", "precision": 38, "scale": 0},
        {"name": "LAST_PURCHASE_DATE", "type": "date"},
        {"name": "PREDICTED_CHURN", "type": "real"},
        {"name": "UPDATED_AT", "type": "timestamp_ntz", "precision": 0, "scale": 9},
    ]
)
SCHEMA = arrow_schema(COLUMNS)
FIRST_NAMES = ("Ana", "Zoë", "Jean-Luc", "Mariana", "Bob", "Łukasz")
LAST_NAMES = ("Smith", "O'Neil", "García", "Nowak", None)
CLASSES = ("champion", "loyal", "promising", "at_risk", "lost")
EPOCH = datetime.fromtimestamp(0, UTC).replace(tzinfo=None)


def main(
    rows: Annotated[int, typer.Option(min=1, help="Rows in all.")] = 200_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Decode the same partitions both ways, and print how many rows a second that was."""
    partitions = [
        _partition(range(first, min(first + ROWS_OF_A_PARTITION, rows)))
        for first in range(0, rows, ROWS_OF_A_PARTITION)
    ]
    assert all(_vectorised(data).equals(_plain(data)) for data in partitions)
    measured: dict[Callable[[bytes], pa.RecordBatch], list[float]] = {_vectorised: [], _plain: []}
    for _ in range(REPETITIONS):
        for decode, speeds in measured.items():
            started = time.perf_counter()
            for data in partitions:
                decode(data)
            speeds.append(rows / (time.perf_counter() - started))
    vectorised, plain = (
        {"median": statistics.median(speeds), "min": min(speeds), "max": max(speeds)}
        for speeds in measured.values()
    )
    report = {
        "rows": rows,
        "json_bytes": sum(map(len, partitions)),
        "repetitions": REPETITIONS,
        "rows_per_second": {"jsonv2": vectorised, "plain": plain},
        "ratio_of_medians": vectorised["median"] / plain["median"],
    }
    if as_json:
        typer.echo(json.dumps(report))
    else:
        Console().print(_table(report))


def _table(report: Mapping[str, Any]) -> Table:
    table = Table(
        "rows a second",
        title=f"{report['rows']:,} rows, {report['json_bytes'] / 1e6:.1f} MB of JSON",
        caption=f"jsonv2 is {report['ratio_of_medians']:.1f} times as fast, by the medians",
    )
    for heading in ("median", "min", "max"):
        table.add_column(heading, justify="right")
    for name, speeds in report["rows_per_second"].items():
        table.add_row(name, *(f"{speed:,.0f}" for speed in speeds.values()))
    return table


def _partition(numbers: range) -> bytes:
    rows = [_row(n) for n in numbers]
    return json.dumps({"data": rows}, ensure_ascii=False, separators=(",", ":")).encode()


def _row(n: int) -> list[str | None]:
    mixed = n * 2_654_435_761 % 2**32  # spreads neighbours, and is the same each time
    return [
        f"customer.{n}@shop{mixed % 97}.example",
        FIRST_NAMES[mixed % len(FIRST_NAMES)],
        LAST_NAMES[mixed % len(LAST_NAMES)],
        f"{mixed % 1_000_000 / 100:.2f}",
        CLASSES[mixed % len(CLASSES)],
        str(mixed % 60),
        str(20_000 + mixed % 400) if mixed % 60 else None,
        repr(mixed / 2**32),
        f"{1_760_000_000 + mixed % 30_000_000}.{mixed % 1_000_000:06d}000",
    ]


def _vectorised(data: bytes) -> pa.RecordBatch:
    return record_batch(data, COLUMNS, SCHEMA)


def _plain(data: bytes) -> pa.RecordBatch:
    readers = [READERS[column.type] for column in COLUMNS]
    rows = [
        [None if cell is None else read(cell) for read, cell in zip(readers, row, strict=True)]
        for row in json.loads(data)["data"]
    ]
    arrays = [
        pa.array(cells, kind)
        for cells, kind in zip(zip(*rows, strict=True), SCHEMA.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _date(text: str) -> date:
    return EPOCH.date() + timedelta(days=int(text))


def _timestamp(text: str) -> datetime:
    seconds, _, fraction = text.partition(".")
    micros = int(fraction[:6])
    return EPOCH + timedelta(
        seconds=int(seconds), microseconds=-micros if text.startswith("-") else micros
    )


READERS: Mapping[str, Callable[[str], Any]] = {
    "TEXT": str,
    "FIXED": Decimal,
    "REAL": float,
    "DATE": _date,
    "TIMESTAMP_NTZ": _timestamp,
}

if __name__ == "__main__":
    typer.run(main)
