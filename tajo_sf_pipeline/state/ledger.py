"""What Brevo has accepted from an audience, row by row: one DuckDB file (S02)."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa

from tajo_sf_pipeline.errors import InternalError
from tajo_sf_pipeline.state import base
from tajo_sf_pipeline.state.base import CampaignRecord, Known
from tajo_sf_pipeline.state.ledger_file import LedgerFile, value
from tajo_sf_pipeline.state.run_summary import Summary

# What the ledger takes of a plan's rows.
_SETTLED = (
    "_key",
    "_fingerprint",
    "_version",
    "_payload",
    "_list",
    "_email_blacklisted",
    "_sms_blacklisted",
    "_row",
    "_sync_date",
    "action",
    "lists",
    "_email_consent",
    "_sms_consent",
    "_consent_at",
)
_CONSENTS = {"_email_consent", "_sms_consent"}


class Tables(Protocol):
    """Where a ledger's tables stand; `str` names it to a person."""

    def reading(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open a connection in which the tables stand in `ledger`."""

    def writing(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open one transaction, with `ledger` as its default; an error leaves all as it was."""

    def translate_errors(self) -> AbstractContextManager[None]:
        """Raise DuckDB's errors as ours."""


class Ledger(base.Ledger):
    """One audience's ledger in DuckDB; a path is that of a file, made when it is first used."""

    def __init__(self, place: Path | Tables) -> None:
        self._tables = LedgerFile(place) if isinstance(place, Path) else place

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._tables.reading() as database, self._tables.translate_errors():
            yield database

    def unknown(self, mapped: Path) -> pa.Array:
        with self.reading() as database:
            return (
                database.sql(
                    "SELECT _key FROM read_parquet($mapped) "
                    "ANTI JOIN ledger.rows ON key = _key ORDER BY _key",
                    params={"mapped": str(mapped)},
                )
                .to_arrow_table()["_key"]
                .combine_chunks()
            )

    def confirm(self, rows: pa.Table, run_id: str, *, new: bool = False) -> None:
        with self._tables.writing() as database:
            database.register("settled", _complete(rows))
            values = [run_id, datetime.now(UTC)]
            if not new:
                database.execute("DELETE FROM rows WHERE key IN (SELECT _key FROM settled)")
            database.execute(_INSERT_ROWS, values)
            database.execute(_INSERT_PAYLOADS, values[1:])
            if value(database, "SELECT count(*) FROM failed"):
                database.execute("DELETE FROM failed WHERE key IN (SELECT _key FROM settled)")
            if _CONSENTS & set(rows.column_names):
                database.execute(_MERGE_CONSENTS, values[1:])

    def fail(self, rows: pa.Table, run_id: str, *, held: bool = False) -> None:
        rows = _complete(rows).append_column("why", rows["why"])
        with self._tables.writing() as database:
            database.register("settled", rows)
            database.execute("DELETE FROM failed WHERE key IN (SELECT _key FROM settled)")
            # A row that could not leave is found again by the next diff.
            database.execute(_INSERT_FAILED, [held, run_id, datetime.now(UTC)])

    def mark_unknown(self, rows: pa.Table, run_id: str, *, mirror: bool) -> None:
        with self._tables.writing() as database:
            database.register("settled", _complete(rows))
            database.execute(_MARK_UNKNOWN)
            if mirror:
                database.execute(_INSERT_UNKNOWN, [_UNKNOWN, run_id, datetime.now(UTC)])

    def advance(self, mapped: Path) -> None:
        with self._tables.writing() as database:
            database.execute(
                "UPDATE rows SET version = m._version FROM read_parquet($mapped) AS m "
                "WHERE key = m._key AND fingerprint = m._fingerprint AND version < m._version",
                {"mapped": str(mapped)},
            )

    def history(self, key: str) -> Known | None:
        with self._tables.reading() as database:
            rows = database.execute(_HISTORY, [key]).fetchall()
        if not rows:
            return None
        values = dict(zip((item.name for item in fields(Known)), rows[0], strict=True))
        moments = {name: _moment(values[name]) for name in ("version", "confirmed_at")}
        return Known(**values | moments | {"lists": tuple(values["lists"] or ())})

    def release(self, keys: Sequence[str]) -> int:
        with self._tables.writing() as database:
            held, binds = "held AND key IN (SELECT unnest(?))", [list(keys)]
            count = value(database, f"SELECT count(*) FROM failed WHERE {held}", *binds)
            database.execute(f"UPDATE failed SET held = false WHERE {held}", binds)
        return int(count)

    def failed(self) -> pa.Table:
        with self._tables.reading() as database:
            return database.sql(
                "SELECT key, reason, held, sync_date, run_id FROM ledger.failed ORDER BY key"
            ).to_arrow_table()

    def forget_failures(self, mapped: Path) -> None:
        with self._tables.reading() as database:
            if not value(database, "SELECT count(*) FROM ledger.failed"):
                return
        with self._tables.writing() as database:
            database.execute(
                "DELETE FROM failed "
                "WHERE NOT held AND key NOT IN (SELECT _key FROM read_parquet($mapped))",
                {"mapped": str(mapped)},
            )

    def has_snapshot(self, number: int) -> bool:
        with self._tables.reading() as database:
            query = "SELECT count(*) > 0 FROM ledger.guests WHERE list = ?"
            return bool(value(database, query, number))

    def snapshot_members(self, number: int, members: Sequence[str]) -> None:
        with self._tables.writing() as database:
            database.execute(
                "INSERT INTO guests SELECT $1, coalesce(list(key), []) FROM ("
                "SELECT unnest($2) AS key EXCEPT SELECT key FROM rows)",
                [number, list(members)],
            )

    def campaign(self, name: str) -> CampaignRecord | None:
        with self._tables.reading() as database:
            rows = database.execute(
                "SELECT id, sent FROM ledger.campaigns WHERE name = ?", [name]
            ).fetchall()
        return CampaignRecord(*rows[0]) if rows else None

    def record_campaign(self, name: str, number: int, *, sent: bool) -> None:
        with self._tables.writing() as database:
            database.execute("DELETE FROM campaigns WHERE name = ?", [name])
            database.execute("INSERT INTO campaigns VALUES (?, ?, ?)", [name, number, sent])

    def finish(
        self, summary: Summary, *, last_sync: datetime | None, newest: datetime | None
    ) -> None:
        with self._tables.writing() as database:
            rows = value(database, "SELECT count(*) FROM rows")
            if value(database, "SELECT count(*) FROM payloads") > 2 * _KEPT_PAYLOADS * rows:
                database.execute(_FORGET_OLD_PAYLOADS)
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
        with self._tables.reading() as database:
            reached = value(database, "SELECT epoch_us(last_sync) FROM ledger.watermark")
        return _moment(reached) if reached is not None else None

    def present(self) -> int:
        with self._tables.reading() as database:
            return int(value(database, "SELECT count(*) FROM ledger.rows WHERE present"))

    def is_news(self, mapped: Path) -> bool:
        with self._tables.reading() as database:
            query = (
                "SELECT count(*) > 0 FROM (SELECT 1 FROM read_parquet(?) AS m "
                "ANTI JOIN ledger.rows AS r ON r.key = m._key "
                "AND r.fingerprint = m._fingerprint LIMIT 1)"
            )
            return bool(value(database, query, str(mapped)))

    def lists_of(self, run_id: str) -> list[tuple[str | None, int, int]]:
        with self._tables.reading() as database:
            return database.execute(
                "SELECT list, id, count(*) FROM (SELECT list, unnest(lists) AS id "
                "FROM ledger.rows WHERE run_id = ?) GROUP BY ALL ORDER BY 3 DESC, 2",
                [run_id],
            ).fetchall()

    def run_of(self, run_id: str) -> Summary:
        with self._tables.reading() as database:
            summary = value(
                database,
                "SELECT max_by(summary, finished_at) FROM ledger.runs WHERE run_id = ?",
                run_id,
            )
        if summary is None:
            raise InternalError(
                "TAJO-901", f"the ledger {self._tables} does not know run {run_id}", "Report this."
            )
        return Summary.of(json.loads(summary))

    def runs(self, limit: int = 20) -> list[tuple[datetime, Summary]]:
        with self._tables.reading() as database:
            runs = database.execute(
                "SELECT epoch_us(finished_at), summary FROM ledger.runs "
                "ORDER BY finished_at DESC LIMIT ?",
                [limit],
            ).fetchall()
        return [(_moment(ended), Summary.of(json.loads(summary))) for ended, summary in runs]

    def confirmed_by(self, run_id: str) -> int:
        with self._tables.reading() as database:
            return int(
                value(
                    database,
                    "SELECT count(*) FROM ledger.rows "
                    "WHERE run_id = $1 AND action IN ('create', 'update') AND NOT EXISTS ("
                    "FROM ledger.runs AS r WHERE r.run_id = $1 AND finished_at > confirmed_at "
                    "AND summary ->> 'outcome' <> 'done')",
                    run_id,
                )
            )


_INSERT_ROWS = """
INSERT INTO rows
SELECT _key, _fingerprint, _version, action <> 'remove', _list, lists, _row, _sync_date, action, $1,
    $2
FROM settled
"""
# What a row does not say stays as it was accepted before.
_MERGE_CONSENTS = """
MERGE INTO consents AS c USING (
    FROM settled WHERE _email_consent IS NOT NULL OR _sms_consent IS NOT NULL
) AS s ON c.key = s._key
WHEN MATCHED THEN UPDATE SET email = coalesce(s._email_consent, c.email),
    sms = coalesce(s._sms_consent, c.sms),
    consent_at = coalesce(s._consent_at, c.consent_at), accepted_at = $1
WHEN NOT MATCHED THEN INSERT VALUES (s._key, s._email_consent, s._sms_consent, s._consent_at, $1)
"""
# No row's fingerprint, but by chance once in 2^64.
_UNKNOWN = 0
_MARK_UNKNOWN = f"UPDATE rows SET fingerprint = {_UNKNOWN} WHERE key IN (SELECT _key FROM settled)"
_INSERT_UNKNOWN = """
INSERT INTO rows
SELECT _key, $1, _version, true, _list, lists, _row, _sync_date, action, $2, $3
FROM settled WHERE action <> 'remove' AND _key NOT IN (SELECT key FROM rows)
"""
# What leaves keeps the payload that Brevo accepted last.
_INSERT_PAYLOADS = """
INSERT INTO payloads
SELECT _key, _payload, $1 FROM settled WHERE action <> 'remove' AND _payload IS NOT NULL
"""
# More of them than this for each row are not kept.
_KEPT_PAYLOADS = 2
_FORGET_OLD_PAYLOADS = f"""
DELETE FROM payloads WHERE rowid IN (
    SELECT rowid FROM payloads
    QUALIFY row_number() OVER (PARTITION BY key ORDER BY confirmed_at DESC, rowid DESC)
        > {_KEPT_PAYLOADS}
)
"""
_INSERT_FAILED = """
INSERT INTO failed
SELECT _key, _fingerprint, _version, _payload, _list, _email_blacklisted, _sms_blacklisted, _row,
    _sync_date, $1, why, $2, $3
FROM settled WHERE action <> 'remove'
"""
_HISTORY = """
SELECT key, present, epoch_us(version), lists, payloads[1], payloads[2], source_row, sync_date,
    action, run_id, epoch_us(confirmed_at)
FROM ledger.rows, (
    SELECT list(payload ORDER BY confirmed_at DESC, rowid DESC) AS payloads
    FROM ledger.payloads WHERE key = $1
)
WHERE key = $1
"""


def _complete(rows: pa.Table) -> pa.Table:
    """Return the columns that the ledger wants; those that the rows lack are null."""
    columns = {}
    for name in _SETTLED:
        if name in rows.column_names:
            columns[name] = rows[name]
        else:
            missing = {"action": pa.scalar("create")}.get(name, pa.scalar(None, _TYPES[name]))
            columns[name] = pa.repeat(missing, rows.num_rows)
    return pa.table(columns)


_TYPES = {
    "_payload": pa.string(),
    "_list": pa.string(),
    "_email_blacklisted": pa.bool_(),
    "_sms_blacklisted": pa.bool_(),
    "_email_consent": pa.bool_(),
    "_sms_consent": pa.bool_(),
    "_consent_at": pa.timestamp("us", tz="UTC"),
    "_row": pa.int64(),
    "_sync_date": pa.date32(),
    "action": pa.string(),
    "lists": pa.list_(pa.int64()),
}


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
