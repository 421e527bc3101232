"""What Dagster's machinery costs around an audience, beside a bare chain of three assets.

    python -m benchmarks.machinery [--repetitions N] [--json]

An unchanged sync date is run again and again on one instance, in turn with three assets that do
nothing, and with three that do nothing but have as many checks: Dagster writes four events for each
check, and their cost is its own. The time that the warehouse took to answer is taken off, as it is
no machinery. Loading is a process of its own for each size of workspace. Processor time says more
than the clock where others use the machine.
"""

import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
import httpx
import typer
import yaml
from rich.console import Console
from rich.table import Table

from tajo_sf_pipeline import defs
from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.audience.check_rules import ON_MAPPED, ON_SYNC
from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.config import settings
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs import runs
from tajo_sf_pipeline.sandbox import Sandbox, serve
from tajo_sf_pipeline.sources.base import Question
from tajo_sf_pipeline.sources.snowflake.source import SnowflakeSource

SIZES = (5, 50)
RATIO_AT_MOST, LOADING_AT_MOST, MEMORY_AT_MOST = 1.3, 5.0, 1.2
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
LOAD = """
import json, resource, time
started = time.perf_counter(), time.process_time()
from tajo_sf_pipeline.definitions import defs
defs.get_repository_def().load_all_definitions()
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "seconds": time.perf_counter() - started[0],
    "processor_seconds": time.process_time() - started[1],
    "megabytes": usage.ru_maxrss / 1024,
}))
"""


@dataclass(frozen=True, slots=True)
class Took:
    """A run, by the clock and by this process's own work."""

    seconds: float
    processor_seconds: float


