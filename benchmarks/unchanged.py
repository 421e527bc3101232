"""What a sync costs in which nothing has changed, over both transports, beside `import dagster`.

    python -m benchmarks.unchanged [--rows N] [--runs N] [--beside FOLDER] [--json]

Each run is the command as a person starts it, a process of its own, on an audience that has been
synced before. FOLDER is another checkout of this product: both are measured in turns. Figures are
medians of processor seconds, of the command alone.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import yaml

from tajo_sf_pipeline.sandbox import Sandbox, serve

HERE = Path(__file__).parents[1]
TRANSPORTS = ("connector", "sql_api")
COMMAND = "from tajo_sf_pipeline.cli.main import main; main()"


def main(
    rows: Annotated[int, typer.Option(min=1, help="Rows of the audience.")] = 1_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each kind.")] = 5,
    beside: Annotated[Path | None, typer.Option(help="Another checkout, to compare.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure; every run must have found all rows unchanged."""
    checkouts = {"this": HERE} | ({"beside": beside.resolve()} if beside else {})
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary, serve(Path(temporary) / "servers") as sandbox:
        for name in checkouts:
            for transport in TRANSPORTS:
                _workspace(Path(temporary) / name / transport, sandbox, transport, rows)
        for turn in range(runs + 1):  # the first one of each is its first sync
            for name, code in checkouts.items():
                for transport in TRANSPORTS:
                    took = _synced(code, Path(temporary) / name / transport, rows, first=not turn)
                    if turn:
                        seconds.setdefault(f"{name}: {transport}", []).append(took)
            if turn:
                seconds.setdefault("import dagster", []).append(_ran(["-c", "import dagster"])[0])
    medians = {what: round(statistics.median(took), 2) for what, took in seconds.items()}
    if as_json:
        typer.echo(json.dumps({"rows": rows, "runs": runs, "processor_seconds": medians}))
        return
    for what, took in medians.items():
        typer.echo(f"{what:24}{took:8.2f} s")


def _workspace(folder: Path, sandbox: Sandbox, transport: str, rows: int) -> None:
    account = f"{folder.parent.name}-{transport}"
    brevo = sandbox.brevo_url.removesuffix("/v3")
    settings = {"key": account, "rate_limits": False, "import_seconds": 0}
    httpx.post(f"{brevo}/admin/accounts", json=settings).raise_for_status()
    (folder / "sql").mkdir(parents=True)
    query = f"SELECT seq4() || '@example.com' AS email FROM TABLE(GENERATOR(ROWCOUNT => {rows}))"
    (folder / "sql" / "people.sql").write_text(query)
    (folder / "sql" / "people.yaml").write_text("field_mapping: {email: email}\n")
    snowflake = {
        "account": sandbox.account,
        "user": sandbox.user,
        "auth": {"method": "key_pair", "private_key_path": str(sandbox.private_key_path)},
        "host": "127.0.0.1",
        "port": sandbox.snowflake_port,
        "protocol": "http",
        "database": sandbox.database,
        "schema": sandbox.schema,
        "transport": transport,
        "sync": {"customers": False, "segments": False, "analytics": False},
    }
    connectors = {
        "snowflake": snowflake,
        "brevo": {"api_key": account, "base_url": sandbox.brevo_url},
    }
    (folder / "tajo.yaml").write_text(yaml.safe_dump({"connectors": connectors}))


def _synced(code: Path, folder: Path, rows: int, *, first: bool) -> float:
    """Sync, and return the processor seconds that it took."""
    arguments = ["connectors", "sync", "snowflake", "--json", "--config", str(folder / "tajo.yaml")]
    took, output = _ran(["-c", COMMAND, *arguments], code, folder)
    [run] = json.loads(output)
    wanted: dict[str, Any] = {"extracted": rows, "planned": rows if first else 0}
    if wanted != {name: run[name] for name in wanted}:
        raise SystemExit(f"not as it should be: {run}")
    return took


def _ran(arguments: list[str], code: Path = HERE, folder: Path = HERE) -> tuple[float, str]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(code)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # it would compile anew in each run
    ran = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, ran.stdout


if __name__ == "__main__":
    typer.run(main)
