"""Who holds a lock: written beside it by the holder, for whoever waits in vain.

The lock itself is the file system's, so that a kill lets go of it. What stands beside it is only
said to people, and believed only where its process is still there.
"""

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

_WORDS = 4  # of a command; what follows may be an address or a password


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, by what a person needs to find it."""

    pid: int
    host: str
    command: str
    since: str
    run_id: str | None = None

    @property
    def is_of_here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return self.host == socket.gethostname()

    def __str__(self) -> str:
        run = f", run {self.run_id}" if self.run_id else ""
        return f"process {self.pid} on {self.host} (`{self.command}`{run}) since {self.since}"


def write_holder(lock: Path, run_id: str | None = None) -> None:
    """Write who holds a lock; call it with the lock in hand.

    A disk that is full does not keep the holder from its work: who waits reads less then.
    """
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = Holder(os.getpid(), socket.gethostname(), _command(), since, run_id)
    with suppress(OSError):
        descriptor = os.open(_holder_file(lock), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(holder), file)


def remove_holder(lock: Path) -> None:
    """Take away what `write_holder` wrote; call it before the lock is let go."""
    with suppress(OSError):
        _holder_file(lock).unlink(missing_ok=True)


def read_holder(lock: Path) -> Holder | None:
    """Return who holds a lock; None where that is not known, or written by one that was killed."""
    holder = last_holder(lock)
    # Of another machine's processes nothing is known here.
    return holder if holder and (not holder.is_of_here or _lives(holder.pid)) else None


def last_holder(lock: Path) -> Holder | None:
    """Return who held a lock last and has not let go of it in order, whether it lives or not."""
    try:
        return Holder(**json.loads(_holder_file(lock).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _holder_file(lock: Path) -> Path:
    return lock.with_suffix(".holder")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def _command() -> str:
    """Return the words of this process's command up to its first option."""
    return " ".join(list(_words())[:_WORDS])


def _words() -> Iterator[str]:
    program = Path(sys.argv[0] if sys.argv else "python")
    yield program.parent.name if program.name == "__main__.py" else program.name
    yield from takewhile(
        lambda word: word.replace("_", "").replace("-", "").isalnum() and not word.startswith("-"),
        sys.argv[1:],
    )
