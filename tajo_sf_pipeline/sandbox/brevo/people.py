"""What a person does in Brevo's own pages, or a contact with the link in a mail.

Each deed is a call of `/admin` and a button on the page at ``/``; it names its contact by `email`
or `id`, its list by `list`.
"""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from tajo_sf_pipeline.sandbox.brevo import clock, consent
from tajo_sf_pipeline.sandbox.brevo.accounts import Account
from tajo_sf_pipeline.sandbox.brevo.api.lists import drop_list, exists, name_of
from tajo_sf_pipeline.sandbox.brevo.contact_writes import delete_contact
from tajo_sf_pipeline.sandbox.brevo.replies import invalid, not_found

Deed = Callable[[sqlite3.Connection, Account, Mapping[str, Any]], None]


def unsubscribe(db: sqlite3.Connection, account: Account, body: Mapping[str, Any]) -> None:
    """Blocklist a contact: by its own wish, or with `by: admin` by the account's.

    `channel` is email or sms, `moment` now unless told, `campaign` the one whose link it used.
    """
    contact = _contact(db, account, body)
    channel, by = body.get("channel", "email"), body.get("by", "user")
    if channel not in {"email", "sms"} or by not in {"user", "admin"}:
        raise invalid("channel is email or sms, by is user or admin")
    settings, moment = account.settings, _moment(body)
    recorded = {
        "user": settings.records_user_unsubscriptions,
        "admin": settings.records_admin_unsubscriptions,
    }
    if channel == "email" and recorded[by]:
        campaign = _number(body, "campaign") if "campaign" in body else None
        consent.record(db, contact, by, moment=moment, campaign=campaign)
    db.execute(f"UPDATE contacts SET {channel}_blacklisted = 1 WHERE id = ?", (contact,))
    if settings.unsubscribe_moves_modified:
        db.execute("UPDATE contacts SET modified_at = ? WHERE id = ?", (moment, contact))


def resubscribe(db: sqlite3.Connection, account: Account, body: Mapping[str, Any]) -> None:
    """Take all blocklistings away, as after a form that the contact filled in."""
    contact = _contact(db, account, body)
    db.execute(
        "UPDATE contacts SET email_blacklisted = 0, sms_blacklisted = 0, modified_at = ? "
        "WHERE id = ?",
        (clock.now(), contact),
    )


def delete(db: sqlite3.Connection, account: Account, body: Mapping[str, Any]) -> None:
    delete_contact(db, _contact(db, account, body))


def remove_from_list(db: sqlite3.Connection, account: Account, body: Mapping[str, Any]) -> None:
    contact, list_ = _contact(db, account, body), _list(db, account, body)
    db.execute("DELETE FROM memberships WHERE list = ? AND contact = ?", (list_, contact))


def add_to_list(db: sqlite3.Connection, account: Account, body: Mapping[str, Any]) -> None:
    contact, list_ = _contact(db, account, body), _list(db, account, body)
    db.execute("INSERT OR IGNORE INTO memberships (list, contact) VALUES (?, ?)", (list_, contact))


def delete_list(db: sqlite3.Connection, account: Account, body: Mapping[str, Any]) -> None:
    drop_list(db, _list(db, account, body))


def rename_list(db: sqlite3.Connection, account: Account, body: Mapping[str, Any]) -> None:
    list_, name = _list(db, account, body), name_of(dict(body))
    db.execute("UPDATE lists SET name = ? WHERE id = ?", (name, list_))


def move_list(db: sqlite3.Connection, account: Account, body: Mapping[str, Any]) -> None:
    list_, folder = _list(db, account, body), _number(body, "folder")
    if not exists(db, "folders", account.id, folder):
        raise not_found("Folder ID does not exist")
    db.execute("UPDATE lists SET folder = ? WHERE id = ?", (folder, list_))


OF_CONTACTS: Mapping[str, Deed] = {
    "unsubscribe": unsubscribe,
    "resubscribe": resubscribe,
    "delete-contact": delete,
    "remove-from-list": remove_from_list,
    "add-to-list": add_to_list,
}
OF_LISTS: Mapping[str, Deed] = {
    "delete-list": delete_list,
    "rename-list": rename_list,
    "move-list": move_list,
}
DEEDS: Mapping[str, Deed] = {**OF_CONTACTS, **OF_LISTS}


def _contact(db: sqlite3.Connection, account: Account, body: Mapping[str, Any]) -> int:
    column, value = ("id", _number(body, "id")) if "id" in body else ("email", body.get("email"))
    row = db.execute(
        f"SELECT id FROM contacts WHERE account = ? AND {column} = ?", (account.id, value)
    ).fetchone()
    if row is None:
        raise not_found("Contact does not exist")
    return int(row["id"])


def _list(db: sqlite3.Connection, account: Account, body: Mapping[str, Any]) -> int:
    list_ = _number(body, "list")
    if not exists(db, "lists", account.id, list_):
        raise not_found("List ID does not exist")
    return list_


def _moment(body: Mapping[str, Any]) -> str:
    try:
        return clock.since(body["moment"]) if "moment" in body else clock.now()
    except (TypeError, ValueError) as error:
        raise invalid("moment must be a date-time, such as 2026-01-31T08:00:00Z") from error


def _number(body: Mapping[str, Any], name: str) -> int:
    """Read a number of JSON, or of a form."""
    text = str(body.get(name))
    if not (text.isascii() and text.isdigit()):
        raise invalid(f"{name} must be a number")
    return int(text)
