"""From which columns of which tables each column of a query comes, as far as sqlglot can tell."""

import logging
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlglot import exp
from sqlglot.lineage import Node, lineage

from tajo_sf_pipeline.audience.statement import Statement, Table, stored_table

_STAR = "*"


class Origin(NamedTuple):
    """A column of a table, both as Snowflake stores their names."""

    table: Table
    column: str


@lru_cache(maxsize=256)
def origins(
    statement: Statement, database: str, schema: str, columns: tuple[str, ...]
) -> Mapping[str, tuple[Origin, ...]]:
    """Return for each of the result's `columns` where its values come from.

    Aliases, CTEs, joins, unions and expressions are followed; a ``*`` too, where one table alone
    can stand behind it. A column that cannot be followed is left out: a query that only Snowflake
    understands still runs, and what is missing then is a picture.
    """
    query = statement.parsed()
    if query is None:
        return {}
    tables = statement.sources(database, schema)
    # Seeing through a star behind a star wants the table's columns; told them, the library follows
    # some other queries less well, so that is the second try.
    shapes = [{}, _shape(tables[0], columns)] if len(tables) == 1 else [{}]
    by_column: dict[str, tuple[Origin, ...]] = {}
    for shape in shapes:
        graphs = _graphs(statement, query, shape, database.upper(), schema.upper())
        for column in [name for name in columns if not by_column.get(name)]:
            by_column[column] = tuple(sorted(set(_origins_of(column, graphs))))
    return {column: those for column, those in by_column.items() if those}


def _graphs(
    statement: Statement, query: exp.Expr, shape: dict[str, Any], database: str, schema: str
) -> Mapping[str, Node]:
    try:
        return lineage(None, query, shape, dialect="snowflake", catalog=database, db=schema)
    except Exception:  # noqa: BLE001 - it raises whatever its passes meet; no run depends on it
        _log.info("the columns of %s cannot be followed", statement.origin, exc_info=True)
        return {}


_log = logging.getLogger(__name__)


def _shape(table: Table, columns: tuple[str, ...]) -> dict[str, Any]:
    """Say that a query's only table has the columns of its result, to see through each ``*``."""
    types = {_quoted(column): "VARCHAR" for column in columns}
    return {_quoted(table.database): {_quoted(table.schema): {_quoted(table.name): types}}}


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql(dialect="snowflake")


def _origins_of(column: str, graphs: Mapping[str, Node]) -> Iterator[Origin]:
    if node := graphs.get(column) or graphs.get(_STAR):
        yield from _followed(node, column)


def _followed(node: Node, column: str) -> Iterator[Origin]:
    """Walk down to the tables; `column` is the name that the node's values have above it."""
    if node.downstream:
        if isinstance(node.expression, exp.Star) and len(node.downstream) > 1:
            return  # of several tables behind a star, which has it is not known here
        for below in node.downstream:
            name = below.name.rpartition(".")[2].strip('"')
            yield from _followed(below, column if name == _STAR else name)
    elif isinstance(node.source, exp.Table) and isinstance(node.source.this, exp.Identifier):
        yield Origin(stored_table(node.source, "", ""), column)
