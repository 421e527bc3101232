"""What the mapping noted of an extract, in the metadata of its rejects."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from tajo_sf_pipeline import parquet
from tajo_sf_pipeline.brevo.attributes import Written
from tajo_sf_pipeline.window import SyncPath


@dataclass(frozen=True, slots=True)
class Notes:
    """The path of the run, its counts, the columns that are written, and how far it reached."""

    path: SyncPath
    extracted: int
    rejected: int
    columns: tuple[Written, ...]
    reached: datetime | None
    window_end: datetime
    query_id: str | None

    @classmethod
    def of(cls, rejected: Path) -> Self:
        told = parquet.notes(rejected)
        return cls(
            path=told["path"],
            extracted=told["extracted"],
            rejected=told["rejected"],
            columns=tuple(Written.read(column) for column in told["columns"]),
            reached=datetime.fromisoformat(told["reached"]) if told["reached"] else None,
            window_end=datetime.fromisoformat(told["window_end"]),
            query_id=told.get("query_id"),
        )
