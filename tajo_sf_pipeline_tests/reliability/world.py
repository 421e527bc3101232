"""An audience that lives through faults, kills and backfills, and what is true of every run."""

import os
import signal
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.errors import VendorOutageError
from tajo_sf_pipeline.state import failpoints
from tajo_sf_pipeline.state.dead_letter import Filter
from tajo_sf_pipeline.state.dead_letters import DeadLetters
from tajo_sf_pipeline.state.ledger import Ledger
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline_tests.engine import Engine
from tajo_sf_pipeline_tests.forwarder import Fault, Forwarder, faultless
from tajo_sf_pipeline_tests.workspaces import BrevoAccount

TICK = 10  # seconds between two things that happen
FIRST_DAY = date(2026, 11, 1)
# Enough for a few plans that could not be settled because of what came before them.
_RUNS_TO_REST = 6
_EVERY_RUN = 1_000_000
Faults = Mapping[int, Fault]
Rows = Sequence[dict[str, object]]


@dataclass(slots=True)
class World(ABC):
    """One audience and its account; `engine` goes through `wire`, the test looks past it.

    `settled` says that the last run left nothing open: what it brought, it knows.
    """

    engine: Engine
    brevo: BrevoAccount
    wire: Forwarder
    days: int = 0
    ticks: int = 0
    settled: bool = False
    snapshots: dict[int, Any] = field(default_factory=dict)

    @abstractmethod
    def snapshot(self) -> Any:
        """Give the source as it is now, to be kept."""

    @abstractmethod
    def extract(self, partition: SyncRun, source: Any) -> Rows:
        """Give the rows that the audience's query returns."""

    @abstractmethod
    def held(self) -> Mapping[str, object]:
        """Give what Brevo has of the source, by key."""

    @abstractmethod
    def check(self) -> None:
        """Assert what must be true after a run that left nothing open."""

    @abstractmethod
    def heal(self) -> None:
        """End every fault of the account that lasts."""

    @abstractmethod
    def decide(self) -> None:
        """Let a person decide what waits for one."""

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.engine.paths.ledger)

    def now(self) -> datetime:
        """Give a moment of today that is later than any before it."""
        self.ticks += 1
        return datetime.combine(self._day(self.days), datetime.min.time(), UTC) + timedelta(
            seconds=self.ticks * TICK
        )

    def run(self, faults: Faults | None = None) -> Summary | None:
        """Run today; give nothing where the wire's faults ended the run."""
        self.snapshots[self.days] = self.snapshot()
        return self._run(self.days, "incremental", faults or {})

    def backfill(self, back: int) -> None:
        """S04: run an older day as the source was on it; nothing of a newer run may change."""
        self.heal()
        self.run()
        if not self.settled:
            return
        now = self.snapshot()
        older = [day for day in sorted(self.snapshots) if self.snapshots[day] != now]
        if not older:
            return
        day = older[back % len(older)]
        before = self.held()
        assert self._run(day, "backfill", {}) is not None
        after = self.held()
        for key in before.keys() & now.keys():
            assert before[key] == after.get(key), f"{key} is not as the newer run has written it"

    def killed_at(self, step: str, times: int) -> None:
        """Run today in a process of its own that dies when it reaches a step for the nth time."""
        self.snapshots[self.days] = self.snapshot()
        self.settled = False
        child = os.fork()
        if not child:
            _die_at(lambda: self._run(self.days, "incremental", {}), step, times)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "see the child's traceback"

    def rest(self) -> None:
        """Run until a run has nothing to do; then nothing is open, anywhere."""
        self.heal()
        self.decide()
        for _ in range(_RUNS_TO_REST):
            summary = self.run()
            assert summary is not None
            if not summary.planned + summary.removed + summary.retried + summary.left_over:
                break
        else:
            raise AssertionError(f"after {_RUNS_TO_REST} runs there is still something to do")
        self.check()
        every = [run for _, run in self.ledger.runs(_EVERY_RUN)]
        assert [] == [run for run in every if not run.conserved], "S01"
        assert [] == DeadLetters(self.engine.paths.dead_letters).find(Filter(state="open"))
        assert not self.engine.paths.journal.exists()
        assert [] == self.plans(), "personal data that nobody waits for"

    def plans(self) -> list[Path]:
        return list(self.engine.paths.plans.glob("*"))

    def _run(self, day: int, path: Lane, faults: Faults) -> Summary | None:
        partition = self.engine.partition(self._day(day), path)
        rows = self.extract(partition, self.snapshots[day])
        before = self.ledger.last_sync()
        partition = self.engine.extracted(rows, self._day(day), path)
        self.settled = False
        try:
            with self._faulty(faults):
                summary = partition.sync()
        except VendorOutageError:
            assert faults, "Brevo failed although the wire did not"
            assert before == self.ledger.last_sync(), "S06: a failed run moved the cursor"
            return None
        assert summary.conserved, summary
        whole = not summary.failed + summary.pending
        if not whole or path == "backfill":
            assert before == self.ledger.last_sync(), "S06: it is not the run to move the cursor"
        self.settled = whole and not summary.left_over
        if self.settled and path == "incremental":
            self.check()
        return summary

    @contextmanager
    def _faulty(self, faults: Faults) -> Iterator[None]:
        before = len(self.wire.paths)
        self.wire.behaviour = lambda number, _method, _path: faults.get(number - before)
        try:
            yield
        finally:
            self.wire.behaviour = faultless

    def _day(self, number: int) -> date:
        return FIRST_DAY + timedelta(days=number)


def _die_at(run: object, step: str, times: int) -> None:
    """Kill this process there; a run that does not come there ends it in an orderly way."""
    seen = 0

    def watch(reached: str) -> None:
        nonlocal seen
        seen += reached == step
        if seen == times:
            os.kill(os.getpid(), signal.SIGKILL)

    failpoints.watcher = watch
    code = 0
    try:
        run()
    except BaseException:  # noqa: BLE001 - the parent must not go on in here
        traceback.print_exc(file=sys.stderr)
        code = 1
    os._exit(code)
