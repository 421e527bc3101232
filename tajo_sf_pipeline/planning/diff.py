"""Mapped rows against the ledger, in DuckDB, so that neither must fit into memory."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa

from tajo_sf_pipeline.audience.destination import Key
from tajo_sf_pipeline.audience.specification import Mode
from tajo_sf_pipeline.planning.consent import CONSENTS, FLAGS, HAS_COME
from tajo_sf_pipeline.state.run_summary import Planned
from tajo_sf_pipeline.storage import arrow_file, parquet

# Without the lists that rows were on before the audience came to them (S08).
_LISTS_OF_ITS_OWN = """
(
    SELECT r.* REPLACE (
        list_filter(r.lists, lambda id: NOT coalesce(list_contains(g.lists, id), false)) AS lists
    )
    FROM ledger.rows AS r LEFT JOIN (
        SELECT key, list(list) AS lists
        FROM (SELECT list, unnest(keys) AS key FROM ledger.guests) GROUP BY key
    ) AS g ON g.key = r.key
)
"""
_FLAGS_OF_ROWS = """
LEFT JOIN flags AS f ON f.key = e._key LEFT JOIN ledger.consents AS c ON c.key = e._key
"""
_SHOWN = 5
# A null where nothing but a list, or the contact itself, is left.
_LEAVING: dict[Key, str] = {
    "email": """'{"email":' || to_json(key) || ',"attributes":' || $leaving || '}'""",
    "ext_id": """'{"ext_id":' || to_json(key) || ',"attributes":' || $leaving || '}'""",
    "sms": """'{"attributes":' || json_merge_patch($leaving, json_object('SMS', key)) || '}'""",
}
WITHHELD = pa.schema({"key": pa.string(), "fingerprint": pa.uint64(), "why": pa.string()})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a plan is computed from, besides the ledger.

    `whole` says that the extract is the whole source, so that a row that is not in it has left.
    `leaving` are the attributes, as JSON, that rows get that leave a mirror. `existing` are the
    keys that Brevo has although the ledger does not know them (modes `insert` and `update`), or
    None where nobody asked. `flags` say what becomes of blocklist flags (see `consent.FLAGS`), and
    `resubscribe` that a yes may lift one. `withheld` are rows that are not sent now: `pending` or
    `discarded` (see `WITHHELD`).
    """

    mapped: Path
    rejected: Path
    mode: Mode
    cursor: bool
    sync_date: date
    window_end: datetime
    whole: bool = False
    allow_empty: bool = False
    key: Key = "email"
    leaving: str | None = None
    existing: pa.Array | None = None
    flags: pa.Table | None = None
    withheld: pa.Table | None = None
    resubscribe: bool = False


