"""A program as a whole process: seconds, processor seconds and memory of all that it starts."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_EVERY = 0.02  # seconds between two looks at the memory


@dataclass(frozen=True, slots=True)
class Ran:
    """`memory` is the most that was resident at once, in bytes, summed over the process tree."""

    code: int
    seconds: float
    processor_seconds: float
    memory: int
    output: str


def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    kill_when: Callable[[], bool] | None = None,
    at_most: float = 3600,
) -> Ran:
    """Run a program to its end, or kill it and all of its own when `kill_when` says so."""
    with (folder / "output.txt").open("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - the commands are our own
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        watching = _Watching(process.pid, kill_when, started + at_most)
        watching.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        seconds = time.perf_counter() - started
        watching.ended.set()
        watching.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return Ran(
            code=process.returncode,
            seconds=seconds,
            processor_seconds=used.ru_utime + used.ru_stime,
            memory=watching.most,
            output=output.read()[-4_000:],
        )


class _Watching(threading.Thread):
    """Looks at a process tree until it has ended."""

    def __init__(self, root: int, kill_when: Callable[[], bool] | None, deadline: float) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.most = 0
        self._root, self._kill_when, self._deadline = root, kill_when, deadline

    def run(self) -> None:
        while not self.ended.wait(_EVERY):
            self.most = max(self.most, sum(map(_resident, tree(self._root))))
            late = time.perf_counter() > self._deadline
            if late or (self._kill_when is not None and self._kill_when()):
                os.killpg(self._root, signal.SIGKILL)
                return


def tree(root: int) -> Iterator[int]:
    """Give a process and all that it started, as they are now."""
    yield root
    for children in Path(f"/proc/{root}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:
            continue
        for child in found:
            yield from tree(int(child))


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0  # it has ended
