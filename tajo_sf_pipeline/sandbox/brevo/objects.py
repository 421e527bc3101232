"""Records of custom objects: what is taken at once, and what is rejected in the background.

The schemas of types are made in Brevo's own pages; here by ``/admin``. Undocumented, and chosen
here: a record with a link to something that is not there is rejected whole, as is an update by an
`id` that nobody has; values are kept as they are sent.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tajo_sf_pipeline.sandbox.brevo import clock
from tajo_sf_pipeline.sandbox.brevo.replies import invalid

CONTACT = "contact"
_MAX_RECORDS = 1000
_MAX_ATTRIBUTES = 500
_MAX_ASSOCIATIONS = 20
_MAX_LINKED = 10
_ACTIONS = {"link", "unlink"}


class RejectedRecordError(Exception):
    """Why a record is not stored; Brevo tells nobody."""


@dataclass(frozen=True, slots=True)
class ObjectType:
    account: int
    name: str
    attributes: frozenset[str]


def read_records(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the records; ApiError 400 for what the whole call is refused for."""
    records = body.get("records")
    if not isinstance(records, list) or not 1 <= len(records) <= _MAX_RECORDS:
        raise invalid(f"records cannot be empty or more than {_MAX_RECORDS}")
    for record in records:
        if not isinstance(record, dict):
            raise invalid("records must be an array of objects")
        _refuse_identifiers(record.get("identifiers") or {})
        attributes = record.get("attributes") or {}
        if not isinstance(attributes, dict) or len(attributes) > _MAX_ATTRIBUTES:
            raise invalid(f"attributes must be an object of at most {_MAX_ATTRIBUTES}")
        _refuse_associations(record.get("associations") or [])
    return records


def _refuse_identifiers(identifiers: Any) -> None:
    if not isinstance(identifiers, dict) or len(identifiers.keys() & {"id", "ext_id"}) > 1:
        raise invalid("Both ext_id and id cannot be provided in the same request")


def _refuse_associations(associations: Any) -> None:
    if not isinstance(associations, list) or len(associations) > _MAX_ASSOCIATIONS:
        raise invalid(f"associations must be at most {_MAX_ASSOCIATIONS}")
    for association in associations:
        if not isinstance(association, dict) or not isinstance(association.get("object_type"), str):
            raise invalid("object_type is missing in associations")
        if association.get("action", "link") not in _ACTIONS:
            raise invalid("action must be link or unlink")
        linked = association.get("records")
        if not isinstance(linked, list) or not 1 <= len(linked) <= _MAX_LINKED:
            raise invalid(f"associations must have 1 to {_MAX_LINKED} records of a type")


def store_record(
    db: sqlite3.Connection,
    type_: ObjectType,
    record: dict[str, Any],
    declared: frozenset[str] = frozenset(),
) -> None:
    """Create or update one record and its links; RejectedRecordError, and nothing is stored.

    `declared` are own ids whose records are rejected whatever they are.
    """
    if (record.get("identifiers") or {}).get("ext_id") in declared:
        raise RejectedRecordError("declared")
    links = list(_links(db, type_, record))
    sent = record.get("attributes") or {}
    known = {name: value for name, value in sent.items() if name in type_.attributes}
    own = _stored(db, type_, record.get("identifiers") or {}, known)
    for action, other_type, other in links:
        ends = ((type_.name, own, other_type, other), (other_type, other, type_.name, own))
        for end in ends:
            db.execute(_LINK if action == "link" else _UNLINK, (type_.account, *end))


_LINK = (
    "INSERT OR IGNORE INTO associations (account, type, record, other_type, other) "
    "VALUES (?, ?, ?, ?, ?)"
)
_UNLINK = (
    "DELETE FROM associations "
    "WHERE account = ? AND type = ? AND record = ? AND other_type = ? AND other = ?"
)


def _links(
    db: sqlite3.Connection, type_: ObjectType, record: dict[str, Any]
) -> Iterator[tuple[str, str, int]]:
    for association in record.get("associations") or []:
        other_type = association["object_type"]
        for linked in association["records"]:
            identifiers = linked.get("identifiers") or {}
            other = find_record(db, type_.account, other_type, identifiers)
            if other is None:
                raise RejectedRecordError(f"no {other_type} to associate with")
            yield association.get("action", "link"), other_type, other


def _stored(
    db: sqlite3.Connection, type_: ObjectType, identifiers: dict[str, Any], sent: dict[str, Any]
) -> int:
    found = find_record(db, type_.account, type_.name, identifiers) if identifiers else None
    now = clock.now()
    if found is not None:
        db.execute(
            "UPDATE object_records SET attributes = json_patch(attributes, ?), updated_at = ? "
            "WHERE id = ?",
            (json.dumps(sent), now, found),
        )
        return found
    if "id" in identifiers:
        raise RejectedRecordError("no record has this id")
    row = db.execute(
        "INSERT INTO object_records (account, type, ext_id, attributes, created_at, updated_at) "
        "VALUES (?, ?, ?, json_patch('{}', ?), ?, ?) RETURNING id",
        (type_.account, type_.name, identifiers.get("ext_id"), json.dumps(sent), now, now),
    ).fetchone()
    return int(row["id"])


def find_record(
    db: sqlite3.Connection, account: int, type_: str, identifiers: dict[str, Any]
) -> int | None:
    """Find a record, or a contact, by `ext_id` or `id`."""
    column = "ext_id" if identifiers.get("ext_id") is not None else "id"
    value = identifiers.get(column)
    table = "contacts" if type_ == CONTACT else "object_records"
    narrowed, values = ("", []) if type_ == CONTACT else (" AND type = ?", [type_])
    row = db.execute(
        f"SELECT id FROM {table} WHERE account = ? AND {column} = ?{narrowed}",
        (account, value, *values),
    ).fetchone()
    return row["id"] if row else None


def delete_record(db: sqlite3.Connection, type_: ObjectType, record: int) -> None:
    db.execute(
        "DELETE FROM associations WHERE account = ? "
        "AND ((type = ? AND record = ?) OR (other_type = ? AND other = ?))",
        (type_.account, type_.name, record, type_.name, record),
    )
    db.execute("DELETE FROM object_records WHERE id = ?", (record,))
