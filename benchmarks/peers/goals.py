"""What the project wants of itself, as ratios within one run: met or missed."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.peers.scenarios import PLANS, Result

# Times as many rows a second as each.
FIRST_SYNC = {"drt": 10.0, "drt-rows": 10.0, "dlt": 3.0, "ten-threads": 1.5}
NOTHING_CHANGED = 50.0
LATENCY = {"drt": 5.0, "drt-rows": 5.0}
OF_LIMIT, LINEAR, FLAT = 0.95, 1.15, 1.30


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure beside what it should be; `at_most` where less is better."""

    scenario: str
    what: str
    wanted: float
    found: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.found <= self.wanted if self.at_most else self.found >= self.wanted


def judged(results: Sequence[Result]) -> Iterator[Goal]:
    """Give the goals of the scenarios that were run."""
    by = Medians(results)
    for scenario, wanted in (("a", FIRST_SYNC), ("b", NOTHING_CHANGED), ("d", LATENCY)):
        names = by.contenders(scenario)
        for name in names if "tajo" in names else []:
            least = wanted if isinstance(wanted, float) else wanted.get(name)
            if name != "tajo" and least is not None:
                found = by.rate(scenario, "tajo") / by.rate(scenario, name)
                yield Goal(scenario, f"times the rows a second of {name}", least, found)
    for plan in PLANS:
        if parts := [one.of_limit for one in results if one.plan == plan and one.of_limit]:
            yield Goal("e", f"of the {plan} plan's limit", OF_LIMIT, min(parts))
    if ours := by.runs("f", "tajo"):
        lost = max(one.arrived["lost"] for one in ours)
        yield Goal("f", "rows lost", 0, lost, at_most=True)
        yield Goal("f", "runs that failed", 0, sum(bool(one.code) for one in ours), at_most=True)
    if ours := by.runs("g", "tajo"):
        windows = max(one.arrived["repeated"] / max(one.arrived["window"], 1) for one in ours)
        yield Goal("g", "windows sent twice", 1, windows, at_most=True)
        lost = max(one.arrived["lost"] for one in ours)
        yield Goal("g", "rows lost", 0, lost, at_most=True)
    sizes = sorted({one.rows for one in results if one.scenario == "h"})
    if len(sizes) > 1:
        small, large = (by.of("h", rows) for rows in (sizes[0], sizes[-1]))
        growth = large.seconds / small.seconds / (large.rows / small.rows)
        yield Goal("h", "seconds a row, the most beside the fewest", LINEAR, growth, at_most=True)
        memory = large.memory / small.memory
        yield Goal("h", "memory, the most rows beside the fewest", FLAT, memory, at_most=True)


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some runs, the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Medians:
    """Runs of the same scenario by the same contender, summed up."""

    results: Sequence[Result]

    def runs(self, scenario: str, contender: str) -> list[Result]:
        return [
            one for one in self.results if (one.scenario, one.contender) == (scenario, contender)
        ]

    def contenders(self, scenario: str) -> list[str]:
        found = dict.fromkeys(one.contender for one in self.results if one.scenario == scenario)
        return list(found)

    def rate(self, scenario: str, contender: str) -> float:
        return statistics.median(one.rate for one in self.runs(scenario, contender))

    def of(self, scenario: str, rows: int) -> Result:
        """Give the run of a size that took the median of the time."""
        runs = [one for one in self.results if (one.scenario, one.rows) == (scenario, rows)]
        return sorted(runs, key=lambda one: one.seconds)[len(runs) // 2]
