"""``POST /v3/contacts/batch``: deprecated on 2026-10-30, and by default gone.

Which form the refusal has is not known, nor the greatest number of contacts; 100 were seen.
"""

import sqlite3
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.contact_changes import read_change
from tajo_sf_pipeline.sandbox.brevo.contact_writes import (
    holder_of,
    refuse_duplicates,
    update_contact,
)
from tajo_sf_pipeline.sandbox.brevo.identity import BY_ATTRIBUTE
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, Reply, invalid, not_found

_MAX_CONTACTS = 100
_KEYS = ("email", "id", "sms")


def update(call: Call) -> Reply:
    """Update all contacts or, when one of them cannot be, none."""
    status = call.account.settings.contacts_batch
    if isinstance(status, int):
        raise ApiError(status, "document_not_found", "This endpoint is no longer available")
    contacts = call.body().get("contacts")
    if not isinstance(contacts, list) or not 1 <= len(contacts) <= _MAX_CONTACTS:
        raise invalid(f"contacts must have 1 to {_MAX_CONTACTS} items")
    with call.store.writing() as db:
        for contact in contacts:
            _update(call, db, contact)
    return Reply(204)


def _update(call: Call, db: sqlite3.Connection, item: Any) -> None:
    keys = [name for name in _KEYS if isinstance(item, dict) and name in item]
    if len(keys) != 1:
        raise invalid("Exactly one of email, id and sms is needed")
    (key,) = keys
    contact = _find(call, db, key, item[key])
    body = {name: value for name, value in item.items() if name != key}
    change = read_change(db, call.account, body)
    refuse_duplicates(db, call.account, change, contact)
    update_contact(db, call.account, contact, change)


def _find(call: Call, db: sqlite3.Connection, key: str, value: Any) -> int:
    contact: int | None
    if key == "id":
        row = db.execute(
            "SELECT id FROM contacts WHERE account = ? AND id = ?", (call.account.id, value)
        ).fetchone()
        contact = row["id"] if row else None
    else:
        identifier = BY_ATTRIBUTE[key.upper()]
        if (normal := identifier.normalise(value)) is None:
            raise invalid(identifier.complaint)
        contact = holder_of(db, call.account.id, identifier, normal)
    if contact is None:
        raise not_found("Contact does not exist")
    return contact
