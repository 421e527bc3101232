"""A dead letter: how it is kept, as it is read, and which of them a person asks for."""

import json
import sqlite3
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any, Literal, Self, get_args

from tajo_sf_pipeline.storage import parquet

State = Literal["open", "accepted", "replayed", "left", "discarded"]
STATES: tuple[State, ...] = get_args(State)

SCHEMA_VERSION = 1
SCHEMA = f"""
CREATE TABLE letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    audience TEXT NOT NULL,
    sync_date TEXT NOT NULL,  -- of the latest extract that had the row
    key TEXT,                 -- null where the row has none
    "column" TEXT,            -- of the source, where one is to blame
    reason TEXT NOT NULL,
    kind TEXT NOT NULL,
    code TEXT NOT NULL,
    payload TEXT,             -- the mapped row as JSON, where the mapping took it
    fingerprint TEXT,         -- of that; SQLite's integers are too short for it
    row INTEGER,              -- its number in the extract of `query_id`
    query_id TEXT,
    run_id TEXT NOT NULL,     -- the latest that refused the row
    first_at REAL NOT NULL,   -- seconds since 1970
    last_at REAL NOT NULL,
    attempts INTEGER NOT NULL,
    state TEXT NOT NULL,
    closed_at REAL,
    identity TEXT NOT NULL    -- the key, else the sync date and the row's number
);
CREATE UNIQUE INDEX one_letter ON letters (audience, identity, ifnull("column", ''), reason)
    WHERE state IN ('open', 'discarded');
CREATE INDEX by_state ON letters (audience, state, identity);
PRAGMA user_version = {SCHEMA_VERSION};
"""
# What a refused row may bring; `key` and `reason` it must.
COLUMNS = ("key", "column", "reason", "payload", "fingerprint", "row")
ADD = """
INSERT INTO letters (
    audience, sync_date, key, "column", reason, kind, code, payload, fingerprint, row, query_id,
    run_id, first_at, last_at, attempts, state, identity
) VALUES (
    :audience, :sync_date, :key, :column, :reason, :kind, :code, :payload, :fingerprint, :row,
    :query_id, :run_id, :now, :now, 1, 'open',
    ifnull(:key, :sync_date || '#' || ifnull(:row, ''))
)
ON CONFLICT (audience, identity, ifnull("column", ''), reason) WHERE state IN ('open', 'discarded')
DO UPDATE SET
    attempts = attempts + (run_id <> excluded.run_id), run_id = excluded.run_id,
    sync_date = iif(excluded.row IS NULL, sync_date, excluded.sync_date),
    query_id = iif(excluded.row IS NULL, query_id, excluded.query_id),
    row = ifnull(excluded.row, row),  -- one that was tried again stands in no new extract
    last_at = excluded.last_at, payload = excluded.payload, fingerprint = excluded.fingerprint,
    kind = excluded.kind, code = excluded.code
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter as it is kept; `row` counts in the extract that `query_id` made."""

    id: int
    audience: str
    sync_date: date
    key: str | None
    column: str | None
    reason: str
    kind: str
    code: str
    payload: str | None
    row: int | None
    query_id: str | None
    run_id: str
    first_at: datetime
    last_at: datetime
    attempts: int
    state: State
    closed_at: datetime | None

    @classmethod
    def of(cls, row: sqlite3.Row) -> Self:
        """Return the dead letter of a row of the store."""
        values = {field.name: row[field.name] for field in fields(cls)}
        moments = {
            name: datetime.fromtimestamp(values[name], UTC) if values[name] is not None else None
            for name in ("first_at", "last_at", "closed_at")
        }
        return cls(**{**values, **moments, "sync_date": date.fromisoformat(values["sync_date"])})

    @property
    def row_group(self) -> int | None:
        """The Parquet row group of the extract that holds the row."""
        return None if self.row is None else self.row // parquet.ROWS_PER_GROUP


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters: all that is set must hold; `reason` is a part of it, in any case."""

    ids: tuple[int, ...] = ()
    audience: str | None = None
    sync_date: date | None = None
    reason: str | None = None
    kind: str | None = None
    state: State | None = None

    def where(self) -> tuple[str, list[Any]]:
        """Return an SQL condition and its values."""
        columns: list[tuple[str, Any]] = [
            ("audience = ?", self.audience),
            ("sync_date = ?", self.sync_date and self.sync_date.isoformat()),
            ("instr(lower(reason), lower(?))", self.reason),
            ("kind = ?", self.kind),
            ("state = ?", self.state),
        ]
        conditions = [(condition, value) for condition, value in columns if value is not None]
        texts = [condition for condition, _ in conditions]
        if self.ids:
            texts.append("id IN (SELECT value FROM json_each(?))")  # however many
            conditions.append(("", json.dumps(self.ids)))
        return " AND ".join(texts) or "true", [value for _, value in conditions]
