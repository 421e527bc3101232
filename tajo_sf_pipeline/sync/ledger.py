"""What Brevo has accepted from an audience, row by row: one DuckDB file (S02).

DuckDB lets one process write or several read. So the file is open only for the moment of a
transaction, and who finds it locked waits.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import stamina

from tajo_sf_pipeline.errors import ConfigurationError, InternalError
from tajo_sf_pipeline.sync.summary import Planned, Summary

_SCHEMA_VERSION = 1
_LOCK_PATIENCE = timedelta(seconds=60)
_SCHEMA = f"""
CREATE TABLE schema_version AS SELECT {_SCHEMA_VERSION} AS version;
CREATE TABLE contacts (
    key VARCHAR NOT NULL,           -- the e-mail
    fingerprint UBIGINT NOT NULL,   -- of the contact as Brevo accepted it
    version TIMESTAMPTZ NOT NULL,   -- of the source row it came from
    run_id VARCHAR NOT NULL,
    confirmed_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE runs (
    run_id VARCHAR NOT NULL,
    finished_at TIMESTAMPTZ NOT NULL,
    summary JSON NOT NULL
);
CREATE TABLE watermark (  -- one row: how far the audience has come
    last_sync TIMESTAMPTZ,  -- what the next incremental query starts from, before its lookback
    newest TIMESTAMPTZ      -- of an audience without a cursor: the end of its latest sync date
);
INSERT INTO watermark VALUES (NULL, NULL);
"""
# Without a cursor all rows of a run are as new as its sync date, also those that had not changed
# and were not written again: `newest` speaks for them (S04).
_JUDGED = """
SELECT
    m.*,
    CASE
        WHEN c.key IS NULL THEN 'create'
        WHEN c.fingerprint = m._fingerprint THEN 'unchanged'
        WHEN greatest(c.version, (SELECT newest FROM ledger.watermark)) > m._version THEN 'stale'
        ELSE 'update'
    END AS action
FROM read_parquet($mapped) AS m
LEFT JOIN ledger.contacts AS c ON c.key = m._key
"""


class Ledger:
    """One audience's ledger; the file is made when it is first written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def plan(self, mapped: Path, plan: Path) -> Planned:
        """Judge every mapped row, and write those to be sent into `plan`, in the order of keys.

        A plan's rows are `_key`, `_payload`, `_version`, `_fingerprint` and `action`.
        """
        with self._reading() as database:
            with self._told():  # the first to read the whole file, and so to find it truncated
                counted = database.execute(
                    f"SELECT action, count(*) FROM ({_JUDGED}) GROUP BY action",
                    {"mapped": str(mapped)},
                ).fetchall()
            planned = Planned(**dict(counted))
            if planned.writes:
                _write_plan(database, mapped, plan)
        return planned

    def confirm(self, rows: pa.Table, run_id: str) -> None:
        """Remember rows of a plan that Brevo has accepted, in one transaction."""
        now = datetime.now(UTC)
        with self._writing() as database:
            database.register("confirmed", rows.select(["_key", "_fingerprint", "_version"]))
            database.execute("DELETE FROM contacts WHERE key IN (SELECT _key FROM confirmed)")
            database.execute(
                "INSERT INTO contacts SELECT _key, _fingerprint, _version, ?, ? FROM confirmed",
                [run_id, now],
            )

    def advance(self, mapped: Path) -> None:
        """Raise the versions of contacts whose rows are newer and say the same (S04).

        Else a backfill of a date between the two versions would turn such a contact back.
        """
        with self._writing() as database:
            database.execute(
                "UPDATE contacts SET version = m._version FROM read_parquet($mapped) AS m "
                "WHERE key = m._key AND fingerprint = m._fingerprint AND version < m._version",
                {"mapped": str(mapped)},
            )

    def finish(
        self, summary: Summary, *, last_sync: datetime | None, newest: datetime | None
    ) -> None:
        """Remember a run; a moment that is given moves the watermark, and never back."""
        with self._writing() as database:
            database.execute(
                "INSERT INTO runs VALUES (?, ?, ?)",
                [summary.run_id, datetime.now(UTC), json.dumps(summary.as_json())],
            )
            database.execute(
                "UPDATE watermark SET last_sync = greatest(last_sync, ?::TIMESTAMPTZ), "
                "newest = greatest(newest, ?::TIMESTAMPTZ)",
                [last_sync, newest],
            )

    def last_sync(self) -> datetime | None:
        """Give how far the incremental path has come; None if it has never succeeded."""
        with self._reading() as database:
            reached = _value(database, "SELECT epoch_us(last_sync) FROM ledger.watermark")
        return _moment(reached) if reached is not None else None

    def run_of(self, run_id: str) -> Summary:
        """Give what a run did, by Dagster's id of it."""
        with self._reading() as database:
            found = _value(
                database,
                "SELECT max_by(summary, finished_at) FROM ledger.runs WHERE run_id = ?",
                run_id,
            )
        if found is None:
            raise InternalError(
                "TAJO-901", f"the ledger {self._path} does not know run {run_id}", "Report this."
            )
        return _summary(json.loads(found))

    def confirmed_by(self, run_id: str) -> int:
        """Count the contacts that this run was the last to write."""
        with self._reading() as database:
            return int(
                _value(database, "SELECT count(*) FROM ledger.contacts WHERE run_id = ?", run_id)
            )

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Attach the file, read-only, as `ledger`."""
        if not self._path.exists():
            with self._writing():
                pass
        with duckdb.connect() as database:
            name = str(self._path).replace("'", "''")
            with self._told():
                for attempt in _patiently():
                    with attempt:
                        database.execute(f"ATTACH '{name}' AS ledger (READ_ONLY)")
            self._check_version(database, "ledger.")
            yield database

    @contextmanager
    def _writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for one transaction; an error leaves it as it was."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._told():
            for attempt in _patiently():
                with attempt:
                    database = duckdb.connect(self._path)
        with database, self._told_if_full():
            database.begin()
            if not database.execute("SHOW TABLES").fetchall():
                database.execute(_SCHEMA)
                self._path.chmod(0o600)
            self._check_version(database)
            yield database
            database.commit()

    @contextmanager
    def _told_if_full(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.IOException, duckdb.TransactionException) as error:
            raise ConfigurationError(
                "TAJO-146",
                f"the ledger {self._path} could not be written: {error}",
                "Free some space, or move TAJO_HOME to a larger disk; the next run sends again "
                "what could not be remembered.",
            ) from error

    def _check_version(self, database: duckdb.DuckDBPyConnection, prefix: str = "") -> None:
        found = _value(database, f"SELECT max(version) FROM {prefix}schema_version")
        if found != _SCHEMA_VERSION:
            raise ConfigurationError(
                "TAJO-143",
                f"the ledger {self._path} has the schema version {found}; this "
                f"version of tajo knows {_SCHEMA_VERSION}",
                "Use the version of tajo that wrote it; nothing was changed.",
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            if _is_locked(error):
                raise ConfigurationError(
                    "TAJO-142",
                    f"the ledger {self._path} is in use by another process: {error}",
                    "Wait for that process, or end it, and run the same date again.",
                ) from error
            raise ConfigurationError(
                "TAJO-144",
                f"the ledger {self._path} cannot be opened: {error}",
                "Restore it from a backup; without it the next run would send every row again.",
            ) from error


def _write_plan(database: duckdb.DuckDBPyConnection, mapped: Path, plan: Path) -> None:
    plan.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = plan.with_name(f".{plan.name}.unfinished")
    database.sql(
        f"SELECT _key, _payload, _version, _fingerprint, action FROM ({_JUDGED}) "
        "WHERE action IN ('create', 'update') ORDER BY _key",
        params={"mapped": str(mapped)},
    ).write_parquet(str(unfinished), compression="zstd")
    unfinished.chmod(0o600)
    unfinished.replace(plan)


def _value(database: duckdb.DuckDBPyConnection, query: str, *binds: object) -> Any:
    """Give the one value of a query's one row."""
    return database.execute(query, binds).fetchall()[0][0]


def _patiently() -> Iterable[stamina.Attempt]:
    return stamina.retry_context(_is_locked, attempts=None, timeout=_LOCK_PATIENCE)


def _is_locked(error: Exception) -> bool:
    return isinstance(error, duckdb.IOException) and "Could not set lock" in str(error)


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _summary(told: dict[str, Any]) -> Summary:
    return Summary(**{field.name: told[field.name] for field in fields(Summary)})
