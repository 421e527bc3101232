"""Changes to one contact, as POST and PUT ask for them: read and checked.

Where Brevo's documents are open, the account's settings decide: an attribute that the account lacks
is ignored, a date in another form than YYYY-MM-DD is refused (as observed), and other values that
do not fit are ignored, unless told. An empty string or null clears the attribute.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.accounts import Account
from tajo_sf_pipeline.sandbox.brevo.attribute_types import (
    Coerce,
    as_date,
    as_swapped_date,
    coercers,
    is_iso_date,
)
from tajo_sf_pipeline.sandbox.brevo.identity import BY_ATTRIBUTE, EMAIL, IDENTIFIERS, Identifier
from tajo_sf_pipeline.sandbox.brevo.replies import invalid

_FLAGS = {"emailBlacklisted": "email_blacklisted", "smsBlacklisted": "sms_blacklisted"}


@dataclass(frozen=True, slots=True)
class ContactChange:
    columns: dict[str, Any]  # identifiers and flags; None clears an identifier
    attributes: dict[str, Any]  # None clears an attribute
    lists: list[int]
    unlinked_lists: list[int]

    @property
    def identifiers(self) -> list[Identifier]:
        """Those that the change sets, in order of precedence."""
        return [i for i in IDENTIFIERS if self.columns.get(i.column) is not None]


def read_change(db: sqlite3.Connection, account: Account, body: dict[str, Any]) -> ContactChange:
    """ApiError 400 when something in the body cannot be taken."""
    attributes = _object(body, "attributes")
    columns = _identifiers(body, attributes) | {
        column: _flag(body, name) for name, column in _FLAGS.items() if body.get(name) is not None
    }
    return ContactChange(
        columns,
        _attributes(db, account, attributes),
        own_lists(db, account.id, body.get("listIds")),
        own_lists(db, account.id, body.get("unlinkListIds")),
    )


def own_lists(db: sqlite3.Connection, account: int, ids: Any) -> list[int]:
    """Give back the ids, once all of them are known to be lists of this account."""
    if ids is None:
        return []
    if not isinstance(ids, list) or not all(type(i) is int for i in ids):
        raise invalid("List IDs must be an array of integers")
    known = {row["id"] for row in db.execute("SELECT id FROM lists WHERE account = ?", (account,))}
    if set(ids) - known:
        raise invalid("List ID does not exist")
    return ids


def _identifiers(body: dict[str, Any], attributes: dict[str, Any]) -> dict[str, str | None]:
    sent = {name.upper(): value for name, value in attributes.items()}
    sent |= {name.upper(): body[name] for name in ("email", "ext_id") if name in body}
    columns: dict[str, str | None] = {}
    for name, value in sent.items():
        if identifier := BY_ATTRIBUTE.get(name):
            is_empty = value is None or value == ""
            columns[identifier.column] = None if is_empty else _normal(identifier, value)
    # Clearing the e-mail is nowhere documented: an e-mail that is sent must be one.
    if "email" in columns and columns["email"] is None:
        raise invalid(EMAIL.complaint)
    return columns


def _normal(identifier: Identifier, value: Any) -> str:
    if (normal := identifier.normalise(value)) is None:
        raise invalid(identifier.complaint)
    return normal


def _attributes(
    db: sqlite3.Connection, account: Account, attributes: dict[str, Any]
) -> dict[str, Any]:
    known = coercers(db, account.id, account.settings)
    sent = {name.upper(): value for name, value in attributes.items()}
    sent = {name: value for name, value in sent.items() if name not in BY_ATTRIBUTE}
    if account.settings.unknown_attribute == "refuse" and (unknown := sent.keys() - known.keys()):
        raise invalid(f"Attribute {min(unknown)} does not exist")
    patch: dict[str, Any] = {}
    for name in sent.keys() & known.keys():
        value = sent[name]
        if value is None or value == "":
            patch[name] = None
        elif (stored := _typed(account, name, known[name], value)) is not None:
            patch[name] = stored
    return patch


def _typed(account: Account, name: str, coerce: Coerce, value: Any) -> Any:
    """Give the value to store; None where one that does not fit is ignored."""
    rule, is_date = account.settings.wrong_value, coerce in {as_date, as_swapped_date}
    if is_date and rule != "ignore" and not is_iso_date(value):
        raise invalid("invalid date format")
    stored = coerce(value)
    if stored is None and rule == "refuse" and name not in account.settings.ignored_attributes:
        raise invalid(f"Invalid value for attribute {name}")
    return stored


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise invalid(f"{name} should be an object")
    return value


def _flag(body: dict[str, Any], name: str) -> bool:
    if not isinstance(body[name], bool):
        raise invalid(f"{name} should be boolean")
    return bool(body[name])
