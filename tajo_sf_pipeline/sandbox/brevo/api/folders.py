"""``/v3/contacts/folders``: what holds the lists."""

import sqlite3

from tajo_sf_pipeline.sandbox.brevo.api.lists import SELECT, exists, listing, name_of
from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.replies import Reply, not_found


def list_folders(call: Call) -> Reply:
    return listing(call, "folders", "account", call.account.id)


def create_folder(call: Call) -> Reply:
    name = name_of(call.body())
    with call.store.writing() as db:
        row = db.execute(
            "INSERT INTO folders (account, name) VALUES (?, ?) RETURNING id",
            (call.account.id, name),
        ).fetchone()
    return Reply(201, {"id": row["id"]})


def show_folder(call: Call) -> Reply:
    folder = _find(call, call.db)
    return Reply(
        200, dict(call.db.execute(f"{SELECT['folders']} WHERE id = ?", (folder,)).fetchone())
    )


def update_folder(call: Call) -> Reply:
    name = name_of(call.body())
    with call.store.writing() as db:
        db.execute("UPDATE folders SET name = ? WHERE id = ?", (name, _find(call, db)))
    return Reply(204)


def delete_folder(call: Call) -> Reply:
    """Delete the folder and the lists in it; their contacts stay."""
    with call.store.writing() as db:
        folder = (_find(call, db),)
        db.execute(
            "DELETE FROM memberships WHERE list IN (SELECT id FROM lists WHERE folder = ?)", folder
        )
        db.execute("DELETE FROM lists WHERE folder = ?", folder)
        db.execute("DELETE FROM folders WHERE id = ?", folder)
    return Reply(204)


def list_folder_lists(call: Call) -> Reply:
    reply = listing(call, "lists", "folder", _find(call, call.db))
    for form in reply.body["lists"]:
        del form["folderId"]
    return reply


def _find(call: Call, db: sqlite3.Connection) -> int:
    folder = call.id("folderId")
    if not exists(db, "folders", call.account.id, folder):
        raise not_found("Folder ID does not exist")
    return folder
