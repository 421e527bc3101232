"""A document of results as the Markdown and the plots of docs/benchmarks.md."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.contenders import CONTENDERS
from benchmarks.peers.goals import Goal, Medians, Spread
from benchmarks.peers.scenarios import TITLES, Result

_START, _END = "<!-- results: written by the command above -->", "<!-- end of results -->"
_NAMES = {one.name: one.title for one in CONTENDERS}
_PLOTS = {
    "first-sync": "Rows a second of a first sync, and the processor seconds of a million rows",
    "sizes": "Seconds and memory of a first sync, by its rows",
}


def write(page: Path, document: Mapping[str, Any], results: Sequence[Result]) -> None:
    """Replace what stands between the page's markers, and the plots beside it."""
    images = page.parent / "images"
    drawn = _plotted(images, results)
    shown = [f"![{_PLOTS[name]}](images/benchmarks-{name}.svg)" for name in drawn]
    text = "\n".join([_START, "", *markdown(document, results, shown), "", _END])
    before = page.read_text(encoding="utf-8")
    found = re.compile(f"{re.escape(_START)}.*{re.escape(_END)}", re.DOTALL)
    page.write_text(found.sub(lambda _: text, before, count=1), encoding="utf-8")


def markdown(
    document: Mapping[str, Any], results: Sequence[Result], plots: Sequence[str] = ()
) -> Iterator[str]:
    """Give the lines of the results."""
    machine = document["machine"]
    yield (
        f"{document['rows']:,} rows, on "
        f"{machine['processors']} processors ({machine['model']}), {machine['memory']} GB, Python "
        f"{machine['python']}; load {machine['load_before']:.1f} before and "
        f"{machine['load_after']:.1f} after. "
        f"Peers: {', '.join(document['versions'])}."
    )
    if document["goals"]:
        yield from ("", "### Goals", "", *_goals(document["goals"]))
    yield ""
    for plot in plots:
        yield from (plot, "")
    for scenario in [name for name in TITLES if any(one.scenario == name for one in results)]:
        yield from (f"### ({scenario}) {TITLES[scenario]}", "")
        yield from (*_runs(scenario, results), "")
        yield from (*_table(scenario, results, document["cannot"]), "")
    if document["limits"]:
        yield from ("### Physical limits", "", *_limits(document["limits"]))
    if document["profile"]:
        yield from ("", "### Where the time of ours goes", "", *_profile(document["profile"]))


