"""What an account's attributes can take, compared with what an audience writes (S16)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.errors import MappingError


@dataclass(frozen=True, slots=True)
class Written:
    """A source column, the attribute that it becomes, and the type that its values have."""

    name: str
    attribute: str
    type: str


def check(client: Client, columns: Iterable[Written]) -> None:
    """Raise `MappingError` for every attribute that Brevo lacks, or that has another type.

    An import ignores both without a word (developers.brevo.com/reference/importcontacts).
    """
    listed = client.get("/contacts/attributes")["attributes"]
    account = {attribute["name"].upper(): attribute for attribute in listed}
    problems = [
        problem
        for column in columns
        if (problem := _problem(column, account.get(column.attribute)))
    ]
    if problems:
        raise MappingError(
            "TAJO-611",
            "\n".join(problems),
            "Create or correct the attributes under Contacts > Settings in Brevo, or change the "
            "field mapping; nothing was sent.",
        )


def _problem(column: Written, attribute: Mapping[str, Any] | None) -> str | None:
    place = f"column {column.name} -> attribute {column.attribute}:"
    if attribute is None:
        return f"{place} Brevo has no such attribute; it would ignore the values"
    category = attribute.get("category")
    if category not in ("normal", "category"):
        return f"{place} it is {category} in Brevo and cannot be written"
    found = "text" if category == "category" else attribute.get("type")
    if found != column.type:
        return f"{place} the values are {column.type}, Brevo's type is {found}"
    return None
