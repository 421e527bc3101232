"""What it costs Dagster to load a workspace of many audiences: processor seconds and memory.

    python -m benchmarks.loading [--audiences 500]

Each figure is of a process of its own, as a code server, a run's worker and a terminal are:
`validate` reads the files as `tajo config validate` does; `load` builds what Dagster asks of a code
location before anything else; `run` builds the one job that a run's worker executes; `serve`
answers the webserver's and the daemon's first question, for which Dagster resolves every job.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

MEASURED = ("validate", "load", "run", "serve")


def main() -> None:
    """Measure and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--audiences", type=int, default=500)
    parser.add_argument("--measure", choices=MEASURED, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        _measure(chosen.measure)
        return
    with tempfile.TemporaryDirectory(prefix="tajo-loading-") as folder:
        file = write(Path(folder), chosen.audiences)
        for what in MEASURED:
            command = [sys.executable, "-m", "benchmarks.loading", "--measure", what]
            environment = {**os.environ, "TAJO_CONFIG": str(file)}
            subprocess.run(command, check=True, env=environment)  # noqa: S603 - ours


def write(folder: Path, audiences: int) -> Path:
    """Write a workspace of that many audiences; return its file.

    Each reads two tables of twenty-one, has four fields, owners and a schedule of its own.
    """
    (folder / "sql").mkdir()
    for number in range(audiences):
        pair = folder / "sql" / f"audience_{number:03}"
        document = {
            "description": f"Audience {number}",
            "field_mapping": {
                "email": "email",
                "first_name": f"FIRSTNAME_{number}",
                "ltv": f"LTV_{number}",
                "phone": {"to": f"PHONE_{number}", "region": "FR"},
            },
            "schedule": f"{number % 60} */6 * * *",
            "owners": ["team:marketing", f"person{number}@example.com"],
        }
        pair.with_suffix(".yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        pair.with_suffix(".sql").write_text(
            "SELECT c.email, c.first_name, SUM(o.amount) AS ltv, c.phone\n"
            f"FROM customers AS c JOIN orders_{number % 20} AS o ON o.customer_id = c.id\n"
            "WHERE c.updated_at >= :window_start AND c.updated_at < :window_end\n"
            "GROUP BY ALL\n",
            encoding="utf-8",
        )
    snowflake = {"account": "acme-eu1", "database": "MARKETING_DB", "schema": "PUBLIC"}
    document = {"start_date": "2026-01-01", "connectors": {"snowflake": snowflake}}
    file = folder / "tajo.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return file


def _measure(what: str) -> None:
    began = time.process_time()
    if what == "validate":
        from tajo_sf_pipeline.audience import catalog
        from tajo_sf_pipeline.config import settings

        catalog.load(settings.load())
    else:
        _dagster(what)
    seconds = time.process_time() - began
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{what:10}{seconds:8.1f} s{megabytes:8.0f} MB\n")


def _dagster(what: str) -> None:
    from tajo_sf_pipeline.definitions import defs

    repository = defs.get_repository_def()
    if what == "run":
        repository.get_job("audience_007_incremental")
    elif what == "serve":
        from dagster._core.remote_representation.external_data import RepositorySnap

        RepositorySnap.from_def(repository, defer_snapshots=True)


if __name__ == "__main__":
    main()
