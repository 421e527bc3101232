"""What an extract takes over each transport, beside a bare loop that cannot take less.

    python -m benchmarks.extract [--rows N] [--repetitions N] [--json]

The local Snowflake serves a table of the nine fields of the vendor's documentation. Each reading
is a process of its own (`benchmarks.readers`), and the readers take turns. Server and readers
share this machine: the figures compare readers, and do not tell what a real account gives.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tajo_sf_pipeline.sandbox import Sandbox, serve

CREATE = """
CREATE OR REPLACE TABLE customers AS
WITH numbers AS (SELECT SEQ8() AS n FROM TABLE(GENERATOR(ROWCOUNT => {rows}))),
-- m spreads neighbours, and is the same each time.
mixed AS (SELECT n, MOD(n * 2654435761, 4294967296) AS m FROM numbers)
SELECT
    CONCAT('customer.', n, '@shop', MOD(m, 97), '.example')::VARCHAR AS email,
    DECODE(MOD(m, 5), 0, 'Ana', 1, 'Zoë', 2, 'Jean-Luc', 3, 'Mariana', 'Łukasz') AS first_name,
    DECODE(MOD(m, 7), 0, 'Smith', 1, 'O''Neil', 2, 'García', 3, 'Nowak', 4, 'Li') AS last_name,
    (MOD(m, 1000000) / 100)::NUMBER(12, 2) AS ltv_score,
    DECODE(MOD(m, 4), 0, 'champion', 1, 'loyal', 2, 'promising', 'at_risk') AS rfm_class,
    MOD(m, 60)::NUMBER AS total_orders,
    IFF(MOD(m, 60) = 0, NULL, DATEADD('day', MOD(m, 400), '2024-10-01'::DATE))
        AS last_purchase_date,
    (m / 4294967296)::FLOAT AS predicted_churn,
    DATEADD('microsecond', MOD(m * 7001, 30000000000000), '2025-10-09'::TIMESTAMP_NTZ)
        AS updated_at
FROM mixed
"""

# Kinds of readings: by whom (`benchmarks.readers`), and of which part of the rows.
KINDS = {
    "driver": ("driver", 1),
    "bare driver": ("bare driver", 1),
    "SQL API": ("SQL API", 1),
    "bare httpx": ("bare httpx", 1),
    "driver 1/5": ("driver", 5),
    "SQL API 1/5": ("SQL API", 5),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One process: its work, which begins where a connection stands, and the whole of it.

    Where others use the machine, the work's processor time says more than its seconds.
    """

    work_seconds: float
    work_processor_seconds: float
    process_seconds: float
    processor_seconds: float
    imported_megabytes: float
    peak_megabytes: float


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure of one kind of reading is at most so many times that of another kind."""

    figure: str
    of: str
    to: str
    at_most: float


FIGURES = tuple(field.name for field in fields(Reading))
GOALS = (
    Goal("work_seconds", "driver", "bare driver", 1 / 0.9),
    Goal("work_seconds", "SQL API", "bare httpx", 2.0),
    Goal("peak_megabytes", "driver", "driver 1/5", 1.2),
    Goal("peak_megabytes", "SQL API", "SQL API 1/5", 1.2),
)


def main(
    rows: Annotated[int, typer.Option(min=5, help="Rows of the table.")] = 1_000_000,
    repetitions: Annotated[int, typer.Option(min=1, help="Readings of each kind.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read the table in each way in turn, and print what that took."""
    readings: dict[str, list[Reading]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as home, serve(Path(home)) as sandbox:
        _read("bare httpx", sandbox, CREATE.format(rows=rows), rows=1)
        for _ in range(repetitions):
            for kind, (reader, part) in KINDS.items():
                query = f"SELECT * FROM customers LIMIT {rows // part}"
                readings[kind].append(_read(reader, sandbox, query, rows // part))
    report = {
        "rows": rows,
        "repetitions": repetitions,
        "processors": os.cpu_count(),
        "readings": {
            kind: {figure: _spread(_figures(found, figure)) for figure in FIGURES}
            for kind, found in readings.items()
        },
        "goals": [
            asdict(goal)
            | _judged(
                _figures(readings[goal.of], goal.figure),
                _figures(readings[goal.to], goal.figure),
                goal.at_most,
            )
            for goal in GOALS
        ],
    }
    if as_json:
        typer.echo(json.dumps(report))
    else:
        Console().print(_readings_table(report), _goals_table(report), sep="\n")


def _read(reader: str, sandbox: Sandbox, query: str, rows: int) -> Reading:
    command = [sys.executable, "-m", "benchmarks.readers", reader]
    command += [str(sandbox.home), str(sandbox.snowflake_port), query]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - ours
        assert process.stdout
        said = process.stdout.read()
        # Unlike RUSAGE_CHILDREN this tells of one child alone.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    process_seconds = time.perf_counter() - started
    work = json.loads(said)
    assert rows == work["rows"]
    return Reading(
        work_seconds=work["seconds"],
        work_processor_seconds=work["processor_seconds"],
        process_seconds=process_seconds,
        processor_seconds=usage.ru_utime + usage.ru_stime,
        imported_megabytes=work["imported_kilobytes"] / 1024,
        peak_megabytes=usage.ru_maxrss / 1024,  # Linux counts kilobytes
    )


def _judged(ours: list[float], theirs: list[float], at_most: float) -> dict[str, Any]:
    ratio = statistics.median(ours) / statistics.median(theirs)
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return {
        "ratio_of_medians": ratio,
        "median_of_ratios": statistics.median(ratios),
        "met": ratio <= at_most,
    }


def _figures(readings: list[Reading], figure: str) -> list[float]:
    return [getattr(reading, figure) for reading in readings]


def _spread(figures: list[float]) -> dict[str, float]:
    return {"median": statistics.median(figures), "min": min(figures), "max": max(figures)}


def _readings_table(report: Mapping[str, Any]) -> Table:
    title = "{rows:,} rows, {repetitions} times, on {processors} processors".format(**report)
    table = Table("figure", "reader", title=title)
    for heading in ("median", "min", "max"):
        table.add_column(heading, justify="right")
    for figure in FIGURES:
        for kind, figures in report["readings"].items():
            shown = (f"{number:.2f}" for number in figures[figure].values())
            table.add_row(figure.replace("_", " "), kind, *shown)
        table.add_section()
    return table


def _goals_table(report: Mapping[str, Any]) -> Table:
    table = Table("figure", "reader", "to", title="Goals")
    for heading in ("ratio of medians", "median of ratios", "at most", "met"):
        table.add_column(heading, justify="right")
    for goal in report["goals"]:
        table.add_row(
            goal["figure"].replace("_", " "),
            goal["of"],
            goal["to"],
            *(f"{goal[name]:.2f}" for name in ("ratio_of_medians", "median_of_ratios", "at_most")),
            "yes" if goal["met"] else "no",
        )
    return table


if __name__ == "__main__":
    typer.run(main)