def main(
    repetitions: Annotated[int, typer.Option(min=1, help="Runs of each kind.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure runs and loading; end with 1 if a goal is missed."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder) / "sandbox") as sandbox:
        report: dict[str, Any] = {
            "processors": os.cpu_count(),
            "repetitions": repetitions,
            "runs": _runs(Path(folder), sandbox, repetitions),
            "loading": {size: _loaded(Path(folder), sandbox, size) for size in SIZES},
        }
    small, large = (report["loading"][size] for size in SIZES)
    report["goals"] = {
        "run beside bare": [report["runs"]["ratio"], RATIO_AT_MOST],
        "run beside bare with as many checks": [report["runs"]["ratio_to_checked"], RATIO_AT_MOST],
        "loading 50, processor seconds": [large["processor_seconds"], LOADING_AT_MOST],
        "memory of 50 beside 5": [large["megabytes"] / small["megabytes"], MEMORY_AT_MOST],
    }
    if as_json:
        typer.echo(json.dumps(report))
    else:
        Console().print(_table(report))
    raise typer.Exit(int(any(found > most for found, most in report["goals"].values())))


def _runs(folder: Path, sandbox: Sandbox, repetitions: int) -> dict[str, Any]:
    """Run an audience and the bare chain in turn, after one of each that is not counted."""
    home = folder / "runs"
    workspace = _workspace(home, sandbox, 1)
    [audience] = catalog.load(workspace)
    ours = defs.build(workspace)
    bare, checked = _bare(workspace, 0), _bare(workspace, len((*ON_MAPPED, *ON_SYNC)))
    query = Statement(audience.statement.text, "the bare query")
    source = SnowflakeSource(workspace.snowflake, home).small_transport

    def asked() -> None:
        with source.extract(Question(query, {}, "")) as extract:
            list(extract.batches)

    day = workspace.today().isoformat()
    with runs.instance(workspace) as instance:

        def run(definitions: dg.Definitions, job: str) -> Callable[[], None]:
            made = definitions.resolve_job_def(job)

            def once() -> None:
                made.execute_in_process(instance=instance, partition_key=day, run_config=QUIET)

            return once

        kinds = {
            "audience": run(ours, f"{audience.name}_incremental"),
            "bare": run(bare, "bare"),
            "bare with checks": run(checked, "bare"),
            "query": asked,
        }
        taken: dict[str, list[Took]] = {kind: [] for kind in kinds}
        for number in range(repetitions + 1):
            for kind, once in kinds.items():
                took = _timed(once)
                if number:
                    taken[kind].append(took)
    medians = {kind: statistics.median(t.seconds for t in found) for kind, found in taken.items()}
    work = {
        kind: statistics.median(t.processor_seconds for t in found) for kind, found in taken.items()
    }
    own = medians["audience"] - medians["query"]
    return {
        "seconds": medians,
        "processor_seconds": work,
        "ratio": own / medians["bare"],
        "ratio_to_checked": own / medians["bare with checks"],
    }


def _timed(once: Callable[[], None]) -> Took:
    clock, work = time.perf_counter(), time.process_time()
    once()
    return Took(time.perf_counter() - clock, time.process_time() - work)


def _bare(workspace: Settings, checks: int) -> dg.Definitions:
    """Make three assets that follow each other and do nothing; the last has so many checks."""
    partitions = dg.DailyPartitionsDefinition(
        workspace.file.start_date.isoformat(), timezone=workspace.file.timezone, end_offset=1
    )

    @dg.asset(partitions_def=partitions)
    def first() -> None: ...

    @dg.asset(partitions_def=partitions, deps=[first])
    def second() -> None: ...

    @dg.asset(partitions_def=partitions, deps=[second])
    def third() -> None: ...

    names = [f"check_{number}" for number in range(checks)]

    @dg.multi_asset_check(specs=[dg.AssetCheckSpec(name, asset=third) for name in names])
    def judged() -> Iterator[dg.AssetCheckResult]:
        for name in names:
            yield dg.AssetCheckResult(check_name=name, passed=True)

    assets, judges = [first, second, third], [judged] if names else []
    job = dg.define_asset_job("bare", dg.AssetSelection.assets(*assets))
    return dg.Definitions(assets, asset_checks=judges, jobs=[job], executor=dg.in_process_executor)


def _workspace(folder: Path, sandbox: Sandbox, size: int) -> Settings:
    """Write a workspace of so many audiences over the local servers, each of a few rows."""
    (folder / "sql").mkdir(parents=True)
    document = {
        "connectors": {
            "snowflake": {
                "account": sandbox.account,
                "user": sandbox.user,
                "auth": {"method": "key_pair", "private_key_path": str(sandbox.private_key_path)},
                "transport": "sql_api",
                "host": "127.0.0.1",
                "port": sandbox.snowflake_port,
                "protocol": "http",
                "database": sandbox.database,
                "schema": sandbox.schema,
            },
            "brevo": {"api_key": sandbox.brevo_api_key, "base_url": sandbox.brevo_url},
        },
    }
    (folder / "tajo.yaml").write_text(yaml.safe_dump(document))
    load = f"{sandbox.snowflake_url}/admin/load"
    httpx.post(
        load, params={"table": "people"}, content=b"email\na@example.com\n"
    ).raise_for_status()
    for number in range(size):
        pair = folder / "sql" / f"audience_{number}"
        pair.with_suffix(".sql").write_text("SELECT email, 1 AS one FROM people")
        pair.with_suffix(".yaml").write_text("field_mapping: {email: email}\n")
    return settings.load(folder / "tajo.yaml")


def _loaded(folder: Path, sandbox: Sandbox, size: int) -> dict[str, float]:
    home = folder / f"loading_{size}"
    _workspace(home, sandbox, size)
    environment = {**os.environ, "TAJO_CONFIG": str(home / "tajo.yaml")}
    found: list[dict[str, float]] = []
    for _ in range(3):
        said = subprocess.check_output([sys.executable, "-c", LOAD], env=environment)  # noqa: S603 - ours
        found.append(json.loads(said))
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def _table(report: dict[str, Any]) -> Table:
    title = "{repetitions} runs of each, on {processors} processors".format(**report)
    table = Table("figure", "found", "at most", title=title)
    for kind, seconds in report["runs"]["seconds"].items():
        work = report["runs"]["processor_seconds"][kind]
        table.add_row(f"{kind}: seconds", f"{seconds:.3f} ({work:.3f} of this process)", "")
    for size, found in report["loading"].items():
        told = "{seconds:.2f} s ({processor_seconds:.2f} s of work), {megabytes:.0f} MB"
        table.add_row(f"loading {size}", told.format(**found), "")
    for goal, (found, most) in report["goals"].items():
        table.add_row(goal, f"{found:.2f}", f"{most:.1f}")
    return table


if __name__ == "__main__":
    typer.run(main)
