"""How much of the account's rate budget several processes draw together, and how many 429s.

    python -m benchmarks.budget [--seconds S] [--processes P] [--json]

Each process is a client of its own that calls as fast as the shared budget lets it; the local
Brevo enforces the general plan's ten requests a second, and its log is what is counted. Beside it
stands the bare loop: the same processes without a budget that they share, each keeping the plan's
limits for itself.
"""

import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.config.settings import Brevo
from tajo_sf_pipeline.sandbox import Sandbox, serve

LIMIT = 10  # requests a second: developers.brevo.com/docs/api-limits, the general plan


def main(
    seconds: Annotated[float, typer.Option(min=1, help="How long they call.")] = 60,
    processes: Annotated[int, typer.Option(min=1, help="How many call at once.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    worker: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Let processes call together for a while, and print what they reached."""
    if worker is not None:
        _call(json.loads(worker))
        return
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as sandbox:
        shared = _measured(sandbox, seconds, processes, Path(folder) / "budget")
        alone = _measured(sandbox, seconds, processes, None)
    report = {"seconds": seconds, "processes": processes, "shared": shared, "not_shared": alone}
    if as_json:
        typer.echo(json.dumps(report))
    else:
        Console().print(_table(report))


def _measured(
    sandbox: Sandbox, seconds: float, processes: int, budget: Path | None
) -> dict[str, float]:
    admin, key = f"{sandbox.brevo_url.removesuffix('/v3')}/admin/accounts", uuid.uuid4().hex
    account = {"key": key, "rate_limits": True, "plan": "general"}
    httpx.post(admin, json=account).raise_for_status()
    work = {
        "api_key": key,
        "base_url": sandbox.brevo_url,
        "budget": str(budget) if budget else None,
        # Interpreters start at their own pace: all begin at the same moment.
        "start": time.time() + 5,
        "seconds": seconds,
    }
    command = [sys.executable, "-m", "benchmarks.budget", "--worker", json.dumps(work)]
    running = [subprocess.Popen(command) for _ in range(processes)]  # noqa: S603
    assert [0] * processes == [process.wait() for process in running]
    log = httpx.get(f"{admin}/{key}/requests").raise_for_status().json()["requests"]
    counted = [entry["status"] for entry in log]
    accepted = sum(status < httpx.codes.BAD_REQUEST for status in counted)
    return {
        "accepted": accepted,
        "refused_429": counted.count(httpx.codes.TOO_MANY_REQUESTS),
        "part_of_budget": round(accepted / (seconds * LIMIT), 4),
    }


def _call(work: Mapping[str, Any]) -> None:
    brevo = Brevo(api_key=work["api_key"], base_url=work["base_url"])
    budget = Path(work["budget"]) if work["budget"] else None
    with Client(brevo, budget=budget) as client:
        time.sleep(max(0.0, work["start"] - time.time()))
        while time.time() < work["start"] + work["seconds"]:
            client.get("/contacts/lists", limit=1)


def _table(report: Mapping[str, Any]) -> Table:
    table = Table(
        "budget",
        title=f"{report['processes']} processes for {report['seconds']:g} s, {LIMIT} requests/s",
    )
    for heading in ("accepted", "429s", "of the budget"):
        table.add_column(heading, justify="right")
    for name in ("shared", "not_shared"):
        told = report[name]
        table.add_row(
            name.replace("_", " "),
            f"{told['accepted']:,}",
            f"{told['refused_429']:,}",
            f"{told['part_of_budget']:.1%}",
        )
    return table


if __name__ == "__main__":
    typer.run(main)
