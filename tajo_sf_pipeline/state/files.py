"""State in files of one machine, under ``TAJO_HOME``: DuckDB, lines of JSON, SQLite, locks."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tajo_sf_pipeline.state import base
from tajo_sf_pipeline.state.dead_letters import DeadLetters
from tajo_sf_pipeline.state.journal import Journal
from tajo_sf_pipeline.state.ledger import Ledger
from tajo_sf_pipeline.state.writer_lock import one_writer
from tajo_sf_pipeline.storage.paths import Paths


@dataclass(frozen=True, slots=True)
class StateInFiles(base.State):
    """The files of one home, each made when it is first written; `patience` is in seconds."""

    home: Path
    patience: float | None = None  # for a writer's lock; None: as usual

    def ledger(self, audience: str) -> base.Ledger:
        return Ledger(self._paths(audience).ledger)

    def has_ledger(self, audience: str) -> bool:
        return self._paths(audience).ledger.exists()

    def journal(self, audience: str) -> base.Journal:
        return Journal(self._paths(audience))

    @property
    def dead_letters(self) -> base.DeadLetters:
        return DeadLetters(self._paths("").dead_letters)

    def writing(self, audience: str, run_id: str | None = None) -> AbstractContextManager[None]:
        return one_writer(self._paths(audience).ledger, run_id, patience=self.patience)

    @property
    def budget(self) -> Path:
        return self.home / "budget"

    def _paths(self, audience: str) -> Paths:
        return Paths(self.home, audience)
