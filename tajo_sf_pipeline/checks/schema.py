"""The columns of an extract beside those of the last one that was synced: schema drift."""

import difflib
import re
from collections.abc import Collection, Mapping

import pyarrow as pa

from tajo_sf_pipeline.checks.verdict import Verdict

Columns = Mapping[str, str]
"""Column names, lower-cased, and their Arrow types as text."""


def columns_of(schema: pa.Schema) -> dict[str, str]:
    return {field.name.lower(): str(field.type) for field in schema}


def drift(known: Columns | None, found: Columns, mapped: Collection[str]) -> Verdict:
    """Compare what the mapping reads; a column that it does not read may come and go.

    A wider NUMBER is the same type: Snowflake derives its digits from the values' expression.
    """
    if known is None:
        return Verdict(passed=True, counts={"columns": len(found), "known_columns": 0})
    read = [name for name in known if name in mapped]
    gone = [name for name in read if name not in found]
    retyped = [name for name in read if name in found and _kind(known[name]) != _kind(found[name])]
    return Verdict(
        passed=not gone and not retyped,
        counts={
            "columns": len(found),
            "known_columns": len(known),
            "new": len(found.keys() - known.keys()),
            "gone": len(gone),
            "retyped": len(retyped),
        },
        problems=(
            *(f"`{name}` is gone{_renamed(name, known, found)}" for name in gone),
            *(f"`{name}` was {known[name]} and is {found[name]}" for name in retyped),
        ),
    )


def _renamed(name: str, known: Columns, found: Columns) -> str:
    new = [other for other in found if other not in known]
    near = difflib.get_close_matches(name, new, n=1)
    if not near:
        near = [other for other in new if found[other] == known[name]] if len(new) == 1 else []
    return f"; is it `{near[0]}` now?" if near else ""


def _kind(arrow_type: str) -> str:
    """Leave the digits out of a decimal, the unit out of a timestamp, the width out of an integer.

    >>> _kind("decimal128(38, 2)"), _kind("timestamp[us, tz=UTC]"), _kind("int64"), _kind("string")
    ('number', 'timestamp', 'number', 'string')
    """
    name = re.split(r"[\[(]", arrow_type, maxsplit=1)[0].rstrip("0123456789")
    numbers = {"decimal", "int", "uint", "double", "float", "halffloat"}
    return "number" if name in numbers else name.removeprefix("large_")
