"""What Brevo's attributes would take of a mapped extract, asked before any write (S16)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tajo_sf_pipeline.audience.written_column import WrittenColumn
from tajo_sf_pipeline.brevo import attributes
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.errors import MappingError


@dataclass(frozen=True, slots=True)
class Preflight:
    """How many attributes would be written, which Brevo would ignore and why, one line each.

    `error` names all of them. `options` are what the account's category and multiple-choice
    attributes take, labels too.
    """

    attributes: int
    problems: tuple[str, ...]
    error: MappingError | None
    options: Mapping[str, tuple[str, ...]]


def compare(client: Client, written: Sequence[WrittenColumn], *, create: bool) -> Preflight:
    """Compare with the account, in one call; `create` forgives what the sync would create."""
    account = attributes.of_account(client)
    problems = [
        problem
        for problem in attributes.problems_of(written, account).values()
        if problem.kind == "conflict" or not create
    ]
    names = {column.attribute for column in written}
    return Preflight(
        attributes=len(written),
        problems=tuple(problem.text for problem in problems),
        error=_error(problems),
        options={
            name: tuple(attributes.options_of(attribute))
            for name, attribute in account.items()
            if name in names and _is_choice(attribute)
        },
    )


def _error(problems: Sequence[attributes.Problem]) -> MappingError | None:
    try:
        attributes.raise_for(problems)
    except MappingError as error:
        return error
    return None


def _is_choice(attribute: Mapping[str, object]) -> bool:
    return attribute.get("category") == "category" or attribute.get("type") == "multiple-choice"
