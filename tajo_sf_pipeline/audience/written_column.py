"""A column of an audience as Brevo will know it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class WrittenColumn:
    """A source column, the attribute that it becomes, and the type that its values have.

    `options` are those of a category or a multiple choice that the mapping names.
    """

    name: str
    attribute: str
    type: str
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, column: Sequence[Any]) -> Self:
        """Read a column as a mapping's report keeps it: with or, as before 0.1, without options."""
        name, attribute, kind, *options = column
        return cls(name, attribute, kind, tuple(options[0] or ()) if options else ())
