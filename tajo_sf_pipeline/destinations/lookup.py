"""What Brevo already has: events whose answer was lost, contacts that the ledger does not know."""

import functools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from tajo_sf_pipeline.brevo import contacts, events
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.brevo.identifiers import TYPES, Identifier, Kind, key_of
from tajo_sf_pipeline.errors import RefusedError

# Up to here a call for each is cheaper than the account's pages of a thousand.
_FEW = 100
_Event = tuple[Any, ...]


def arrived(client: Client, payloads: Sequence[str]) -> list[bool]:
    """Return of each event whether Brevo shows one like it: contact, name, moment, properties.

    Without a certain answer it is taken as not arrived.
    """
    sent = [json.loads(payload) for payload in payloads]
    days = [moment.date() for event in sent if (moment := _moment(event.get("event_date")))]
    if not days:
        return [False] * len(sent)
    first, last = min(days) - timedelta(days=1), max(days) + timedelta(days=1)
    names = sorted({event["event_name"] for event in sent})
    try:
        in_brevo = {
            _identity(event["contact_id"], event)
            for event in events.happened(client, names, first, last)
            if event.get("contact_id") is not None  # of nobody: it cannot be told from others
        }
        contact_of = functools.cache(lambda identifiers: _contact(client, json.loads(identifiers)))
        return [
            _identity(contact_of(json.dumps(event.get("identifiers") or {})), event) in in_brevo
            for event in sent
        ]
    except RefusedError:
        return [False] * len(sent)


def existing(client: Client, keys: pa.Array, kind: Kind) -> pa.Array:
    """Return those of the keys that are contacts in Brevo."""
    if len(keys) <= _FEW or kind != "email":
        asked = keys.to_pylist()
        there = [key for key in asked if contacts.get(client, Identifier(kind, key)) is not None]
        return pa.array(there, pa.string())
    unknown = set(keys.to_pylist())
    held = {key for contact in contacts.every(client) if (key := key_of(contact, kind)) in unknown}
    return pa.array(sorted(held), pa.string())


def _contact(client: Client, identifiers: dict[str, Any]) -> Any:
    if "contact_id" in identifiers:
        return identifiers["contact_id"]
    for kind, name in TYPES.items():
        if name in identifiers:
            contact = contacts.get(client, Identifier(kind, str(identifiers[name])))
            return contact["id"] if contact else None
    return None


def _identity(contact: Any, event: dict[str, Any]) -> _Event:
    properties = json.dumps(event.get("event_properties") or {}, sort_keys=True)
    return contact, event["event_name"], _moment(event.get("event_date")), properties


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).replace(microsecond=0)
