"""What a run did with its rows: every one of them is in exactly one place (S01)."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Planned:
    """The rows of a mapped extract, judged against the ledger."""

    create: int = 0
    update: int = 0
    unchanged: int = 0
    stale: int = 0

    @property
    def writes(self) -> int:
        return self.create + self.update


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in numbers; the names are those of ``tajo connectors sync --json``."""

    audience: str
    sync_date: str
    run_id: str
    extracted: int
    rejected: int
    created: int
    updated: int
    stale: int
    unchanged: int
    confirmed: int
    failed: int
    pending: int
    api_calls: int
    seconds: float
    skipped_by_mode: int = 0
    removed: int = 0

    @property
    def planned(self) -> int:
        return self.created + self.updated

    @property
    def conserved(self) -> bool:
        judged = self.rejected + self.stale + self.unchanged + self.skipped_by_mode + self.planned
        settled = self.confirmed + self.failed + self.pending
        return self.extracted == judged and self.planned == settled

    @property
    def counts(self) -> dict[str, int]:
        return {name: value for name, value in self.as_json().items() if isinstance(value, int)}

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "planned": self.planned}
