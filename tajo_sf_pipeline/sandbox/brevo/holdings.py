"""What an account holds, view by view: for ``/admin`` and for the page at ``/``."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.accounts import Account
from tajo_sf_pipeline.sandbox.brevo.contact_forms import contact_forms
from tajo_sf_pipeline.sandbox.brevo.object_forms import associations_form, record_form


@dataclass(frozen=True, slots=True)
class Page:
    limit: int
    offset: int


View = Callable[[sqlite3.Connection, Account, Page], dict[str, Any]]


def summary(db: sqlite3.Connection, account: Account, _: Page) -> dict[str, Any]:
    """Count everything, and what was asked: by status, and by route and status."""
    requests = list(account.requests)
    routes: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in requests:
        routes[f"{entry.method} {entry.route}"][str(entry.status)] += 1
    tables = ("contacts", "attributes", "events", "campaigns", "processes")
    return {table: _count(db, table, account) for table in tables} | {
        "objects": _count(db, "object_records", account),
        "lists": [dict(row) for row in db.execute(_LISTS, (account.id,))],
        "requests": Counter(str(entry.status) for entry in requests),
        "routes": routes,
    }


_LISTS = """
SELECT id, name, (SELECT count(*) FROM memberships WHERE list = lists.id) AS members
FROM lists WHERE account = ? ORDER BY id
"""


def contacts(db: sqlite3.Connection, account: Account, page: Page) -> dict[str, Any]:
    """By e-mail, those without one first."""
    forms = contact_forms(
        db,
        "FROM contacts c WHERE c.account = ?",
        [account.id, page.limit, page.offset],
        "ORDER BY c.email LIMIT ? OFFSET ?",
    )
    return {"contacts": forms}


def lists(db: sqlite3.Connection, account: Account, page: Page) -> dict[str, Any]:
    """Each with its folder's name and the e-mails, or else the ids, of its members."""
    rows = db.execute(
        "SELECT lists.id, lists.name, folders.name AS folder, ("
        " SELECT json_group_array(coalesce(email, id)) FROM memberships "
        " JOIN contacts ON id = contact WHERE list = lists.id"
        ") AS members FROM lists JOIN folders ON folders.id = folder "
        "WHERE lists.account = ? ORDER BY lists.id LIMIT ? OFFSET ?",
        (account.id, page.limit, page.offset),
    )
    return {"lists": [dict(row) | {"members": json.loads(row["members"])} for row in rows]}


def events(db: sqlite3.Connection, account: Account, page: Page) -> dict[str, Any]:
    """As they were sent, in the order of their arrival, with the contact that was found."""
    rows = _rows(db, "events", account, page)
    return {"events": [json.loads(row["body"]) | {"contact": row["contact"]} for row in rows]}


def objects(db: sqlite3.Connection, account: Account, page: Page) -> dict[str, Any]:
    rows = _rows(db, "object_records", account, page)
    return {
        "objects": [
            {"type": row["type"], "associations": associations_form(db, row)} | record_form(row)
            for row in rows
        ]
    }


def campaigns(db: sqlite3.Connection, account: Account, page: Page) -> dict[str, Any]:
    rows = _rows(db, "campaigns", account, page)
    keys = ("id", "name", "status")
    return {
        "campaigns": [json.loads(row["body"]) | {key: row[key] for key in keys} for row in rows]
    }


def processes(db: sqlite3.Connection, account: Account, page: Page) -> dict[str, Any]:
    """With what became of their rows, which Brevo tells nobody."""
    keys = ("id", "name", "status", "rows", "created_at")
    return {
        "processes": [
            {key: row[key] for key in keys} | {"outcome": json.loads(row["outcome"])}
            for row in _rows(db, "processes", account, page)
        ]
    }


def requests(_: sqlite3.Connection, account: Account, __: Page) -> dict[str, Any]:
    """All of them: this view has no pages."""
    return {"requests": [entry.as_json() for entry in list(account.requests)]}


VIEWS: Mapping[str, View] = {
    view.__name__: view
    for view in (summary, contacts, lists, events, objects, campaigns, processes, requests)
}


def _rows(db: sqlite3.Connection, table: str, account: Account, page: Page) -> list[sqlite3.Row]:
    return db.execute(
        f"SELECT * FROM {table} WHERE account = ? ORDER BY id LIMIT ? OFFSET ?",
        (account.id, page.limit, page.offset),
    ).fetchall()


def _count(db: sqlite3.Connection, table: str, account: Account) -> int:
    found = db.execute(f"SELECT count(*) FROM {table} WHERE account = ?", (account.id,))
    return int(found.fetchone()[0])
