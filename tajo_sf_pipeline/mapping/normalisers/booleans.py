"""Booleans in the spellings of warehouses, and consents as blocklist flags."""

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.mapping.normalised import EachDistinct, Normalised, Reading, refused

# docs.snowflake.com/en/sql-reference/functions/to_boolean
_YES = frozenset({"true", "t", "yes", "y", "on", "1"})
_NO = frozenset({"false", "f", "no", "n", "off", "0"})
_PROBLEM = "is neither true nor false"


def boolean(column: pa.Array) -> Normalised:
    """Read Snowflake's spellings, and 1 and 0; any other number or word is a problem."""
    if pa.types.is_boolean(column.type):
        return Normalised(column)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return EachDistinct(_read, pa.bool_())(column)
    numbers = column.cast(pa.float64(), safe=False)
    valid = refused(numbers, pc.is_in(numbers, pa.array([0.0, 1.0])), _PROBLEM)
    return Normalised(pc.equal(valid.values, 1.0), valid.problems)


def flag(values: pa.Array, *, consent: bool, resubscribe: bool) -> pa.Array:
    """Return a blocklist flag of booleans (S09): null leaves Brevo's alone.

    False, which takes a contact from the blocklist, stands only where `resubscribe` says so.
    """
    blocked = pc.invert(values) if consent else values
    if resubscribe:
        return blocked
    return pc.if_else(blocked, blocked, pa.scalar(None, pa.bool_()))


def _read(text: str) -> Reading:
    word = text.strip().lower()
    if word in _YES or word in _NO:
        return word in _YES, None
    return None, _PROBLEM if word else None
