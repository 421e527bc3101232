"""One run: an audience's rows of one sync date, from the warehouse into Brevo."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import Lane, Window
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.destinations import kinds
from tajo_sf_pipeline.destinations.base import Writer
from tajo_sf_pipeline.destinations.delivery import Delivery
from tajo_sf_pipeline.destinations.preflight import Preflight
from tajo_sf_pipeline.engine import extraction, mapped_files, recovery
from tajo_sf_pipeline.engine.connection import Connection
from tajo_sf_pipeline.engine.extraction import Extracted
from tajo_sf_pipeline.engine.mapped_files import Mapped
from tajo_sf_pipeline.engine.mapping_report import MappingReport
from tajo_sf_pipeline.engine.outcome import Outcome
from tajo_sf_pipeline.engine.retention import prune
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.planning import consent, diff, guards
from tajo_sf_pipeline.planning.diff import Wanted
from tajo_sf_pipeline.planning.plan import Plan, parts
from tajo_sf_pipeline.sources.base import Question
from tajo_sf_pipeline.sources.selection import OpenSource, source_of
from tajo_sf_pipeline.state import failpoints
from tajo_sf_pipeline.state.base import DeadLetters, InFlightBatch, Journal, Ledger, State
from tajo_sf_pipeline.state.dead_letters import MAPPING
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline.state.selection import state_of
from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline.storage.paths import Paths, make_home

_log = logging.getLogger(__name__)
# The volume guard compares with the mean of as many runs, found among the last so many.
_USUAL_RUNS, _RECENT_RUNS = 5, 50
# audience, step, rows done, rows in all
Progress = Callable[[str, str, int, int], None]


def silent(_audience: str, _step: str, _done: int, _total: int) -> None:
    """Show nobody."""


@dataclass(frozen=True, slots=True)
class SyncRun:
    """One audience on one sync date, in one of the two lanes; `full` forgets the watermark.

    `run` is all of it. Dagster's assets call `extract`, `map` and `sync` one by one; what each
    leaves is on disk. `accept` are the names of guards that a person lets pass, and `scratch` is
    where its files go that are not to be kept.
    """

    settings: Settings
    audience: Audience
    day: date
    lane: Lane
    run_id: str
    full: bool = False
    accept: tuple[str, ...] = ()
    progress: Progress = silent
    scratch: Path | None = None
    open_source: OpenSource = source_of
    open_state: Callable[[Settings], State] = state_of

    def run(self) -> Summary:
        """Bring the rows from the warehouse into Brevo."""
        self.extract()
        self.map()
        return self.sync()

    def extract(self) -> Extracted:
        """Ask the source and keep its answer, whole or not at all (S11)."""
        make_home(self.settings.home)
        source = self.open_source(self.settings)
        file = self.paths.extract(self.day)
        return extraction.extract(
            source, self.question(), file, self.lane, partial(self._tell, "extract")
        )

    def map(self) -> Mapped:
        """Map the extract; every row of it is mapped or rejected with a reason."""
        return mapped_files.map_extract(
            self.audience, self.window, self.paths, partial(self._tell, "map")
        )

    def sync(self) -> Summary:
        """Bring Brevo to what was mapped, and remember what it accepted.

        A run that plans nothing does not call Brevo. One process at a time syncs an audience;
        another waits a little and is then refused with `BusyError`. An error that ends it early is
        remembered too, with how far it came.
        """
        started = time.monotonic()
        with (
            self.state.writing(self.audience.name, self.run_id),
            self._connected() as client,
        ):
            journal = self.state.journal(self.audience.name)
            self._recover(journal, client)
            plan = self._plan(journal, client)
            failpoints.reached("plan.written")
            try:
                outcome = self._outcome(plan, client, started, self.guard(plan))
                try:
                    self._deliver(outcome, journal)
                except BaseException as error:
                    self._stop(outcome, journal, error)
                    raise
                self._settle(outcome, journal)
                summary = self._finish(outcome)
            finally:
                plan.discard(unless={batch.plan for batch in journal.unsettled})
        prune(self.paths, self.state.dead_letters, self.settings.file.retention)
        return summary

    def plan(self) -> Plan:
        """Return what `sync` would do now; nothing is written but the plan's own file.

        Brevo is read only where the mode depends on what it has (`insert`, `update`).
        """
        with self._connected() as client:
            return self._plan(self.state.journal(self.audience.name), client)

    def guard(self, plan: Plan) -> tuple[str, ...]:
        """Return the guards that were let pass; raise `GuardError` for those that were not."""
        report, ledger = self.report, self.ledger
        figures = guards.Figures(
            extracted=report.extracted,
            rejected=report.rejected,
            removed=plan.counts.remove,
            present=ledger.present(),
            volumes=self._volumes(ledger, report.lane),
        )
        return guards.evaluate(self.audience.guards, figures, guards.accepted(self.accept))

    def preflight(self) -> Preflight | None:
        """Return what of the mapped columns Brevo would not take, asked in one call (S16).

        None where it takes whatever comes, or is not to be called.
        """
        if not self.settings.brevo.enabled:
            return None
        with self._connected() as client:
            return self.writer.preflight(client, self.report.columns)

    @property
    def paths(self) -> Paths:
        return Paths(self.settings.home, self.audience.name, self.scratch)

    @property
    def state(self) -> State:
        return self.open_state(self.settings)

    @property
    def ledger(self) -> Ledger:
        return self.state.ledger(self.audience.name)

    @property
    def dead_letters(self) -> DeadLetters:
        return self.state.dead_letters

    @property
    def writer(self) -> Writer:
        return kinds.writer_of(self.audience)

    @property
    def window(self) -> Window:
        return Window(self.day, self.settings.file.timezone)

    @property
    def report(self) -> MappingReport:
        return MappingReport.of(self.paths.rejected(self.day))

    @property
    def whole(self) -> bool:
        """Whether the extract is the whole source, so that what is not in it has left."""
        return self.audience.mode == "mirror" or not self.audience.statement.binds()

    def question(self) -> Question:
        """Return what the source is asked: the audience's query, with its window's binds."""
        watermark = None
        if not self.full and "last_sync" in self.audience.statement.binds():
            reached = self.ledger.last_sync()
            watermark = reached - self.audience.lookback if reached else None
        tag = {
            "app": "tajo",
            "workspace": self.settings.file.workspace,
            "audience": self.audience.name,
            "sync_date": self.day.isoformat(),
            "run": self.run_id,
        }
        binds = self.window.binds(self.lane, watermark)
        return Question(self.audience.statement, binds, json.dumps(tag))

    def _recover(self, journal: Journal, client: Connection) -> None:
        """Settle what an interrupted run left, before anything new is planned."""
        if journal.unsettled:
            recovery.recover(
                journal,
                self.writer,
                lambda batch: self._recovered(batch, journal, client()),
                client(),
            )
        recovery.clear(self.paths.plans, journal)

    def _plan(self, journal: Journal, client: Connection) -> Plan:
        """Make the plan; rows that are still in flight are not in it."""
        file = self.paths.plan(self.day, self.run_id)
        counts, others = diff.compare(self.ledger, self._wanted(journal, client), file)
        if not counts.writes:
            return Plan(counts, None, (), others)
        return Plan(counts, file, parts(file, self.writer.route), others)

    def _deliver(self, outcome: Outcome, journal: Journal) -> None:
        """Make ready what the plan needs (S16), send it, and verify what Brevo holds."""
        plan, writer = outcome.plan, self.writer
        if plan.file is None:
            return
        client, since = outcome.client(), datetime.now(UTC)
        delivery = self._delivery(
            client,
            journal,
            run_id=self.run_id,
            plan=plan.file,
            list_ids=writer.prepare(client, outcome.report.columns, plan),
            query_id=outcome.report.query_id,
            notify_url=self.settings.brevo.notify_url,
            keep=outcome.readback.keep,
            progress=lambda settled: self._tell("sync", settled, plan.counts.writes),
            receipt=outcome.receipt,
        )
        writer.begin(delivery)
        sender = writer.sender(delivery)
        for part in plan.parts:
            sender.send(part)
        sender.finish()
        outcome.readback.compare(delivery, writer, plan, since)
        if not outcome.receipt.failed and not outcome.receipt.pending:
            writer.complete(delivery, outcome.report.lane)

    def _settle(self, outcome: Outcome, journal: Journal) -> None:
        """Write dead letters of what the mapping rejected, and close those of settled rows."""
        mapped, receipt = self.paths.mapped(self.day), outcome.receipt
        for batch in parquet.batches(self.paths.rejected(self.day)):
            self.dead_letters.add(
                pa.Table.from_batches([batch]),
                audience=self.audience.name,
                run_id=self.run_id,
                sync_date=self.day,
                kind=MAPPING,
                query_id=outcome.report.query_id,
            )
        self.dead_letters.settle(
            audience=self.audience.name,
            run_id=self.run_id,
            mapped=mapped,
            pending=[*receipt.in_doubt, *self._not_sent(journal)],
            whole=self.whole,
        )
        if receipt.came_back:
            self.dead_letters.close(
                receipt.came_back, audience=self.audience.name, run_id=self.run_id
            )
        if self.whole:
            self.ledger.forget_failures(mapped)

    def _finish(self, outcome: Outcome) -> Summary:
        """Remember the run, and how far the source was read."""
        summary = outcome.summary("done")
        if self.audience.cursor:
            self.ledger.advance(self.paths.mapped(self.day))
        self.ledger.finish(
            summary, last_sync=outcome.last_sync(summary), newest=outcome.report.window_end
        )
        failpoints.reached("run.finished")
        _log.info(
            "planned %s rows: %s confirmed, %s failed, %s pending",
            *(summary.planned, summary.confirmed, summary.failed, summary.pending),
        )
        return summary

    def _stop(self, outcome: Outcome, journal: Journal, error: BaseException) -> None:
        """Remember how far a run came that did not come to its end, and say it."""
        in_flight = sum(batch.rows for batch in journal.unsettled)
        summary, progress = outcome.stopped_by(error, in_flight)
        _log.warning("%s stopped (%s): %s", summary.audience, summary.outcome, progress)
        self.ledger.finish(summary, last_sync=None, newest=None)

    def _wanted(self, journal: Journal, client: Connection) -> Wanted:
        report, mapped = self.report, self.paths.mapped(self.day)
        existing = None
        if self.audience.mode in ("insert", "update"):
            unknown = self.ledger.unknown(mapped)
            if len(unknown):
                existing = self.writer.existing(client, unknown)
        return Wanted(
            flags=self._flags(mapped, client),
            resubscribe=self._lifts,
            mapped=mapped,
            rejected=self.paths.rejected(self.day),
            mode=self.audience.mode,
            cursor=self.audience.cursor is not None,
            sync_date=self.day,
            window_end=report.window_end,
            whole=self.whole,
            allow_empty=self.audience.allow_empty,
            key=self.audience.key,
            leaving=self.writer.leaving(report.columns),
            existing=existing,
            withheld=pa.concat_tables([recovery.still_in_flight(journal), self._discarded()]),
        )

    def _flags(self, mapped: Path, client: Connection) -> pa.Table:
        """Decide which blocklist flags are lifted; Brevo is read only where one might be (S09)."""
        with self.ledger.reading() as database:
            rows = consent.to_look_up(database, mapped, self.audience.consent, lift=self._lifts)
        if not rows:
            return consent.FLAGS.empty_table()
        opt_outs = self.writer.opt_outs(client, [row["key"] for row in rows])
        return consent.flags(rows, opt_outs, self.audience.consent, mapped)

    @property
    def _lifts(self) -> bool:
        """Whether a yes may lift a flag: a backfill brings back what was, and no consent."""
        return self.audience.consent.resubscribe and self.report.lane == "incremental"

    def _discarded(self) -> pa.Table:
        """Return the keys that a person gave up, as `WITHHELD` has them."""
        keys = self.dead_letters.discarded(self.audience.name)
        return keys.append_column("why", pa.repeat(pa.scalar("discarded"), keys.num_rows))

    def _not_sent(self, journal: Journal) -> list[str]:
        """Return the keys of rows that are in flight, or held."""
        failed = self.ledger.failed()
        held: list[str] = failed.filter(failed["held"])["key"].to_pylist()
        return [*held, *recovery.still_in_flight(journal)["key"].to_pylist()]

    def _volumes(self, ledger: Ledger, lane: Lane) -> list[int]:
        if self.audience.guards.volume is None:
            return []
        runs = [run for _, run in ledger.runs(_RECENT_RUNS) if run.path == lane]
        return [run.extracted for run in runs if run.outcome == "done"][:_USUAL_RUNS]

    def _outcome(
        self, plan: Plan, client: Connection, started: float, accepted: tuple[str, ...]
    ) -> Outcome:
        return Outcome(
            audience=self.audience.name,
            day=self.day,
            run_id=self.run_id,
            report=self.report,
            plan=plan,
            client=client,
            started=started,
            accepted_guards=accepted,
        )

    def _recovered(self, batch: InFlightBatch, journal: Journal, client: Client) -> Delivery:
        """Return the delivery that settles a batch of an interrupted run."""
        return self._delivery(
            client,
            journal,
            # Apart from the rows that the run itself confirms, also where it is tried again.
            run_id=f"{batch.run_id} recovered",
            plan=Path(batch.plan),
            list_ids={} if batch.list_id is None else {None: batch.list_id},
            recovering=True,
        )

    def _delivery(self, client: Client, journal: Journal, **own: Any) -> Delivery:
        return Delivery(
            client=client,
            ledger=self.ledger,
            journal=journal,
            dead_letters=self.dead_letters,
            audience=self.audience,
            key=self.audience.key,
            sync_date=self.day,
            import_deadline=self.settings.brevo.import_deadline,
            **own,
        )

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Yield a connection that opens when it is asked for, and closes in the end."""
        with ExitStack() as stack:
            yield Connection(self._open, stack)

    def _open(self) -> Client:
        brevo = self.settings.brevo
        if not brevo.enabled:
            raise ConfigurationError(
                "TAJO-118",
                f"connectors.brevo is not enabled, and {self.audience.name} waits for it",
                "Set connectors.brevo.enabled: true.",
            )
        return Client(brevo, budget=self.state.budget, path=self.report.lane)

    def _tell(self, step: str, done: int, total: int) -> None:
        self.progress(self.audience.name, step, done, total)
