"""What a run did with its rows: every one of them is in exactly one place (S01)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Planned:
    """The rows of a mapped extract, compared with the ledger.

    `pending` ones are still in flight from an earlier run and `held` ones wait for a person:
    neither is sent again. `retry` and `remove` are rows that the extract does not have. Some of the
    rows that are created or updated lift a flag (`resubscribe`), or say yes to an opt-out that
    stands (`kept_blocklisted`).
    """

    create: int = 0
    update: int = 0
    unchanged: int = 0
    stale: int = 0
    skipped_by_mode: int = 0
    discarded: int = 0
    pending: int = 0
    held: int = 0
    retry: int = 0
    remove: int = 0
    resubscribe: int = 0
    kept_blocklisted: int = 0

    @property
    def writes(self) -> int:
        return self.create + self.update + self.retry + self.remove

    @property
    def planned(self) -> int:
        return self.create + self.update + self.pending + self.held


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in numbers; the names are those of ``tajo connectors sync --json``.

    `removed` and `retried` count rows that the extract does not have: those that have left the
    mirror, and those that an earlier run failed to bring. `differences` tells by attribute how
    many of the contacts read back have another value in Brevo.
    """

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
    retried: int = 0
    left_over: int = 0  # of these, and without success
    in_doubt: int = 0  # planned, and not sent: in flight from an earlier run, or held
    path: str = "incremental"
    outcome: str = "done"  # done, or the kind of the error that ended the run
    accepted_guards: tuple[str, ...] = ()
    verified: int = 0
    differences: Mapping[str, int] = field(default_factory=dict)
    resubscribe: int = 0  # of the planned: a flag is lifted (S09)
    kept_blocklisted: int = 0  # of the planned: the source says yes, and Brevo's opt-out stands

    @property
    def planned(self) -> int:
        return self.created + self.updated + self.in_doubt

    @property
    def conserved(self) -> bool:
        results = self.rejected + self.stale + self.unchanged + self.skipped_by_mode + self.planned
        settled = self.confirmed + self.failed + self.pending
        return self.extracted == results and self.planned == settled

    @property
    def counts(self) -> dict[str, int]:
        return {name: value for name, value in self.as_json().items() if isinstance(value, int)}

    def as_json(self) -> dict[str, Any]:
        guards = list(self.accepted_guards)
        return asdict(self) | {"accepted_guards": guards, "planned": self.planned}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return the summary that `as_json` wrote, also in an earlier version of this product."""
        values = {item.name: document[item.name] for item in fields(cls) if item.name in document}
        return cls(**values | {"accepted_guards": tuple(document.get("accepted_guards", ()))})
