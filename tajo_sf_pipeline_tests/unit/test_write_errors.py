"""What this machine's storage says, by system, SQLite and DuckDB, and what is read from it."""

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tajo_sf_pipeline.errors import DiskFullError, LocalStorageError
from tajo_sf_pipeline.storage.write_errors import (
    beneath,
    is_busy,
    is_of_storage,
    made,
    storage_error,
)


def _system(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _duckdb(number: int) -> duckdb.IOException:
    return duckdb.IOException(f"IO Error: Could not write file: {os.strerror(number)}")


def _sqlite(use: Callable[[Path], None], folder: Path) -> sqlite3.Error:
    path = folder / "file.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (a)")
    with pytest.raises(sqlite3.Error) as caught:
        use(path)
    return caught.value


def _fill(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA max_page_count = 2")
        database.execute("INSERT INTO t VALUES (zeroblob(100000))")


def _write_read_only(path: Path) -> None:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        database.execute("INSERT INTO t VALUES (1)")


def _write_beside_another(path: Path) -> None:
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as first,
        closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as second,
    ):
        first.execute("BEGIN IMMEDIATE")
        second.execute("BEGIN IMMEDIATE")


def _misspell(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("SELECT nothing FROM t")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("error_of", [_system, _duckdb])
def test_a_full_disk_may_be_emptied(error_of: Callable[[int], Exception], number: int) -> None:
    """Trying again may help, whoever found it full."""
    error = storage_error("TAJO-146", "the ledger", error_of(number), "then go on.")
    assert (DiskFullError, True) == (type(error), error.retriable)
    assert "Free some space, or move TAJO_HOME to a larger disk; then go on." == error.next_step


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO])
@pytest.mark.parametrize("error_of", [_system, _duckdb])
def test_what_is_closed_waits_for_a_person(
    error_of: Callable[[int], Exception], number: int
) -> None:
    """Space would not help, nor another try."""
    found = error_of(number)
    error = storage_error("TAJO-146", "the ledger", found, "then go on.")
    assert (True, LocalStorageError, False) == (is_of_storage(found), type(error), error.retriable)
    assert "Free some space" not in error.next_step


def test_sqlite_is_read_by_its_codes(tmp_path: Path) -> None:
    """Full, read-only, in use and misspelt are four things."""
    found = [
        _sqlite(use, tmp_path / name)
        for name, use in (
            ("full", _fill),
            ("read-only", _write_read_only),
            ("busy", _write_beside_another),
            ("misspelt", _misspell),
        )
        if (tmp_path / name).mkdir() is None
    ]
    assert [(True, False), (True, False), (False, True), (False, False)] == [
        (is_of_storage(error), is_busy(error)) for error in found
    ]
    assert [DiskFullError, LocalStorageError] == [
        type(storage_error("TAJO-155", "the file", error, "")) for error in found[:2]
    ]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (_system(errno.ENOSPC), DiskFullError),
        (_system(errno.EROFS), LocalStorageError),
        (_duckdb(errno.ENOSPC), DiskFullError),
        (_system(errno.EACCES), None),  # of a file that a person named, perhaps
        (_system(errno.ECONNRESET), None),
        (ZeroDivisionError(), None),
    ],
    ids=str,
)
def test_a_disk_is_found_beneath_what_others_make_of_it(
    error: Exception, kind: type[LocalStorageError] | None
) -> None:
    """Dagster's database wraps it; a defect stays one."""
    wrapped = RuntimeError("an event could not be kept")
    wrapped.__cause__ = error
    found = beneath(wrapped)
    assert kind is (type(found) if found else None)


def test_what_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Whatever the system says of it."""
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "folder"
    with pytest.raises(LocalStorageError, match=f"{path} could not be written"), made(path):
        path.mkdir()
