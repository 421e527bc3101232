"""What the delivery of a plan costs beside a bare httpx loop that says the same to Brevo.

    python -m benchmarks.delivery [--rows N] [--plan PLAN] [--json]

`rows` changed contacts are brought by import, and a tenth of them leave a mirror that holds twice
as many. Ours is a whole run, from the plan to the ledger, against the local Brevo with its limits
on. The bare loop has its bodies ready. It posts the contacts to an account without limits, one body
after the other, and polls twice a second until all are done. It takes as many off the same list,
and sleeps out each 429. The imports are measured with a server that discards the rows it has read,
so that it is no bottleneck, and with one that applies them; calls are counted in the server's log.
"""

import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.plan import make
from tajo_sf_pipeline.brevo import imports, limits
from tajo_sf_pipeline.brevo.budget import limit_of
from tajo_sf_pipeline.sandbox import Sandbox, serve
from tajo_sf_pipeline.state import failpoints
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline.storage.paths import Paths
from tajo_sf_pipeline_tests.mapped_rows import DAY, Engine, audience
from tajo_sf_pipeline_tests.workspaces import BrevoAccount

Plan = Literal["general", "advanced", "extended"]
LISTING = "people"
CALLS_AT_MOST, WALL_AT_MOST = 1.05, 1.3
REMOVALS_AT_MOST, BUDGET_AT_LEAST = 1.01, 0.95
POLL = 0.5  # seconds between two polls of the bare loop
_PAGE = 50  # the most that GET /processes gives at once
_TIMEOUT, _TOO_MANY = 600, 429
_IMPORT, _REMOVE = "/v3/contacts/import", "/contacts/remove"
_TYPES = {
    **dict.fromkeys(("FIRSTNAME", "LASTNAME", "CITY", "SEGMENT", "LAST", "RFM"), "text"),
    **dict.fromkeys(("LTV", "CHURN", "ORDERS"), "float"),
}
# What a run does until it reaches a step.
_PARTS = {"plan.written": "plan", "call.sent": "calls", "ledger.confirmed": "ledger"}
_REJECTED = pa.schema(
    {"row": pa.int64(), "key": pa.string(), "column": pa.string(), "reason": pa.string()}
)


