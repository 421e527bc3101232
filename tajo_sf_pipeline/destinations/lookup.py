"""What Brevo already has: events whose answer was lost, contacts that the ledger does not know."""

import functools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from tajo_sf_pipeline.brevo import contacts, events
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.brevo.identifiers import Identifier, Kind
from tajo_sf_pipeline.errors import RefusedError

# Up to here a call for each is cheaper than the account's pages of a thousand.
_FEW = 100
_PAGE = 1000  # the most that GET /contacts gives at once
_KINDS: dict[str, Kind] = {"email_id": "email", "ext_id": "ext_id", "phone_id": "sms"}
_Event = tuple[Any, ...]


def arrived(client: Client, payloads: Sequence[str]) -> list[bool]:
    """Tell of each event whether Brevo shows one like it: contact, name, moment, properties.

    Without a certain answer it is taken as not arrived.
    """
    sent = [json.loads(payload) for payload in payloads]
    days = [moment.date() for event in sent if (moment := _moment(event.get("event_date")))]
    if not days:
        return [False] * len(sent)
    first, last = min(days) - timedelta(days=1), max(days) + timedelta(days=1)
    names = sorted({event["event_name"] for event in sent})
    try:
        shown = {
            _identity(event["contact_id"], event)
            for event in events.happened(client, names, first, last)
            if event.get("contact_id") is not None  # of nobody: it cannot be told from others
        }
        contacts_of = functools.cache(lambda told: _contact(client, json.loads(told)))
        return [
            _identity(contacts_of(json.dumps(event.get("identifiers") or {})), event) in shown
            for event in sent
        ]
    except RefusedError:
        return [False] * len(sent)


def existing(client: Client, keys: pa.Array, kind: Kind) -> pa.Array:
    """Return those of the keys that are contacts in Brevo."""
    if len(keys) <= _FEW or kind != "email":
        wanted = keys.to_pylist()
        found = [key for key in wanted if contacts.get(client, Identifier(kind, key)) is not None]
        return pa.array(found, pa.string())
    unknown = set(keys.to_pylist())
    found = []
    for contact in client.pages("/contacts", "contacts", _PAGE, sort="asc"):
        key = str(contact.get("email") or "").lower()
        if key in unknown:
            unknown.discard(key)
            found.append(key)
    return pa.array(sorted(found), pa.string())


def _contact(client: Client, identifiers: dict[str, Any]) -> Any:
    if "contact_id" in identifiers:
        return identifiers["contact_id"]
    for name, kind in _KINDS.items():
        if name in identifiers:
            found = contacts.get(client, Identifier(kind, str(identifiers[name])))
            return found["id"] if found else None
    return None


def _identity(contact: Any, event: dict[str, Any]) -> _Event:
    properties = json.dumps(event.get("event_properties") or {}, sort_keys=True)
    return contact, event["event_name"], _moment(event.get("event_date")), properties


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    whole = found if found.tzinfo else found.replace(tzinfo=UTC)
    return whole.astimezone(UTC).replace(microsecond=0)
