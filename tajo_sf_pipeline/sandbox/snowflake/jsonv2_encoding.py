"""Results as the SQL API writes them: all values strings, encoded a partition at a time by DuckDB.

docs.snowflake.com/en/developer-guide/sql-api/handling-responses, "Getting the data from the
results".
"""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

UTC_OFFSET = 1440  # minutes, counted from a day before: 1440 is UTC

SECONDS = "CAST(CAST(epoch_us({column}) AS DECIMAL(20, 0)) * 0.000001000 AS VARCHAR)"
NANOSECONDS = "CAST(CAST(epoch_us({column}) AS HUGEINT) * 1000 AS VARCHAR)"
OFFSET = f"extract('timezone' FROM {{column}}) // 60 + {UTC_OFFSET}"

# DuckDB writes .5 where all digits stand behind the point.
FRACTION = "regexp_replace(CAST({column} AS VARCHAR), '^(-?)[.]', '\\10.')"

ENCODINGS = {
    "fixed": "CAST({column} AS VARCHAR)",
    "real": "CASE WHEN isnan({column}) THEN 'NaN' ELSE CAST({column} AS VARCHAR) END",
    "text": "CAST({column} AS VARCHAR)",
    "variant": "CAST({column} AS VARCHAR)",
    "binary": "hex({column})",
    "boolean": "CAST({column} AS VARCHAR)",
    "date": "CAST({column} - DATE '1970-01-01' AS VARCHAR)",
    "time": SECONDS,
}


def encode(
    connection: duckdb.DuckDBPyConnection,
    rows: pa.Table,
    row_type: Sequence[Mapping[str, Any]],
    *,
    time_zone: str,
    timestamp_spelling: str,
    null_as_text: bool,
) -> str:
    """Write rows as a JSON array of arrays."""
    if rows.num_rows == 0:
        return "[]"
    names = [f"c{position}" for position in range(rows.num_columns)]
    values = [
        _encoding(column, timestamp_spelling).format(column=name)
        for name, column in zip(names, row_type, strict=True)
    ]
    if null_as_text:
        values = [f"coalesce({value}, 'null')" for value in values]
    with connection.cursor() as cursor:
        cursor.execute("SET TimeZone = ?", [time_zone])
        cursor.register("partition", rows.rename_columns(names))
        encoded = cursor.execute(f'SELECT json_array({", ".join(values)}) FROM "partition"')
        return "[" + ",".join(row for (row,) in encoded.fetchall()) + "]"


def _encoding(column: Mapping[str, Any], timestamp_spelling: str) -> str:
    if column["type"] == "fixed" and column["precision"] == column["scale"]:
        return FRACTION
    if not column["type"].startswith("timestamp"):
        return ENCODINGS[column["type"]]
    moment = SECONDS if timestamp_spelling == "seconds" else NANOSECONDS
    return f"{moment} || ' ' || ({OFFSET})" if column["type"] == "timestamp_tz" else moment
