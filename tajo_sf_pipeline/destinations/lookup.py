"""What Brevo already has: events whose answer was lost, contacts that the ledger does not know."""

import functools
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from tajo_sf_pipeline.brevo import contacts, events
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.brevo.identifiers import TYPES, Identifier, Kind, key_of
from tajo_sf_pipeline.errors import RefusedError
from tajo_sf_pipeline.planning.consent import OptOut

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


def opt_outs(client: Client, keys: Sequence[str], kind: Kind) -> dict[str, OptOut]:
    """Return what Brevo holds of the flags of those of the keys that are contacts.

    The moments are those of the last 90 days, which is what GET /contacts/{identifier} shows in
    ``statistics``; a list of contacts has none, so that of many only the blocklisted ones are read.
    """
    if len(keys) <= _FEW or kind != "email":
        contacts_of = ((key, contacts.get(client, Identifier(kind, key))) for key in keys)
        return {key: _opt_out(contact) for key, contact in contacts_of if contact is not None}
    asked, held = set(keys), {}
    for contact in contacts.every(client):
        if (key := key_of(contact, kind)) in asked:
            whole = contact
            if contact.get("emailBlacklisted"):
                whole = contacts.get(client, Identifier(kind, key)) or contact
            held[key] = _opt_out(whole)
    return held


def _opt_out(contact: Mapping[str, Any]) -> OptOut:
    statistics = contact.get("statistics") or {}
    unsubscriptions = statistics.get("unsubscriptions") or {}
    return OptOut(
        email=bool(contact.get("emailBlacklisted")),
        sms=bool(contact.get("smsBlacklisted")),
        by_person=_last(unsubscriptions.get("userUnsubscription"), statistics.get("complaints")),
        by_admin=_last(unsubscriptions.get("adminUnsubscription")),
    )


def _last(*happened: Sequence[Mapping[str, Any]] | None) -> datetime | None:
    """Return the latest moment; one that cannot be read counts as the latest there can be."""
    moments = [
        _moment(one.get("eventTime")) or datetime.max.replace(tzinfo=UTC)
        for several in happened
        for one in several or ()
    ]
    return max(moments, default=None)


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
