"""The bytes of a column of text, looked at all at once: far cheaper than a pattern for each row."""

import numpy as np
import pyarrow as pa

_SPACE, _DELETE, _FIRST_OF_C1, _QUOTE, _BACKSLASH, _ASCII = 0x20, 0x7F, 0xC2, 0x22, 0x5C, 0x80


def may_have_controls(texts: pa.StringArray) -> bool:
    """Tell whether some text may have a control character; False is certain."""
    codes = _bytes(texts)
    return bool(((codes < _SPACE) | (codes == _DELETE) | (codes == _FIRST_OF_C1)).any())


def must_escape(texts: pa.StringArray) -> bool:
    """Tell whether some text cannot stand in JSON as it is."""
    codes = _bytes(texts)
    return bool(((codes < _SPACE) | (codes == _QUOTE) | (codes == _BACKSLASH)).any())


def is_ascii(texts: pa.StringArray) -> bool:
    return bool((_bytes(texts) < _ASCII).all())


def _bytes(texts: pa.StringArray) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    """Return the bytes of all values; those beneath a null may be among them."""
    _, offsets, data = texts.buffers()
    if data is None or not len(texts):
        return np.empty(0, np.uint8)
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
