"""How far a plan came: what the ledger, the terminal and Dagster are told at a run's end."""

import time
from dataclasses import dataclass, field
from datetime import date, datetime

from tajo_sf_pipeline.destinations.delivery import Receipt
from tajo_sf_pipeline.destinations.read_back import ReadBack
from tajo_sf_pipeline.engine.connection import Connection
from tajo_sf_pipeline.engine.mapping_report import MappingReport
from tajo_sf_pipeline.errors import TajoError
from tajo_sf_pipeline.planning.plan import Plan
from tajo_sf_pipeline.state.run_summary import Summary


@dataclass(frozen=True, slots=True)
class Outcome:
    """One plan on its way into Brevo; `started` is of the process's monotonic clock, in seconds."""

    audience: str
    day: date
    run_id: str
    report: MappingReport
    plan: Plan
    client: Connection
    started: float
    accepted_guards: tuple[str, ...]
    receipt: Receipt = field(default_factory=Receipt)
    readback: ReadBack = field(default_factory=ReadBack)

    def summary(self, end: str) -> Summary:
        """Return the run's counts as they are now (S01); `end` is how it ended."""
        counts, receipt = self.plan.counts, self.receipt
        return Summary(
            audience=self.audience,
            sync_date=self.day.isoformat(),
            run_id=self.run_id,
            extracted=self.report.extracted,
            rejected=self.report.rejected + counts.discarded,
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
            path=self.report.lane,
            outcome=end,
            accepted_guards=self.accepted_guards,
            verified=self.readback.verified,
            differences=self.readback.differences,
            resubscribe=counts.resubscribe,
            kept_blocklisted=counts.kept_blocklisted,
            api_calls=self.client.calls,
            seconds=round(time.monotonic() - self.started, 3),
        )

    def stopped_by(self, error: BaseException, in_flight: int) -> tuple[Summary, str]:
        """Return the counts of a run that an error ended early, and how far it came, in words.

        The error gets the words too. The next run finds out about the rows `in_flight`.
        """
        unforeseen = "internal" if isinstance(error, Exception) else "interrupted"
        summary = self.summary(error.kind if isinstance(error, TajoError) else unforeseen)
        progress = (
            f"{summary.confirmed + summary.removed + summary.retried} of "
            f"{self.plan.counts.writes} rows were accepted by Brevo, {self.receipt.failed} "
            f"refused; of the others, {in_flight} were on their way and the next run finds out "
            "about them"
        )
        if isinstance(error, TajoError):
            error.add(progress)
        else:
            error.add_note(progress)
        return summary, progress

    def last_sync(self, summary: Summary) -> datetime | None:
        """Return where the watermark moves to; None where it stays.

        It moves where every planned row was confirmed, and in its own lane only (S06).
        """
        whole = not summary.failed and not summary.pending
        return self.report.reached if whole and self.report.lane == "incremental" else None
