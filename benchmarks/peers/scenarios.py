"""What everybody is asked to do, and one measurement of it."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import data, process
from benchmarks.peers.arrivals import Arrivals
from benchmarks.peers.contenders import TAJO, Contender, Job
from benchmarks.peers.counting import Counting
from benchmarks.peers.data import DataSet
from tajo_sf_pipeline.brevo import limits
from tajo_sf_pipeline.brevo.budget import bucket_of, limit_of

TITLES = {
    "a": "first sync",
    "b": "the same again, nothing changed",
    "c": "1 % changed",
    "d": "first sync, 50 ms of latency on each answer",
    "e": "first sync, the plan's limits enforced",
    "f": "first sync, 1 write in 20 answered by a 500",
    "g": "kill -9 after half, while an answer is due, and again",
    "h": "first sync of more rows",
    "smoke a": "as (a), with the rows of the smoke test",
    "smoke b": "as (b), with the rows of the smoke test",
}
PLANS = ("general", "advanced", "extended")
SMOKE_ROWS = 50_000
# Who sends a row a request gets so many rows, and the rate is what it was with them.
_FEW = {"a": 500, "d": 100, "e": 50, "f": 500, "g": 500}
_SECONDS_OF_LEAVING = 10
_BYTES_A_ROW = 270


@dataclass(frozen=True, slots=True)
class Result:
    """One program's run: what it cost and what arrived; `plan` is that of scenario (e)."""

    scenario: str
    contender: str
    rows: int
    code: int
    seconds: float
    processor_seconds: float
    memory: int
    arrived: dict[str, Any]
    proven: bool
    plan: str | None = None
    of_limit: float | None = None
    """The least time that the limit allows for the calls, over what they took."""

    @property
    def rate(self) -> float:
        return self.rows / self.seconds


@dataclass(frozen=True, slots=True)
class Bench:
    """Where it is measured; `pythons` has the interpreter of each contender."""

    folder: Path
    server: Counting
    pythons: Mapping[str, Path]
    rows: int
    tell: Callable[[str], None]

    def run(self, scenario: str, contender: Contender) -> Iterator[Result]:
        """Do a scenario once; (a) brings (b) and (c) with it, which go on where it ended.

        ``s`` is the smoke test: (a) and (b) with few rows.
        """
        if scenario not in contender.scenarios:
            return
        match scenario:
            case "a":
                yield from self.again(contender, "a", "b", "c")
            case "d":
                yield self.once("d", contender, latency=0.05)
            case "e":
                for plan in PLANS:
                    yield self.once("e", contender, plan=plan)
            case "f":
                yield self.once("f", contender, fail_every=20)
            case "g":
                yield self._killed(contender)
            case "s":
                yield from replace(self, rows=SMOKE_ROWS).again(contender, "smoke a", "smoke b")

    def again(self, contender: Contender, *names: str) -> Iterator[Result]:
        """Bring the rows, the same rows again, and with them those that have changed since."""
        rows = self._rows("a", contender)
        plain = data.make(self.folder, rows)
        job = self.job(contender, plain)
        yield self._measured(names[0], contender, job, plain.due(first=True))
        yield self._measured(names[1], contender, job, plain.due(first=False))
        for name in names[2:]:
            changed = data.make(self.folder, rows, changed=True)
            job = replace(job, data=changed)
            yield self._measured(name, contender, job, changed.due(first=False))

    def once(self, scenario: str, contender: Contender, **settings: Any) -> Result:
        """Bring the rows to a server that answers as `settings` say."""
        rows = data.make(self.folder, self._rows(scenario, contender))
        job = self.job(contender, rows, plan=settings.get("plan"))
        return self._measured(scenario, contender, job, rows.due(first=True), **settings)

    def larger(self, times: int) -> Result:
        """Bring `times` as many rows, by ours alone."""
        return replace(self, rows=self.rows * times).once("h", TAJO)

    def leaving(self, plan: str) -> Result:
        """Let half of a list leave it: the work of ours in which a limit of calls binds."""
        limit, interval = limit_of(plan, "contacts")
        leaving = limits.LIST_CONTACTS * limit * _SECONDS_OF_LEAVING
        before = data.make(self.folder, 2 * leaving)
        after = data.make(self.folder, leaving)
        job = self.job(TAJO, before, plan=plan, audience={"mode": "mirror", "verify": "off"})
        self._measured("e", TAJO, job, before.due(first=True))
        job = replace(job, data=after, accept=("max_removed",))
        result = self._measured("e", TAJO, job, after.due(first=False), plan=plan)
        # The list and the attributes are looked up within the same limit.
        calls = [one for one in self.server.log() if bucket_of(one.path) == "contacts"]
        removals = [one for one in calls if one.path.endswith("/contacts/remove")]
        whole = len(removals) * limits.LIST_CONTACTS >= before.expected - after.expected
        least = (-(-len(calls) // limit) - 1) * interval / 1_000
        return replace(
            result,
            contender="tajo, leaving",
            rows=before.expected - after.expected,
            proven=result.proven and whole,
            of_limit=least / (calls[-1].at - calls[0].at) if whole else 0.0,
        )

    def _killed(self, contender: Contender) -> Result:
        rows = data.make(self.folder, self._rows("g", contender))
        job = self.job(contender, rows)
        self.server.begin(hold_after=rows.rows * _BYTES_A_ROW // 2)
        self._ran(contender, job, kill_when=self.server.held)
        self.server.go_on()
        ran = self._ran(contender, job)
        arrived = self.server.count(rows, rows.due(first=True))
        return self._result("g", contender, job, ran, arrived)

    def _measured(
        self,
        scenario: str,
        contender: Contender,
        job: Job,
        due: np.ndarray[Any, Any],
        **settings: Any,
    ) -> Result:
        self.server.begin(**settings)
        ran = self._ran(contender, job)
        return self._result(scenario, contender, job, ran, self.server.count(job.data, due))

    def _result(
        self, scenario: str, contender: Contender, job: Job, ran: process.Ran, arrived: Arrivals
    ) -> Result:
        self.tell(
            f"({scenario}) {contender.title}: {job.data.rows:,} rows, {ran.seconds:.1f} s, "
            f"{ran.processor_seconds:.1f} s of processor, {ran.memory / 1e6:,.0f} MB"
            + (f"; ended with {ran.code}: {ran.output[-300:]}" if ran.code else "")
        )
        return Result(
            scenario=scenario,
            contender=contender.name,
            rows=job.data.rows,
            code=ran.code,
            seconds=ran.seconds,
            processor_seconds=ran.processor_seconds,
            memory=ran.memory,
            arrived=asdict(arrived),
            proven=not ran.code and (arrived.whole if scenario == "g" else arrived.proven),
            plan=job.plan,
        )

    def _ran(
        self, contender: Contender, job: Job, kill_when: Callable[[], bool] | None = None
    ) -> process.Ran:
        contender.prepare(job)
        return process.run(
            contender.command(self.pythons[contender.name], job),
            folder=job.folder,
            environment={"HOME": str(job.folder), **contender.environment(job)},
            kill_when=kill_when,
        )

    def job(self, contender: Contender, rows: DataSet, **more: Any) -> Job:
        folder = self.folder / "runs" / contender.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return Job(rows, self.server.url, folder, **more)

    def _rows(self, scenario: str, contender: Contender) -> int:
        return min(self.rows, _FEW[scenario]) if contender.row_by_row else self.rows
