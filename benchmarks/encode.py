"""Mapped contacts to import bodies: rows a second beside `orjson.dumps` over `to_pylist()`.

    python -m benchmarks.encode [--rows N] [--json]

Both get the same batches, an e-mail and nine attributes each, in turns and on one core. Ours
writes the payloads of the mapping and cuts them into bodies of 8 MB; the plain one makes a dict for
each row and dumps them batch by batch. That both say the same is checked on the first batch. Then
a process of its own encodes a tenth of the rows and all of them: its memory must not grow.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Annotated, Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import typer
from rich.console import Console
from rich.table import Table

from tajo_sf_pipeline.brevo import imports
from tajo_sf_pipeline.mapping.payload_builders import ContactPayloads, FieldValues

BATCH = 65_536
REPETITIONS = 3
NAMES = ("Ana", "Zoë", "Jean-Luc", "Mariana", "Bob", "Łukasz", "سارة")
CLASSES = ("champion", "loyal", "promising", "at_risk", "lost")


def main(
    rows: Annotated[int, typer.Option(min=1, help="Contacts in all.")] = 1_000_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    only_memory: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Encode the same contacts both ways, and print how fast that was and what memory it took."""
    if only_memory:
        _run(_bodies, rows)
        typer.echo(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return
    _check(next(_batches(rows)))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    seconds: dict[str, list[float]] = {"bodies": [], "orjson": []}
    for _ in range(REPETITIONS):
        seconds["bodies"].append(_run(_bodies, rows))
        seconds["orjson"].append(_run(_dumped, rows))
    best = {name: min(found) for name, found in seconds.items()}
    report = {
        "rows": rows,
        "repetitions": REPETITIONS,
        "rows_per_second": {name: rows / spent for name, spent in best.items()},
        "ratios": [a / b for a, b in zip(seconds["orjson"], seconds["bodies"], strict=True)],
        "ratio_of_best": best["orjson"] / best["bodies"],
        "peak_megabytes": {"a tenth": _peak(max(rows // 10, 1)), "all": _peak(rows)},
    }
    if as_json:
        typer.echo(json.dumps(report))
    else:
        Console().print(_table(report))


def _table(report: Mapping[str, Any]) -> Table:
    speeds, peaks = report["rows_per_second"], report["peak_megabytes"]
    table = Table(
        "rows a second",
        title=f"{report['rows']:,} contacts, an e-mail and nine attributes",
        caption=f"{report['ratio_of_best']:.2f} times as fast, by the best of "
        f"{report['repetitions']}; at most {peaks['all']:.0f} MB, {peaks['a tenth']:.0f} MB for a "
        "tenth of the rows",
    )
    table.add_column("best", justify="right")
    for name, speed in speeds.items():
        table.add_row(name, f"{speed:,.0f}")
    return table


def _peak(rows: int) -> float:
    command = [sys.executable, "-m", "benchmarks.encode", "--only-memory", "--rows", str(rows)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return int(ran.stdout) / 1024


def _run(encode: Callable[[Iterable[pa.RecordBatch]], Iterator[bytes]], rows: int) -> float:
    """Give the processor seconds of the encoding alone: that batches are made is taken out."""
    making = 0.0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal making
        made = _batches(rows)
        while True:
            started = time.process_time()
            batch = next(made, None)
            making += time.process_time() - started
            if batch is None:
                return
            yield batch

    started = time.process_time()
    for _ in encode(batches()):
        pass
    return time.process_time() - started - making


def _bodies(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    mapped = (_mapped(batch) for batch in batches)
    for _, body in imports.bodies(mapped, [42], clear=False):
        yield body


def _mapped(batch: pa.RecordBatch) -> pa.RecordBatch:
    fields = [
        FieldValues(name, column)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    payloads = ContactPayloads("email").payloads(batch.column("email"), fields, {})
    return pa.record_batch({"_key": batch.column("email"), "_payload": payloads})


def _dumped(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    for batch in batches:
        yield orjson.dumps(batch.to_pylist())


def _check(batch: pa.RecordBatch) -> None:
    ours = chain.from_iterable(json.loads(body)["jsonBody"] for body in _bodies([batch]))
    flat = [{"email": row["email"], **row["attributes"]} for row in ours]
    plain = chain.from_iterable(json.loads(body) for body in _dumped([batch]))
    assert flat == [{k: v for k, v in row.items() if v is not None} for row in plain]


def _batches(rows: int) -> Iterator[pa.RecordBatch]:
    for first in range(0, rows, BATCH):
        yield _batch(pa.array(range(first, min(first + BATCH, rows)), pa.int64()))


def _batch(numbers: pa.Array) -> pa.RecordBatch:
    mixed = pc.bit_wise_and(pc.multiply(numbers, 2_654_435_761), 2**31 - 1)
    text = numbers.cast(pa.string())

    def one_of(values: tuple[str, ...]) -> pa.Array:
        return pa.array(values).take(_modulo(mixed, len(values)))

    day = pc.add(_modulo(mixed, 4000), 16_000).cast(pa.int32()).cast(pa.date32())
    seldom = pc.less(_modulo(mixed, 10), 1)
    return pa.record_batch(
        {
            "email": pc.binary_join_element_wise("customer.", text, "@shop.example", ""),
            "FIRSTNAME": one_of(NAMES),
            "LASTNAME": pc.binary_join_element_wise("O'Neil ", text, ""),
            "LTV_SCORE": pc.divide(_modulo(mixed, 1_000_000).cast(pa.float64()), 100.0),
            "RFM_SEGMENT": pc.if_else(seldom, pa.scalar(None, pa.string()), one_of(CLASSES)),
            "ORDER_COUNT": _modulo(mixed, 60).cast(pa.float64()),
            "LAST_ORDER_DATE": day,
            "CHURN_RISK": pc.divide(mixed.cast(pa.float64()), 2.0**31),
            "NEWSLETTER": pc.greater(_modulo(mixed, 3), 0),
            "SEGMENT_NAME": pc.binary_join_element_wise('He said "', one_of(CLASSES), '"', ""),
        }
    )


def _modulo(numbers: pa.Array, by: int) -> pa.Array:
    return pc.subtract(numbers, pc.multiply(pc.divide(numbers, by), by))


if __name__ == "__main__":
    typer.run(main)
