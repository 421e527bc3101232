"""A plan as a value: what a run would do, by which route and why; delivery executes it, no more."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from tajo_sf_pipeline.state.run_summary import Planned
from tajo_sf_pipeline.storage import arrow_file, duckdb_pool
from tajo_sf_pipeline.telemetry.masking import masked

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Route:
    """The kind of calls that rows are sent by; its name stands in plans and journals.

    One call takes at most `rows` and `bytes`, and draws on the account's `bucket`. What is `polled`
    is asked for until Brevo has applied it.
    """

    name: str
    rows: int | None = None
    bytes: int | None = None
    bucket: str = "contacts"
    polled: bool = False

    def calls(self, rows: int, size: int) -> int:
        """Count the calls that so many rows of so many bytes need; polls are not among these."""
        by_rows = -(-rows // self.rows) if self.rows else 1
        by_bytes = -(-size // self.bytes) if self.bytes else 1
        return max(by_rows, by_bytes)


# Of rows that need the same (category, list, how many): how they travel, and why.
Routing = Callable[[str, str | None, int], tuple[Route, str]]


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a plan that stand together and travel by one route; `first` counts from 0."""

    route: Route
    why: str
    category: str
    list: str | None
    first: int
    rows: int
    bytes: int

    @property
    def calls(self) -> int:
        """Estimate the calls that write them; polls are not among these."""
        return self.route.calls(self.rows, self.bytes)


@dataclass(frozen=True, slots=True)
class Plan:
    """The rows to be sent, in `file` (None where there are none), and the count of every other."""

    counts: Planned
    file: Path | None
    parts: tuple[Part, ...] = ()
    others: dict[str, list[str]] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        return sum(part.calls for part in self.parts)

    def discard(self, unless: Collection[str] = ()) -> None:
        """Remove the file, which holds personal data, but for one that something waits for."""
        if self.file is not None and str(self.file) not in unless:
            self.file.unlink(missing_ok=True)

    def rows(self, first: int, count: int) -> Iterator[pa.RecordBatch]:
        """Return some of the rows, in the plan's order, batch by batch."""
        if self.file is not None:
            yield from arrow_file.rows_of(self.file, first, count)

    def sample(self, count: int) -> list[dict[str, Any]]:
        """Return the first rows of each part, `count` of each; keys and payloads are not masked."""
        return [
            row
            for part in self.parts
            for batch in self.rows(part.first, min(part.rows, count))
            for row in batch.to_pylist()
        ]

    def reasons(self) -> dict[tuple[str, str], int]:
        """Count the rows to be sent by action and reason."""
        if self.file is None:
            return {}
        with duckdb_pool.connection(self.file.parent) as database:
            database.register("plan", arrow_file.table(self.file))
            counts = database.execute(
                "SELECT action, reason, count(*) FROM plan GROUP BY ALL ORDER BY ALL"
            ).fetchall()
        return {(action, reason): count for action, reason, count in counts}

    def as_json(self, *, show_keys: bool) -> dict[str, Any]:
        """Return all of it but the rows; keys are masked unless they may be shown."""
        rendered = (lambda key: key) if show_keys else masked
        return {
            **asdict(self.counts),
            "planned": self.counts.planned,
            "writes": self.counts.writes,
            "api_calls": self.calls,
            "reasons": [
                {"action": action, "reason": reason, "rows": rows}
                for (action, reason), rows in self.reasons().items()
            ],
            "ways": [
                {"way": part.route.name, "why": part.why, "rows": part.rows, "list": part.list}
                | {"api_calls": part.calls}
                for part in self.parts
            ],
            "others": {
                action: [rendered(key) for key in keys] for action, keys in self.others.items()
            },
        }


def parts(file: Path, routing: Routing) -> tuple[Part, ...]:
    """Choose the route of every row of a plan, by what it needs and by how many need the same."""
    with duckdb_pool.connection(file.parent) as database:
        database.register("plan", arrow_file.table(file))
        groups = database.execute(
            "SELECT category, _list, count(*), sum(strlen(_payload) + 1) FROM plan "
            "GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    chosen, first = [], 0
    for category, name, rows, size in groups:
        route, why = routing(category, name, rows)
        chosen.append(Part(route, why, category, name, first, rows, int(size or 0)))
        first += rows
    return tuple(chosen)
