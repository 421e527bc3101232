"""One audience's mapped rows of one sync date into Brevo."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import filelock
import pyarrow as pa

from tajo_sf_pipeline import parquet
from tajo_sf_pipeline.audience import Audience
from tajo_sf_pipeline.brevo import attributes, lists
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.places import Places
from tajo_sf_pipeline.settings import Brevo
from tajo_sf_pipeline.sync.delivery import DEAD_LETTERS, Delivery, Receipt
from tajo_sf_pipeline.sync.ledger import Ledger
from tajo_sf_pipeline.sync.summary import Planned, Summary

Progress = Callable[[int, int], None]
_OTHER_WRITER_PATIENCE = 30  # seconds


@dataclass(frozen=True, slots=True)
class Sync:
    """One run of one audience and date; `progress` is told rows settled, of rows planned."""

    audience: Audience
    brevo: Brevo
    places: Places
    day: date
    run_id: str
    progress: Progress = lambda _done, _planned: None

    def run(self) -> Summary:
        """Plan, check, deliver and remember. A run that plans nothing does not call Brevo.

        One process at a time syncs an audience; another waits a little and is then refused.
        """
        started = time.monotonic()
        ledger = Ledger(self.places.ledger)
        notes = parquet.notes(self.places.rejected(self.day))
        with _one_writer(self.places.ledger):
            plan = self.places.plan(self.day)
            planned = ledger.plan(self.places.mapped(self.day), plan)
            receipt, calls = self._delivered(ledger, plan, planned, notes["columns"])
            _keep_letters(self.places.dead_letters(self.day), receipt)
            summary = Summary(
                audience=self.audience.name,
                sync_date=self.day.isoformat(),
                run_id=self.run_id,
                extracted=notes["extracted"],
                rejected=notes["rejected"],
                created=planned.create,
                updated=planned.update,
                stale=planned.stale,
                unchanged=planned.unchanged,
                confirmed=receipt.confirmed,
                failed=receipt.failed,
                pending=receipt.pending,
                api_calls=calls,
                seconds=round(time.monotonic() - started, 3),
            )
            if self.audience.cursor:
                ledger.advance(self.places.mapped(self.day))
            ledger.finish(summary, **self._watermark(summary, notes))
        return summary

    def _delivered(
        self, ledger: Ledger, plan: Path, planned: Planned, columns: list[list[str]]
    ) -> tuple[Receipt, int]:
        if not planned.writes:
            return Receipt(), 0
        if not self.brevo.enabled:
            raise ConfigurationError(
                "TAJO-118",
                f"connectors.brevo is not enabled, and {planned.writes} rows wait for it",
                "Set connectors.brevo.enabled: true.",
            )
        with Client(self.brevo) as client:
            attributes.check(client, [attributes.Written(*column) for column in columns])
            delivery = Delivery(
                client=client,
                ledger=ledger,
                run_id=self.run_id,
                list_id=lists.list_id(client, self.audience.destination),
                clear=self.audience.nulls == "clear",
                import_deadline=self.brevo.import_deadline,
                progress=lambda settled: self.progress(settled, planned.writes),
            )
            return delivery.deliver(plan, planned.writes), client.calls

    def _watermark(self, summary: Summary, notes: dict[str, Any]) -> dict[str, datetime | None]:
        """Move nothing unless every planned row was confirmed; `last_sync` by its own path only."""
        whole = not summary.failed and not summary.pending
        incremental = notes["path"] == "incremental"
        return {
            "last_sync": _moment(notes["reached"]) if whole and incremental else None,
            "newest": None if self.audience.cursor or not whole else _moment(notes["window_end"]),
        }


@contextmanager
def _one_writer(ledger: Path) -> Iterator[None]:
    ledger.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = filelock.FileLock(ledger.with_suffix(".lock"), timeout=_OTHER_WRITER_PATIENCE)
    try:
        with lock:
            yield
    except filelock.Timeout:
        raise ConfigurationError(
            "TAJO-145",
            f"another process is syncing {ledger.stem}",
            "Wait until it has ended, then run this date again.",
        ) from None


def _keep_letters(path: Path, receipt: Receipt) -> None:
    path.unlink(missing_ok=True)  # those of an earlier run of this date are replaced
    if receipt.letters:
        with parquet.writing(path, DEAD_LETTERS) as letters:
            for batch in pa.concat_tables(receipt.letters).to_batches():
                letters.write(batch)
            letters.finish({})


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
