"""Changes to one contact, as POST and PUT ask for them: read, checked, stored.

Where Brevo's documents are open: an attribute that the account lacks is ignored, a date in another
form than YYYY-MM-DD is refused (as observed), an empty string or null clears the attribute.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from tajo_sf_pipeline.sandbox.brevo import clock
from tajo_sf_pipeline.sandbox.brevo.attribute_types import as_date, coercers, is_iso_date
from tajo_sf_pipeline.sandbox.brevo.identity import BY_ATTRIBUTE, EMAIL, IDENTIFIERS, Identifier
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, invalid

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


def read_change(db: sqlite3.Connection, account: int, body: dict[str, Any]) -> ContactChange:
    """ApiError 400 when something in the body cannot be taken."""
    attributes = _object(body, "attributes")
    columns = _identifiers(body, attributes) | {
        column: _flag(body, name) for name, column in _FLAGS.items() if body.get(name) is not None
    }
    return ContactChange(
        columns,
        _attributes(db, account, attributes),
        own_lists(db, account, body.get("listIds")),
        own_lists(db, account, body.get("unlinkListIds")),
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


def refuse_duplicates(
    db: sqlite3.Connection, account: int, change: ContactChange, contact: int | None
) -> None:
    """Raise a 400 for identifiers that another contact has, named in the metadata."""
    taken = [
        identifier.duplicate_name
        for identifier in change.identifiers
        if holder_of(db, account, identifier, change.columns[identifier.column])
        not in {None, contact}
    ]
    if taken:
        verb = "create" if contact is None else "update"
        raise ApiError(
            400,
            "duplicate_parameter",
            f"Unable to {verb} contact, {', '.join(taken)} is already associated "
            "with another Contact",
            {"duplicate_identifiers": taken},
        )


def holder_of(
    db: sqlite3.Connection, account: int, identifier: Identifier, value: str
) -> int | None:
    row = db.execute(
        f"SELECT id FROM contacts WHERE account = ? AND {identifier.column} = ?", (account, value)
    ).fetchone()
    return row["id"] if row else None


def insert_contact(db: sqlite3.Connection, account: int, change: ContactChange) -> int:
    now = clock.now()
    row = db.execute(
        "INSERT INTO contacts (account, created_at, modified_at, attributes) "
        "VALUES (?, ?, ?, '{}') RETURNING id",
        (account, now, now),
    ).fetchone()
    _write(db, row["id"], change, now)
    return int(row["id"])


def update_contact(db: sqlite3.Connection, contact: int, change: ContactChange) -> None:
    _write(db, contact, change, clock.now())


def _write(db: sqlite3.Connection, contact: int, change: ContactChange, now: str) -> None:
    assignments = "".join(f"{column} = ?, " for column in change.columns)
    # A merge patch (RFC 7396) is just what is wanted: a null takes the attribute away.
    db.execute(
        f"UPDATE contacts SET {assignments} modified_at = ?, "
        "attributes = json_patch(attributes, ?) WHERE id = ?",
        (*change.columns.values(), now, json.dumps(change.attributes), contact),
    )
    db.executemany(
        "INSERT OR IGNORE INTO memberships (list, contact) VALUES (?, ?)",
        [(list_, contact) for list_ in change.lists],
    )
    db.executemany(
        "DELETE FROM memberships WHERE list = ? AND contact = ?",
        [(list_, contact) for list_ in change.unlinked_lists],
    )


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


def _attributes(db: sqlite3.Connection, account: int, attributes: dict[str, Any]) -> dict[str, Any]:
    known = coercers(db, account)
    patch: dict[str, Any] = {}
    for sent_name, value in attributes.items():
        name = sent_name.upper()
        if name in BY_ATTRIBUTE or name not in known:
            continue
        if value is None or value == "":
            patch[name] = None
            continue
        if known[name] is as_date and not is_iso_date(value):
            raise invalid("invalid date format")
        if (stored := known[name](value)) is not None:
            patch[name] = stored
    return patch


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise invalid(f"{name} should be an object")
    return value


def _flag(body: dict[str, Any], name: str) -> bool:
    if not isinstance(body[name], bool):
        raise invalid(f"{name} should be boolean")
    return bool(body[name])
