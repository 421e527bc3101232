"""What an account's attributes can take, compared with what an audience writes (S16)."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tajo_sf_pipeline.audience.written_column import WrittenColumn
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.errors import MappingError, RefusedError

_CHOICES = frozenset({"category", "multiple-choice"})
# They belong to every contact and are not listed.
_BUILT_IN = frozenset({"EMAIL", "SMS", "WHATSAPP", "LANDLINE_NUMBER", "EXT_ID"})
_BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a column out of its attribute; `fixable` by creating it or its options."""

    kind: Literal["missing", "options", "conflict"]
    text: str
    options: tuple[str, ...] = ()


def check(client: Client, columns: Iterable[WrittenColumn]) -> None:
    """Raise `MappingError` for every attribute that Brevo lacks, or that has another type.

    An import ignores both without a word (developers.brevo.com/reference/importcontacts), and so
    it does with an option that a category does not have.
    """
    raise_for([*problems_of(columns, of_account(client)).values()])


def create_missing(client: Client, columns: Iterable[WrittenColumn]) -> list[str]:
    """Create the attributes and options that the account lacks; return the attributes' names.

    Raises `MappingError` for type conflicts, before it creates anything: Brevo cannot change a
    type. Attributes that somebody else creates meanwhile are taken as they are found.
    """
    columns, account = list(columns), of_account(client)
    problems = problems_of(columns, account)
    raise_for([each for each in problems.values() if each.kind == "conflict"])
    for column, lack in problems.items():
        _change(client, column, lack, account.get(column.attribute.upper(), {}))
    if problems:
        check(client, columns)
    return [column.attribute.upper() for column in problems]


def of_account(client: Client) -> dict[str, dict[str, Any]]:
    """Return the account's attributes by their names, upper-cased."""
    listed = client.get("/contacts/attributes").get("attributes") or []
    return {attribute["name"].upper(): attribute for attribute in listed}


def problems_of(
    columns: Iterable[WrittenColumn], account: Mapping[str, Mapping[str, Any]]
) -> dict[WrittenColumn, Problem]:
    """Return the columns whose values the account would not keep, and why."""
    return {column: each for column in columns if (each := problem(column, account))}


def problem(column: WrittenColumn, account: Mapping[str, Mapping[str, Any]]) -> Problem | None:
    """Return why the account would not keep a column's values, or None."""
    name = column.attribute.upper()
    if name in _BUILT_IN:
        return None
    place = f"column {column.name} -> attribute {name}:"
    attribute = account.get(name)
    if attribute is None:
        text = f"{place} Brevo has no such attribute; it would ignore the values"
        return Problem("missing", text)
    category = attribute.get("category")
    if category not in {"normal", "category"}:
        return Problem("conflict", f"{place} it is {category} in Brevo and cannot be written")
    brevo_type = str("category" if category == "category" else attribute.get("type"))
    if not _fits(column, brevo_type):
        text = f"{place} the values are {column.type}, Brevo's type is {brevo_type}"
        return Problem("conflict", text)
    lacking = tuple(option for option in column.options if option not in options_of(attribute))
    if brevo_type in _CHOICES and lacking:
        return Problem("options", f"{place} Brevo lacks the options {', '.join(lacking)}", lacking)
    return None


def options_of(attribute: Mapping[str, Any]) -> dict[str, str]:
    """Return what may be written into a category or multiple choice, and the label of each.

    A category takes its label or its value; `value` is 0 for what is no number, so `valueStr`
    counts where it is there.
    """
    choices = {str(option): str(option) for option in attribute.get("multiCategoryOptions") or []}
    for option in attribute.get("enumeration") or []:
        label = str(option.get("label"))
        choices[str(option.get("valueStr") or option.get("value"))] = label
        choices[label] = label
    return choices


def _fits(column: WrittenColumn, brevo_type: str) -> bool:
    """Text may be written into a category whose options the mapping does not name."""
    return column.type == brevo_type or (column.type == "text" and brevo_type == "category")


def raise_for(problems: Sequence[Problem]) -> None:
    """Raise one `MappingError` for all of them."""
    if not problems:
        return
    text = "\n".join(each.text for each in problems)
    if all(each.kind == "conflict" for each in problems):
        raise MappingError(
            "TAJO-612",
            text,
            "Brevo cannot change an attribute's type: cast the column, map it to another "
            "attribute, or delete the attribute in Brevo. Nothing was sent.",
        )
    raise MappingError(
        "TAJO-611",
        text,
        "Create or correct the attributes under Contacts > Settings in Brevo, set "
        "create_attributes: true, or change the field mapping; nothing was sent.",
    )


def _change(
    client: Client, column: WrittenColumn, lack: Problem, existing: Mapping[str, Any]
) -> None:
    category = "category" if column.type == "category" else "normal"
    path = f"/contacts/attributes/{category}/{column.attribute.upper()}"
    body = json.dumps(_form(column, lack, existing), ensure_ascii=False).encode()
    try:
        if lack.kind == "missing":
            client.post(path, body)
        else:
            client.put(path, body)
    except RefusedError as error:
        if error.status == _BAD_REQUEST and "must be unique" in error.reason:
            return  # created meanwhile: the check that follows looks at it
        raise MappingError(
            "TAJO-613",
            f"column {column.name}: Brevo does not create the attribute {column.attribute} "
            f"({column.type}): {error.reason}",
            "Create it under Contacts > Settings in Brevo; nothing was sent.",
        ) from error


def _form(column: WrittenColumn, lack: Problem, existing: Mapping[str, Any]) -> dict[str, Any]:
    """Return what creates an attribute, or all of its options where some are added."""
    form: dict[str, Any] = {"type": column.type} if lack.kind == "missing" else {}
    options = column.options if lack.kind == "missing" else lack.options
    match column.type:
        case "category":
            return {"enumeration": list(_enumeration(existing, options))}
        case "multiple-choice":
            have = existing.get("multiCategoryOptions") or []
            return form | {"multiCategoryOptions": [*have, *options]}
    return form


def _enumeration(existing: Mapping[str, Any], labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Return the options that are there, and new ones with the numbers that follow theirs."""
    largest = 0
    for option in existing.get("enumeration") or []:
        value = option.get("valueStr") or option.get("value")
        number = int(value) if str(value).isascii() and str(value).isdigit() else None
        largest = max(largest, number or 0)
        yield {"value": value if number is None else number, "label": option.get("label")}
    for number, label in enumerate(labels, largest + 1):
        yield {"value": number, "label": label}
