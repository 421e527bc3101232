"""All data in one SQLite file: many readers and one writer, who do not wait for each other."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = Path(__file__).with_name("schema.sql")

# A sandbox may lose its last moments when the machine loses power, so nothing waits for the disk.
# Large pages and a roomy log suit what dominates: imports that rewrite thousands of contacts.
_WRITER_PRAGMAS = """
PRAGMA page_size = 8192;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
PRAGMA wal_autocheckpoint = 20000;
PRAGMA cache_size = -262144;
PRAGMA temp_store = MEMORY;
"""


class Store:
    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        # Another schema is another file: what an older sandbox kept is neither read nor harmed.
        self._path = home / "brevo-2.sqlite"
        self._writer = self._connect()
        self._writer.executescript(_WRITER_PRAGMAS + _SCHEMA.read_text(encoding="utf-8"))
        self._writing = threading.Lock()
        self._of_thread = threading.local()

    def reading(self) -> sqlite3.Connection:
        """Give this thread its own connection: it sees what is committed, also during an import."""
        if not hasattr(self._of_thread, "connection"):
            self._of_thread.connection = self._connect()
            self._of_thread.connection.execute("PRAGMA query_only = ON")
        connection: sqlite3.Connection = self._of_thread.connection
        return connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is stored, or, after an exception, nothing."""
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def checkpoint(self) -> None:
        """Move what the log holds into the file, without making readers or the writer wait."""
        self.reading().execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        with self._writing:
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=30,
            isolation_level=None,  # transactions are begun by `writing`, not guessed by the driver
            check_same_thread=False,
        )
        connection.row_factory = sqlite3.Row
        return connection
