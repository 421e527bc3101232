"""The columns of an extract compared with those of the last one that was synced: schema drift."""

import difflib
import re
from collections.abc import Collection, Mapping

import pyarrow as pa

from tajo_sf_pipeline.checks.verdict import Verdict

Columns = Mapping[str, str]
"""Column names, lower-cased, and their Arrow types as text."""


def columns_of(schema: pa.Schema) -> dict[str, str]:
    return {field.name.lower(): str(field.type) for field in schema}


def drift(last: Columns | None, current: Columns, mapped: Collection[str]) -> Verdict:
    """Compare what the mapping reads; a column that it does not read may come and go.

    A wider NUMBER is the same type: Snowflake derives its digits from the values' expression.
    """
    if last is None:
        return Verdict(passed=True, counts={"columns": len(current), "known_columns": 0})
    read = [name for name in last if name in mapped]
    gone = [name for name in read if name not in current]
    retyped = [
        name for name in read if name in current and _kind(last[name]) != _kind(current[name])
    ]
    return Verdict(
        passed=not gone and not retyped,
        counts={
            "columns": len(current),
            "known_columns": len(last),
            "new": len(current.keys() - last.keys()),
            "gone": len(gone),
            "retyped": len(retyped),
        },
        problems=(
            *(f"`{name}` is gone{_renamed(name, last, current)}" for name in gone),
            *(f"`{name}` was {last[name]} and is {current[name]}" for name in retyped),
        ),
    )


def _renamed(name: str, last: Columns, current: Columns) -> str:
    new = [other for other in current if other not in last]
    near = difflib.get_close_matches(name, new, n=1)
    if not near:
        near = [other for other in new if current[other] == last[name]] if len(new) == 1 else []
    return f"; is it `{near[0]}` now?" if near else ""


def _kind(arrow_type: str) -> str:
    """Leave the digits out of a decimal, the unit out of a timestamp, the width out of an integer.

    >>> _kind("decimal128(38, 2)"), _kind("timestamp[us, tz=UTC]"), _kind("int64"), _kind("string")
    ('number', 'timestamp', 'number', 'string')
    """
    name = re.split(r"[\[(]", arrow_type, maxsplit=1)[0].rstrip("0123456789")
    numbers = {"decimal", "int", "uint", "double", "float", "halffloat"}
    return "number" if name in numbers else name.removeprefix("large_")