class KnownRows(Protocol):
    """What Brevo has accepted, for a plan to be held against."""

    def reading(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open it: a connection whose schema `ledger` has the tables of a ledger."""


def compare(known: KnownRows, inputs: Wanted, plan: Path) -> tuple[Planned, dict[str, list[str]]]:
    """Evaluate every mapped row, and write those to be sent into `plan` (see `write`).

    Returns the counts, and some keys of every action that sends nothing.
    """
    with known.reading() as database:
        planned = evaluate(database, inputs)
        if planned.writes:
            write(database, inputs, plan)
        return planned, samples(database)


def evaluate(database: duckdb.DuckDBPyConnection, inputs: Wanted) -> Planned:
    """Count what would become of every mapped row; leave the tables that `write` needs.

    Only keys, fingerprints, versions and row numbers are read here, of what stands in `ledger`.
    """
    total = parquet.rows(inputs.mapped)
    known_count = _count(database, "ledger.rows")
    failed = _count(database, "ledger.failed")
    _register(database, inputs)
    preexisting = _count(database, "ledger.guests WHERE len(keys) > 0")
    known_rows = _LISTS_OF_ITS_OWN if preexisting else "ledger.rows"
    database.execute(f"CREATE TEMP VIEW known AS FROM {known_rows}")
    database.execute(_changed(inputs, known_count))
    database.execute(_evaluated(inputs, known_count, failed), {"window_end": inputs.window_end})
    counted: dict[str, int] = dict(
        database.execute("SELECT action, count(*) FROM evaluated GROUP BY action").fetchall()
    )
    changed = sum(counted.values())
    database.execute(_retries(inputs, failed))
    _find_leaving(database, inputs, total, known_count)
    return Planned(
        **counted,
        **_flag_counts(database),
        unchanged=total - changed,
        retry=_count(database, "retries"),
        remove=_count(database, "leaving"),
    )


def _flag_counts(database: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Count the rows to be sent that lift a flag, and those to which Brevo's opt-out says no."""
    [counts] = database.execute(
        "SELECT count(*) FILTER (NOT f.email OR NOT f.sms), count(*) FILTER (f.kept) "
        "FROM evaluated JOIN flags AS f ON f.key = _key WHERE action IN ('create', 'update')"
    ).fetchall()
    return dict(zip(("resubscribe", "kept_blocklisted"), counts, strict=True))


def write(database: duckdb.DuckDBPyConnection, inputs: Wanted, plan: Path) -> None:
    """Write the rows to be sent, in their order: by category, by list, by key (S15).

    A plan's rows are `_key`, `_payload` (null where a row leaves a list only), `_version`,
    `_fingerprint`, `_list`, `_email_blacklisted`, `_sms_blacklisted`, `_row` and `_sync_date` of
    their source, `action`, `reason`, `category`, `leaves` (the ids of the lists to be left, null
    where the ledger does not know them) and `lists` (those that stay).
    """
    values = {"day": inputs.sync_date, "leaving": inputs.leaving, "window_end": inputs.window_end}
    rows = database.sql(_plan(inputs), params=values).to_arrow_reader(arrow_file.ROWS)
    arrow_file.write(plan, rows.schema, rows)


def samples(database: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Return some keys of every action that sends nothing, in the order of keys."""
    keys = database.execute(
        "SELECT action, min(_key, $shown) FROM evaluated "
        "WHERE action NOT IN ('create', 'update') GROUP BY action ORDER BY action",
        {"shown": _SHOWN},
    ).fetchall()
    return dict(keys)


def _register(database: duckdb.DuckDBPyConnection, inputs: Wanted) -> None:
    withheld = inputs.withheld if inputs.withheld is not None else WITHHELD.empty_table()
    existing = inputs.existing if inputs.existing is not None else pa.array([], pa.string())
    database.register("withheld", withheld)
    database.register("existing", pa.table({"key": existing}))
    database.register("flags", inputs.flags if inputs.flags is not None else FLAGS.empty_table())


def _changed(inputs: Wanted, known_count: int) -> str:
    """Find the rows that the ledger does not have as they are; an event is never another one."""
    source = f"SELECT m._row, m._key, m._fingerprint, m._version FROM {_file(inputs.mapped)} AS m"
    if not known_count:
        return f"CREATE TEMP VIEW changed AS {source}"
    if inputs.mode == "append":
        condition = "c.key = m._key"
    else:
        # Together 128 bits: as good as the key itself, and less to keep in memory and to compare.
        condition = "hash(c.key) = hash(m._key) AND c.fingerprint = m._fingerprint"
    return (
        f"CREATE TEMP TABLE changed AS {source} ANTI JOIN "
        f"(SELECT key, fingerprint FROM ledger.rows WHERE present) AS c ON {condition}"
    )


def _evaluated(inputs: Wanted, known_count: int, failed: int) -> str:
    new = {
        "insert": "if(e.key IS NULL, 'create', 'skipped_by_mode')",
        "update": "if(e.key IS NULL, 'skipped_by_mode', 'update')",
    }.get(inputs.mode, "'create'")
    inserts = inputs.mode == "insert"
    changed = "'skipped_by_mode'" if inserts else "'update'"
    # Without a cursor all rows of a run are as new as its sync date, also those that had not
    # changed and were not written again: `newest` speaks for them (S04).
    newest = "NULL" if inputs.cursor else "(SELECT newest FROM ledger.watermark)"
    nobody = "(SELECT NULL::VARCHAR AS key, NULL::TIMESTAMPTZ AS version, true AS present, "
    nobody += "NULL::VARCHAR AS list, NULL::BIGINT[] AS lists WHERE false)"
    held = (
        "(SELECT key FROM ledger.failed WHERE held)"
        if failed
        else "(SELECT key FROM existing LIMIT 0)"
    )
    return f"""
        CREATE TEMP TABLE evaluated AS
        SELECT
            m.*, c.present AS was_present, c.list AS was_on, c.lists AS was_on_lists,
            CASE
                WHEN w.why IS NOT NULL THEN w.why
                WHEN h.key IS NOT NULL THEN 'held'
                WHEN c.key IS NULL THEN {new}
                WHEN {"true" if inserts else "false"} THEN {changed}
                -- Who has left did so by the end of a date: that is what a return is held against.
                WHEN NOT c.present THEN if(greatest(c.version, (SELECT newest FROM
                    ledger.watermark)) > $window_end::TIMESTAMPTZ, 'stale', 'create')
                WHEN greatest(c.version, {newest}) > m._version THEN 'stale'
                ELSE {changed}
            END AS action
        FROM changed AS m
        LEFT JOIN {"known" if known_count else nobody} AS c ON c.key = m._key
        LEFT JOIN {held} AS h ON h.key = m._key
        LEFT JOIN existing AS e ON e.key = m._key
        LEFT JOIN withheld AS w
            ON w.key = m._key AND (w.fingerprint IS NULL OR w.fingerprint = m._fingerprint)
    """


def _retries(inputs: Wanted, failed: int) -> str:
    """Find the rows that failed and that this extract does not have: they come back too (S06)."""
    if not failed or inputs.whole:
        return "CREATE TEMP TABLE retries AS SELECT * FROM ledger.failed WHERE false"
    return f"""
        CREATE TEMP TABLE retries AS
        SELECT f.* FROM ledger.failed AS f
        WHERE NOT f.held
            AND f.key NOT IN (SELECT _key FROM {_file(inputs.mapped)})
            AND lower(f.key) NOT IN ({_rejected(inputs)})
            AND NOT EXISTS (FROM withheld AS w WHERE w.key = f.key)
            AND NOT EXISTS (FROM ledger.rows AS r WHERE r.key = f.key AND r.version > f.version)
    """


def _find_leaving(
    database: duckdb.DuckDBPyConnection, inputs: Wanted, total: int, known_count: int
) -> None:
    """Find what has left the mirror: neither mapped nor rejected, and nothing newer is known.

    An empty extract removes nobody unless that is allowed (S08).
    """
    nothing = "CREATE TEMP TABLE leaving AS SELECT key, lists, fingerprint FROM known"
    if inputs.mode != "mirror" or not known_count or not (total or inputs.allow_empty):
        database.execute(f"{nothing} WHERE false")
        return
    database.execute(
        f"""{nothing} AS r
        ANTI JOIN {_file(inputs.mapped)} AS m ON m._key = r.key
        WHERE present AND version <= $window_end
            AND NOT EXISTS (FROM ledger.watermark WHERE newest > $window_end)
            AND lower(key) NOT IN ({_rejected(inputs)})
            AND NOT EXISTS (FROM withheld AS w WHERE w.key = r.key)
        """,
        {"window_end": inputs.window_end},
    )


def _rejected(inputs: Wanted) -> str:
    return f"SELECT lower(trim(key)) FROM {_file(inputs.rejected)} WHERE key IS NOT NULL"


def _file(path: Path) -> str:
    """Name a file in a query: a view takes no values that are bound."""
    name = str(path).replace("'", "''")
    return f"read_parquet('{name}')"


def _plan(inputs: Wanted) -> str:
    present = set(parquet.schema(inputs.mapped).names)
    columns = ", ".join(
        [
            "m._list" if "_list" in present else "NULL::VARCHAR AS _list",
            *(_flag(channel, present) for channel in ("email", "sms")),
            *_consents(inputs, present),
        ]
    )
    return f"""
        WITH rows AS (
            SELECT e._key, m._payload, e._version, e._fingerprint, {columns}, e._row,
                $day::DATE AS _sync_date, e.action,
                CASE WHEN e.was_present IS NULL THEN if(e.action = 'create', 'new', 'not ours yet')
                    WHEN NOT e.was_present THEN 'came back'
                    WHEN {"m._list" if "_list" in present else "NULL"} IS DISTINCT FROM e.was_on
                        AND e.was_on IS NOT NULL THEN 'another list'
                    ELSE 'changed' END AS reason,
                e.was_on_lists
            FROM evaluated AS e JOIN {_file(inputs.mapped)} AS m ON m._row = e._row
            {_FLAGS_OF_ROWS if present & CONSENTS else ""}
            WHERE e.action IN ('create', 'update')
        ),
        every AS (
            SELECT * EXCLUDE (was_on_lists),
                if(reason = 'another list', was_on_lists, []) AS leaves,
                if(reason = 'another list', [], was_on_lists) AS lists
            FROM rows
            UNION ALL BY NAME
            SELECT key AS _key, payload AS _payload, version AS _version,
                fingerprint AS _fingerprint, list AS _list,
                -- What a retry lifts, nobody has decided now (S09).
                nullif(email_blacklisted, false) AS _email_blacklisted,
                nullif(sms_blacklisted, false) AS _sms_blacklisted,
                source_row AS _row, sync_date AS _sync_date, 'retry' AS action,
                'failed before' AS reason, []::BIGINT[] AS leaves, []::BIGINT[] AS lists
            FROM retries
            UNION ALL BY NAME
            SELECT key AS _key, {_LEAVING[inputs.key]} AS _payload,
                $window_end::TIMESTAMPTZ AS _version,
                fingerprint AS _fingerprint, NULL::VARCHAR AS _list,
                NULL::BOOLEAN AS _email_blacklisted, NULL::BOOLEAN AS _sms_blacklisted,
                NULL::BIGINT AS _row, $day::DATE AS _sync_date, 'remove' AS action,
                'left the source' AS reason, lists AS leaves, []::BIGINT[] AS lists
            FROM leaving
        )
        SELECT *,
            CASE
                WHEN action = 'remove' THEN 'leave'
                WHEN _email_blacklisted IS false OR _sms_blacklisted IS false THEN 'flags'
                WHEN _email_blacklisted AND _sms_blacklisted THEN 'blocklist_all'
                WHEN _sms_blacklisted THEN 'blocklist_sms'
                WHEN _email_blacklisted THEN 'blocklist'
                WHEN len(leaves) > 0 THEN 'move'
                ELSE 'plain'
            END AS category
        FROM every
        ORDER BY category, _list, _key
    """


def _flag(channel: str, present: set[str]) -> str:
    """Choose a blocklist flag: a no of the source sets it, and else what was decided counts."""
    name = f"_{channel}_blacklisted"
    if f"_{channel}_consent" in present:
        return f"if(NOT m._{channel}_consent, true, f.{channel}) AS {name}"
    return f"m.{name}" if name in present else f"NULL::BOOLEAN AS {name}"


def _consents(inputs: Wanted, present: set[str]) -> Iterator[str]:
    """Return what the ledger remembers of a row's consent, where the audience maps one.

    A yes that may lift nothing leaves an accepted no as it is: the flag still stands in Brevo.
    """
    for channel in ("email", "sms"):
        name = f"_{channel}_consent"
        if name in present:
            keeps = "false" if inputs.resubscribe else f"m.{name} AND NOT c.{channel}"
            yield f"if({keeps}, NULL, m.{name}) AS {name}"
    if "_consent_at" in present:
        yield f"if({HAS_COME}, m._consent_at, NULL) AS _consent_at"


def _count(database: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(database.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
