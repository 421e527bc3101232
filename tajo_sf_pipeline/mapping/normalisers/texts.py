"""Text, and the hashing and redaction of it."""

from collections.abc import Sequence
from hashlib import sha256

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.mapping.normalised import EachDistinct, Normalised, refused
from tajo_sf_pipeline.mapping.text_bytes import may_have_controls
from tajo_sf_pipeline.telemetry.masking import masked

_NOTHING = pa.scalar(None, pa.string())
_EXACT = 2.0**53  # a double holds every integer below
# C0 and C1 without tab, line feed and carriage return, which people write.
_CONTROLS = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F\x{80}-\x{9F}]"


def text(column: pa.Array, *, max_length: int | None = None, truncate: bool = False) -> Normalised:
    """Take out control characters, trim; empty text is a null. Lengths count code points."""
    values = as_text(column)
    if may_have_controls(values):
        values = pc.replace_substring_regex(values, _CONTROLS, "")
    values = pc.utf8_trim_whitespace(values)
    empty = pc.equal(values, "")
    if pc.any(empty).as_py():
        values = pc.if_else(empty, _NOTHING, values)
    if max_length is None:
        return Normalised(values)
    if truncate:
        return Normalised(pc.utf8_rtrim_whitespace(pc.utf8_slice_codeunits(values, 0, max_length)))
    fits = pc.less_equal(pc.utf8_length(values), max_length)
    return refused(values, fits, f"is longer than {max_length} characters")


def as_text(column: pa.Array) -> pa.Array:
    """Write a column's values; a whole double, an id say, as digits and not as 3.36e+10."""
    written = column.cast(pa.string())
    if not pa.types.is_floating(column.type):
        return written
    whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), _EXACT))
    numbers = pc.if_else(whole, column, pa.scalar(None, column.type)).cast(pa.int64())
    return pc.coalesce(numbers.cast(pa.string()), written)


def category(column: pa.Array, *, options: Sequence[str]) -> Normalised:
    """Read text that is one of the options; empty text is a null."""
    values = text(column).values
    valid = pc.or_kleene(pc.is_null(values), pc.is_in(values, pa.array(options, pa.string())))
    return refused(values, valid, "is not one of the options")


def hashed(column: pa.Array) -> pa.Array:
    """Return each value's SHA-256, in hexadecimal, of the normalised text."""
    read = EachDistinct(lambda value: (sha256(value.encode()).hexdigest(), None))
    return read(column).values


def redacted(column: pa.Array) -> pa.Array:
    """Show each value as logs may: its first letter, and an address's domain."""
    return EachDistinct(lambda value: (masked(value), None))(column).values
