"""Changes to one contact, stored: who has its identifiers, and what becomes of the others."""

import json
import sqlite3
from dataclasses import replace

from tajo_sf_pipeline.sandbox.brevo import clock, consent
from tajo_sf_pipeline.sandbox.brevo.accounts import Account
from tajo_sf_pipeline.sandbox.brevo.contact_changes import ContactChange
from tajo_sf_pipeline.sandbox.brevo.identity import Identifier
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError


def refuse_duplicates(
    db: sqlite3.Connection, account: Account, change: ContactChange, contact: int | None
) -> None:
    """Raise a 400 for identifiers that another contact has, named in the metadata."""
    holders = holders_of(db, account.id, change)
    taken = [i.duplicate_name for i, holder in holders if holder != contact]
    if taken:
        verb = "create" if contact is None else "update"
        raise ApiError(
            400,
            account.settings.duplicate_code,
            f"Unable to {verb} contact, {', '.join(taken)} is already associated "
            "with another Contact",
            {"duplicate_identifiers": taken} if account.settings.duplicate_metadata else None,
        )


def holders_of(
    db: sqlite3.Connection, account: int, change: ContactChange
) -> list[tuple[Identifier, int]]:
    """Find who has the identifiers that the change sets."""
    found = [(i, holder_of(db, account, i, change.columns[i.column])) for i in change.identifiers]
    return [(identifier, holder) for identifier, holder in found if holder is not None]


def holder_of(
    db: sqlite3.Connection, account: int, identifier: Identifier, value: str
) -> int | None:
    row = db.execute(
        f"SELECT id FROM contacts WHERE account = ? AND {identifier.column} = ?", (account, value)
    ).fetchone()
    return row["id"] if row else None


def merge_holders(
    db: sqlite3.Connection, account: int, change: ContactChange, contact: int | None
) -> int | None:
    """Of all that the change clashes with, keep the contact that was modified last.

    "The contact with the most recent `last_modified` is retained; the other is deleted" (SDK).
    """
    holders = {holder for _, holder in holders_of(db, account, change)}
    clashing = sorted(holders if contact is None else holders | {contact})
    if not clashing:
        return None
    marks = ", ".join("?" * len(clashing))
    ordered = db.execute(
        f"SELECT id FROM contacts WHERE id IN ({marks}) ORDER BY modified_at DESC, id DESC",
        clashing,
    ).fetchall()
    kept, *others = [int(row["id"]) for row in ordered]
    for other in others:
        delete_contact(db, other)
    return kept


def delete_contact(db: sqlite3.Connection, contact: int) -> None:
    for table in ("memberships", "consents", "unsubscriptions"):
        db.execute(f"DELETE FROM {table} WHERE contact = ?", (contact,))
    db.execute(
        "DELETE FROM associations WHERE (type = 'contact' AND record = ?) "
        "OR (other_type = 'contact' AND other = ?)",
        (contact, contact),
    )
    db.execute("DELETE FROM contacts WHERE id = ?", (contact,))


def insert_contact(db: sqlite3.Connection, account: Account, change: ContactChange) -> int:
    now = clock.now()
    row = db.execute(
        "INSERT INTO contacts (account, created_at, modified_at, attributes) "
        "VALUES (?, ?, ?, '{}') RETURNING id",
        (account.id, now, now),
    ).fetchone()
    _write(db, account, row["id"], change, now)
    return int(row["id"])


def update_contact(
    db: sqlite3.Connection, account: Account, contact: int, change: ContactChange
) -> None:
    before = db.execute("SELECT * FROM contacts WHERE id = ?", (contact,)).fetchone()
    flags = consent.flags_after(account.settings, before, change.columns, joins=bool(change.lists))
    change = replace(change, columns=change.columns | flags)
    _write(db, account, contact, change, clock.now())


def _write(
    db: sqlite3.Connection, account: Account, contact: int, change: ContactChange, now: str
) -> None:
    columns = change.columns
    if columns.get("email_blacklisted") and account.settings.records_admin_unsubscriptions:
        consent.record_new(db, contact)
    assignments = "".join(f"{column} = ?, " for column in columns)
    # A merge patch (RFC 7396) is just what is wanted: a null takes the attribute away.
    db.execute(
        f"UPDATE contacts SET {assignments} modified_at = ?, "
        "attributes = json_patch(attributes, ?) WHERE id = ?",
        (*columns.values(), now, json.dumps(change.attributes), contact),
    )
    db.executemany(
        "INSERT OR IGNORE INTO memberships (list, contact) VALUES (?, ?)",
        [(list_, contact) for list_ in change.lists],
    )
    db.executemany(
        "DELETE FROM memberships WHERE list = ? AND contact = ?",
        [(list_, contact) for list_ in change.unlinked_lists],
    )
