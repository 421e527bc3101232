"""What the SQL API says of a result's columns."""

from typing import Any

from fakesnow.dialect import parse_one
from fakesnow.rowtype import describe_as_rowtype
from sqlglot import exp

from tajo_sf_pipeline.sandbox.snowflake.warehouse import Cursor


def row_type(cursor: Cursor, sql: str) -> list[dict[str, Any]]:
    """Describe the columns of the statement that the cursor has just executed."""
    columns: list[dict[str, Any]] = [
        dict(column) for column in describe_as_rowtype(cursor.described())
    ]
    for position in _local_timestamps(sql):
        columns[position]["type"] = "timestamp_ltz"
    return columns


def text_column(name: str) -> dict[str, Any]:
    return {
        **dict.fromkeys(("database", "schema", "table"), ""),
        **dict.fromkeys(("scale", "precision", "collation")),
        **dict.fromkeys(("length", "byteLength"), 16_777_216),
        "name": name,
        "type": "text",
        "nullable": False,
    }


def _local_timestamps(sql: str) -> list[int]:
    """Find the columns that are TIMESTAMP_LTZ by their own text; DuckDB has one zoned type only."""
    query = parse_one(sql)
    if not isinstance(query, exp.Select) or query.is_star:
        return []
    columns = [projection.unalias() for projection in query.expressions]
    return [position for position, column in enumerate(columns) if _is_local_timestamp(column)]


def _is_local_timestamp(column: exp.Expr) -> bool:
    return isinstance(column, exp.CurrentTimestamp) or (
        isinstance(column, exp.Cast) and column.to.this is exp.DataType.Type.TIMESTAMPLTZ
    )
