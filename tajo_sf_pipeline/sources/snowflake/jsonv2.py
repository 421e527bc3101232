"""The SQL REST API's rows, format "jsonv2", as Arrow batches: by columns, in Arrow's kernels.

Every cell is a JSON string or null; what the strings say is Snowflake's table of types in
docs.snowflake.com/en/developer-guide/sql-api/handling-responses. VARIANT, OBJECT and ARRAY are not
in it: they stay text.
"""

from binascii import unhexlify
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.json import ParseOptions, ReadOptions, read_json

from tajo_sf_pipeline.errors import IncompleteError
from tajo_sf_pipeline.sources.snowflake.types import arrow_type

Decoder = Callable[[pa.Array, pa.DataType], pa.Array]

_PARTITION = pa.schema([("data", pa.list_(pa.list_(pa.string())))])
_NOT_JSON = "A partition of Snowflake's answer is not the JSON that the SQL API describes"
_MOST_DIGITS = 38
_TOO_MANY_DIGITS = r"[1-9](\.?[0-9]){38}"
_NANOSECONDS = pa.decimal128(38, 9)
_MICROSECONDS = pa.decimal128(38, 6)


@dataclass(frozen=True, slots=True)
class RowType:
    """A column as the answer's `resultSetMetaData` describes it; `type` is upper-cased."""

    name: str
    type: str
    precision: int | None
    scale: int | None
    nullable: bool


def row_types(meta: Sequence[Mapping[str, Any]]) -> tuple[RowType, ...]:
    """Read `resultSetMetaData.rowType`; the documentation shows types in both cases."""
    return tuple(
        RowType(
            name=column["name"],
            type=column["type"].upper(),
            precision=column.get("precision"),
            scale=column.get("scale"),
            nullable=column.get("nullable", True),
        )
        for column in meta
    )


def arrow_schema(columns: Sequence[RowType]) -> pa.Schema:
    """Make the schema that the driver's answer to the same statement has."""
    return pa.schema(
        pa.field(column.name, arrow_type(column.type, column.precision, column.scale))
        for column in columns
    )


def record_batch(
    data: bytes, schema_columns: Sequence[RowType], schema: pa.Schema
) -> pa.RecordBatch:
    """Decode one partition: the JSON of an answer with its rows under ``data``, or of rows alone.

    Raises `IncompleteError` that names column and row, never the value: it may be personal.
    """
    rows = _rows(data)
    _check_width(rows, len(schema_columns))
    arrays = [
        _decoded(pc.list_element(rows, position), column, kind)
        for position, (column, kind) in enumerate(zip(schema_columns, schema.types, strict=True))
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _rows(data: bytes) -> pa.ListArray:
    # Arrow's JSON reader makes its strings without Python's, and skips the other keys of a first
    # answer. It takes objects only, and a lone null ends the process (apache/arrow#47409).
    start = data.lstrip()[:1]
    if start == b"[":
        data = b'{"data":' + data + b"}"
    elif start != b"{":
        raise _error(_NOT_JSON)
    with suppress(ValueError):
        answer = read_json(
            pa.BufferReader(data),
            read_options=ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=ParseOptions(
                explicit_schema=_PARTITION,
                newlines_in_values=True,
                unexpected_field_behavior="ignore",
            ),
        )
        answer.validate(full=True)  # the reader takes text that is not UTF-8
        [partition] = answer["data"]  # one document
        if partition.is_valid:
            return partition.values
    raise _error(_NOT_JSON)


def _check_width(rows: pa.ListArray, width: int) -> None:
    fits = pc.equal(rows.value_lengths().fill_null(-1), width)
    row = fits.index(False).as_py()
    if row >= 0:
        raise _error(f"Row {row + 1} of a partition does not have one cell for each column")


def _decoded(text: pa.Array, column: RowType, kind: pa.DataType) -> pa.Array:
    decode = _DECODERS.get(column.type, pa.Array.cast)

    def fails(rows: int) -> bool:
        try:
            decode(text[:rows], kind)
        except ValueError:
            return True
        return False

    with suppress(ValueError):  # Arrow's message shows the value
        return decode(text, kind)
    row = bisect_left(range(len(text)), True, key=fails)
    raise _error(f'Column "{column.name}", row {row} of a partition: the text is no {column.type}')


def _error(happened: str) -> IncompleteError:
    return IncompleteError(
        "TAJO-702",
        happened,
        "Nothing was planned or sent. Run the same date again; if it stays so, cast the column "
        "to VARCHAR in the query, or set `transport: connector`.",
    )


def _number(text: pa.Array, kind: pa.DataType) -> pa.Array:
    # More than 38 digits are cast to another number, without an error (Arrow 26.0.1).
    longest = pc.max(pc.binary_length(text)).as_py() or 0
    if longest > _MOST_DIGITS and pc.any(pc.match_substring_regex(text, _TOO_MANY_DIGITS)).as_py():
        raise ValueError
    return text.cast(kind)


def _date(text: pa.Array, kind: pa.DataType) -> pa.Array:
    return text.cast(pa.int32()).view(kind)


def _timestamp(text: pa.Array, kind: pa.DataType) -> pa.Array:
    """Read seconds and their fraction, both of the text's sign, as microseconds.

    Nanoseconds are dropped towards the past, as in the driver, which cuts a fraction that counts
    up from whole seconds (CArrowTableIterator.cpp of 4.8.1).
    """
    exact = _number(_as_seconds(text), _NANOSECONDS)
    micros = pc.round(exact, 6, "down").cast(_MICROSECONDS)
    return micros.view(pa.decimal128(38, 0)).cast(pa.int64()).view(kind)


def _as_seconds(text: pa.Array) -> pa.Array:
    """Accept whole nanoseconds too, which the same documentation says above its table."""
    if pc.all(pc.match_substring(text, ".")).as_py():
        return text
    return pc.replace_substring_regex(text, r"^(-?\d{7,})(\d{9})$", r"\1.\2")


def _timestamp_tz(text: pa.Array, kind: pa.DataType) -> pa.Array:
    """Drop the offset: seconds count from the epoch in UTC, and the driver drops it as well."""
    parts = pc.split_pattern(text, " ", max_splits=1)
    pc.list_element(parts, 1).cast(pa.int32())
    return _timestamp(pc.list_element(parts, 0), kind)


def _time(text: pa.Array, kind: pa.DataType) -> pa.Array:
    time = _timestamp(text, kind)
    time.validate(full=True)  # within a day
    return time


def _binary(text: pa.Array, kind: pa.DataType) -> pa.Array:
    """Halve every offset, and read the digits of all cells in one go."""
    if pc.any(pc.bit_wise_and(pc.binary_length(text), 1).cast(pa.bool_())).as_py():
        raise ValueError
    digits = pa.concat_arrays([text, pa.array([""])])  # a copy that begins at 0, and has a buffer
    validity, offsets, characters = digits.buffers()
    ends = pa.Array.from_buffers(pa.int32(), len(digits) + 1, [None, offsets])
    halved = pc.divide(ends, pa.scalar(2, pa.int32())).buffers()[1]
    data = pa.py_buffer(unhexlify(characters))
    return pa.Array.from_buffers(kind, len(text), [validity, halved, data])


_DECODERS: Mapping[str, Decoder] = {
    "FIXED": _number,
    "NUMBER": _number,
    "DATE": _date,
    "TIME": _time,
    "TIMESTAMP": _timestamp,
    "TIMESTAMP_NTZ": _timestamp,
    "TIMESTAMP_LTZ": _timestamp,
    "TIMESTAMP_TZ": _timestamp_tz,
    "BINARY": _binary,
}
