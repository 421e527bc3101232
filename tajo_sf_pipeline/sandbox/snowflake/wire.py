"""Numbers and timestamps as Snowflake's servers put them on the wire.

How a driver reads them: CArrowTableIterator.cpp of snowflake-connector-python.
"""

import pyarrow as pa
import pyarrow.compute as pc

UTC_OFFSET = 1440  # minutes, counted from a day before: 1440 is UTC


def as_sent(table: pa.Table) -> pa.Table:
    """Replace what fakesnow would send otherwise than Snowflake does."""
    for position, field in enumerate(table.schema):
        column = table.column(position)
        if pa.types.is_decimal128(field.type):
            table = table.set_column(position, field.name, _scaled_integers(column))
        elif pa.types.is_timestamp(field.type):
            table = table.set_column(position, field.name, _timestamps(column))
    return table


def _scaled_integers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Keep the digits only; the scale stands in the schema.

    The driver makes floats of them unless it is told `arrow_number_to_decimal=True`, which
    fakesnow's decimals would hide.
    """
    whole = pa.decimal128(column.type.precision, 0)
    chunks = [
        pa.Array.from_buffers(whole, len(chunk), chunk.buffers(), chunk.null_count, chunk.offset)
        for chunk in column.chunks
    ]
    try:
        return pa.chunked_array(chunks, whole).cast(pa.int64())
    except pa.ArrowInvalid:  # Snowflake sends a decimal as well where 64 bits are too few.
        return column


def _timestamps(column: pa.ChunkedArray) -> pa.StructArray:
    """Split into seconds and nanoseconds; fakesnow would make 1970 of a NULL."""
    moments = column.cast(pa.timestamp("us", column.type.tz), safe=False).combine_chunks()
    seconds = pc.divide(pc.floor_temporal(moments, unit="second").cast(pa.int64()), 1_000_000)
    micros = pc.subtract(moments.cast(pa.int64()), pc.multiply(seconds, 1_000_000))
    parts = {"epoch": seconds, "fraction": pc.multiply(micros, 1000).cast(pa.int32())}
    if column.type.tz:
        parts["timezone"] = pa.repeat(pa.scalar(UTC_OFFSET, pa.int32()), len(moments))
    return pa.StructArray.from_arrays(
        [pc.fill_null(part, 0) for part in parts.values()],
        fields=[pa.field(name, part.type, nullable=False) for name, part in parts.items()],
        mask=pc.is_null(moments),
    )
