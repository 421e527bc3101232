"""``/v3/contacts`` and ``/v3/contacts/{identifier}``."""

import sqlite3
from typing import Any

from tajo_sf_pipeline.sandbox.brevo import consent
from tajo_sf_pipeline.sandbox.brevo.attribute_types import is_iso_date
from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.contact_changes import read_change
from tajo_sf_pipeline.sandbox.brevo.contact_filter import equals
from tajo_sf_pipeline.sandbox.brevo.contact_forms import contact_forms
from tajo_sf_pipeline.sandbox.brevo.contact_writes import (
    delete_contact,
    holder_of,
    insert_contact,
    merge_holders,
    refuse_duplicates,
    update_contact,
)
from tajo_sf_pipeline.sandbox.brevo.identity import BY_TYPE, EMAIL, Identifier, normal_phone
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, Reply, invalid, missing, not_found

_MAX_IDS = 20
_PHONE = BY_TYPE["phone_id"]


def list_all(call: Call) -> Reply:
    """One page of contacts; `count` is the number of all that match."""
    page = call.page(default=50, maximum=1000)
    where, values = _filters(call)
    source = f"FROM contacts c WHERE {where}"
    count = call.db.execute(f"SELECT count(*) {source}", values).fetchone()[0]
    tail = f"ORDER BY c.id {page.order} LIMIT ? OFFSET ?"
    contacts = contact_forms(call.db, source, [*values, page.limit, page.offset], tail)
    return Reply(200, {"contacts": contacts, "count": count})


def create(call: Call) -> Reply:
    """201 for a new contact, an empty 204 for one that `updateEnabled` let it update.

    The contact is found by the first of e-mail, own id and SMS that the body carries, and by
    that alone. `forceMerge` makes one contact of all that clash; `getId` then tells which
    (its status is not documented: 200).
    """
    body = call.body()
    with call.store.writing() as db:
        change = read_change(db, call.account, body)
        if not any(i.column in {"email", "ext_id", "sms"} for i in change.identifiers):
            raise missing("email, ext_id or SMS")
        key = change.identifiers[0]
        contact = holder_of(db, call.account.id, key, change.columns[key.column])
        if body.get("forceMerge") is True:
            contact = merge_holders(db, call.account.id, change, contact)
        elif contact is None or body.get("updateEnabled") is not True:
            refuse_duplicates(db, call.account, change, None)
            return Reply(201, {"id": insert_contact(db, call.account, change)})
        else:
            refuse_duplicates(db, call.account, change, contact)
        if contact is None:
            return Reply(201, {"id": insert_contact(db, call.account, change)})
        update_contact(db, call.account, contact, change)
    return Reply(200, {"id": contact}) if body.get("getId") is True else Reply(204)


def show(call: Call) -> Reply:
    contact = _find(call, call.db, also_by_phone=True)
    (form,) = contact_forms(call.db, "FROM contacts c WHERE c.id = ?", [contact], "")
    return Reply(200, form | {"statistics": consent.statistics(call.db, contact, _days(call))})


def update(call: Call) -> Reply:
    """Change a contact; its address by `attributes.EMAIL`, as no document has an `email` here."""
    body = {name: value for name, value in call.body().items() if name != "email"}
    with call.store.writing() as db:
        contact = _find(call, db)
        change = read_change(db, call.account, body)
        if body.get("forceMerge") is True:
            contact = merge_holders(db, call.account.id, change, contact) or contact
        else:
            refuse_duplicates(db, call.account, change, contact)
        update_contact(db, call.account, contact, change)
    return Reply(204)


def delete(call: Call) -> Reply:
    with call.store.writing() as db:
        delete_contact(db, _find(call, db))
    return Reply(204)


def _filters(call: Call) -> tuple[str, list[Any]]:
    if "segmentId" in call.query:
        # There is no call that makes a segment, and the local Brevo has none.
        raise not_found("Segment ID does not exist")
    conditions: list[str] = ["c.account = ?"]
    values: list[Any] = [call.account.id]
    for name, column in {"modifiedSince": "modified_at", "createdSince": "created_at"}.items():
        if moment := call.since(name):
            conditions.append(f"c.{column} >= ?")
            values.append(moment)
    if "filter" in call.query:
        condition, bound = equals(call.query["filter"])
        conditions.append(condition)
        values += bound
    if lists := call.numbers("listIds"):
        marks = ", ".join("?" * len(lists))
        conditions.append(f"c.id IN (SELECT contact FROM memberships WHERE list IN ({marks}))")
        values += lists
    if ids := call.numbers("ids"):
        if len(ids) > _MAX_IDS:
            raise ApiError(400, "out_of_range", f"ids must be at most {_MAX_IDS}")
        conditions.append(f"c.id IN ({', '.join('?' * len(ids))})")
        values += ids
    return " AND ".join(conditions), values


def _days(call: Call) -> tuple[str, str] | None:
    """Read the first and the last day of the statistics: both or neither."""
    days = [call.query.get(name) for name in ("startDate", "endDate")]
    if days == [None, None]:
        return None
    first, last = days
    if first is None or last is None or not (is_iso_date(first) and is_iso_date(last)):
        raise invalid("startDate and endDate must both be dates, such as 2026-01-31")
    if first > last:
        raise invalid("startDate must be lower than or equal to endDate")
    return first, last


def _find(call: Call, db: sqlite3.Connection, *, also_by_phone: bool = False) -> int:
    """Find the contact of the path; only GET takes a phone number without its type."""
    value = call.path["identifier"]
    type_ = call.query.get("identifierType")
    if type_ is None and "@" in value:
        type_ = EMAIL.identifier_type
    if type_ in BY_TYPE:
        contact = _holder(call, db, BY_TYPE[type_], value)
    elif type_ in {None, "contact_id"}:
        contact = _by_id(call, db, value)
        if contact is None and type_ is None and also_by_phone and normal_phone(value):
            contact = _holder(call, db, _PHONE, value)
    else:
        raise invalid("Invalid identifierType")
    if contact is None:
        raise not_found("Contact does not exist")
    return contact


def _holder(call: Call, db: sqlite3.Connection, identifier: Identifier, value: str) -> int | None:
    if (normal := identifier.normalise(value)) is None:
        raise invalid(identifier.complaint)
    return holder_of(db, call.account.id, identifier, normal)


def _by_id(call: Call, db: sqlite3.Connection, value: str) -> int | None:
    if not (value.isascii() and value.removeprefix("+").isdigit() and len(value) <= 18):
        raise invalid(EMAIL.complaint)
    row = db.execute(
        "SELECT id FROM contacts WHERE account = ? AND id = ?", (call.account.id, int(value))
    ).fetchone()
    return row["id"] if row else None
