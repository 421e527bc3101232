"""A DuckDB is lent to one at a time, and does not keep what it was lent for."""

import os
from contextlib import ExitStack, suppress
from pathlib import Path

import duckdb
import pytest

from tajo_sf_pipeline.storage import duckdb_pool
from tajo_sf_pipeline.storage.duckdb_pool import connection


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_pool, "_idle", {})


def _mark(database: duckdb.DuckDBPyConnection) -> None:
    """Leave something in the instance by which it is known again."""
    database.execute("CREATE SCHEMA lent_before")


def _is_marked(database: duckdb.DuckDBPyConnection) -> bool:
    found = "SELECT count(*) FROM duckdb_schemas() WHERE schema_name = 'lent_before'"
    return database.execute(found).fetchall() == [(1,)]


def _setting(database: duckdb.DuckDBPyConnection, name: str) -> object:
    return database.execute(f"SELECT current_setting('{name}')").fetchall()[0][0]


def test_it_is_made_once_and_has_no_tables_of_others(tmp_path: Path) -> None:
    """What is temporary belongs to who made it."""
    with connection(tmp_path) as first:
        _mark(first)
        first.execute("CREATE TEMP TABLE mine AS SELECT 1")
    with connection(tmp_path) as second:
        assert _is_marked(second)
        with pytest.raises(duckdb.CatalogException):
            second.execute("FROM mine")


def test_each_borrower_has_one_of_its_own(tmp_path: Path) -> None:
    """One inside another, or in another thread: neither sees what the other attached."""
    with ExitStack() as stack:
        for name in ("one", "other"):
            database = stack.enter_context(connection(tmp_path))
            database.execute(f"ATTACH '{tmp_path / name}.duckdb' AS ledger")


def test_settings_are_those_that_were_asked_for(tmp_path: Path) -> None:
    """Also after somebody else's."""
    with connection(tmp_path / "a", memory="100MB", threads=1) as little:
        assert ("95.3 MiB", 1) == (_setting(little, "memory_limit"), _setting(little, "threads"))
    with connection(tmp_path / "b") as database:
        assert _setting(database, "memory_limit") == "762.9 MiB"
        assert _setting(database, "threads") == os.cpu_count()
        assert _setting(database, "temp_directory") == str(tmp_path / "b")


def test_after_it_has_spilled_it_spills_elsewhere(tmp_path: Path) -> None:
    """DuckDB does not change the folder then: another instance takes its place."""
    sorted_rows = "CREATE TEMP TABLE t AS SELECT hash(i) AS h FROM range(3000000) r(i) ORDER BY h"
    for name in ("a", "b"):
        with connection(tmp_path / name, memory="20MB", threads=1) as database:
            database.execute(sorted_rows)
            assert list((tmp_path / name).iterdir())


def test_an_error_ends_it(tmp_path: Path) -> None:
    """Whatever state it was in, nobody else gets it."""
    with suppress(ValueError), connection(tmp_path) as database:
        _mark(database)
        raise ValueError
    with connection(tmp_path) as another:
        assert not _is_marked(another)


def test_a_forked_child_has_one_of_its_own(tmp_path: Path) -> None:
    """Its parent's has threads that the child does not have: it would wait for them for ever."""
    with connection(tmp_path) as parents:
        _mark(parents)
    child = os.fork()
    if not child:
        with connection(tmp_path) as own:
            marked = _is_marked(own)
            own.execute("SELECT sum(i) FROM range(1000000) AS t(i)").fetchall()
        os._exit(1 if marked else 0)
    assert os.waitpid(child, 0)[1] == 0
