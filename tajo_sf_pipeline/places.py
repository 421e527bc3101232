"""Where a workspace keeps its files, under ``TAJO_HOME``."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """One audience's files; those of a sync date carry it in their names."""

    home: Path
    audience: str

    def extract(self, day: date) -> Path:
        return self.home / "extracts" / self.audience / f"{day}.parquet"

    def mapped(self, day: date) -> Path:
        return self.home / "mapped" / self.audience / f"{day}.parquet"

    def rejected(self, day: date) -> Path:
        return self.home / "mapped" / self.audience / f"{day}.rejected.parquet"

    def plan(self, day: date) -> Path:
        return self.home / "plans" / self.audience / f"{day}.parquet"

    def dead_letters(self, day: date) -> Path:
        return self.home / "dead_letters" / self.audience / f"{day}.parquet"

    @property
    def letters(self) -> Path:
        """The workspace's dead letters, of all its audiences."""
        return self.home / "dead_letters" / "letters.sqlite"

    @property
    def ledger(self) -> Path:
        return self.home / "ledger" / f"{self.audience}.duckdb"


def make_home(home: Path) -> None:
    """Make the folder; what it holds is personal data, so only its owner may look (0700)."""
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
