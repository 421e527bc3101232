"""Values as Brevo's JSON, and the fingerprint of it: what is hashed is what is sent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_64_intdigest

from tajo_sf_pipeline.audience.field_mapping import Nulls
from tajo_sf_pipeline.mapping.text_bytes import may_have_controls, must_escape

Parts = list[pa.Array | str]
# In this order: the backslash first, and the rare ones, which most columns do not have, last.
_ESCAPES = {"\\": "\\\\", '"': '\\"'}
_CONTROLS = {"\n": "\\n", "\r": "\\r", "\t": "\\t"} | {
    chr(code): f"\\u{code:04x}" for code in range(0x20) if chr(code) not in "\n\r\t"
}


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a JSON object. `clear` sends a null as an empty string; `raw` values are JSON."""

    name: str
    values: pa.Array
    nulls: Nulls = "skip"
    raw: bool = False


def json_objects(members: Sequence[Member]) -> Parts:
    """Return ``{...}`` for each row, its members in their order; a null is left out (or cleared).

    An empty string erases what Brevo has: developers.brevo.com/reference/importcontacts.
    """
    parts = [part for member in members for part in _member(member)]
    if not members:
        return ["{}"]
    # Each member begins with its comma, and the first one is cut off.
    if isinstance(parts[0], str):
        return ["{" + parts[0][1:], *parts[1:], "}"]
    return ["{", pc.utf8_slice_codeunits(joined(parts), 1), "}"]


def joined(parts: Iterable[pa.Array | str]) -> pa.Array:
    """Put the parts of each row together; one of them at least is a column."""
    together: Parts = []
    for part in parts:
        if isinstance(part, str) and together and isinstance(together[-1], str):
            together[-1] += part
        else:
            together.append(part)
    return pc.binary_join_element_wise(*together, "")


def fingerprints(
    payloads: pa.Array, version: bytes, companions: Mapping[str, pa.Array] | None = None
) -> pa.Array:
    """Hash each payload, and its companion columns, to 64 bits: stable for ever (S03).

    XXH3, whose definition is final, with a seed of the mapping's version.
    """
    for name, values in (companions or {}).items():
        written = pc.fill_null(values.cast(pa.string()), "null")
        payloads = pc.binary_join_element_wise(payloads, name, written, "\n")
    texts = payloads.cast(pa.binary()).to_pylist()
    hashed = map(xxh3_64_intdigest, texts, repeat(xxh3_64_intdigest(version)))
    return pa.array(np.fromiter(hashed, np.uint64, len(texts)))


def json_text(texts: pa.Array) -> pa.Array:
    """Quote and escape text as JSON."""
    return pc.binary_join_element_wise('"', escaped(texts), '"', "")


def escaped(texts: pa.Array) -> pa.Array:
    """Escape text as JSON, without the quotes; the passes run only where a column needs them."""
    if not must_escape(texts):
        return texts
    for character, escape in _ESCAPES.items():
        texts = pc.replace_substring(texts, character, escape)
    if may_have_controls(texts):
        for character, escape in _CONTROLS.items():
            texts = pc.replace_substring(texts, character, escape)
    return texts


def _member(member: Member) -> Parts:
    """Return ``,"name":value``, and nothing for a null that is not to be cleared."""
    name = f',"{member.name}":'
    parts = [name, *_value(member)]
    if not member.values.null_count:
        return parts
    return [pc.fill_null(joined(parts), f'{name}""' if member.nulls == "clear" else "")]


def _value(member: Member) -> Parts:
    values = member.values
    if member.raw:
        return [values]
    if pa.types.is_string(values.type):
        return ['"', escaped(values), '"']
    if pa.types.is_date(values.type):
        return ['"', values.cast(pa.string()), '"']
    if pa.types.is_list(values.type):
        return [_json_list(values)]
    return [values.cast(pa.string())]  # numbers and booleans are written in JSON as Arrow does


def _json_list(column: pa.Array) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    ends = pa.concat_arrays(
        [pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())]
    )
    items = pa.ListArray.from_arrays(ends, json_text(column.flatten()))
    written = pc.binary_join_element_wise("[", pc.binary_join(items, ","), "]", "")
    return pc.if_else(pc.is_valid(column), written, pa.scalar(None, pa.string()))
