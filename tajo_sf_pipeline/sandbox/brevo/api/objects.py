"""``/v3/objects``: records of custom objects, stored and deleted in processes.

What such a process is called, and what it tells of rejected records, is not documented; here it
completes and tells nothing.
"""

import json
import re
import sqlite3
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.identity import BY_ATTRIBUTE
from tajo_sf_pipeline.sandbox.brevo.object_forms import (
    associated_form,
    associations_form,
    record_form,
)
from tajo_sf_pipeline.sandbox.brevo.objects import (
    CONTACT,
    ObjectType,
    RejectedRecordError,
    delete_record,
    find_record,
    read_records,
    store_record,
)
from tajo_sf_pipeline.sandbox.brevo.processes import new_process, set_outcome
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, Reply, invalid, missing, not_found

# "Max request body size: 1 MB": the smaller reading is what a client can rely on.
_MAX_BYTES = 1_000_000
_MAX_IDENTIFIERS = 1000
_NAME = re.compile(r"[a-z0-9_]{1,32}")
_STANDARD = {CONTACT, "company", "deal"}
_PAGE = 20
_MAX_TYPES = 5


def upsert(call: Call) -> Reply:
    type_ = _type(call)
    if len(call.content) > _MAX_BYTES:
        raise invalid("The request body must not be larger than 1 MB")
    records = read_records(call.body())
    declared = frozenset(call.account.faults.value("reject_records", ()))
    rejected: dict[int, str] = {}
    with call.store.writing() as db:
        process = new_process(db, type_.account, "OBJECT_UPSERT", len(records), "completed")
        for position, record in enumerate(records):
            try:
                store_record(db, type_, record, declared)
            except RejectedRecordError as error:
                rejected[position] = str(error)
        set_outcome(db, process, {"rejected": rejected})
    return Reply(202, {"message": "Batch object records are being processed", "processId": process})


def delete(call: Call) -> Reply:
    type_ = _type(call)
    column, values = _identifiers(call.body())
    with call.store.writing() as db:
        process = new_process(db, type_.account, "OBJECT_DELETE", len(values), "completed")
        for value in values:
            record = find_record(db, type_.account, type_.name, {column: value})
            if record is not None:
                delete_record(db, type_, record)
    message = "Batch object records are being processed for deletion."
    return Reply(202, {"processId": process, "message": message})


def list_all(call: Call) -> Reply:
    """`limit` and `page_num` are both required."""
    type_ = _type(call)
    for name in ("limit", "page_num"):
        if name not in call.query:
            raise missing(name)
    page = call.page(default=0, maximum=1000)
    (number,) = call.numbers("page_num")
    if number < 1:
        raise invalid("page_num must be at least 1")
    source = "FROM object_records WHERE account = ? AND type = ?"
    values = [type_.account, type_.name]
    count = call.db.execute(f"SELECT count(*) {source}", values).fetchone()[0]
    rows = call.db.execute(
        f"SELECT * {source} ORDER BY id {page.order} LIMIT ? OFFSET ?",
        [*values, page.limit, page.limit * (number - 1)],
    ).fetchall()
    records = [record_form(row) for row in rows]
    if call.query.get("association") == "true":
        for record, row in zip(records, rows, strict=True):
            record["associations"] = associations_form(call.db, row)
    return Reply(200, {"count": count, "records": records})


def list_associated(call: Call) -> Reply:
    """20 for each page, the latest link first."""
    type_ = CONTACT if call.path["objectType"] == CONTACT else _type(call).name
    record = _source(call, type_)
    types = call.query.getlist("type")
    if len(types) > _MAX_TYPES:
        raise invalid(f"type must be given at most {_MAX_TYPES} times")
    narrowed = f" AND other_type IN ({', '.join('?' * len(types))})" if types else ""
    offset = (call.numbers("offset") or [0])[0]
    rows = call.db.execute(
        "SELECT other_type, other FROM associations WHERE account = ? AND type = ? AND record = ?"
        f"{narrowed} ORDER BY id DESC LIMIT ? OFFSET ?",
        [call.account.id, type_, record, *types, _PAGE + 1, offset],
    ).fetchall()
    items = [associated_form(call.db, row["other_type"], row["other"]) for row in rows[:_PAGE]]
    return Reply(200, {"items": items, "offset": offset, "has_more": len(rows) > _PAGE})


def _type(call: Call) -> ObjectType:
    name = call.path["objectType"]
    if not call.account.settings.custom_objects or name in _STANDARD:
        message = "Custom objects are not available on this account"
        raise ApiError(403, "permission_denied", message)
    row: sqlite3.Row | None = call.db.execute(
        "SELECT * FROM object_types WHERE account = ? AND name = ?", (call.account.id, name)
    ).fetchone()
    if row is None or not _NAME.fullmatch(name):
        raise invalid("invalid object type")
    return ObjectType(call.account.id, name, frozenset(json.loads(row["attributes"])))


def _identifiers(body: dict[str, Any]) -> tuple[str, list[Any]]:
    sent = body.get("identifiers")
    names = [name for name in ("ids", "ext_ids") if isinstance(sent, dict) and name in sent]
    if len(names) != 1 or not isinstance(sent, dict):
        raise invalid("Exactly one of ids and ext_ids is needed")
    values = sent[names[0]]
    if not isinstance(values, list) or not 1 <= len(values) <= _MAX_IDENTIFIERS:
        raise invalid(f"{names[0]} must have 1 to {_MAX_IDENTIFIERS} items")
    return names[0].removesuffix("s"), values


def _source(call: Call, type_: str) -> int:
    allowed = ("id", "ext_id", *(("email", "sms") if type_ == CONTACT else ()))
    names = [name for name in ("id", "ext_id", "email", "sms") if name in call.query]
    if len(names) != 1 or names[0] not in allowed:
        raise invalid(f"Exactly one of {', '.join(allowed)} is needed")
    (name,) = names
    value: Any = call.query[name]
    if name in {"email", "sms"}:
        value = BY_ATTRIBUTE[name.upper()].normalise(value)
        row = call.db.execute(
            f"SELECT id FROM contacts WHERE account = ? AND {name} = ?", (call.account.id, value)
        ).fetchone()
        record = row["id"] if row else None
    else:
        record = find_record(call.db, call.account.id, type_, {name: value})
    if record is None:
        raise not_found("Record(s) for identifier not found")
    return int(record)