def main(
    rows: Annotated[int, typer.Option(min=1_000, help="Contacts that changed.")] = 1_000_000,
    plan: Annotated[Plan, typer.Option(help="Whose limits the account has.")] = "general",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure imports and removals; end with 1 if a goal is missed."""
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder) / "sandbox") as sandbox:
        bench = Bench(sandbox, Path(folder), plan)
        report: dict[str, Any] = {"plan": plan, "processors": os.cpu_count(), "imports": {}}
        report["load_before"] = os.getloadavg()[0]
        report["removals"] = bench.removals(rows // 10)
        if not as_json:  # the rest takes minutes
            Console().print(_removals_table(report))
        for server in ("discards", "applies"):
            report["imports"][server] = bench.imports(rows, discards=server == "discards")
        report["load_after"] = os.getloadavg()[0]
    report["missed"] = _missed(report)
    if as_json:
        typer.echo(json.dumps(report))
    else:
        Console().print(_imports_table(report))
    raise typer.Exit(int(bool(report["missed"])))


@dataclass(frozen=True, slots=True)
class Bench:
    """Where it is measured."""

    sandbox: Sandbox
    folder: Path
    plan: Plan

    def imports(self, rows: int, *, discards: bool) -> dict[str, Any]:
        """Bring contacts of which every one is known to the ledger, and has changed since."""
        engine = self._engine(f"imports_{discards}", verify="off" if discards else "sample")
        engine.account.change(import_discards=True)
        _write(engine.paths, rows)
        engine.sync().run()
        _write(engine.paths, rows, changed=True)
        other = self._account()
        bodies = _bodies(engine, other)
        for account in (engine.account, other):
            account.change(import_discards=discards)
        bare = _posted(other, bodies)
        engine.account.change(rate_limits=True, plan=self.plan)
        already = len(_log(engine.account))
        seconds, summary = _run(engine)
        assert (rows, rows, 0) == (summary.updated, summary.confirmed, summary.failed)
        log = _log(engine.account, already)
        sent = [entry["request_bytes"] for entry in log if entry["path"] == _IMPORT]
        assert [len(body) for body in bodies] == sent
        polls = sum(entry["path"] == "/v3/processes" for entry in log)
        return {
            "rows": rows,
            "bytes": sum(sent),
            "calls": {"import": len(sent), "polls": polls, "others": len(log) - len(sent) - polls},
            "refused_429": _refused(log),
            "calls_ratio": len(sent) / (sum(sent) / limits.IMPORT_BYTES),
            "seconds": {**seconds, "bare": bare},
            "wall_ratio": seconds["ours"] / bare,
        }

    def removals(self, rows: int) -> dict[str, Any]:
        """Let half of a mirror leave; then the bare loop takes the other half off its list."""
        engine = self._engine("removals", mode="mirror", verify="off")
        _write(engine.paths, 2 * rows)
        engine.sync().run()
        _write(engine.paths, rows)
        keys = pq.read_table(engine.paths.mapped(DAY), columns=["_key"])["_key"].to_pylist()
        engine.account.change(rate_limits=True, plan=self.plan)
        already = len(_log(engine.account))
        seconds, summary = _run(engine, accept=("max_removed",))
        assert (rows, 0) == (summary.removed, summary.left_over)
        assert rows == engine.account.lists()[LISTING]
        log = _log(engine.account, already)
        calls = [entry for entry in log if entry["path"].endswith(_REMOVE)]
        bare = _removed(engine, keys)
        assert engine.account.lists()[LISTING] == 0
        again = _log(engine.account, already + len(log))
        again = [entry for entry in again if entry["path"].endswith(_REMOVE)]
        return {
            "rows": rows,
            "calls": {"remove": len(calls), "others": len(log) - len(calls)},
            "refused_429": {"ours": _refused(log), "bare": _refused(again)},
            "calls_ratio": len(calls) / (rows / limits.LIST_CONTACTS),
            "part_of_budget": {"ours": self._part(calls), "bare": self._part(again)},
            "seconds": {**seconds, "bare": bare},
            "wall_ratio": seconds["ours"] / bare,
        }

    def _part(self, log: Sequence[Mapping[str, Any]]) -> float:
        """Give the least time from first to last call that the budget allows, over what it was."""
        limit, interval = limit_of(self.plan, "contacts")
        moments = [entry["at"] for entry in log if entry["status"] != _TOO_MANY]
        least = (math.ceil(len(moments) / limit) - 1) * interval / 1_000
        return float(least / (moments[-1] - moments[0]))

    def _account(self) -> BrevoAccount:
        account = BrevoAccount.new(self.sandbox)
        account.attributes(**_TYPES)
        return account

    def _engine(self, name: str, **settings: Any) -> Engine:
        people = audience(LISTING, **settings)
        return Engine(self.folder / name, self._account(), people, {"plan": self.plan})


def _write(paths: Paths, rows: int, *, changed: bool = False) -> None:
    """Write what the mapping would have written of contacts with nine attributes."""
    file = paths.mapped(DAY)
    file.parent.mkdir(parents=True, exist_ok=True)
    make(file, rows, int(changed))
    end = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(days=1)
    columns = [[name.lower(), name, kind] for name, kind in _TYPES.items()]
    with parquet.writing(paths.rejected(DAY), _REJECTED) as out:
        out.finish(
            {
                "path": "incremental",
                "extracted": rows,
                "rejected": 0,
                "columns": columns,
                "reached": end.isoformat(),
                "window_end": end.isoformat(),
            }
        )


def _run(engine: Engine, accept: tuple[str, ...] = ()) -> tuple[dict[str, float], Summary]:
    """Sync; give the seconds of all of it, and those of its parts that others wait for."""
    reached: list[tuple[str, float]] = []
    before, failpoints.watcher = (
        failpoints.watcher,
        lambda step: reached.append((step, time.perf_counter())),
    )
    started = time.perf_counter()
    try:
        summary = engine.sync(accept=accept).run()
    finally:
        failpoints.watcher = before
    seconds = {"ours": time.perf_counter() - started}
    for (_, earlier), (step, later) in pairwise([("", started), *reached]):
        if step in _PARTS:
            seconds[_PARTS[step]] = seconds.get(_PARTS[step], 0.0) + later - earlier
    return seconds, summary


def _bodies(engine: Engine, other: BrevoAccount) -> list[bytes]:
    """Make the bodies that a run would post now, for the other account's list."""
    plan = engine.sync().plan()
    try:
        rows = plan.rows(0, plan.counts.writes)
        return [body for _, body in imports.bodies(rows, [_new_list(other)], clear=False)]
    finally:
        plan.discard()


def _new_list(account: BrevoAccount) -> int:
    with _bare(account) as http:
        [folder] = http.get("/contacts/folders").raise_for_status().json()["folders"]
        made = http.post("/contacts/lists", json={"name": LISTING, "folderId": folder["id"]})
        return int(made.raise_for_status().json()["id"])


def _bare(account: BrevoAccount) -> httpx.Client:
    headers = {"api-key": account.key, "content-type": "application/json"}
    return httpx.Client(base_url=f"{account.url}/v3", headers=headers, timeout=_TIMEOUT)


def _posted(account: BrevoAccount, bodies: Sequence[bytes]) -> float:
    """Post bodies one after the other and poll to the end; give the seconds."""
    started = time.perf_counter()
    with _bare(account) as http:
        waiting = set()
        for body in bodies:
            answer = http.post("/contacts/import", content=body).raise_for_status()
            waiting.add(answer.json()["processId"])
        while waiting := waiting - _completed(http, len(bodies)):
            time.sleep(POLL)
    return time.perf_counter() - started


def _completed(http: httpx.Client, count: int) -> set[int]:
    found = set()
    for offset in range(0, count, _PAGE):
        page = http.get("/processes", params={"limit": _PAGE, "offset": offset, "sort": "desc"})
        told = page.raise_for_status().json()["processes"]
        found |= {process["id"] for process in told if process["status"] == "completed"}
    return found


def _removed(engine: Engine, keys: Sequence[str]) -> float:
    """Take contacts off the list, waiting only where it is refused; give the seconds."""
    path = f"/contacts/lists/{engine.account.list_ids()[LISTING]}{_REMOVE}"
    started = time.perf_counter()
    with _bare(engine.account) as http:
        for first in range(0, len(keys), limits.LIST_CONTACTS):
            body = {"emails": keys[first : first + limits.LIST_CONTACTS]}
            while (answer := http.post(path, json=body)).status_code == _TOO_MANY:
                time.sleep(float(answer.headers["x-sib-ratelimit-reset"]))
            answer.raise_for_status()
    return time.perf_counter() - started


def _log(account: BrevoAccount, already: int = 0) -> list[dict[str, Any]]:
    """Give what the server noted of each request, but for those that were there already."""
    told = httpx.get(f"{account.url}/admin/accounts/{account.key}/requests", timeout=_TIMEOUT)
    requests: list[dict[str, Any]] = told.raise_for_status().json()["requests"]
    return requests[already:]


def _refused(log: Sequence[Mapping[str, Any]]) -> int:
    return sum(entry["status"] == _TOO_MANY for entry in log)


def _missed(report: Mapping[str, Any]) -> list[str]:
    """Name the goals that were missed; calls are whole ones."""
    missed = []
    for server, told in report["imports"].items():
        most = math.ceil(told["bytes"] / limits.IMPORT_BYTES * CALLS_AT_MOST)
        if told["calls"]["import"] > most:
            missed.append(f"calls of imports, server {server}")
        if told["wall_ratio"] > WALL_AT_MOST:
            missed.append(f"wall time of imports, server {server}")
    removals = report["removals"]
    if removals["calls"]["remove"] > math.ceil(
        removals["rows"] / limits.LIST_CONTACTS * REMOVALS_AT_MOST
    ):
        missed.append("calls of removals")
    if removals["part_of_budget"]["ours"] < BUDGET_AT_LEAST:
        missed.append("rate of removals")
    return missed


def _imports_table(report: Mapping[str, Any]) -> Table:
    found = report["imports"]
    rows, size = (found["discards"][name] for name in ("rows", "bytes"))
    table = Table(
        "imports",
        title=f"{rows:,} changed contacts, {size / 1e6:,.1f} MB, on the {report['plan']} plan",
        caption=f"load {report['load_before']:.1f} before, {report['load_after']:.1f} after; "
        f"goals missed: {', '.join(report['missed']) or 'none'}",
    )
    lines: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "calls of imports": lambda told: f"{told['calls']['import']:,}",
        "of bytes / 8 MB": lambda told: f"{told['calls_ratio']:.3f}",
        "polls": lambda told: f"{told['calls']['polls']:,}",
        "other calls": lambda told: f"{told['calls']['others']:,}",
        "429s": lambda told: f"{told['refused_429']:,}",
        "seconds, bare": lambda told: f"{told['seconds']['bare']:.2f}",
        "seconds, ours": lambda told: f"{told['seconds']['ours']:.2f}",
        **{
            f"of them {part}": lambda told, part=part: f"{told['seconds'][part]:.2f}"  # type: ignore[misc]
            for part in _PARTS.values()
        },
        "ratio": lambda told: f"{told['wall_ratio']:.2f}",
    }
    for server in found:
        table.add_column(f"the server {server}", justify="right")
    for what, line in lines.items():
        table.add_row(what, *(line(told) for told in found.values()))
    return table


def _removals_table(report: Mapping[str, Any]) -> Table:
    told = report["removals"]
    calls = told["calls"]
    table = Table(
        "removals",
        title=f"{told['rows']:,} contacts leave a list",
        caption=f"{calls['remove']:,} calls are {told['calls_ratio']:.3f} of rows / "
        f"{limits.LIST_CONTACTS}, and there are {calls['others']} others",
    )
    for heading in ("seconds", "of the budget", "429s"):
        table.add_column(heading, justify="right")
    for name in ("bare", "ours"):
        table.add_row(
            name,
            f"{told['seconds'][name]:.2f}",
            f"{told['part_of_budget'][name]:.1%}",
            f"{told['refused_429'][name]:,}",
        )
    return table


if __name__ == "__main__":
    typer.run(main)
