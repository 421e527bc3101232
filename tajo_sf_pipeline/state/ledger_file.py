"""The file of a ledger: opened for the moment of a transaction, migrated, copied, never begun anew.

DuckDB lets one process write or several read. Who finds the file locked waits.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import stamina

from tajo_sf_pipeline.errors import BusyError, ConfigurationError, TajoError
from tajo_sf_pipeline.state import ledger_schema
from tajo_sf_pipeline.storage import duckdb_pool
from tajo_sf_pipeline.storage.write_errors import is_of_storage, made, storage_error

_LOCK_PATIENCE = timedelta(seconds=60)
# The last group of rows is written anew by every transaction that adds some.
_ROWS_PER_GROUP = 32_768


class LedgerFile:
    """A ledger's file; it is made when it is first opened."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def backup(self, copy: Path) -> None:
        """Copy the ledger while nobody writes it; `copy` appears whole or not at all."""
        if not self._path.exists():
            raise ConfigurationError(
                "TAJO-147",
                f"there is no ledger {self._path}",
                "The audience has never synced: there is nothing to back up.",
            )
        with self.writing():  # what a crash left beside the file goes into it
            pass
        with self.reading():
            _copy(self._path, copy)

    def restore(self, copy: Path) -> None:
        """Put a copy in the ledger's place, after it has been opened; what was there is kept.

        The ledger that it replaces stays beside it, as ``<name>.before-restore``.
        """
        LedgerFile(copy).check()
        if self._path.exists():
            with self._attached(self._path):  # nobody else has it open
                pass
            _copy(self._path, self._path.with_suffix(".before-restore"))
        _copy(copy, self._path)

    def check(self) -> None:
        """Raise `ConfigurationError` unless the file is a ledger that this version can read."""
        if not self._path.is_file():
            raise ConfigurationError(
                "TAJO-148", f"there is no file {self._path}", "Name a backup of the ledger."
            )
        with self._attached(self._path, "READ_ONLY") as database:
            version = self._check_version(database, "ledger.")
            with self.translate_errors():
                table = "contacts" if version == 1 else "rows"
                database.execute(f"SELECT max(key), max(version) FROM ledger.{table}").fetchall()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Attach the file, read-only, as `ledger`."""
        self._make()
        with self._attached(self._path, "READ_ONLY") as database:
            version = self._check_version(database, "ledger.")
            if version == ledger_schema.VERSION:
                yield database
        if version < ledger_schema.VERSION:
            with self.writing():  # brings it to this version
                pass
            with self._attached(self._path, "READ_ONLY") as database:
                yield database

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for one transaction; an error leaves it as it was."""
        self._make()
        with self._translate_if_unwritten(), self._attached(self._path) as database:
            database.execute("USE ledger")
            database.begin()
            self._migrate(database, self._check_version(database))
            yield database
            database.commit()

    @contextmanager
    def _attached(
        self, path: Path, access: str = "READ_WRITE"
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        name = str(path).replace("'", "''")
        options = f"{access}, ROW_GROUP_SIZE {_ROWS_PER_GROUP}"
        with duckdb_pool.connection(self._path.parent) as database:
            with self.translate_errors():
                for attempt in _patiently():
                    with attempt:
                        database.execute(f"ATTACH '{name}' AS ledger ({options})")
            yield database
            database.execute("USE memory; DETACH ledger")

    def _make(self) -> None:
        """Make a ledger where there is none: the file is there with its tables, or not at all."""
        if self._path.exists():
            return
        with made(self._path.parent):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = tempfile.TemporaryDirectory(dir=self._path.parent, prefix=".unfinished")
        with folder as name:
            unfinished = Path(name) / self._path.name
            with self._translate_if_unwritten(), self._attached(unfinished) as database:
                database.execute(f"USE ledger; {ledger_schema.TABLES}")
            unfinished.chmod(0o600)
            with suppress(FileExistsError):  # another process was quicker
                os.link(unfinished, self._path)

    def _migrate(self, database: duckdb.DuckDBPyConnection, version: int) -> None:
        if version == ledger_schema.VERSION:
            return
        for earlier in range(version, ledger_schema.VERSION):
            database.execute(ledger_schema.MIGRATIONS[earlier])
        database.commit()
        database.begin()

    @contextmanager
    def _translate_if_unwritten(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.IOException, duckdb.TransactionException) as error:
            raise self._damaged(error) if _is_damage(error) else self._unwritten(error) from error

    def _check_version(self, database: duckdb.DuckDBPyConnection, prefix: str = "") -> int:
        with self.translate_errors():
            version = value(database, f"SELECT max(version) FROM {prefix}schema_version")
        if not isinstance(version, int) or not 1 <= version <= ledger_schema.VERSION:
            raise ConfigurationError(
                "TAJO-143",
                f"the ledger {self._path} has the schema version {version}; this "
                f"version of tajo knows {ledger_schema.VERSION}",
                "Use the version of tajo that wrote it; nothing was changed.",
            )
        return version

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            if _is_locked(error):
                raise BusyError(
                    "TAJO-142",
                    f"the ledger {self._path} is in use by another process: {error}",
                    "Wait for that process, or end it, and run the same date again.",
                ) from error
            raise (
                self._unwritten(error) if is_of_storage(error) else self._damaged(error)
            ) from error

    def _unwritten(self, error: duckdb.Error) -> TajoError:
        return storage_error(
            "TAJO-146",
            f"the ledger {self._path}",
            error,
            "the next run sends again what could not be remembered.",
        )

    def _damaged(self, error: duckdb.Error) -> TajoError:
        return ConfigurationError(
            "TAJO-144",
            f"the ledger {self._path} cannot be opened: {error}",
            "Restore it from a backup (`tajo ledger restore`); without it the next run would "
            "send every row again.",
        )


def _copy(source: Path, target: Path) -> None:
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(source, unfinished)
        unfinished.chmod(0o600)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError as error:
        raise storage_error("TAJO-149", target, error, "a backup may go to any place.") from error
    finally:
        with suppress(NotADirectoryError):  # it was never made
            unfinished.unlink(missing_ok=True)


def value(database: duckdb.DuckDBPyConnection, query: str, *binds: object) -> Any:
    """Return the one value of a query's one row."""
    return database.execute(query, binds).fetchall()[0][0]


def _patiently() -> Iterable[stamina.Attempt]:
    return stamina.retry_context(_is_locked, attempts=None, timeout=_LOCK_PATIENCE)


def _is_damage(error: duckdb.Error) -> bool:
    """Return whether a block of the file is not as it was written, as DuckDB finds in reading."""
    return any(words in str(error) for words in ("checksum", "Corrupt", "corrupt"))


def _is_locked(error: Exception) -> bool:
    """Return whether another process has the file, or another thread of this one."""
    locked = ("Could not set lock", "Unique file handle conflict")
    return isinstance(error, duckdb.Error) and any(words in str(error) for words in locked)
