"""``/v3/contacts/attributes``: the attributes of contacts, in five categories.

The charset of names is undocumented: letters, digits and ``_`` are taken, and stored in upper case.
Calculated and global attributes are kept and listed; nothing is calculated.
"""

import json
import re
import sqlite3
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.replies import Reply, invalid, missing, not_found

_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_TYPES = {
    "normal": {"text", "date", "float", "boolean", "multiple-choice", "user"},
    "transactional": {"text", "date", "float", "boolean", "id"},
}
_FORMULAS = {"calculated", "global"}
_MAX_OPTION = 200


def list_all(call: Call) -> Reply:
    """All of them: this listing has no pages."""
    rows = call.db.execute("SELECT * FROM attributes WHERE account = ?", (call.account.id,))
    return Reply(200, {"attributes": [_form(row) for row in rows]})


def create(call: Call) -> Reply:
    category, name, body = call.path["category"], call.path["name"].upper(), call.body()
    if not _NAME.fullmatch(name):
        raise invalid("Attribute name is invalid")
    type_ = _type(category, body)
    options, formula = _options(type_, body) or [], body.get("value")
    if category in _FORMULAS and not isinstance(formula, str):
        raise missing("value")
    with call.store.writing() as db:
        created = db.execute(
            "INSERT OR IGNORE INTO attributes (account, name, category, type, options, formula) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (call.account.id, name, category, type_, json.dumps(options), formula),
        )
        if not created.rowcount:
            raise invalid("Attribute name must be unique")
    return Reply(201)


def update(call: Call) -> Reply:
    """Only the options and a formula can change, never the type."""
    body = call.body()
    with call.store.writing() as db:
        attribute = _find(call, db)
        if attribute["category"] in _FORMULAS and isinstance(body.get("value"), str):
            changed = ("formula", body["value"])
        elif (options := _options(attribute["type"], body)) is not None:
            changed = ("options", json.dumps(options))
        else:
            raise missing("enumeration, multiCategoryOptions or value")
        db.execute(
            f"UPDATE attributes SET {changed[0]} = ? WHERE account = ? AND name = ?",
            (changed[1], call.account.id, attribute["name"]),
        )
    return Reply(204)


def delete(call: Call) -> Reply:
    """Delete the attribute, and with it what the contacts had there."""
    with call.store.writing() as db:
        drop_attribute(db, call.account.id, _find(call, db)["name"])
    return Reply(204)


def drop_attribute(db: sqlite3.Connection, account: int, name: str) -> None:
    db.execute("DELETE FROM attributes WHERE account = ? AND name = ?", (account, name))
    db.execute(
        "UPDATE contacts SET attributes = json_remove(attributes, '$.' || ?) WHERE account = ?",
        (name, account),
    )


def delete_option(call: Call) -> Reply:
    """Take one option out of a multiple choice; contacts keep what they have (undocumented)."""
    if call.path["type"] != "multiple-choice":
        raise invalid("Invalid attribute type")
    with call.store.writing() as db:
        attribute = _find(call, db, category="normal")
        options = json.loads(attribute["options"])
        if attribute["type"] != "multiple-choice" or call.path["option"] not in options:
            raise not_found("Attribute option does not exist")
        options.remove(call.path["option"])
        db.execute(
            "UPDATE attributes SET options = ? WHERE account = ? AND name = ?",
            (json.dumps(options), call.account.id, attribute["name"]),
        )
    return Reply(204)


def _find(call: Call, db: sqlite3.Connection, category: str | None = None) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM attributes WHERE account = ? AND category = ? AND name = ?",
        (call.account.id, category or call.path["category"], call.path["name"].upper()),
    ).fetchone()
    if row is None:
        raise not_found("Attribute does not exist")
    return row


def _type(category: str, body: dict[str, Any]) -> str:
    type_ = body.get("type")
    if category == "category" and type_ in {None, "category"}:
        return "category"
    if category in _FORMULAS:
        return "float"
    if category not in {"category", *_TYPES}:
        raise invalid("Invalid attribute category")
    if type_ is None:
        raise missing("type")
    if type_ not in _TYPES.get(category, ()):
        raise invalid("Invalid attribute type")
    return str(type_)


def _options(type_: str, body: dict[str, Any]) -> list[Any] | None:
    """Read what a category or a multiple choice may be; None when the body does not say."""
    name = {"category": "enumeration", "multiple-choice": "multiCategoryOptions"}.get(type_)
    options = body.get(name) if name else None
    if options is None:
        return None
    if not isinstance(options, list) or not all(_is_option(type_, option) for option in options):
        raise invalid(f"{name} is invalid")
    return options


def _is_option(type_: str, option: Any) -> bool:
    if type_ == "multiple-choice":
        return isinstance(option, str) and len(option) <= _MAX_OPTION
    return (
        isinstance(option, dict)
        and isinstance(option.get("value"), int | str)
        and isinstance(option.get("label"), str)
        and len(option["label"]) <= _MAX_OPTION
    )


def _form(row: sqlite3.Row) -> dict[str, Any]:
    form = {"name": row["name"], "category": row["category"], "type": row["type"]}
    if row["formula"] is not None:
        form["calculatedValue"] = row["formula"]
    options = json.loads(row["options"])
    match row["type"]:
        case "category":
            # The spec's example calls a category's own type "text".
            return form | {"type": "text", "enumeration": [_enumerated(o) for o in options]}
        case "multiple-choice":
            return form | {"multiCategoryOptions": options}
        case _:
            return form


def _enumerated(option: dict[str, Any]) -> dict[str, Any]:
    """Since May 2026 `value` is 0 for a value that is no number; `valueStr` always has it."""
    text = str(option["value"])
    value = int(text) if text.isascii() and text.isdigit() else 0
    return {"value": value, "label": option["label"], "valueStr": text}
