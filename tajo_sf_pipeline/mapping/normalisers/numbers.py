"""Numbers as JSON has them: doubles, none of which is NaN, infinite or another than it was."""

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.mapping.normalised import Normalised, first_problem, refused

NOT_FINITE = "is not a finite number"
TOO_MANY_DIGITS = "has more digits than a number in Brevo holds"
NOT_A_NUMBER = "is not a number"
# A double, which is what a number in JSON becomes, holds every integer below this one.
_TOO_LARGE = 2.0**53
_NAMED = r"(?i)^[+-]?(nan|inf|infinity)$"
# How a source may write the number 1234.56: its thousands' mark, its decimal mark.
FORMATS = {
    "1234.56": ("", "."),
    "1,234.56": (",", "."),
    "1234,56": ("", ","),
    "1.234,56": (".", ","),
    "1 234,56": (" \u00a0\u202f", ","),
    "1'234.56": ("'", "."),
}


def number(column: pa.Array, form: str = "1234.56") -> Normalised:
    """Make doubles; negative zero is zero.

    Refused: NaN and infinity, which JSON does not have; text that is no number; and exact numbers
    that a double would round to others.
    """
    problems = None
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        read = _read(column, *FORMATS[form])
        column, problems = read.values, read.problems
        exact = pc.match_substring_regex(column, r"^[+-]?\d+$")
        numbers = pc.add(column.cast(pa.float64()), 0.0)
    else:
        exact = pa.scalar(not pa.types.is_floating(column.type))
        numbers = pc.add(_floats(column), 0.0)  # -0.0 + 0.0 is 0.0
    finite = refused(numbers, pc.is_finite(numbers), NOT_FINITE)
    whole = pc.or_(pc.invert(exact), pc.less(pc.abs(numbers), _TOO_LARGE))
    held = refused(finite.values, whole, TOO_MANY_DIGITS)
    return Normalised(held.values, first_problem(problems, finite.problems, held.problems))


def _floats(column: pa.Array) -> pa.Array:
    if pa.types.is_decimal(column.type):
        # Arrow multiplies by a power of ten: 603.31 becomes 603.3100000000001. Its parser is exact.
        column = column.cast(pa.string())
    return column.cast(pa.float64(), safe=False)


def _read(column: pa.Array, thousands: str, mark: str) -> Normalised:
    """Return text that Arrow can cast, or problems; empty text is a null."""
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    named = refused(text, pc.invert(pc.match_substring_regex(text, _NAMED)), NOT_FINITE)
    groups = rf"|\d{{1,3}}([{thousands}]\d{{3}})+" if thousands else ""
    pattern = rf"^[+-]?((\d+{groups})([{mark}]\d*)?|[{mark}]\d+)([eE][+-]?\d+)?$"
    read = refused(named.values, pc.match_substring_regex(named.values, pattern), NOT_A_NUMBER)
    values = read.values
    if thousands:
        values = pc.replace_substring_regex(values, f"[{thousands}]", "")
    if mark != ".":
        values = pc.replace_substring(values, mark, ".")
    return Normalised(values, first_problem(named.problems, read.problems))
