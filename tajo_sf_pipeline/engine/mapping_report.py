"""What the mapping reports of an extract: the one fact that the sync and the checks start from."""

from dataclasses import asdict, astuple, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.audience.written_column import WrittenColumn
from tajo_sf_pipeline.storage import parquet


@dataclass(frozen=True, slots=True)
class MappingReport:
    """Counts of rows, the columns that are written, and how far the source reached.

    It is kept in the metadata of the rejects' file. `reached` is the greatest cursor of the mapped
    rows, or without a cursor the moment at which the statement started; None where nothing was
    mapped. `extract` is the name of the extract's file.
    """

    lane: Lane
    query_id: str | None
    extract: str | None
    extracted: int
    rejected: int
    columns: tuple[WrittenColumn, ...]
    reached: datetime | None
    window_end: datetime

    @classmethod
    def of(cls, rejected: Path) -> Self:
        """Read the report that stands in a rejects' file."""
        kept = parquet.notes(rejected)
        return cls(
            lane=kept["path"],
            query_id=kept.get("query_id"),
            extract=kept.get("extract"),
            extracted=kept["extracted"],
            rejected=kept["rejected"],
            columns=tuple(WrittenColumn.of(column) for column in kept["columns"]),
            reached=datetime.fromisoformat(kept["reached"]) if kept["reached"] else None,
            window_end=datetime.fromisoformat(kept["window_end"]),
        )

    def as_notes(self) -> dict[str, Any]:
        """Return what `of` reads, as JSON takes it."""
        notes = asdict(self)
        return {
            "path": notes.pop("lane"),
            **notes,
            "columns": [astuple(column) for column in self.columns],
            "reached": self.reached.isoformat() if self.reached else None,
            "window_end": self.window_end.isoformat(),
        }
