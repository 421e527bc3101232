"""Rows that the mapping or Brevo refused, kept with their reason until they are settled.

One SQLite file for a workspace: any number of processes read it while one writes (WAL), which the
ledger's DuckDB could not. A run calls, in this order::

    dead_letters = state.dead_letters
    dead_letters.add(rejected, audience=..., sync_date=..., run_id=..., kind=MAPPING)
    dead_letters.add(refused, audience=..., sync_date=..., run_id=..., kind=VALIDATION)
    dead_letters.settle(audience=..., run_id=..., mapped=paths.mapped(day), pending=keys)

A dead letter is one key, column and reason. It is *open* until its row is *accepted* (by itself, in
`settle` or `close`), was *replayed* and did not come back, has *left* the source, or was
*discarded* by a person. The same row refused again for a reason that was discarded stays discarded.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.errors import BusyError, ConfigurationError
from tajo_sf_pipeline.state import base
from tajo_sf_pipeline.state.dead_letter import (
    ADD,
    COLUMNS,
    SCHEMA,
    SCHEMA_VERSION,
    DeadLetter,
    Filter,
)
from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline.storage.write_errors import is_busy, is_of_storage, made, storage_error

# Of the error kinds in errors.py, those that a single row can have, and their codes.
MAPPING, VALIDATION, UNCERTAIN = "mapping", "validation", "vendor_outage"
CODES = {MAPPING: "TAJO-821", VALIDATION: "TAJO-822", UNCERTAIN: "TAJO-823"}

_LOCK_PATIENCE = 60  # seconds


class DeadLetters(base.DeadLetters):
    """A workspace's dead letters in SQLite: a file created with the first one, or a store."""

    def __init__(self, place: Path | sqlite3.Connection) -> None:
        self._place = place

    def add(
        self,
        rows: pa.Table,
        *,
        audience: str,
        sync_date: date,
        run_id: str,
        kind: str,
        query_id: str | None = None,
    ) -> None:
        if not rows.num_rows:
            return
        same = dict.fromkeys(COLUMNS) | {
            "audience": audience,
            "sync_date": sync_date.isoformat(),
            "run_id": run_id,
            "kind": kind,
            "code": CODES[kind],
            "query_id": query_id,
            "now": _now(),
        }
        columns = {name: rows[name] for name in COLUMNS if name in rows.column_names}
        columns["key"] = _normal(rows["key"])
        if "fingerprint" in columns:
            columns["fingerprint"] = rows["fingerprint"].cast(pa.string())
        with self._writing() as database:
            for batch in pa.table(columns).to_batches(parquet.ROWS_PER_GROUP):
                database.executemany(ADD, (same | row for row in batch.to_pylist()))

    def settle(
        self,
        *,
        audience: str,
        run_id: str,
        mapped: Path,
        pending: Sequence[str] = (),
        whole: bool = False,
    ) -> None:
        waiting = set(self.keys(audience, but_of_run=run_id).to_pylist()) - set(pending)
        if waiting:
            self.close(_present(mapped, waiting), audience=audience, run_id=run_id)
        if whole:
            self._close_absent(audience, run_id, pending)

    def close(self, keys: Sequence[str], *, audience: str, run_id: str) -> None:
        with self._writing() as database:
            database.executemany(
                "UPDATE letters SET state = 'accepted', closed_at = ? "
                "WHERE audience = ? AND state = 'open' AND identity = ? AND run_id <> ?",
                ((_now(), audience, key, run_id) for key in keys),
            )

    def keys(self, audience: str, *, but_of_run: str | None = None) -> pa.Array:
        rows = self._rows(
            "SELECT DISTINCT key FROM letters WHERE audience = ? AND state = 'open' "
            "AND run_id IS NOT ? AND key IS NOT NULL ORDER BY key",
            [audience, but_of_run],
        )
        return pa.array([row["key"] for row in rows], pa.string())

    def discarded(self, audience: str) -> pa.Table:
        rows = self._rows(
            "SELECT key, iif(kind = ?, NULL, fingerprint) AS fingerprint FROM letters "
            "WHERE audience = ? AND state = 'discarded' "
            "AND key IS NOT NULL AND letters.fingerprint IS NOT NULL ORDER BY key",
            [UNCERTAIN, audience],
        )
        numbers = [row["fingerprint"] for row in rows]
        return pa.table(
            {
                "key": [row["key"] for row in rows],
                "fingerprint": [None if number is None else int(number) for number in numbers],
            },
            schema=pa.schema({"key": pa.string(), "fingerprint": pa.uint64()}),
        )

    def find(self, which: Filter, *, limit: int = -1) -> list[DeadLetter]:
        where, values = which.where()
        return [
            DeadLetter.of(row)
            for row in self._rows(
                f"SELECT * FROM letters WHERE {where} ORDER BY last_at DESC, id DESC LIMIT ?",
                [*values, limit],
            )
        ]

    def count(self, which: Filter) -> int:
        where, values = which.where()
        rows = self._rows(f"SELECT count(*) AS letters FROM letters WHERE {where}", values)
        return int(rows[0]["letters"]) if rows else 0

    def reasons(self, which: Filter) -> dict[tuple[str, str], int]:
        where, values = which.where()
        rows = self._rows(
            """SELECT ifnull("column", '') AS "column", reason, count(*) AS letters """
            f"FROM letters WHERE {where} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
            values,
        )
        return {(row["column"], row["reason"]): row["letters"] for row in rows}

    def end(self, ids: Sequence[int], state: Literal["discarded", "replayed"]) -> int:
        with self._writing() as database:
            return database.executemany(
                "UPDATE letters SET state = ?, closed_at = ? WHERE id = ? AND state = 'open'",
                ((state, _now(), number) for number in ids),
            ).rowcount

    def prune(self, closed_before: datetime) -> int:
        if not self._is_there():
            return 0
        old, given_up = "max(closed_at, last_at) < ?", "state = 'discarded' AND kind = ?"
        binds = [closed_before.timestamp(), UNCERTAIN]
        with self._writing() as database:
            database.execute(f"UPDATE letters SET payload = NULL WHERE {old} AND {given_up}", binds)
            return database.execute(
                f"DELETE FROM letters WHERE state <> 'open' AND {old} AND NOT ({given_up})", binds
            ).rowcount

    def _close_absent(self, audience: str, run_id: str, pending: Sequence[str]) -> None:
        still = set(pending)
        rows = self._rows(
            "SELECT id, key FROM letters WHERE audience = ? AND state = 'open' AND run_id <> ?",
            [audience, run_id],
        )
        gone = [(_now(), row["id"]) for row in rows if row["key"] not in still]
        with self._writing() as database:
            database.executemany(
                "UPDATE letters SET state = 'left', closed_at = ? WHERE id = ?", gone
            )

    def _rows(self, query: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        if not self._is_there():
            return []
        with self._opened() as database:
            return database.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction; an error leaves it as it was."""
        if isinstance(self._place, Path) and not self._place.exists():
            with made(self._place):
                self._place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._place.touch(mode=0o600)
        with self._opened() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.rollback()
                raise
            database.commit()

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with self._translate_errors(), self._connected() as database:
            database.row_factory = sqlite3.Row
            self._prepare(database)
            yield database

    def _connected(self) -> AbstractContextManager[sqlite3.Connection]:
        if not isinstance(self._place, Path):
            return nullcontext(self._place)
        return closing(sqlite3.connect(self._place, timeout=_LOCK_PATIENCE, isolation_level=None))

    def _is_there(self) -> bool:
        return not isinstance(self._place, Path) or self._place.exists()

    def _prepare(self, database: sqlite3.Connection) -> None:
        """Create the tables in a new file; refuse one that a later version wrote."""
        version = _version(database)
        if version > SCHEMA_VERSION:
            raise ConfigurationError(
                "TAJO-154",
                f"the dead letters {self._place} have the schema version {version}; this version "
                f"of tajo knows {SCHEMA_VERSION}",
                "Use the version of tajo that wrote them; nothing was changed.",
            )
        if version == SCHEMA_VERSION:
            return
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("BEGIN IMMEDIATE")
        if _version(database) == 0:  # else another process was faster
            for statement in SCHEMA.split(";\n"):
                database.execute(statement)
        database.commit()

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if is_busy(error):
                raise BusyError(
                    "TAJO-155",
                    f"the dead letters {self._place} are in use by another process: {error}",
                    "Wait for that process, or end it, and run the same date again.",
                ) from error
            if is_of_storage(error):
                raise storage_error(
                    "TAJO-155",
                    f"the dead letters {self._place}",
                    error,
                    "then run the date again: it writes down again what is refused.",
                ) from error
            raise self._damaged(error) from error
        except sqlite3.Error as error:
            raise self._damaged(error) from error

    def _damaged(self, error: sqlite3.Error) -> ConfigurationError:
        return ConfigurationError(
            "TAJO-155",
            f"the dead letters {self._place} cannot be used: {error}",
            "Restore the file from a backup, or move it away: then the next runs write down again "
            "what is refused.",
        )


def _normal(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write e-mails as the mapping does: a mapped row finds the dead letter of a rejected one."""
    emails = pc.utf8_lower(pc.utf8_trim_whitespace(keys))
    return pc.if_else(pc.match_substring(keys, "@"), emails, keys)


def _present(mapped: Path, keys: set[str]) -> list[str]:
    """Return those of the keys that stand in a mapped file."""
    sought = pa.array(sorted(keys), pa.string())
    present: set[str] = set()
    for batch in parquet.batches(mapped, ["_key"]):
        here = batch.column(0)
        present.update(here.filter(pc.is_in(here, sought)).to_pylist())
    return sorted(present)


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _now() -> float:
    return datetime.now(UTC).timestamp()
