"""Imports in the background: queued, in_process, processing, and then one of three ends.

Brevo's documents name the states and not what happens in each. Here an import spends a third of its
least duration in each of them, and its contacts appear between the second and the third.
"""

import logging
import secrets
import sqlite3
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tajo_sf_pipeline.sandbox.brevo.attribute_types import coercers
from tajo_sf_pipeline.sandbox.brevo.imports.apply import apply_batch
from tajo_sf_pipeline.sandbox.brevo.imports.batch import make_batch
from tajo_sf_pipeline.sandbox.brevo.imports.options import Options
from tajo_sf_pipeline.sandbox.brevo.imports.records import Record, report_csv
from tajo_sf_pipeline.sandbox.brevo.store import Store

logger = logging.getLogger(__name__)
_MOST_AT_ONCE = 64  # they mostly wait, and the store lets one of them write at a time


@dataclass(frozen=True, slots=True)
class ImportJob:
    process: int
    account: int
    records: list[Record]
    options: Options
    seconds: float
    ends: str = "completed"
    stays: str | None = None


class ImportQueue:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="import")
        self._closing = threading.Event()
        # The rows of an import live in memory: what the last server left unfinished is lost.
        with store.writing() as db:
            db.execute(
                "UPDATE processes SET status = 'failed' "
                "WHERE status NOT IN ('completed', 'failed', 'cancelled')"
            )

    def submit(self, job: ImportJob) -> None:
        self._threads.submit(self._run, job)

    def close(self) -> None:
        """Let the import that writes finish, and leave those that wait."""
        self._closing.set()
        self._threads.shutdown(cancel_futures=True)

    def _run(self, job: ImportJob) -> None:
        try:
            self._advance(job)
        except Exception:
            # Nobody waits for this thread: the process tells the caller, the log tells us why.
            logger.exception("import %d failed", job.process)
            self._set_status(job, "failed")

    def _advance(self, job: ImportJob) -> None:
        for status in ("queued", "in_process", "processing"):
            if status == "processing" and job.ends == "completed":
                self._apply(job)
            self._set_status(job, status)
            if job.stays == status or self._closing.wait(job.seconds / 3):
                return
        self._set_status(job, job.ends)
        # Here nobody waits for it; left to SQLite, it would come in the middle of a later import.
        self._store.checkpoint()

    def _apply(self, job: ImportJob) -> None:
        attributes = coercers(self._store.reading(), job.account)
        batch = make_batch(job.records, attributes, job.options)
        with self._store.writing() as db:
            # The account may have been reset since.
            if db.execute("SELECT 1 FROM processes WHERE id = ?", (job.process,)).fetchone():
                apply_batch(db, job.account, batch, job.options)
                _write_reports(db, job, batch.reported)

    def _set_status(self, job: ImportJob, status: str) -> None:
        with self._store.writing() as db:
            db.execute("UPDATE processes SET status = ? WHERE id = ?", (status, job.process))


def _write_reports(
    db: sqlite3.Connection, job: ImportJob, reported: Mapping[str, list[int]]
) -> None:
    # Brevo's reports need no key, so their addresses must not be guessable.
    db.executemany(
        "INSERT INTO reports (token, process, kind, csv) VALUES (?, ?, ?, ?)",
        [
            (
                secrets.token_urlsafe(16),
                job.process,
                kind,
                report_csv([job.records[position] for position in sorted(positions)]),
            )
            for kind, positions in reported.items()
        ],
    )
