"""The Arrow type of each Snowflake column: one schema for all batches, and for empty answers."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

# An int64 holds 18 digits whatever they are.
_INT64_DIGITS = 18
_MOST_DIGITS = 38
_UTC = pa.timestamp("us", tz="UTC")
_TYPES = {
    "REAL": pa.float64(),
    "FLOAT": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "TIMESTAMP_NTZ": pa.timestamp("us"),
    "TIMESTAMP_LTZ": _UTC,
    "TIMESTAMP_TZ": _UTC,
    "TIME": pa.time64("us"),
    "BOOLEAN": pa.bool_(),
    "BINARY": pa.binary(),
}


def arrow_type(name: str, precision: int | None, scale: int | None) -> pa.DataType:
    """Return the type of a column, whichever way it comes; `name` is Snowflake's, upper-cased.

    A name that is not in the table is text: VARIANT, OBJECT and ARRAY come as their JSON. So is
    DECFLOAT, whose exponents no Arrow number holds (the SQL API alone sends it: on its Arrow path
    the driver, 4.8.1, has no case for it).
    """
    if name not in {"FIXED", "NUMBER"}:
        return _TYPES.get(name, pa.string())
    if not scale and (precision or _MOST_DIGITS) <= _INT64_DIGITS:
        return pa.int64()
    return pa.decimal128(_MOST_DIGITS, scale or 0)


def arrow_schema(description: Iterable[Any]) -> pa.Schema:
    """Make the schema of a cursor's `description`; names are kept as Snowflake gives them."""
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    return pa.schema(
        pa.field(
            column.name,
            arrow_type(FIELD_ID_TO_NAME[column.type_code], column.precision, column.scale),
        )
        for column in description
    )
