"""A plan on its way into Brevo, to the summary at its end, whichever end that is."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa

from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.destinations.delivery import Delivery, Receipt
from tajo_sf_pipeline.destinations.read_back import ReadBack
from tajo_sf_pipeline.engine import recovery
from tajo_sf_pipeline.engine.connection import Connection
from tajo_sf_pipeline.engine.planner import Planning
from tajo_sf_pipeline.errors import TajoError
from tajo_sf_pipeline.planning.plan import Plan
from tajo_sf_pipeline.state import failpoints
from tajo_sf_pipeline.state.base import Journal
from tajo_sf_pipeline.state.dead_letters import MAPPING
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline.storage import parquet

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """One run from its plan on."""

    sync: Planning
    plan: Plan
    client: Connection
    journal: Journal
    started: float
    accepted_guards: tuple[str, ...]
    receipt: Receipt = field(default_factory=Receipt)
    readback: ReadBack = field(default_factory=ReadBack)

    def to_its_end(self) -> Summary:
        """Deliver and remember; an error that ends it early is remembered too, and told."""
        try:
            if self.plan.counts.writes:
                self._deliver()
        except BaseException as error:
            self._stopped(error)
            raise
        self._settle_dead_letters()
        summary = self._summary("done")
        if self.sync.audience.cursor:
            self.sync.ledger.advance(self.sync.paths.mapped(self.sync.day))
        self.sync.ledger.finish(summary, **self._watermark(summary))
        failpoints.reached("run.finished")
        return summary

    def _deliver(self) -> None:
        sync, client = self.sync, self.client()
        moment = datetime.now(UTC)
        list_ids = sync.writer.prepare(client, sync.notes.columns, self.plan)
        delivery = self._delivery(client, list_ids)
        sync.writer.begin(delivery)
        sender = sync.writer.sender(delivery)
        for part in self.plan.parts:
            sender.send(part)
        sender.finish()
        self.readback.compare(delivery, sync.writer, self.plan, moment)
        if not self.receipt.failed and not self.receipt.pending:
            sync.writer.complete(delivery, sync.notes.path)

    def _delivery(self, client: Client, list_ids: Mapping[str | None, int]) -> Delivery:
        sync = self.sync
        assert self.plan.file is not None
        return Delivery(
            client=client,
            ledger=sync.ledger,
            journal=self.journal,
            dead_letters=sync.dead_letters,
            audience=sync.audience,
            key=sync.audience.key,
            run_id=sync.run_id,
            sync_date=sync.day,
            plan=self.plan.file,
            list_ids=list_ids,
            query_id=sync.notes.query_id,
            import_deadline=sync.brevo.import_deadline,
            notify_url=sync.brevo.notify_url,
            keep=self.readback.keep,
            progress=lambda settled: sync.progress(settled, self.plan.counts.writes),
            receipt=self.receipt,
        )

    def _settle_dead_letters(self) -> None:
        """Write letters of what the mapping rejected, and close those of rows that are settled."""
        sync, receipt = self.sync, self.receipt
        same = {"audience": sync.audience.name, "run_id": sync.run_id}
        for batch in parquet.batches(sync.paths.rejected(sync.day)):
            sync.dead_letters.add(
                pa.Table.from_batches([batch]),
                **same,
                sync_date=sync.day,
                kind=MAPPING,
                query_id=sync.notes.query_id,
            )
        sync.dead_letters.settle(
            **same,
            mapped=sync.paths.mapped(sync.day),
            pending=[*receipt.in_doubt, *self._waiting()],
            whole=sync.whole,
        )
        if receipt.came_back:
            sync.dead_letters.close(receipt.came_back, **same)
        if sync.whole:
            sync.ledger.forget_failures(sync.paths.mapped(sync.day))

    def _waiting(self) -> list[str]:
        """Return the keys of rows that were not sent: they are in flight, or held."""
        failed = self.sync.ledger.failed()
        held: list[str] = failed.filter(failed["held"])["key"].to_pylist()
        return [*held, *recovery.still_in_flight(self.journal)["key"].to_pylist()]

    def _summary(self, outcome: str) -> Summary:
        sync, counts, receipt = self.sync, self.plan.counts, self.receipt
        return Summary(
            audience=sync.audience.name,
            sync_date=sync.day.isoformat(),
            run_id=sync.run_id,
            extracted=sync.notes.extracted,
            rejected=sync.notes.rejected + counts.discarded,
            created=counts.create,
            updated=counts.update,
            stale=counts.stale,
            unchanged=counts.unchanged,
            skipped_by_mode=counts.skipped_by_mode,
            confirmed=receipt.confirmed,
            failed=receipt.failed + counts.held,
            # What was not settled is pending, also where the run did not come to its end.
            pending=counts.planned - receipt.confirmed - receipt.failed - counts.held,
            removed=receipt.removed,
            retried=receipt.retried,
            left_over=counts.retry + counts.remove - receipt.removed - receipt.retried,
            in_doubt=counts.pending + counts.held,
            path=sync.notes.path,
            outcome=outcome,
            accepted_guards=self.accepted_guards,
            verified=self.readback.verified,
            differences=self.readback.differences,
            api_calls=self.client.calls,
            seconds=round(time.monotonic() - self.started, 3),
        )

    def _stopped(self, error: BaseException) -> None:
        """Remember how far a run came that did not come to its end, and say it."""
        other = "internal" if isinstance(error, Exception) else "interrupted"
        outcome = error.kind if isinstance(error, TajoError) else other
        summary = self._summary(outcome)
        flying = sum(window.rows for window in self.journal.unsettled)
        told = (
            f"{summary.confirmed + summary.removed + summary.retried} of "
            f"{self.plan.counts.writes} rows were accepted by Brevo, {self.receipt.failed} "
            f"refused; of the others, {flying} were on their way and the next run finds out about "
            "them"
        )
        _log.warning("%s stopped (%s): %s", summary.audience, outcome, told)
        if isinstance(error, TajoError):
            error.add(told)
        else:
            error.add_note(told)
        self.sync.ledger.finish(summary, last_sync=None, newest=None)

    def _watermark(self, summary: Summary) -> dict[str, datetime | None]:
        """Move `last_sync` only where every planned row was confirmed, and by its own path only."""
        notes = self.sync.notes
        whole = not summary.failed and not summary.pending
        incremental = notes.path == "incremental"
        return {
            "last_sync": notes.reached if whole and incremental else None,
            "newest": notes.window_end,
        }
