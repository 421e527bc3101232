"""The calls of the last hour and what holds the next ones back, in a file that processes share."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
from pyrate_limiter import Rate, SQLiteBucket

from tajo_sf_pipeline.errors import BusyError
from tajo_sf_pipeline.storage.write_errors import CODE, is_busy, storage_error

_POLL = 0.002  # seconds: the lock is held for about one


@dataclass(frozen=True, slots=True)
class Holds:
    """Until when (in ms since 1970) everybody waits, backfills wait, and answers are mistrusted."""

    everybody: int = 0
    backfill: int = 0
    caution: int = 0


class SharedCalls:
    """pyrate-limiter's buckets of one credential and, beside its tables, their holds.

    Without a path it is this object's own, in memory. Everything but `close` wants `alone`.
    """

    def __init__(self, path: Path | None, names: Iterable[str], rate: Rate) -> None:
        self._threads = threading.Lock()
        self._processes: filelock.FileLock | None = None
        names = list(names)
        with _translate_errors():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._processes = filelock.FileLock(path.with_suffix(".lock"))
            with self.alone():
                self._store = _opened_or_new(path, names)
        self.buckets = {
            name: SQLiteBucket([rate], self._store, table=_table(name)) for name in names
        }

    def close(self) -> None:
        with self._threads:
            self._store.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads and other processes out of the file."""
        with _translate_errors(), self._threads:
            if self._processes is None:
                yield
                return
            with self._processes.acquire(poll_interval=_POLL):
                yield

    def forget_after(self, name: str, moment: int) -> None:
        """Drop calls of the future: the machine's clock has been put back since."""
        self._store.execute(f"DELETE FROM {_table(name)} WHERE item_timestamp > ?", (moment,))
        self._store.commit()

    def move(self, name: str, call: str, moment: int) -> None:
        """Let a call count from another moment."""
        self._store.execute(
            f"UPDATE {_table(name)} SET item_timestamp = ? WHERE name = ?", (moment, call)
        )
        self._store.commit()

    def holds(self, name: str) -> Holds:
        row = self._store.execute(
            "SELECT everybody, backfill, caution FROM holds WHERE bucket = ?", (name,)
        ).fetchone()
        return Holds(*row) if row else Holds()

    def hold(self, name: str, *, everybody: int = 0, backfill: int = 0, caution: int = 0) -> None:
        """Move those moments that are later than what stands there."""
        self._store.execute(
            "INSERT INTO holds VALUES (?, ?, ?, ?) ON CONFLICT (bucket) DO UPDATE SET "
            "everybody = max(everybody, excluded.everybody), "
            "backfill = max(backfill, excluded.backfill), "
            "caution = max(caution, excluded.caution)",
            (name, everybody, backfill, caution),
        )
        self._store.commit()


def _table(name: str) -> str:
    return f"calls_{name}"


def _opened_or_new(path: Path | None, names: Iterable[str]) -> sqlite3.Connection:
    """Open the file, or start it anew where it is broken: it holds an hour's memory at most."""
    try:
        return _opened(path, names)
    except sqlite3.DatabaseError as error:
        if path is None or isinstance(error, sqlite3.OperationalError):
            raise
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
        return _opened(path, names)


def _opened(path: Path | None, names: Iterable[str]) -> sqlite3.Connection:
    store = sqlite3.connect(path or ":memory:", check_same_thread=False)
    try:
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("PRAGMA synchronous = NORMAL")
        for name in names:
            # As pyrate-limiter makes them.
            store.execute(f"CREATE TABLE IF NOT EXISTS {_table(name)} (name, item_timestamp)")
            store.execute(
                f"CREATE INDEX IF NOT EXISTS {name}_by_time ON {_table(name)} (item_timestamp)"
            )
        store.execute(
            "CREATE TABLE IF NOT EXISTS holds "
            "(bucket TEXT PRIMARY KEY, everybody INTEGER, backfill INTEGER, caution INTEGER)"
        )
        store.commit()
    except sqlite3.Error:
        with closing(store):
            raise
    return store


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if is_busy(error):
            raise BusyError(
                CODE,
                f"the account's rate budget is in use by another process: {error}",
                "Wait for that process, or end it, and run the same date again.",
            ) from error
        raise storage_error(
            CODE, "the account's rate budget", error, "then run the same date again."
        ) from error
