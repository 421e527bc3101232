"""Each contact as Brevo's JSON, and its fingerprint: what is hashed is what is sent."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

Nulls = Literal["skip", "clear"]
_FINGERPRINT_BYTES = 8
_MUST_ESCAPE = r'[\x00-\x1f"\\]'
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_CONTROLS = {chr(code): f"\\u{code:04x}" for code in range(0x20) if chr(code) not in _ESCAPES}


def contacts_json(keys: pa.Array, attributes: Mapping[str, pa.Array], nulls: Nulls) -> pa.Array:
    """Give each contact as ``{"email":...,"attributes":{...}}``; attributes keep their order.

    A null is left out (`skip`: Brevo keeps what it has) or sent as an empty string (`clear`:
    Brevo erases what it has, developers.brevo.com/reference/importcontacts).
    """
    members = [_member(name, column, nulls) for name, column in attributes.items()]
    # Each begins with its comma, and the first one is cut off: where all members of a row are
    # null, Arrow's own joining with nulls skipped drops the row.
    inside = (
        pc.utf8_slice_codeunits(pc.binary_join_element_wise(*members, ""), 1) if members else ""
    )
    return pc.binary_join_element_wise(
        '{"email":', json_text(keys), ',"attributes":{', inside, "}}", ""
    )


def fingerprints(payloads: pa.Array, version: bytes) -> pa.Array:
    """Hash each payload to 64 bits, keyed by the mapping's version (S03): stable for ever."""
    digests = [
        blake2b(payload, digest_size=_FINGERPRINT_BYTES, key=version).digest()
        for payload in payloads.cast(pa.binary()).to_pylist()
    ]
    buffer = pa.py_buffer(b"".join(digests))
    return pa.Array.from_buffers(pa.uint64(), len(digests), [None, buffer])


def json_text(texts: pa.Array) -> pa.Array:
    """Quote and escape text as JSON; the passes run only where a column needs them."""
    if pc.any(pc.match_substring_regex(texts, _MUST_ESCAPE)).as_py():
        for character, escape in (_ESCAPES | _CONTROLS).items():
            texts = pc.replace_substring(texts, character, escape)
    return pc.binary_join_element_wise('"', texts, '"', "")


def _member(name: str, column: pa.Array, nulls: Nulls) -> pa.Array:
    value = pc.fill_null(_value(column), '""') if nulls == "clear" else _value(column)
    return pc.fill_null(pc.binary_join_element_wise(f',"{name}":', value, ""), "")


def _value(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        return json_text(column)
    if pa.types.is_date(column.type):
        return pc.binary_join_element_wise('"', column.cast(pa.string()), '"', "")
    return column.cast(pa.string())  # numbers and booleans are written in JSON as Arrow does
