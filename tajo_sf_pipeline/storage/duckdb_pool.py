"""A DuckDB that its process keeps: to make one costs 30 ms, and a run asks some twenty times."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

_Settings = tuple[str, str, str]


@dataclass(slots=True)
class _Kept:
    settings: _Settings | None = None
    database: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def set(self, settings: _Settings) -> None:
        if settings == self.settings:
            return
        spill, memory, threads = settings
        self.database.execute("SET preserve_insertion_order = false")
        self.database.execute("SET temp_directory = ?", [spill])
        self.database.execute("SET memory_limit = ?", [memory])
        self.database.execute(threads)
        self.settings = settings


# Those that nobody uses, by process: a forked child has not the threads of its parent's.
_idle: dict[int, list[_Kept]] = {}


@contextmanager
def connection(
    spill: Path, *, memory: str = "800MB", threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend a connection, to nobody else at a time; who attaches a file to it detaches it again.

    What does not fit into `memory` goes into the folder `spill` for a while. A table has no order
    but the one that a query asks for.
    """
    settings = (str(spill), memory, f"SET threads = {threads}" if threads else "RESET threads")
    idle = _idle.setdefault(os.getpid(), [])
    kept = _taken(idle, settings)
    try:
        with kept.database.cursor() as lent:
            yield lent
    except BaseException:  # whatever state it is in, nobody else gets it
        kept.database.close()
        raise
    if idle:
        kept.database.close()
    else:
        idle.append(kept)


def _taken(idle: list[_Kept], settings: _Settings) -> _Kept:
    try:
        kept = idle.pop()
        kept.set(settings)
    except (IndexError, duckdb.NotImplementedException):
        # There is none, or it has spilled and can spill to no other place.
        kept = _Kept()
        kept.set(settings)
    return kept
