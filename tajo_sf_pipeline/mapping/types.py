"""Arrow types as Brevo's attribute types, and columns made into them."""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

# developers.brevo.com/reference/createattribute: the types of a normal attribute.
BrevoType = Literal["text", "float", "boolean", "date"]
ARROW_TYPES: dict[BrevoType, pa.DataType] = {
    "text": pa.string(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}
# A double, which is what a number in JSON becomes, holds every integer below this one.
_TOO_LARGE = 2.0**53


@dataclass(frozen=True, slots=True)
class Converted:
    """A column in a Brevo type, and beside each value that cannot be one the reason."""

    values: pa.Array
    problems: pa.Array | None = None


def brevo_type(column: pa.DataType) -> BrevoType | None:
    """Give the attribute type that holds a column, or None where Brevo has none (TIME, BINARY)."""
    if pa.types.is_string(column) or pa.types.is_large_string(column):
        return "text"
    if pa.types.is_integer(column) or pa.types.is_floating(column) or pa.types.is_decimal(column):
        return "float"
    if pa.types.is_boolean(column):
        return "boolean"
    if pa.types.is_date(column) or pa.types.is_timestamp(column):
        return "date"
    return None


def converted(column: pa.Array, to: BrevoType, timezone: str) -> Converted:
    """Make a column into a Brevo type; a moment becomes its date in `timezone`.

    Text is trimmed, and empty text is a null. Negative zero is zero. NaN and infinity are refused,
    as JSON has no such numbers, and so are exact numbers that a double would round to others.
    """
    match to:
        case "text":
            text = pc.utf8_trim_whitespace(column.cast(pa.string()))
            return Converted(pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text))
        case "float":
            numbers = pc.add(_floats(column), 0.0)  # -0.0 + 0.0 is 0.0
            return Converted(numbers, _number_problems(column.type, numbers))
        case "date":
            return Converted(_dates(column, timezone))
        case "boolean":
            return Converted(column)


def _floats(column: pa.Array) -> pa.Array:
    if pa.types.is_decimal(column.type):
        # Arrow multiplies by a power of ten: 603.31 becomes 603.3100000000001. Its parser is exact.
        column = column.cast(pa.string())
    return column.cast(pa.float64(), safe=False)


def _number_problems(given: pa.DataType, numbers: pa.Array) -> pa.Array | None:
    too_large = float("inf") if pa.types.is_floating(given) else _TOO_LARGE
    problems = pc.case_when(
        pc.make_struct(
            pc.invert(pc.is_finite(numbers)), pc.greater_equal(pc.abs(numbers), too_large)
        ),
        "is not a finite number",
        "has more digits than a number in Brevo holds",
    )
    return problems if problems.null_count < len(problems) else None


def _dates(column: pa.Array, timezone: str) -> pa.Array:
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = pc.local_timestamp(column.cast(pa.timestamp(column.type.unit, tz=timezone)))
    return column.cast(pa.date32())
