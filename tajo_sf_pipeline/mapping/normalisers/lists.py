"""Several values in one: multiple-choice, and JSON."""

import json
from collections.abc import Callable, Sequence

import pyarrow as pa

from tajo_sf_pipeline.mapping.normalised import EachDistinct, Normalised, Reading
from tajo_sf_pipeline.mapping.types import LIST

# developers.brevo.com/reference/createattribute: an option has at most so many characters.
_OPTION_LENGTH = 200


def lists(separator: str | None, known: Sequence[str] = ()) -> Callable[[pa.Array], Normalised]:
    """Read options from a JSON array, or from text between separators; each counts once.

    Where the `known` ones are named, another one is refused.
    """
    may_be = frozenset(known)

    def read(text: str) -> Reading:
        if separator is not None:
            return _options(text.split(separator), may_be)
        if not text.strip():
            return None, None
        found, _ = _json(text)
        if not isinstance(found, list) or any(isinstance(item, dict | list) for item in found):
            return None, "is not a JSON array of values"
        return _options([_written(item) for item in found if item is not None], may_be)

    each = EachDistinct(read, LIST)

    def normalise(column: pa.Array) -> Normalised:
        if pa.types.is_list(column.type):
            rows = column.cast(LIST).to_pylist()
            readings = [(None, None) if row is None else _options(row, may_be) for row in rows]
            problems = pa.array([problem for _, problem in readings], pa.string())
            return Normalised(
                pa.array([value for value, _ in readings], LIST),
                problems if problems.null_count < len(problems) else None,
            )
        return each(column)

    return normalise


def documents() -> Callable[[pa.Array], Normalised]:
    """Read JSON, and write it without white space; ``null`` is a null."""
    return EachDistinct(_document)


def _document(text: str) -> Reading:
    if not text.strip():
        return None, None
    found, written = _json(text)
    if found is _BAD:
        return None, "is not JSON"
    return (None if found is None else written), None


def _options(given: Sequence[str | None], may_be: frozenset[str]) -> Reading:
    trimmed = [item.strip() for item in given if item is not None]
    found = list(dict.fromkeys(item for item in trimmed if item))
    if any(len(item) > _OPTION_LENGTH for item in found):
        return None, f"has an option of more than {_OPTION_LENGTH} characters"
    if may_be and not may_be.issuperset(found):
        return None, "has an option that is not one of those that are named"
    return found or None, None


def _written(item: object) -> str:
    return item if isinstance(item, str) else json.dumps(item)


_BAD = object()


def _json(text: str) -> tuple[object, str]:
    """Return what is meant and how it is written; half a surrogate pair, say, cannot be written."""
    try:
        found = json.loads(text, parse_constant=_no_constant)
        written = json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        written.encode()
    except (ValueError, RecursionError):
        return _BAD, ""
    return found, written


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
