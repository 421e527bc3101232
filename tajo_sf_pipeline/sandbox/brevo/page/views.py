"""The tables of the page: of each kind the newest first, a page at a time."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tajo_sf_pipeline.sandbox.brevo.accounts import Account
from tajo_sf_pipeline.sandbox.brevo.contact_forms import contact_forms
from tajo_sf_pipeline.sandbox.brevo.object_forms import associations_form
from tajo_sf_pipeline.sandbox.brevo.page.markup import Markup, button, chips, element, join, pairs

ROWS = 50


@dataclass(frozen=True, slots=True)
class Table:
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


View = Callable[[sqlite3.Connection, Account, int], Table]


def contacts(db: sqlite3.Connection, account: Account, offset: int) -> Table:
    forms = contact_forms(
        db,
        "FROM contacts c WHERE c.account = ?",
        [account.id, ROWS, offset],
        "ORDER BY c.id DESC LIMIT ? OFFSET ?",
    )
    names = _names(db, "lists", account)
    rows = [
        (
            form.get("email", "no e-mail"),
            pairs(form["attributes"]),
            chips(names.get(list_, list_) for list_ in form["listIds"]),
            _flags(form),
            _moment(form["modifiedAt"]),
            _contact_buttons(account, form, names),
        )
        for form in forms
    ]
    columns = ("E-mail", "Attributes", "Lists", "Consent", "Modified (UTC)", "As a person would")
    return Table(columns, rows)


def lists(db: sqlite3.Connection, account: Account, offset: int) -> Table:
    folders = _names(db, "folders", account)
    counted = {
        row["id"]: row["members"]
        for row in db.execute(
            "SELECT id, (SELECT count(*) FROM memberships WHERE list = lists.id) AS members "
            "FROM lists WHERE account = ?",
            (account.id,),
        )
    }
    rows = [
        (
            row["name"],
            folders.get(row["folder"], ""),
            f"{counted[row['id']]:,}",
            row["id"],
            _list_buttons(account, row, folders),
        )
        for row in _newest(db, "lists", account, offset)
    ]
    return Table(("List", "Folder", "Contacts", "Id", "As a person would"), rows)


def events(db: sqlite3.Connection, account: Account, offset: int) -> Table:
    rows = []
    for row in _newest(db, "events", account, offset):
        body = json.loads(row["body"])
        who = body.get("identifiers") or {}
        properties = pairs(body.get("event_properties") or {})
        rows.append((row["name"], pairs(who), properties, _moment(row["date"])))
    return Table(("Event", "Whose", "Properties", "When (UTC)"), rows)


def objects(db: sqlite3.Connection, account: Account, offset: int) -> Table:
    rows = [
        (
            row["type"],
            row["ext_id"] or row["id"],
            pairs(json.loads(row["attributes"])),
            chips(
                f"{linked['object_type']}: {len(linked['records'])}"
                for linked in associations_form(db, row)
            ),
            _moment(row["updated_at"]),
        )
        for row in _newest(db, "object_records", account, offset)
    ]
    return Table(("Type", "Own id", "Attributes", "Linked", "Updated (UTC)"), rows)


def campaigns(db: sqlite3.Connection, account: Account, offset: int) -> Table:
    names = _names(db, "lists", account)
    rows = []
    for row in _newest(db, "campaigns", account, offset):
        body = json.loads(row["body"])
        targets = (body.get("recipients") or {}).get("listIds") or []
        to = chips(names.get(list_, list_) for list_ in targets)
        status = _status(row["status"])
        rows.append((row["name"], status, body.get("subject", ""), to, _moment(row["created_at"])))
    return Table(("Campaign", "Status", "Subject", "To", "Created (UTC)"), rows)


def processes(db: sqlite3.Connection, account: Account, offset: int) -> Table:
    rows = [
        (
            row["id"],
            row["name"],
            _status(row["status"]),
            f"{row['rows']:,}",
            pairs({n: v for n, v in json.loads(row["outcome"]).items() if v}),
            _moment(row["created_at"]),
        )
        for row in _newest(db, "processes", account, offset)
    ]
    return Table(("Id", "Process", "Status", "Rows", "What became of them", "Begun (UTC)"), rows)


def requests(_: sqlite3.Connection, account: Account, offset: int) -> Table:
    """Count what was asked, most often first; how each call went, as its statuses."""
    counted: dict[str, Counter[int]] = {}
    for entry in list(account.requests):
        counted.setdefault(f"{entry.method} {entry.route}", Counter())[entry.status] += 1
    ordered = sorted(counted.items(), key=lambda item: -item[1].total())[offset : offset + ROWS]
    rows = [
        (call, f"{counts.total():,}", join(_answers(*pair) for pair in sorted(counts.items())))
        for call, counts in ordered
    ]
    return Table(("Call", "Times", "Answers"), rows)


VIEWS: Mapping[str, View] = {
    view.__name__: view
    for view in (contacts, lists, events, objects, campaigns, processes, requests)
}
_TABLES = {"objects": "object_records"}


def total(db: sqlite3.Connection, account: Account, view: str) -> int:
    if view == "requests":
        return len(account.requests)
    table = _TABLES.get(view, view)
    found = db.execute(f"SELECT count(*) FROM {table} WHERE account = ?", (account.id,))
    return int(found.fetchone()[0])


def _newest(db: sqlite3.Connection, table: str, account: Account, offset: int) -> list[sqlite3.Row]:
    return db.execute(
        f"SELECT * FROM {table} WHERE account = ? ORDER BY id DESC LIMIT ? OFFSET ?",
        (account.id, ROWS, offset),
    ).fetchall()


def _names(db: sqlite3.Connection, table: str, account: Account) -> dict[int, str]:
    rows = db.execute(f"SELECT id, name FROM {table} WHERE account = ?", (account.id,))
    return {row["id"]: row["name"] for row in rows}


def _contact_buttons(account: Account, form: dict[str, Any], lists: dict[int, str]) -> Markup:
    deed = "resubscribe" if form["emailBlacklisted"] else "unsubscribe"
    listed = [
        button(
            f"Take off {lists.get(list_, list_)}",
            _deed(account, "remove-from-list"),
            id=form["id"],
            list=list_,
        )
        for list_ in form["listIds"]
    ]
    return join(
        [
            button(deed.capitalize(), _deed(account, deed), id=form["id"]),
            *listed,
            button("Delete", _deed(account, "delete-contact"), id=form["id"]),
        ]
    )


def _list_buttons(account: Account, row: sqlite3.Row, folders: dict[int, str]) -> Markup:
    name = element("input", name="name", value=row["name"], size="16")
    options = [element("option", folder, value=str(id_)) for id_, folder in folders.items()]
    folder = element("select", *options, name="folder")
    return join(
        [
            button("Rename", _deed(account, "rename-list"), name, list=row["id"]),
            button("Move", _deed(account, "move-list"), folder, list=row["id"]),
            button("Delete", _deed(account, "delete-list"), list=row["id"]),
        ]
    )


def _deed(account: Account, name: str) -> str:
    return f"/admin/accounts/{quote(account.key, safe='')}/{name}"


def _flags(form: dict[str, Any]) -> Markup:
    blocked = [kind for kind in ("email", "sms") if form[f"{kind}Blacklisted"]]
    return chips((f"{kind} blocked" for kind in blocked), "bad")


def _status(status: str) -> Markup:
    kinds = {"completed": "good", "sent": "good", "failed": "bad", "cancelled": "bad"}
    return chips([status], kinds.get(status, "wait"))


def _answers(status: int, times: int) -> Markup:
    kind = "good" if 200 <= status < 300 else "bad"
    return chips([f"{status or 'cut'}: {times:,}"], kind)


def _moment(text: str) -> str:
    return text[:19].replace("T", " ")
