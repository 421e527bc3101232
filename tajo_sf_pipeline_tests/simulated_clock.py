"""Time for several threads that costs none: it stands still while one of them works."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Clock:
    """Stands in for the module `time` where `together` runs: one works at a time, others sleep."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._now = 1_700_000_000.0
        self._wakes: dict[int, float] = {}  # by thread
        self._workers = 0

    def time(self) -> float:
        return self._now

    monotonic = time

    def time_ns(self) -> int:
        return int(self._now * 1_000_000_000)

    def sleep(self, seconds: float) -> None:
        """Give the turn to whoever wakes first, and take it again when the time has come."""
        me = threading.get_ident()
        with self._turn:
            self._wakes[me] = self._now + max(seconds, 0)
            self._pass_on()
            self._turn.wait_for(lambda: me not in self._wakes)

    def together(self, *works: Callable[[], None]) -> None:
        """Let all of them work until each has come to its end; what one raises is raised."""
        self._workers = len(works)
        with ThreadPoolExecutor(len(works)) as threads:
            for done in [threads.submit(self._from_now_on, work) for work in works]:
                done.result()

    def _from_now_on(self, work: Callable[[], None]) -> None:
        try:
            self.sleep(0)  # until all are there
            work()
        finally:
            with self._turn:
                self._workers -= 1
                self._pass_on()

    def _pass_on(self) -> None:
        if self._wakes and len(self._wakes) == self._workers:
            first = min(self._wakes, key=self._wakes.__getitem__)
            self._now = max(self._now, self._wakes.pop(first))
            self._turn.notify_all()
