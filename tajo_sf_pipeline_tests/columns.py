"""Columns of a query by plain names, and how the case files write their values."""

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

COLUMNS: dict[str, tuple[pa.DataType, Callable[[Any], Any]]] = {
    "text": (pa.string(), str),
    "integer": (pa.int64(), int),
    "decimal": (pa.decimal128(38, 2), Decimal),
    "double": (pa.float64(), float),
    "boolean": (pa.bool_(), bool),
    "date": (pa.date32(), date.fromisoformat),
    "timestamp": (pa.timestamp("us"), datetime.fromisoformat),
    "moment": (pa.timestamp("us", tz="UTC"), datetime.fromisoformat),
    "time": (pa.time64("us"), time.fromisoformat),
    "list": (pa.list_(pa.string()), list),
    "binary": (pa.binary(), bytes.fromhex),
}
