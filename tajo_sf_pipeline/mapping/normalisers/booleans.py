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


def consents_of(values: pa.Array, *, inverted: bool) -> pa.Array:
    """Return consents of a column of consents, or of the contrary; null stays unknown."""
    return pc.invert(values) if inverted else values


def flag(consents: pa.Array, *, resubscribe: bool) -> pa.Array:
    """Return the blocklist flags that consents stand for in a fingerprint (S09).

    False stands only where a yes may lift a flag: the plan decides whether it does.
    """
    blocked = pc.invert(consents)
    if resubscribe:
        return blocked
    return pc.if_else(blocked, blocked, pa.scalar(None, pa.bool_()))


def _read(text: str) -> Reading:
    word = text.strip().lower()
    if word in _YES or word in _NO:
        return word in _YES, None
    return None, _PROBLEM if word else None
