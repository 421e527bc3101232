"""When each table last changed, for LAST_ALTERED and SYSTEM$LAST_CHANGE_COMMIT_TIME.

Kept in the database files, so that a server that starts again has not "changed" anything.
"""

import threading
import time

import duckdb
import sqlglot
from fakesnow.info_schema import SQL_CREATE_INFORMATION_SCHEMA_TABLES_VIEW
from snowflake.connector.errors import ProgrammingError
from sqlglot import exp
from sqlglot.errors import SqlglotError

FUNCTION = "SYSTEM$LAST_CHANGE_COMMIT_TIME"
# docs.snowflake.com/en/sql-reference/info-schema/tables, "Usage notes".
_DML = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.TruncateTable)
_CHANGING = (*_DML, exp.Create, exp.Alter)
_MAX_DEPTH = 10
_REMEMBERED = """
CREATE TABLE IF NOT EXISTS "{database}"._fs_information_schema._changes (
    schema_name VARCHAR,
    table_name VARCHAR,
    changed_ns BIGINT,
    PRIMARY KEY (schema_name, table_name)
)
"""
# fakesnow's own view says 1970 for every table, and nothing of views.
_TELLING = """
CREATE OR REPLACE VIEW "{database}"._fs_information_schema._fs_tables AS
WITH objects AS (
    {tables}
), views AS (
    SELECT view_name, schema_name FROM duckdb_views()
    WHERE database_name = '{database}' AND NOT internal AND schema_name != '_fs_information_schema'
), both_kinds AS (
    FROM objects UNION ALL BY NAME
    SELECT '{database}' AS "TABLE_CATALOG", schema_name AS "TABLE_SCHEMA",
        view_name AS "TABLE_NAME", 'VIEW' AS "TABLE_TYPE" FROM views
)
SELECT both_kinds.* REPLACE (
    make_timestamptz(coalesce(changed_ns, 0) // 1000) AS "LAST_ALTERED"
)
FROM both_kinds LEFT JOIN "{database}"._fs_information_schema._changes
AS changes
ON changes.schema_name = both_kinds."TABLE_SCHEMA" AND changes.table_name = both_kinds."TABLE_NAME"
"""
Name = tuple[str, str, str]


class Changes:
    """Remembers the nanosecond of each table's last change."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._provided: set[str] = set()

    def provide(self, database: str) -> None:
        """Make a database able to remember, and its INFORMATION_SCHEMA.TABLES tell."""
        with self._lock:
            self._provide(database)

    def note(self, statement: exp.Expr, database: str | None, schema: str | None) -> None:
        """Remember what a statement that was executed has changed, if it is one that changes."""
        table = _target(statement)
        if table is not None:
            self.changed(_name(table, database, schema))

    def changed(self, name: Name) -> None:
        """Remember that a table has changed now; a change is always later than the one before."""
        database, schema, table = name
        with self._lock:
            before = self._moment(name)
            self._database.execute(
                f'INSERT OR REPLACE INTO "{database}"._fs_information_schema._changes '
                "VALUES (?, ?, ?)",
                [schema, table, max(time.time_ns(), before + 1)],
            )

    def call(self, call: exp.Anonymous, database: str | None, schema: str | None) -> exp.Expr:
        """Answer ``SYSTEM$LAST_CHANGE_COMMIT_TIME('<table or view>')``."""
        table = exp.to_table(call.expressions[0].name, dialect="snowflake")
        with self._lock:
            return exp.Literal.number(self._last(_name(table, database, schema), _MAX_DEPTH))

    def _last(self, name: Name, depth: int) -> int:
        """Give the moment of the last change, of a view that of the tables below it."""
        view = self._find("duckdb_views()", "view_name", name)
        if not view and not self._find("duckdb_tables()", "table_name", name):
            message = f"Object '{'.'.join(name)}' does not exist or not authorized."
            raise ProgrammingError(
                msg=f"SQL compilation error:\n{message}", errno=2003, sqlstate="42S02"
            )
        below = _read_by(view[0][0], name) if view and depth else ()
        return max((self._last(one, depth - 1) for one in below), default=self._moment(name))

    def _provide(self, database: str) -> None:
        if database not in self._provided:
            self._database.execute(_REMEMBERED.format(database=database))
            self._database.execute(_TELLING.format(database=database, tables=_tables(database)))
            self._provided.add(database)

    def _moment(self, name: Name) -> int:
        database, *table = name
        self._provide(database)  # CREATE DATABASE makes one that we have not seen
        found = self._database.execute(
            f'SELECT changed_ns FROM "{database}"._fs_information_schema._changes '
            "WHERE schema_name = ? AND table_name = ?",
            table,
        ).fetchall()
        return int(found[0][0]) if found else 0

    def _find(self, catalog: str, column: str, name: Name) -> list[tuple[str]]:
        where = f"(database_name, schema_name, {column}) = (?, ?, ?)"
        return self._database.execute(f"SELECT sql FROM {catalog} WHERE {where}", name).fetchall()


def _tables(database: str) -> str:
    """Give the query of fakesnow's own view."""
    text = SQL_CREATE_INFORMATION_SCHEMA_TABLES_VIEW.substitute(catalog=database)
    return text.split(" AS\n", 1)[1]


def _target(statement: exp.Expr) -> exp.Table | None:
    if not isinstance(statement, _CHANGING) or statement.args.get("kind") not in {None, "TABLE"}:
        return None
    # What TRUNCATE empties stands in a list.
    target = statement.this or next(iter(statement.expressions), None)
    return target.find(exp.Table) if isinstance(target, exp.Expr) else None


def _read_by(definition: str, view: Name) -> set[Name]:
    try:
        query = sqlglot.parse_one(definition, read="duckdb")
    except SqlglotError:
        return set()
    tables = {_name(table, view[0], view[1]) for table in query.find_all(exp.Table)}
    return tables - {view}


def _name(table: exp.Table, database: str | None, schema: str | None) -> Name:
    catalog, db = table.args.get("catalog"), table.args.get("db")
    return (
        _stored(catalog) if catalog else (database or ""),
        _stored(db) if db else (schema or ""),
        _stored(table.this),
    )


def _stored(name: exp.Expr) -> str:
    quoted = isinstance(name, exp.Identifier) and name.quoted
    return name.name if quoted else name.name.upper()
