"""Several values in one: multiple-choice, and JSON."""

import json
from collections.abc import Callable, Sequence

import pyarrow as pa

from tajo_sf_pipeline.audience.field_mapping import OPTION_LENGTH
from tajo_sf_pipeline.mapping.normalised import EachDistinct, Normalised, Reading
from tajo_sf_pipeline.mapping.types import LIST


def lists(separator: str | None, options: Sequence[str] = ()) -> Callable[[pa.Array], Normalised]:
    """Read options from a JSON array, or from text between separators; each counts once.

    Where `options` are named, another one is refused.
    """
    may_be = frozenset(options)

    def read(text: str) -> Reading:
        if separator is not None:
            return _options(text.split(separator), may_be)
        if not text.strip():
            return None, None
        items, _ = _json(text)
        if not isinstance(items, list) or any(isinstance(item, dict | list) for item in items):
            return None, "is not a JSON array of values"
        return _options([_written(item) for item in items if item is not None], may_be)

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
    document, written = _json(text)
    if document is _BAD:
        return None, "is not JSON"
    return (None if document is None else written), None


def _options(items: Sequence[str | None], may_be: frozenset[str]) -> Reading:
    trimmed = [item.strip() for item in items if item is not None]
    options = list(dict.fromkeys(item for item in trimmed if item))
    if any(len(item) > OPTION_LENGTH for item in options):
        return None, f"has an option of more than {OPTION_LENGTH} characters"
    if may_be and not may_be.issuperset(options):
        return None, "has an option that is not one of those that are named"
    return options or None, None


def _written(item: object) -> str:
    return item if isinstance(item, str) else json.dumps(item)


_BAD = object()


def _json(text: str) -> tuple[object, str]:
    """Return what is meant and how it is written; half a surrogate pair, say, cannot be written."""
    try:
        document = json.loads(text, parse_constant=_no_constant)
        written = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        written.encode()
    except (ValueError, RecursionError):
        return _BAD, ""
    return document, written


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
