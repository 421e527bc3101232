"""The types of a field: what columns each takes, what it makes, and what Brevo has for it.

docs/mapping.md shows this table; a test holds the two together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from tajo_sf_pipeline.audience.field_mapping import TypeName

# developers.brevo.com/reference/createattribute: the types of an attribute.
BrevoType = Literal["text", "float", "boolean", "date", "category", "multiple-choice"]
Family = Literal["text", "number", "boolean", "date", "timestamp", "list"]

LIST = pa.list_(pa.string())
_DOUBLE_DIGITS = 15  # a double holds any decimal of so many digits (IEEE 754)


@dataclass(frozen=True, slots=True)
class FieldType:
    """One row of the table; the first of `takes` are the columns whose type it is by default."""

    name: TypeName
    brevo: BrevoType
    arrow_type: pa.DataType
    takes: tuple[Family, ...]
    description: str


_TABLE = (
    FieldType("text", "text", pa.string(), ("text", "number", "boolean", "date", "timestamp"),
        "trimmed; control characters are taken out; empty text is a null"),
    FieldType("email", "text", pa.string(), ("text",),
        "trimmed, in lower case, NFKC, the domain in ASCII (IDNA), judged by email-validator"),
    FieldType("phone", "text", pa.string(), ("text", "number"),
        "E.164, judged by phonenumbers; `region`, `region_from` or `phone_region` gives the "
        "country of numbers without a code"),
    FieldType("number", "float", pa.float64(), ("number", "text"),
        "a double; not NaN, not infinite, no integer that a double would round"),
    FieldType("money", "float", pa.float64(), ("number", "text"),
        "an amount in the major unit of the ISO 4217 currency that `currency` or `currency_from` "
        "names; `minor_units: true` divides cents"),
    FieldType("currency", "text", pa.string(), ("text",), "an ISO 4217 code"),
    FieldType("boolean", "boolean", pa.bool_(), ("boolean", "text", "number"),
        "true t yes y on 1, false f no n off 0, in any case"),
    FieldType("date", "date", pa.date32(), ("date", "timestamp", "text", "number"),
        "`YYYY-MM-DD`; a moment is the day that it was in `timezone`, by default the workspace's; "
        "numbers with `format: epoch s` or `epoch ms`"),
    FieldType("timestamp", "text", pa.string(), ("timestamp", "date", "text", "number"),
        "`2026-03-01T10:00:00.000Z`; a clock time without a zone is one of `timezone`, by default "
        "UTC"),
    FieldType("country", "text", pa.string(), ("text",),
        "ISO 3166: `format: alpha_2` (default), `alpha_3`, `numeric` or `name`"),
    FieldType("language", "text", pa.string(), ("text",), "a BCP 47 tag: `en_us` becomes `en-US`"),
    FieldType("category", "category", pa.string(), ("text",),
        "one of `options`, by the exact text without the space around it"),
    FieldType("list", "multiple-choice", LIST, ("list", "text"),
        "a JSON array, or text cut at `separator`; each option once"),
    FieldType("json", "text", pa.string(), ("text",),
        "JSON without white space; within an event's properties an object or array"),
)  # fmt: skip
TYPES = {each.name: each for each in _TABLE}
_DEFAULTS: dict[Family, TypeName] = {
    "text": "text",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "date",
    "list": "list",
}


def family(column: pa.DataType) -> Family | None:
    """Tell what kind of column it is; None for those that Brevo has nothing for (TIME, BINARY)."""
    if pa.types.is_string(column) or pa.types.is_large_string(column) or pa.types.is_null(column):
        return "text"
    if pa.types.is_integer(column) or pa.types.is_floating(column) or pa.types.is_decimal(column):
        return "number"
    if pa.types.is_boolean(column):
        return "boolean"
    if pa.types.is_timestamp(column):
        return "timestamp"
    if pa.types.is_date(column):
        return "date"
    return "list" if pa.types.is_list(column) else None


def default_type(column: pa.DataType, *, to_the_day: bool = True) -> TypeName | None:
    """Return the type that a column has where the mapping says none.

    A moment is a date `to_the_day`, as in a contact's attributes; elsewhere it keeps its time.
    """
    column_family = family(column)
    if column_family == "timestamp" and not to_the_day:
        return "timestamp"
    return _DEFAULTS[column_family] if column_family else None


def loss(column: pa.DataType, to: TypeName) -> str | None:
    """Say what of a column's type does not arrive, whatever the values are."""
    numeric = to in {"number", "money"} and pa.types.is_decimal(column)
    if numeric and column.precision > _DOUBLE_DIGITS:
        return f"of up to {column.precision} digits a number in Brevo keeps {_DOUBLE_DIGITS}"
    if to == "date" and pa.types.is_timestamp(column):
        return "of a moment only the day arrives"
    if to == "timestamp" and pa.types.is_timestamp(column) and column.unit in {"us", "ns"}:
        return "a moment arrives to the millisecond"
    return None


def table() -> Iterator[str]:
    """Write the table as docs/mapping.md has it."""
    yield "| type | of columns | in Brevo | what becomes of a value |"
    yield "|---|---|---|---|"
    for each in _TABLE:
        takes = ", ".join(
            f"**{name}**" if _DEFAULTS[name] == each.name else name for name in each.takes
        )
        yield f"| `{each.name}` | {takes} | {each.brevo} | {each.description} |"
