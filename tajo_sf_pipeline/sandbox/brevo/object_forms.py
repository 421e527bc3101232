"""Records of custom objects in the forms in which Brevo answers them."""

import json
import sqlite3
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.contact_forms import contact_forms
from tajo_sf_pipeline.sandbox.brevo.objects import CONTACT

_SHOWN_ASSOCIATIONS = 5


def record_form(row: sqlite3.Row) -> dict[str, Any]:
    own = {} if row["ext_id"] is None else {"ext_id": row["ext_id"]}
    return {
        "identifiers": {"id": row["id"]} | own,
        "attributes": json.loads(row["attributes"]),
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
    }


def associations_form(db: sqlite3.Connection, row: sqlite3.Row) -> list[dict[str, Any]]:
    """At most 5 records of each associated type, by their internal ids."""
    linked: dict[str, list[dict[str, Any]]] = {}
    for other in db.execute(
        "SELECT other_type, other FROM associations "
        "WHERE account = ? AND type = ? AND record = ? ORDER BY id",
        (row["account"], row["type"], row["id"]),
    ):
        records = linked.setdefault(other["other_type"], [])
        if len(records) < _SHOWN_ASSOCIATIONS:
            records.append({"identifiers": {"id": other["other"]}})
    return [{"object_type": type_, "records": records} for type_, records in linked.items()]


def associated_form(db: sqlite3.Connection, type_: str, record: int) -> dict[str, Any]:
    """One item of ``associated-records``; a contact has all it has among its attributes."""
    if type_ == CONTACT:
        (contact,) = contact_forms(db, "FROM contacts c WHERE c.id = ?", [record], "")
        attributes = {name.lower(): value for name, value in contact["attributes"].items()}
        email = {"email": contact["email"]} if "email" in contact else {}
        return {"type": type_, "object": {"id": record, "attributes": email | attributes}}
    row = db.execute("SELECT * FROM object_records WHERE id = ?", (record,)).fetchone()
    form = record_form(row)
    return {
        "type": type_,
        "object": form["identifiers"]
        | {
            "attributes": form["attributes"],
            "created_at": form["createdAt"],
            "updated_at": form["updatedAt"],
        },
    }
