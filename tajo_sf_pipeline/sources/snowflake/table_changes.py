"""The cheap question whether tables changed, and the dearer one when.

A token of ``SYSTEM$LAST_CHANGE_COMMIT_TIME`` differs when a table's rows may have changed, and a
view's when those of a table below it may have. It is no time, and a changed token is no promise
that a row looks different (docs.snowflake.com/en/sql-reference/functions/
system_last_change_commit_time). Where the role may not ask for it, ``LAST_ALTERED`` stands in:
DDL and Snowflake's own maintenance move that as well, and of a view it tells nothing, so a view is
followed to its tables by its text (docs.snowflake.com/en/sql-reference/info-schema/tables).

Nobody can tell of a secure view that another role owns, of a table behind a share that hides it,
or of what a function in the SQL reads: those are `unknown`, with the reason.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tajo_sf_pipeline.audience.statement import Statement, Table
from tajo_sf_pipeline.errors import AuthenticationError, TajoError, VendorOutageError
from tajo_sf_pipeline.sources.base import Altered, ChangeTokens
from tajo_sf_pipeline.sources.snowflake.transport import Transport, rows_of

_MAX_DEPTH = 10
_TAG = json.dumps({"app": "tajo", "step": "freshness"})


def change_tokens(transport: Transport, tables: Iterable[Table]) -> ChangeTokens:
    """Ask for all tables in one statement; only if that is refused, for each one alone."""
    tables = tuple(tables)
    if not tables:
        return ChangeTokens()
    try:
        return ChangeTokens(_asked(transport, tables))
    except (AuthenticationError, VendorOutageError):
        raise
    except TajoError:
        tokens = ChangeTokens()
    for table in tables:
        try:
            tokens.known.update(_asked(transport, [table]))
        except (AuthenticationError, VendorOutageError):
            raise
        except TajoError as error:
            _by_alteration(transport, table, error, tokens)
    return tokens


def altered(transport: Transport, tables: Iterable[Table]) -> dict[Table, Altered]:
    """Ask INFORMATION_SCHEMA when tables were last altered; views are followed to their tables."""
    return {table: _altered(transport, table, _MAX_DEPTH) for table in tables}


def _by_alteration(
    transport: Transport, table: Table, error: TajoError, tokens: ChangeTokens
) -> None:
    try:
        stands_in = altered(transport, [table])[table]
    except (AuthenticationError, VendorOutageError):
        raise
    except TajoError:
        stands_in = Altered(None, unknown=error.happened)
    if stands_in.at is None:
        tokens.unknown[table] = stands_in.unknown or error.happened
    else:
        tokens.known[table] = f"altered {stands_in.at.isoformat()}"


def _asked(transport: Transport, tables: Iterable[Table]) -> dict[Table, str]:
    tables = tuple(tables)
    calls = ", ".join(
        f'SYSTEM$LAST_CHANGE_COMMIT_TIME({_literal(_quoted(table))}) AS "t{number}"'
        for number, table in enumerate(tables)
    )
    [row] = _rows(transport, f"SELECT {calls}")
    return {table: str(row[f"t{number}"]) for number, table in enumerate(tables)}


def _altered(transport: Transport, table: Table, depth: int) -> Altered:
    tables = _rows(
        transport,
        'SELECT table_type AS "type", last_altered AS "altered" '
        f"FROM {_identifier(table.database)}.INFORMATION_SCHEMA.TABLES WHERE {_is(table)}",
    )
    if not tables:
        return Altered(None, unknown=f"{'.'.join(table)} is not shown to the role")
    if "VIEW" not in tables[0]["type"] or tables[0]["type"] == "MATERIALIZED VIEW":
        return Altered(_utc(tables[0]["altered"]))
    if not depth:
        return Altered(None, unknown=f"{'.'.join(table)} is a view of too many views")
    return _below(transport, table, depth)


def _below(transport: Transport, view: Table, depth: int) -> Altered:
    views = _rows(
        transport,
        f'SELECT view_definition AS "text" FROM {_identifier(view.database)}.'
        f"INFORMATION_SCHEMA.VIEWS WHERE {_is(view)}",
    )
    text = views[0]["text"] if views else None
    statement = Statement(text or "", "view")
    tables = tuple(t for t in statement.sources(view.database, view.schema) if t != view)
    if not tables:
        hidden = "its text cannot be read" if text else "its text is hidden from the role"
        return Altered(None, unknown=f"{'.'.join(view)} is a view, and {hidden}")
    parts = {table: _altered(transport, table, depth - 1) for table in tables}
    unknown = "; ".join(part.unknown for part in parts.values() if part.at is None)
    leaves = tuple(sorted({leaf for table in parts for leaf in parts[table].below or (table,)}))
    moments = [part.at for part in parts.values() if part.at is not None]
    return Altered(None if unknown else max(moments), leaves, unknown)


def _rows(transport: Transport, text: str) -> list[dict[str, Any]]:
    return rows_of(transport, Statement(text, "the freshness question"), _TAG)


def _is(table: Table) -> str:
    schema, name = _literal(table.schema), _literal(table.name)
    return f"table_schema = {schema} AND table_name = {name}"


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _quoted(table: Table) -> str:
    return ".".join(_identifier(part) for part in table)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
