"""A run that waits for another one tells for which, and goes on when the other one is dead."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

import dagster as dg

from tajo_sf_pipeline.defs import dead_runs
from tajo_sf_pipeline.state.lock_holder import read_holder

_EVERY = 3.0  # seconds


@dataclass(slots=True)
class Watch:
    """While a run of this process goes on: what it waits for is told, and freed if it is dead."""

    instance: dg.DagsterInstance
    home: Path
    audience: str
    day: date
    run_id: str
    tell: Callable[[str], None]
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._free()
        self._thread = threading.Thread(target=self._watch, name="tajo-waiting", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        last = None
        while not self._ended.wait(_EVERY):
            self._free()
            other = self._waits_for()
            if other is not None and other != last:
                self.tell(f"{self.audience} {self.day} waits for {other}")
            last = other

    def _free(self) -> None:
        for reason in dead_runs.free(self.instance, self.home):
            self.tell(reason)

    def _waits_for(self) -> str | None:
        """Name the run that has this one's date, or its audience's pool."""
        holder = read_holder(self.home / "locks" / self.audience / f"{self.day}.lock")
        if holder is not None and holder.run_id != self.run_id:
            return str(holder)
        pool = self.instance.event_log_storage.get_concurrency_info(f"audience_{self.audience}")
        if self.run_id not in {step.run_id for step in pool.pending_steps}:
            return None
        others = {slot.run_id for slot in pool.claimed_slots} - {self.run_id}
        known = (dead_runs.holder_of(self.home, run) or f"the run {run}" for run in sorted(others))
        return ", ".join(map(str, known)) or None
