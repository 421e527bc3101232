"""What a run would do: the ledger, the letters, the journal and Brevo asked, nothing written."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.config.settings import Brevo
from tajo_sf_pipeline.destinations import kinds
from tajo_sf_pipeline.destinations.base import Writer
from tajo_sf_pipeline.engine import recovery
from tajo_sf_pipeline.engine.connection import Connection
from tajo_sf_pipeline.engine.mapping_report import MappingReport
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.planning import diff, guards
from tajo_sf_pipeline.planning.diff import Wanted
from tajo_sf_pipeline.planning.plan import Plan, parts
from tajo_sf_pipeline.state.base import DeadLetters, Journal, Ledger, State
from tajo_sf_pipeline.storage.paths import Paths

Progress = Callable[[int, int], None]
# The volume guard compares with the mean of as many runs.
_USUAL_RUNS = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Planning:
    """One run of one audience and date, as far as its plan.

    `accept` are the names of guards that a person lets pass; `progress` is told rows settled, of
    rows planned.
    """

    audience: Audience
    brevo: Brevo
    paths: Paths
    state: State
    day: date
    run_id: str
    accept: tuple[str, ...] = ()
    progress: Progress = lambda _done, _planned: None

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
    def notes(self) -> MappingReport:
        return MappingReport.of(self.paths.rejected(self.day))

    def plan(self) -> Plan:
        """Say what `run` would do now; nothing is written but the plan's own file.

        Brevo is read only where the mode depends on what it has (`insert`, `update`).
        """
        with self.connected() as client:
            return self.planned(self.state.journal(self.audience.name), client)

    def guarded(self, plan: Plan) -> tuple[str, ...]:
        """Return the guards that were let pass; raise `GuardError` for those that were not."""
        notes, ledger = self.notes, self.ledger
        figures = guards.Figures(
            extracted=notes.extracted,
            rejected=notes.rejected,
            removed=plan.counts.remove,
            present=ledger.present(),
            volumes=self._volumes(ledger, notes),
        )
        return guards.judge(self.audience.guards, figures, guards.accepted(self.accept))

    def planned(self, journal: Journal, client: Connection) -> Plan:
        """Make the plan; rows of the journal's open windows are not in it."""
        wanted = self._wanted(journal, client)
        file = self.paths.plan(self.day, self.run_id)
        counts, others = diff.compare(self.ledger, wanted, file)
        if not counts.writes:
            return Plan(counts, None, (), others)
        return Plan(counts, file, parts(file, self.writer.route), others)

    def _wanted(self, journal: Journal, client: Connection) -> Wanted:
        withheld = pa.concat_tables(
            [recovery.still_in_flight(journal), _discarded(self.dead_letters, self.audience.name)]
        )
        mapped = self.paths.mapped(self.day)
        existing = None
        if self.audience.mode in ("insert", "update"):
            unknown = self.ledger.unknown(mapped)
            if len(unknown):
                existing = self.writer.existing(client, unknown)
        return Wanted(
            mapped=mapped,
            rejected=self.paths.rejected(self.day),
            mode=self.audience.mode,
            cursor=self.audience.cursor is not None,
            sync_date=self.day,
            window_end=self.notes.window_end,
            whole=self.whole,
            allow_empty=self.audience.allow_empty,
            key=self.audience.key,
            leaving=self.writer.leaving(self.notes.columns),
            existing=existing,
            withheld=withheld,
        )

    @property
    def whole(self) -> bool:
        """Tell whether the extract is the whole source, so that what is not in it has left."""
        return self.audience.mode == "mirror" or not self.audience.statement.binds()

    def _volumes(self, ledger: Ledger, notes: MappingReport) -> list[int]:
        if self.audience.guards.volume is None:
            return []
        runs = [run for _, run in ledger.runs(50) if run.path == notes.path]
        done = [run.extracted for run in runs if run.outcome == "done"]
        return done[:_USUAL_RUNS]

    def _open(self) -> Client:
        if not self.brevo.enabled:
            raise ConfigurationError(
                "TAJO-118",
                f"connectors.brevo is not enabled, and {self.audience.name} waits for it",
                "Set connectors.brevo.enabled: true.",
            )
        return Client(self.brevo, budget=self.state.budget, path=self.notes.path)

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """Return a connection that opens when it is asked for, and closes in the end."""
        with ExitStack() as stack:
            yield Connection(self._open, stack)


def _discarded(dead_letters: DeadLetters, audience: str) -> pa.Table:
    given_up = dead_letters.discarded(audience)
    return given_up.append_column("why", pa.repeat(pa.scalar("discarded"), given_up.num_rows))
