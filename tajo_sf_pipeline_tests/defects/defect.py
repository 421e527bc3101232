"""A defect as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Defect:
    """A change of one place that breaks a promise, and the tests that find it.

    `what` is what a user would suffer; `before` stands exactly once in `file` (relative to the
    repository) and becomes `after`; `found_by` are pytest node ids of which at least one fails
    with the defect planted.
    """

    what: str
    file: str
    before: str
    after: str
    found_by: tuple[str, ...]
