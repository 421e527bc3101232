"""Why this machine did not take what was to be written: one reading of what systems say of it."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tajo_sf_pipeline.errors import DiskFullError, LocalStorageError

CODE = "TAJO-141"
_AGAIN = "then run the same command or date again."
# Someone may free some of it, or a quota is raised: the same write may go well later.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Until somebody changes the rights, the mount or the disk, it will not.
_READ_ONLY = {errno.EROFS}
_CLOSED = {*_READ_ONLY, errno.EACCES, errno.EPERM, errno.EIO}
_SQLITE_FULL = {sqlite3.SQLITE_FULL}
_SQLITE_READ_ONLY = {sqlite3.SQLITE_READONLY}
_SQLITE_CLOSED = {
    *_SQLITE_READ_ONLY,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
}


def is_of_storage(error: BaseException) -> bool:
    """Tell whether an error says that the machine's storage refused, whoever reports it."""
    return _is_full(error) or _says(error, _CLOSED, _SQLITE_CLOSED)


def is_busy(error: BaseException) -> bool:
    """Tell whether SQLite waited in vain for another process that has the file."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def storage_error(
    code: str, what: object, error: BaseException, afterwards: str
) -> LocalStorageError:
    """Return the error of something that could not be written, by whether its disk is full.

    `afterwards` says what holds, or what to do, when there is room again.
    """
    happened = f"{what} could not be written: {getattr(error, 'strerror', None) or error}"
    if _is_full(error):
        room = "Free some space, or move TAJO_HOME to a larger disk"
        return DiskFullError(code, happened, f"{room}; {afterwards}")
    rights = "Let this user write there (rights, mount, the disk itself), or move TAJO_HOME"
    return LocalStorageError(code, happened, f"{rights}; {afterwards}")


def beneath(error: BaseException) -> LocalStorageError | None:
    """Return the storage error that lies beneath one that nobody has translated, if any does.

    Dagster and its database have files too, and wrap what these say in errors of their own; a
    query that spills meets the disk too. Rights are not checked here: the file may be one that a
    person named.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError | sqlite3.Error | duckdb.IOException) and (
            _is_full(cause) or _says(cause, _READ_ONLY, _SQLITE_READ_ONLY)
        ):
            what = getattr(cause, "filename", None) or "a file of this workspace or of Dagster"
            return storage_error(CODE, what, cause, _AGAIN)
        cause = cause.__cause__
    return None


@contextmanager
def made(path: Path) -> Iterator[None]:
    """Raise `LocalStorageError`, naming `path`, where a file or folder cannot be made."""
    try:
        yield
    except OSError as error:
        raise storage_error(CODE, path, error, _AGAIN) from error


def _is_full(error: BaseException) -> bool:
    return _says(error, _FULL, _SQLITE_FULL)


def _says(error: BaseException, numbers: set[int], sqlite_codes: set[int]) -> bool:
    if isinstance(error, OSError):
        return error.errno in numbers
    if isinstance(error, sqlite3.Error):
        # The low byte is the primary code, those above it say more.
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in sqlite_codes
    # DuckDB passes on the system's words, and no number.
    return any(os.strerror(number) in str(error) for number in numbers)
