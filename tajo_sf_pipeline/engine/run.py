"""One audience's mapped rows of one sync date into Brevo."""

import time
from dataclasses import dataclass
from pathlib import Path

from tajo_sf_pipeline.destinations.delivery import Delivery
from tajo_sf_pipeline.engine import recovery
from tajo_sf_pipeline.engine.connection import Connection
from tajo_sf_pipeline.engine.planner import Planning
from tajo_sf_pipeline.engine.running import Running
from tajo_sf_pipeline.state import failpoints
from tajo_sf_pipeline.state.base import InFlightBatch, Journal
from tajo_sf_pipeline.state.run_summary import Summary


@dataclass(frozen=True, slots=True)
class Sync(Planning):
    """One run of one audience and date."""

    def run(self) -> Summary:
        """Settle what an earlier run left, plan, check, deliver and remember.

        A run that plans nothing does not call Brevo. One process at a time syncs an audience;
        another waits a little and is then refused.
        """
        started = time.monotonic()
        with (
            self.state.writing(self.audience.name, self.run_id),
            self.connected() as client,
        ):
            journal = self.state.journal(self.audience.name)
            if journal.unsettled:
                recovery.recover(
                    journal,
                    self.writer,
                    lambda window: self._of(window, journal, client),
                    client(),
                )
            recovery.clear(self.paths.plans, journal)
            plan = self.planned(journal, client)
            failpoints.reached("plan.written")
            try:
                accepted = self.guarded(plan)
                running = Running(self, plan, client, journal, started, accepted)
                return running.to_its_end()
            finally:
                plan.discard(unless={window.plan for window in journal.unsettled})

    def _of(self, window: InFlightBatch, journal: Journal, client: Connection) -> Delivery:
        """Make the delivery that settles a window of an interrupted run."""
        own: dict[str | None, int] = {} if window.list_id is None else {None: window.list_id}
        return Delivery(
            client=client(),
            ledger=self.ledger,
            journal=journal,
            dead_letters=self.dead_letters,
            audience=self.audience,
            key=self.audience.key,
            # Apart from the rows that the run itself confirms, also where it is tried again.
            run_id=f"{window.run_id} recovered",
            sync_date=self.day,
            plan=Path(window.plan),
            list_ids=own,
            import_deadline=self.brevo.import_deadline,
            recovering=True,
        )
