"""``/v3/contacts/lists``."""

import sqlite3
from typing import Any

from tajo_sf_pipeline.sandbox.brevo import clock
from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.contact_forms import contact_forms
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, Reply, invalid, missing, not_found

# Brevo is dropping the last two; until they are gone they are 0.
_COUNTS = "0 AS totalBlacklisted, 0 AS totalSubscribers"
_LIST = f"""
SELECT id, name, folder AS folderId, {_COUNTS},
       (SELECT count(*) FROM memberships WHERE list = lists.id) AS uniqueSubscribers
FROM lists
"""
_FOLDER = f"""
SELECT id, name, {_COUNTS}, (
    SELECT count(DISTINCT contact) FROM memberships
    WHERE list IN (SELECT id FROM lists WHERE folder = folders.id)
) AS uniqueSubscribers
FROM folders
"""
SELECT = {"lists": _LIST, "folders": _FOLDER}


def list_lists(call: Call) -> Reply:
    return listing(call, "lists", "account", call.account.id)


def create_list(call: Call) -> Reply:
    body = call.body()
    name, folder = name_of(body), body.get("folderId")
    if folder is None:
        raise missing("folderId")
    with call.store.writing() as db:
        return Reply(201, {"id": insert_list(db, call.account.id, name, folder)})


def insert_list(db: sqlite3.Connection, account: int, name: str, folder: Any) -> int:
    if not exists(db, "folders", account, folder):
        raise ApiError(400, "document_not_found", "Folder ID does not exist")
    row = db.execute(
        "INSERT INTO lists (account, folder, name, created_at) VALUES (?, ?, ?, ?) RETURNING id",
        (account, folder, name, clock.now()),
    ).fetchone()
    return int(row["id"])


def show_list(call: Call) -> Reply:
    list_ = find_list(call, call.db)
    form = dict(call.db.execute(f"{_LIST} WHERE id = ?", (list_["id"],)).fetchone())
    return Reply(200, form | {"createdAt": list_["created_at"], "dynamicList": False})


def update_list(call: Call) -> Reply:
    """Another name or another folder: exactly one of the two."""
    body = call.body()
    if ("name" in body) == ("folderId" in body):
        raise invalid("Exactly one of name and folderId is needed")
    with call.store.writing() as db:
        list_ = find_list(call, db)
        if "name" in body:
            db.execute("UPDATE lists SET name = ? WHERE id = ?", (name_of(body), list_["id"]))
        elif exists(db, "folders", call.account.id, body["folderId"]):
            moved = (body["folderId"], list_["id"])
            db.execute("UPDATE lists SET folder = ? WHERE id = ?", moved)
        else:
            raise not_found("Folder ID does not exist")
    return Reply(204)


def delete_list(call: Call) -> Reply:
    """Delete the list; its contacts stay."""
    with call.store.writing() as db:
        drop_list(db, find_list(call, db)["id"])
    return Reply(204)


def drop_list(db: sqlite3.Connection, list_: int) -> None:
    db.execute("DELETE FROM memberships WHERE list = ?", (list_,))
    db.execute("DELETE FROM lists WHERE id = ?", (list_,))


def list_contacts(call: Call) -> Reply:
    page = call.page(default=50, maximum=500)
    values: list[Any] = [find_list(call, call.db)["id"]]
    members = "FROM memberships m WHERE m.list = ?"
    if moment := call.since("modifiedSince"):
        members += " AND (SELECT modified_at FROM contacts WHERE id = m.contact) >= ?"
        values.append(moment)
    count = call.db.execute(f"SELECT count(*) {members}", values).fetchone()[0]
    contacts = contact_forms(
        call.db,
        # The page is cut out of the memberships alone, so that late pages cost no more than early.
        "FROM contacts c WHERE c.id IN "
        f"(SELECT m.contact {members} ORDER BY m.contact {page.order} LIMIT ? OFFSET ?)",
        [*values, page.limit, page.offset],
        f"ORDER BY c.id {page.order}",
    )
    return Reply(200, {"contacts": contacts, "count": count})


def find_list(call: Call, db: sqlite3.Connection) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM lists WHERE account = ? AND id = ?", (call.account.id, call.id("listId"))
    ).fetchone()
    if row is None:
        raise not_found("List ID does not exist")
    return row


def list_segments(call: Call) -> Reply:
    """None: Brevo has no call that makes a segment."""
    call.page(default=10, maximum=50)
    return Reply(200, {"count": 0, "segments": []})


def listing(call: Call, table: str, column: str, value: int) -> Reply:
    page = call.page(default=10, maximum=50)
    where = f"WHERE {column} = ?"
    count = call.db.execute(f"SELECT count(*) FROM {table} {where}", (value,)).fetchone()[0]
    rows = call.db.execute(
        f"{SELECT[table]} {where} ORDER BY id {page.order} LIMIT ? OFFSET ?",
        (value, page.limit, page.offset),
    )
    return Reply(200, {"count": count, table: [dict(row) for row in rows]})


def exists(db: sqlite3.Connection, table: str, account: int, id_: Any) -> bool:
    if type(id_) is not int:
        return False
    found = db.execute(f"SELECT 1 FROM {table} WHERE account = ? AND id = ?", (account, id_))
    return found.fetchone() is not None


def name_of(body: dict[str, Any]) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise missing("name")
    return name
