"""What makes a run of few rows cheap and its windows many, without changing what it does."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any, Self

import duckdb
import pytest

from tajo_sf_pipeline.brevo import budget, imports
from tajo_sf_pipeline.sync import batch_way, plan, single_way


@contextmanager
def hurried(*, by_import: bool) -> Iterator[None]:
    """Have a run of few rows be one of many windows, by import if wanted, and wait for nothing."""
    clock = _Clock()
    with pytest.MonkeyPatch.context() as patch, _kept_duckdb(patch):
        patch.setattr(plan, "FEW", 0 if by_import else 100)
        patch.setattr(imports, "MAX_BODY", 300)  # two rows, or three
        patch.setattr(single_way, "_WINDOW", 2)
        patch.setattr(batch_way, "EVENTS", 2)
        patch.setattr(batch_way, "_REMOVALS", 2)
        patch.setattr(budget, "_LIMITS", dict.fromkeys(budget._LIMITS, (1_000_000, 1_000)))  # noqa: SLF001 - there is no setting for it
        patch.setattr(budget, "time", SimpleNamespace(time_ns=clock.time_ns, sleep=clock.sleep))
        yield


class _Clock:
    """Goes on by itself, and jumps where somebody would wait."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def time_ns(self) -> int:
        return time.time_ns() + int(self._ahead * 1e9)

    def sleep(self, seconds: float) -> None:
        self._ahead += seconds


@contextmanager
def _kept_duckdb(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lend connections to one DuckDB of each process: making one costs 16 ms, 18 times a run.

    Files are opened, locked and closed as ever.
    """
    make = duckdb.connect
    kept: dict[int, duckdb.DuckDBPyConnection] = {}

    def connect(database: object = ":memory:", **_options: object) -> _Lent:
        if os.getpid() not in kept:
            kept[os.getpid()] = make(config={"preserve_insertion_order": False})
        return _Lent(kept[os.getpid()].cursor(), database)

    patch.setattr(duckdb, "connect", connect)
    try:
        yield
    finally:
        for connection in kept.values():
            connection.close()


class _Lent:
    """A connection that takes what was attached with it when it is closed."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, database: object) -> None:
        self._connection = connection
        if database != ":memory:":
            connection.execute(f"ATTACH '{database}' AS opened")
            connection.execute("USE opened")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(duckdb.TransactionException):
            self._connection.rollback()
        self._connection.execute("USE memory")
        attached = self._connection.execute(
            "SELECT database_name FROM duckdb_databases() WHERE path IS NOT NULL"
        ).fetchall()
        for (name,) in attached:
            self._connection.execute(f"DETACH {name}")
        self._connection.close()
