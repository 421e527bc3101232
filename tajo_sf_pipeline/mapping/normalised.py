"""A column as Brevo takes it, and for each value that cannot be so the reason."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

_TEXT = pa.string()
# So many values are remembered from batch to batch: enough for the phone numbers of a million rows
# of which a tenth are distinct, and little memory.
_REMEMBERED = 2**17


@dataclass(frozen=True, slots=True)
class Normalised:
    """Values in their new type; where there is a problem the value is null."""

    values: pa.Array
    problems: pa.Array | None = None


class Normaliser(Protocol):
    """Makes a column; its `companion` says what a value alone does not, such as a country."""

    def __call__(self, column: pa.Array, companion: pa.Array | None = None, /) -> Normalised: ...


# A value and no problem, or no value and a problem; two times None where there is nothing.
Reading = tuple[Any, str | None]


class EachDistinct:
    """Reads each distinct text of a column once, and remembers many for the batches that follow."""

    def __init__(self, read: Callable[[str], Reading], arrow_type: pa.DataType = _TEXT) -> None:
        self._read = lru_cache(_REMEMBERED)(read)
        self._arrow_type = arrow_type

    def __call__(self, column: pa.Array) -> Normalised:
        encoded = column.cast(_TEXT).dictionary_encode()
        readings = [self._read(text) for text in encoded.dictionary.to_pylist()]
        values = pa.array([value for value, _ in readings], self._arrow_type).take(encoded.indices)
        if not any(problem for _, problem in readings):
            return Normalised(values)
        problems = pa.array([problem for _, problem in readings], _TEXT)
        return Normalised(values, problems.take(encoded.indices))


def refused(values: pa.Array, good: pa.Array, problem: str) -> Normalised:
    """Take out the values that are not good; what is null stays null, and is no problem."""
    bad = pc.and_(pc.is_valid(values), pc.invert(pc.fill_null(good, False)))
    if not pc.any(bad).as_py():
        return Normalised(values)
    problems = pc.if_else(bad, problem, pa.scalar(None, _TEXT))
    return Normalised(pc.if_else(bad, pa.scalar(None, values.type), values), problems)


def first_problem(*problems: pa.Array | None) -> pa.Array | None:
    """Return the first problem of each row; None where no column has any."""
    columns = [each for each in problems if each is not None]
    return pc.coalesce(*columns) if columns else None
