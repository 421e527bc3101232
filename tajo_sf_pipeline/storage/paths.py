"""Where a workspace keeps its files, under ``TAJO_HOME``."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tajo_sf_pipeline.storage.write_errors import made


@dataclass(frozen=True, slots=True)
class Paths:
    """One audience's files; those of a sync date carry it in their names.

    `scratch` has a sync date's files where they are not to be kept.
    """

    home: Path
    audience: str
    scratch: Path | None = None

    @property
    def _of_dates(self) -> Path:
        return self.scratch or self.home

    def extract(self, day: date) -> Path:
        return self._of_dates / "extracts" / self.audience / f"{day}.parquet"

    def mapped(self, day: date) -> Path:
        return self._of_dates / "mapped" / self.audience / f"{day}.parquet"

    def rejected(self, day: date) -> Path:
        return self._of_dates / "mapped" / self.audience / f"{day}.rejected.parquet"

    @property
    def plans(self) -> Path:
        return self._of_dates / "plans" / self.audience

    def plan(self, day: date, run_id: str) -> Path:
        """Return the place of one run's rows; they stay until all of them are settled."""
        return self.plans / f"{day}.{run_id}.arrow"

    @property
    def dead_letters(self) -> Path:
        """The workspace's dead letters, of all its audiences."""
        return self.home / "dead_letters" / "letters.sqlite"

    @property
    def columns(self) -> Path:
        """The columns of the extract that was synced last, with their types, as JSON."""
        return self.home / "columns" / f"{self.audience}.json"

    @property
    def journal(self) -> Path:
        """What is in flight to Brevo."""
        return self.home / "ledger" / f"{self.audience}.journal"

    @property
    def ledger(self) -> Path:
        return self.home / "ledger" / f"{self.audience}.duckdb"


def make_home(home: Path) -> None:
    """Make the folder; what it holds is personal data, so only its owner may look (0700)."""
    with made(home):
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
