"""Events: what one may be, whose it is, and what it leaves behind."""

import json
import re
import sqlite3
from dataclasses import dataclass
from typing import Any

from tajo_sf_pipeline.sandbox.brevo import clock
from tajo_sf_pipeline.sandbox.brevo.accounts import Account
from tajo_sf_pipeline.sandbox.brevo.contact_changes import read_change
from tajo_sf_pipeline.sandbox.brevo.contact_writes import holder_of, update_contact
from tajo_sf_pipeline.sandbox.brevo.identity import BY_TYPE
from tajo_sf_pipeline.sandbox.brevo.replies import invalid

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
# "Size is limited to 50Kb": the smaller reading is what a client can rely on.
_MAX_PROPERTIES = 50_000


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    date: str
    contact: int | None  # None: nobody whom the account knows
    object_type: str | None
    body: dict[str, Any]


def read_event(db: sqlite3.Connection, account: Account, body: Any) -> Event:
    """ApiError 400 when something in the event cannot be taken."""
    if not isinstance(body, dict) or not body.get("event_name"):
        raise invalid("undefined event_name")
    name = body["event_name"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid("Invalid event_name")
    _refuse_properties(body)
    return Event(
        name, _date(body), _contact(db, account, body), _object_type(db, account, body), body
    )


def store_event(db: sqlite3.Connection, account: Account, event: Event) -> None:
    """Keep the event, and give its `contact_properties` to its contact; ApiError before either."""
    if event.contact is not None and (properties := event.body.get("contact_properties")):
        change = read_change(db, account, {"attributes": properties})
        update_contact(db, account, event.contact, change)
    db.execute(
        "INSERT INTO events (account, name, contact, date, object_type, body) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            *(account.id, event.name, event.contact, event.date, event.object_type),
            json.dumps(event.body),
        ),
    )


def _date(body: dict[str, Any]) -> str:
    sent = body.get("event_date")
    try:
        return clock.since(sent) if sent else clock.now()
    except (TypeError, ValueError) as error:
        raise invalid("Invalid event_date") from error


def _contact(db: sqlite3.Connection, account: Account, body: dict[str, Any]) -> int | None:
    """Find the contact; the contact id comes before every other identifier."""
    sent = body.get("identifiers")
    sent = {name: value for name, value in sent.items() if value} if isinstance(sent, dict) else {}
    if not sent.keys() & {"contact_id", *BY_TYPE}:
        raise invalid("Please pass at least one identifier or contact id")
    contact = _by_id(db, account, sent["contact_id"]) if "contact_id" in sent else None
    for type_, identifier in BY_TYPE.items():
        if contact is None and type_ in sent:
            if (normal := identifier.normalise(sent[type_])) is None:
                raise invalid(identifier.complaint)
            contact = holder_of(db, account.id, identifier, normal)
    if contact is None and account.settings.unknown_event_contact == "refuse":
        raise invalid("Contact does not exist")
    return contact


def _by_id(db: sqlite3.Connection, account: Account, value: Any) -> int | None:
    if type(value) is not int:
        raise invalid("contact_id must be a number")
    row = db.execute(
        "SELECT id FROM contacts WHERE account = ? AND id = ?", (account.id, value)
    ).fetchone()
    return row["id"] if row else None


def _object_type(db: sqlite3.Connection, account: Account, body: dict[str, Any]) -> str | None:
    """Ignore an object that the account does not know, as documented."""
    sent = body.get("object")
    name = sent.get("type") if isinstance(sent, dict) else None
    if not isinstance(name, str):
        return None
    known = db.execute(
        "SELECT 1 FROM object_types WHERE account = ? AND name = ?", (account.id, name)
    )
    return name if known.fetchone() else None


def _refuse_properties(body: dict[str, Any]) -> None:
    for kind in ("event_properties", "contact_properties"):
        properties = body.get(kind)
        if properties is not None and not isinstance(properties, dict):
            raise invalid(f"{kind} should be an object")
    properties = body.get("event_properties") or {}
    if not all(_NAME.fullmatch(key) for key in _keys(properties)):
        raise invalid("Invalid event_properties key")
    size = len(json.dumps(properties, ensure_ascii=False, separators=(",", ":")).encode())
    if size > _MAX_PROPERTIES:
        raise invalid("event_properties size limit of 50 KB exceeded")


def _keys(value: Any) -> list[str]:
    """Collect the keys at every depth."""
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in _keys(item))]
    return [key for item in value for key in _keys(item)] if isinstance(value, list) else []
