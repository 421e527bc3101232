"""State that lasts as long as its object: what tests use where no file is to be made."""

import sqlite3
import threading
import weakref
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace

import duckdb

from tajo_sf_pipeline.state import base, failpoints, ledger_schema
from tajo_sf_pipeline.state.base import InFlightBatch
from tajo_sf_pipeline.state.dead_letters import DeadLetters
from tajo_sf_pipeline.state.ledger import Ledger
from tajo_sf_pipeline.state.writer_lock import another_writer


class StateInMemory(base.State):
    """What this object remembers, for one thread; others may ask for a lock, and are refused.

    `patience` is in seconds.
    """

    budget = None

    def __init__(self, *, patience: float = 0) -> None:
        self._patience = patience
        self._tables: defaultdict[str, _Tables] = defaultdict(_Tables)
        self._in_flight: defaultdict[str, dict[int, InFlightBatch]] = defaultdict(dict)
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._writers: dict[str, str | None] = {}
        store = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._dead_letters = DeadLetters(store)
        weakref.finalize(self._dead_letters, store.close)

    def ledger(self, audience: str) -> base.Ledger:
        return Ledger(self._tables[audience])

    def has_ledger(self, audience: str) -> bool:
        return self._tables[audience].used

    def journal(self, audience: str) -> base.Journal:
        return _Journal(self._in_flight[audience])

    @property
    def dead_letters(self) -> base.DeadLetters:
        return self._dead_letters

    @contextmanager
    def writing(self, audience: str, run_id: str | None = None) -> Iterator[None]:
        lock = self._locks[audience]
        if not lock.acquire(timeout=self._patience):
            raise another_writer(audience, self._writers.get(audience), self._patience)
        self._writers[audience] = run_id and f"run {run_id}"
        try:
            yield
        finally:
            lock.release()


class _Tables:
    """A ledger's tables in a DuckDB of their own."""

    def __init__(self) -> None:
        self.used = False
        self._database = duckdb.connect()
        self._database.execute(f"ATTACH ':memory:' AS ledger; USE ledger; {ledger_schema.TABLES}")

    def __str__(self) -> str:
        return "in memory"

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        self.used = True
        with self._database.cursor() as database:
            yield database

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        self.used = True
        with self._database.cursor() as database:  # to close it rolls back what is not committed
            database.execute("USE ledger")
            database.begin()
            yield database
            database.commit()

    def translate_errors(self) -> AbstractContextManager[None]:
        return nullcontext()


class _Journal(base.Journal):
    def __init__(self, batches: dict[int, InFlightBatch]) -> None:
        self._batches = batches

    @property
    def unsettled(self) -> tuple[InFlightBatch, ...]:
        return tuple(self._batches.values())

    def begin(self, batch: InFlightBatch) -> int:
        number = max(self._batches, default=0) + 1
        self._batches[number] = replace(batch, number=number)
        failpoints.reached("journal.written")
        return number

    def started(self, number: int, *processes: int) -> None:
        self._batches[number] = replace(self._batches[number], processes=processes)
        failpoints.reached("process.known")

    def settled(self, number: int) -> None:
        del self._batches[number]
        failpoints.reached("journal.settled")
