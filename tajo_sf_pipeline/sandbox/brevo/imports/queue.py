"""Imports in the background: queued, in_process, processing, and then one of three ends.

Brevo's documents name the states and not what happens in each. Here an import spends a third of its
least duration in each of them, and its contacts appear between the second and the third.
"""

import logging
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import orjson

from tajo_sf_pipeline.sandbox.brevo.accounts import Account
from tajo_sf_pipeline.sandbox.brevo.attribute_types import import_coercers
from tajo_sf_pipeline.sandbox.brevo.imports.apply import apply_batch
from tajo_sf_pipeline.sandbox.brevo.imports.batch import make_batch
from tajo_sf_pipeline.sandbox.brevo.imports.options import Options
from tajo_sf_pipeline.sandbox.brevo.imports.records import Record, read_records, report_csv
from tajo_sf_pipeline.sandbox.brevo.imports.transfers import fetch_as_body, notify
from tajo_sf_pipeline.sandbox.brevo.processes import set_outcome, set_status
from tajo_sf_pipeline.sandbox.brevo.store import Store

logger = logging.getLogger(__name__)
_MOST_AT_ONCE = 64  # they mostly wait, and the store lets one of them write at a time


@dataclass(frozen=True, slots=True)
class ImportJob:
    process: int
    account: Account
    options: Options
    file_url: str | None = None
    notify_url: str | None = None
    ends: str = "completed"
    stays: str | None = None


class ImportQueue:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="import")
        self._closing = threading.Event()
        self._applying = threading.Lock()
        # What waits is on disk, and one import at a time is in memory.
        self._waiting = store.home / "imports"
        shutil.rmtree(self._waiting, ignore_errors=True)
        self._waiting.mkdir()
        # Nobody waits for what the last server left unfinished.
        with store.writing() as db:
            db.execute(
                "UPDATE processes SET status = 'failed' "
                "WHERE status NOT IN ('completed', 'failed', 'cancelled', 'error', 'aborted')"
            )

    def submit(self, job: ImportJob, content: bytes) -> None:
        """Queue the job; `content` is the request that asked for it."""
        if not job.account.settings.import_discards:
            self._file(job).write_bytes(content)
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
            self._end(job, "failed")
        finally:
            self._file(job).unlink(missing_ok=True)

    def _file(self, job: ImportJob) -> Path:
        return self._waiting / f"{job.process}.json"

    def _advance(self, job: ImportJob) -> None:
        for status in ("queued", "in_process", "processing"):
            if status == "processing" and job.ends == "completed":
                self._apply(job)
            self._set_status(job, status)
            if job.stays == status or self._closing.wait(job.account.settings.import_seconds / 3):
                return
        if job.stays is not None:  # a state that comes after the known ones
            self._set_status(job, job.stays)
            return
        self._end(job, job.ends)
        # Here nobody waits for it; left to SQLite, it would come in the middle of a later import.
        self._store.checkpoint()

    def _apply(self, job: ImportJob) -> None:
        if not job.account.settings.import_discards:
            if job.file_url:
                self._file(job).write_bytes(fetch_as_body(job.file_url))
            with self._applying:
                records = read_records(orjson.loads(self._file(job).read_bytes()))
                self._store_rows(job, records)

    def _store_rows(self, job: ImportJob, records: list[Record]) -> None:
        settings = job.account.settings
        attributes = import_coercers(self._store.reading(), job.account.id, settings)
        if not settings.import_by_ext_id:
            records = [record for record in records if not record.has_only_ext_id]
        batch = make_batch(records, attributes, job.options, settings)
        with self._store.writing() as db:
            # The account may have been reset since.
            if db.execute("SELECT 1 FROM processes WHERE id = ?", (job.process,)).fetchone():
                apply_batch(db, job.account, batch, job.options)
                _write_reports(db, job, records, batch.reported)
                outcome = {kind: len(rows) for kind, rows in batch.reported.items()}
                set_outcome(db, job.process, outcome | {"stored": batch.stored})

    def _set_status(self, job: ImportJob, status: str) -> None:
        with self._store.writing() as db:
            set_status(db, job.process, status)

    def _end(self, job: ImportJob, status: str) -> None:
        self._set_status(job, status)
        if job.notify_url:
            notify(job.notify_url, job.process, status)


def _write_reports(
    db: sqlite3.Connection,
    job: ImportJob,
    records: list[Record],
    reported: Mapping[str, list[int]],
) -> None:
    # Brevo's reports need no key, so their addresses must not be guessable.
    db.executemany(
        "INSERT INTO reports (token, process, kind, csv) VALUES (?, ?, ?, ?)",
        [
            (
                secrets.token_urlsafe(16),
                job.process,
                kind,
                report_csv([records[position] for position in sorted(positions)]),
            )
            for kind, positions in reported.items()
        ],
    )
