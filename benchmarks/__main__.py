"""The product beside its peers, on the same rows, in one run: `python -m benchmarks`.

Sets each peer up in an environment of its own, lets all bring the same contacts to one local
server that counts, and says which of the project's goals are met. docs/benchmarks.md tells more.
"""

import json
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.peers import data, environments, goals, limits, profile, report
from benchmarks.peers.contenders import CONTENDERS, TAJO, Contender
from benchmarks.peers.counting import counting
from benchmarks.peers.scenarios import PLANS, Bench, Result

_errors = Console(stderr=True)
NOT_INSTALLABLE = 2  # the exit code where pip cannot reach what a peer needs


def main(  # noqa: PLR0917 - a command's options are given by name
    rows: Annotated[int, typer.Option(min=1_000, help="Contacts.")] = 1_000_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each; medians are shown.")] = 5,
    scenarios: Annotated[str, typer.Option(help="Letters of docs/benchmarks.md; s: smoke.")] = (
        "adefghs"
    ),
    only: Annotated[str, typer.Option(help="Names of contenders, with commas.")] = "",
    sizes: Annotated[str, typer.Option(help="Of (h): times as many rows.")] = "1,2,5,10",
    cache: Annotated[Path, typer.Option(help="Where peers are kept.")] = environments.CACHE,
    around: Annotated[
        bool, typer.Option("--around/--no-around", help="The machine's limits, and a profile.")
    ] = True,
    results: Annotated[Path | None, typer.Option(help="Write the results as JSON.")] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep what --results has of other scenarios.")
    ] = False,
    write: Annotated[Path | None, typer.Option(help="Write results into this page.")] = None,
) -> None:
    """Measure; end with 1 if a goal is missed. Ctrl-C ends it early, with what there is."""
    chosen = [one for one in CONTENDERS if not only or one.name in only.split(",")]
    earlier = _earlier(results, rows) if keep and results else {}
    load, started = os.getloadavg()[0], time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="tajo-benchmarks-") as folder,
        counting(Path(folder) / "server") as server,
    ):
        pythons, versions = _set_up(cache, chosen)
        bench = Bench(Path(folder), server, pythons, rows, _tell)
        found: dict[str, Any] = {
            "rows": rows,
            "runs": runs,
            "machine": {**_machine(), "load_before": load},
            "versions": versions,
            "limits": _limits(bench, runs) if around else {},
            "profile": _profile(bench, cache) if around else {},
        }
        measured: list[Result] = []
        with suppress(KeyboardInterrupt):  # what was measured until then is worth something
            measured.extend(_measured(bench, chosen, scenarios, runs, sizes))
    found["machine"]["load_after"] = os.getloadavg()[0]
    measured = _with_earlier(earlier, found, measured)
    found["cannot"] = {one.name: dict(one.cannot) for one in chosen if one.cannot}
    found["goals"] = [asdict(goal) for goal in goals.judged(measured)]
    found["results"] = [asdict(one) for one in measured]
    found["seconds"] = round(time.monotonic() - started)
    if results:
        results.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if write:
        report.write(write, found, measured)
    typer.echo("\n".join(report.markdown(found, measured)))
    raise typer.Exit(int(not all(goal.met for goal in goals.judged(measured))))


def _tell(line: str) -> None:
    _errors.print(line, highlight=False, markup=False, soft_wrap=True)


def _measured(
    bench: Bench, chosen: Sequence[Contender], scenarios: str, runs: int, sizes: str
) -> Iterator[Result]:
    """Interleave: every contender once, then every contender again."""
    for _ in range(runs):
        for scenario in [dead_letter for dead_letter in "adefgs" if dead_letter in scenarios]:
            for contender in chosen:
                yield from bench.run(scenario, contender)
        if TAJO not in chosen:
            continue
        if "e" in scenarios:
            yield from (bench.leaving(plan) for plan in PLANS)
        if "h" in scenarios:
            yield from (bench.larger(int(times)) for times in sizes.split(","))


def _earlier(results: Path, rows: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
    if found["rows"] != rows:
        raise typer.BadParameter(f"{results} is of {found['rows']:,} rows", param_hint="--keep")
    return found


def _with_earlier(
    earlier: dict[str, Any], found: dict[str, Any], measured: list[Result]
) -> list[Result]:
    """Give the earlier results of scenarios that were not measured anew, and the new ones."""
    found |= {name: found[name] or earlier.get(name, {}) for name in ("limits", "profile")}
    anew = {one.scenario for one in measured}
    kept = [one for one in earlier.get("results", []) if one["scenario"] not in anew]
    return [Result(**one) for one in kept] + measured


def _set_up(cache: Path, chosen: Sequence[Contender]) -> tuple[dict[str, Path], list[str]]:
    """Give each contender's interpreter, and the versions of what pip installed."""
    pythons, versions = {}, {}
    for one in chosen:
        pythons[one.name] = Path(sys.executable)
        if one.packages:
            _errors.print(f"setting up {one.title}")
            try:
                pythons[one.name] = environments.environment(cache, one.packages)
            except environments.NotInstallableError as error:
                _errors.print(f"{one.title} cannot be installed: {error}", highlight=False)
                raise typer.Exit(NOT_INSTALLABLE) from None
            versions |= dict.fromkeys(environments.versions(pythons[one.name], one.packages))
    return pythons, list(versions)


def _limits(bench: Bench, runs: int) -> dict[str, float]:
    bench.larger(1)  # its bodies are those that a bare client sends
    bodies = limits.bodies_of(bench.server)
    rows = data.make(bench.folder, bench.rows)
    a_row = sum(map(len, bodies)) / rows.expected
    loopback = limits.loopback(bench.server, bodies, runs)
    megabytes = f"{loopback / 1e6:,.0f} MB a second"
    return {
        f"a bare client over loopback, bodies ready ({megabytes})": loopback / a_row,
        "the Parquet file read, every column": limits.parquet(rows, runs),
        **{
            f"Brevo's budget of imports, {plan} plan ({a_row:.0f} bytes a row)": rate
            for plan, rate in limits.budget(a_row).items()
        },
    }


def _profile(bench: Bench, cache: Path) -> dict[str, float]:
    bench.server.begin()
    try:
        return profile.shares(cache, bench.job(TAJO, data.make(bench.folder, bench.rows)))
    except (profile.NotAllowedError, environments.NotInstallableError) as error:
        _errors.print(f"no profile: {error}", highlight=False)
        return {}


def _machine() -> dict[str, Any]:
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processors": os.cpu_count(),
        "model": names[0] if names else platform.machine(),
        "memory": round(pages / 2**30),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    typer.run(main)