def _goals(goals: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| | goal | wanted | found | |"
    yield "|---|---|---:|---:|---|"
    for fields in goals:
        goal = Goal(**fields)
        sign = "≤" if goal.at_most else "≥"
        yield (
            f"| ({goal.scenario}) | {goal.what} | {sign} {goal.wanted:g} | {goal.found:.3g} | "
            f"{'met' if goal.met else '**missed**'} |"
        )


def _runs(scenario: str, results: Sequence[Result]) -> Iterator[str]:
    """Tell how often each did it: somebody may have ended the benchmark early."""
    chosen = [one for one in results if one.scenario == scenario]
    counts = Counter((one.contender, one.plan, one.rows) for one in chosen).values()
    least, most = min(counts), max(counts)
    yield f"Runs of each, in turns: {least}{f' to {most}' if most > least else ''}."


def _table(
    scenario: str, results: Sequence[Result], cannot: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    yield (
        "| | rows | rows a second | seconds | processor seconds | memory, MB | requests | lost | "
        "twice | needless | proven |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"
    chosen = [one for one in results if one.scenario == scenario]
    for key in dict.fromkeys((one.contender, one.plan, one.rows) for one in chosen):
        runs = [one for one in chosen if (one.contender, one.plan, one.rows) == key]
        yield _line(key[0], runs)
    for name, reasons in cannot.items():
        if scenario in reasons:
            yield f"| {_NAMES[name]} | {reasons[scenario]} |{' |' * 9}"


def _line(contender: str, runs: Sequence[Result]) -> str:
    one = runs[0]
    name = _NAMES.get(contender, contender) + (f", {one.plan}" if one.plan else "")
    seconds = Spread.of([run.seconds for run in runs])
    worst = {
        what: max(int(run.arrived[what]) for run in runs)
        for what in ("requests", "lost", "repeated", "unexpected", "refused_429")
    }
    requests = f"{worst['requests']:,}"
    if worst["refused_429"]:
        requests += f", {worst['refused_429']:,} of them 429"
    cells = [
        name,
        f"{one.rows:,}",
        f"{Spread.of([run.rate for run in runs]).median:,.0f}",
        f"{seconds.median:.1f} ({seconds.least:.1f} to {seconds.most:.1f})",
        f"{Spread.of([run.processor_seconds for run in runs]).median:.1f}",
        f"{Spread.of([run.memory for run in runs]).median / 1e6:,.0f}",
        requests,
        *(f"{worst[what]:,}" for what in ("lost", "repeated", "unexpected")),
        "yes" if all(run.proven for run in runs) else "**no**",
    ]
    return f"| {' | '.join(cells)} |"


def _limits(limits: Mapping[str, Any]) -> Iterator[str]:
    yield "| | rows a second |"
    yield "|---|---:|"
    for what, rate in limits.items():
        yield f"| {what} | {rate:,.0f} |"


def _profile(profile: Mapping[str, float]) -> Iterator[str]:
    yield "| stage | share of the time |"
    yield "|---|---:|"
    for stage, share in profile.items():
        yield f"| {stage} | {share:.1%} |"


def _plotted(images: Path, results: Sequence[Result]) -> list[str]:
    """Draw what there are results for; give the names of the plots."""
    import matplotlib as mpl

    mpl.use("svg")
    # The same results make the same bytes.
    mpl.rcParams.update(
        {"svg.hashsalt": "benchmarks", "font.size": 9, "figure.constrained_layout.use": True}
    )
    drawn = []
    if any(one.scenario == "a" for one in results):
        _save(_first_sync(Medians(results)), images / "benchmarks-first-sync.svg")
        drawn.append("first-sync")
    if len({one.rows for one in results if one.scenario == "h"}) > 1:
        _save(_sizes(Medians(results)), images / "benchmarks-sizes.svg")
        drawn.append("sizes")
    return drawn


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})


def _first_sync(by: Medians) -> Any:
    from matplotlib.figure import Figure

    names = [name for name in by.contenders("a") if name != "drt-cursor"][::-1]
    titles = [_NAMES[name] for name in names]
    figure = Figure(figsize=(8, 2.6))
    rates, costs = figure.subplots(1, 2)
    values = [by.rate("a", name) for name in names]
    _bars(rates, titles, values, "rows a second")
    values = [
        Spread.of([one.processor_seconds / one.rows * 1e6 for one in by.runs("a", name)]).median
        for name in names
    ]
    _bars(costs, [""] * len(names), values, "processor seconds for a million rows")
    return figure


def _bars(axes: Any, titles: Sequence[str], values: Sequence[float], what: str) -> None:
    paths = range(len(values))
    axes.barh(paths, values, color=["#9aa5b1"] * (len(values) - 1) + ["#0b8457"])
    axes.set_yticks(paths, titles)
    axes.set_xscale("log")
    axes.set_xlabel(what)
    for place, value in zip(paths, values, strict=True):
        axes.text(value, place, f" {value:,.0f}", va="center", fontsize=8)
    axes.set_xlim(right=max(values) * 4)
    axes.spines[["top", "right"]].set_visible(False)


def _sizes(by: Medians) -> Any:
    from matplotlib.figure import Figure

    sizes = sorted({one.rows for one in by.results if one.scenario == "h"})
    runs = [by.of("h", rows) for rows in sizes]
    figure = Figure(figsize=(8, 2.6))
    seconds, memory = figure.subplots(1, 2)
    seconds.plot(sizes, [one.seconds for one in runs], "o-", color="#0b8457")
    seconds.set_ylabel("seconds")
    memory.plot(sizes, [one.memory / 1e6 for one in runs], "o-", color="#0b8457")
    memory.set_ylabel("MB, the most at once")
    for axes in (seconds, memory):
        axes.set_xlabel("rows")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.spines[["top", "right"]].set_visible(False)
    return figure
