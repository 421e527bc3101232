"""A plan as a value: what a run would do, in which way and why; delivery executes it, no more."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from tajo_sf_pipeline.audience.destination import Key, Kind
from tajo_sf_pipeline.state.run_summary import Planned
from tajo_sf_pipeline.storage import arrow_file, duckdb_pool
from tajo_sf_pipeline.telemetry.masking import masked

Route = Literal["import", "single", "list_remove", "events", "objects", "object_delete"]
# Up to here single calls are done within ten seconds at the smallest plan's ten a second; above,
# one import and its polls cost less of the account's budget.
FEW = 100
_FEW_OF_A_KIND = f"at most {FEW} of a kind cost less one by one than by import"
# developers.brevo.com/reference/importcontacts names email alone beside the attributes.
_BY_EXT_ID = "an import does not promise to find a contact by its ext_id"
# developers.brevo.com/reference: importcontacts, removecontactfromlist, createbatchevents (no
# number documented), upsertrecords.
IMPORT_BYTES, LIST_KEYS, EVENTS, OBJECTS = 8_000_000, 150, 100, 1_000
_OBJECT_BYTES = 1_000_000
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a plan that stand together and travel in one way; `first` counts from 0."""

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
        match self.route:
            case "single":
                return self.rows
            case "import":
                return max(1, -(-self.bytes // IMPORT_BYTES))
            case "list_remove":
                return -(-self.rows // LIST_KEYS)
            case "events":
                return -(-self.rows // EVENTS)
            case "objects" | "object_delete":
                return max(-(-self.rows // OBJECTS), -(-self.bytes // _OBJECT_BYTES))


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
            found = database.execute(
                "SELECT action, reason, count(*) FROM plan GROUP BY ALL ORDER BY ALL"
            ).fetchall()
        return {(action, reason): count for action, reason, count in found}

    def as_json(self, *, show_keys: bool) -> dict[str, Any]:
        """Tell all of it but the rows; keys are masked unless they may be shown."""
        shown = (lambda key: key) if show_keys else masked
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
                {"way": part.route, "why": part.why, "rows": part.rows, "list": part.list}
                | {"api_calls": part.calls}
                for part in self.parts
            ],
            "others": {
                action: [shown(key) for key in keys] for action, keys in self.others.items()
            },
        }


def parts(
    file: Path, kind: Kind, leaving: Route | None, *, by_list: bool = False, key: Key = "email"
) -> tuple[Part, ...]:
    """Choose the way of every row of a plan, by what it needs and by how many need the same.

    `leaving` is how rows leave a mirror; `by_list` says that each row names its own list, or none.
    """
    with duckdb_pool.connection(file.parent) as database:
        database.register("plan", arrow_file.table(file))
        found = database.execute(
            "SELECT category, _list, count(*), sum(strlen(_payload) + 1) FROM plan "
            "GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    made, first = [], 0
    for category, name, rows, size in found:
        route, why = _route(kind, category, rows, leaving)
        if route == "import" and by_list and name is None:
            route, why = "single", "an import needs a list"
        elif route == "import" and key == "ext_id":
            route, why = "single", _BY_EXT_ID
        made.append(Part(route, why, category, name, first, rows, int(size or 0)))
        first += rows
    return tuple(made)


def _route(kind: Kind, category: str, rows: int, leaving: Route | None) -> tuple[Route, str]:
    if kind == "events":
        return "events", "events travel in batches"
    if kind == "objects":
        if category == "leave":
            return "object_delete", "records are deleted in batches"
        return "objects", "records travel in batches"
    if category == "leave":
        return _leaving_route(rows, leaving)
    if category == "flags":
        return "single", "an import has no flags for a single contact"
    if rows <= FEW:
        return "single", _FEW_OF_A_KIND
    return "import", {
        "blocklist": "many; blocklisted ones travel in imports of their own",
        "move": "many; they leave their old list when the import has ended",
    }.get(category, "many")


def _leaving_route(rows: int, leaving: Route | None) -> tuple[Route, str]:
    if leaving == "list_remove":
        return leaving, f"lists take {LIST_KEYS} contacts off at a time"
    if leaving is None:
        return "single", "what leaves needs a call of its own"
    return (leaving, "many") if rows > FEW else ("single", _FEW_OF_A_KIND)
