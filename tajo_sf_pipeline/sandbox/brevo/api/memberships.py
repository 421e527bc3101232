"""Putting contacts on a list and taking them off, by 1 to 150 e-mails, ids or own ids.

E-mails are compared as they are: Brevo stores them in lower case and finds nobody under mixed case.
"""

import sqlite3
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.api.lists import find_list
from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.identity import normal_email
from tajo_sf_pipeline.sandbox.brevo.processes import new_process
from tajo_sf_pipeline.sandbox.brevo.replies import Reply, invalid

_COLUMNS = {"emails": "email", "ids": "id", "extIds": "ext_id"}
_MAX_CONTACTS = 150
_ADD = "INSERT OR IGNORE INTO memberships (list, contact) VALUES (?, ?)"
_REMOVE = "DELETE FROM memberships WHERE list = ? AND contact = ?"


def add(call: Call) -> Reply:
    return _each(call, _ADD)


def remove(call: Call) -> Reply:
    body = call.body()
    return _everybody(call) if body.get("all") is True else _each(call, _REMOVE)


def _everybody(call: Call) -> Reply:
    """Take all off the list in a process; at which moment they go is not documented: at once."""
    with call.store.writing() as db:
        list_ = find_list(call, db)["id"]
        total = db.execute("DELETE FROM memberships WHERE list = ?", (list_,)).rowcount
        process = new_process(db, call.account.id, "REMOVE_CONTACTS_FROM_LIST", total, "completed")
    return Reply(201, {"contacts": {"processId": process, "total": total}})


def _each(call: Call, statement: str) -> Reply:
    """Count as failed who does not exist or changes nothing; if all of them fail, answer 400."""
    column, contacts = _named_contacts(call.body())
    success: list[Any] = []
    failure: list[Any] = []
    with call.store.writing() as db:
        list_ = find_list(call, db)["id"]
        for name in contacts:
            contact = _contact(db, call.account.id, column, name)
            changed = contact and db.execute(statement, (list_, contact)).rowcount
            (success if changed else failure).append(name)
    if not success:
        raise invalid("Contact already in list and/or does not exist")
    return Reply(201, {"contacts": {"success": success, "failure": failure}})


def _named_contacts(body: dict[str, Any]) -> tuple[str, list[Any]]:
    names = [name for name in _COLUMNS if name in body]
    if len(names) != 1:
        raise invalid("Exactly one of emails, ids and extIds is needed")
    contacts = body[names[0]]
    type_ = int if names[0] == "ids" else str
    if not isinstance(contacts, list) or not all(type(c) is type_ for c in contacts):
        raise invalid(f"{names[0]} must be an array of {type_.__name__}")
    if not 1 <= len(contacts) <= _MAX_CONTACTS:
        raise invalid(f"{names[0]} must have 1 to {_MAX_CONTACTS} items")
    if names[0] == "emails" and not all(normal_email(email) for email in contacts):
        raise invalid("Contact email addresses are invalid/ not in valid format")
    return _COLUMNS[names[0]], contacts


def _contact(db: sqlite3.Connection, account: int, column: str, value: Any) -> int | None:
    row = db.execute(
        f"SELECT id FROM contacts WHERE account = ? AND {column} = ?", (account, value)
    ).fetchone()
    return row["id"] if row else None
