"""Read-back: what Brevo holds of rows that it has just accepted, beside what was sent."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from tajo_sf_pipeline.brevo import attributes, contacts
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.brevo.identifiers import Identifier, Kind, key_of, stored

# From here on the account's pages of a thousand cost fewer calls than a call for each row.
MANY = 200
_NOTHING: tuple[Any, ...] = (None, "", [])
_FLAGS = {"_email_blacklisted": "emailBlacklisted", "_sms_blacklisted": "smsBlacklisted"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One value of one contact that Brevo holds otherwise than it was sent.

    `attribute` is None where the contact is not there. `why` is ``missing``, ``ignored`` (Brevo
    holds nothing), ``day and month exchanged`` or ``different``.
    """

    key: str
    attribute: str | None
    sent: Any
    held: Any
    why: str


def differences(
    client: Client, rows: pa.Table, kind: Kind, *, since: datetime | None = None
) -> Iterator[Difference]:
    """Yield where Brevo holds something else than mapped rows say, in their order.

    `since` is a moment before the first of their writes: many rows are then read from the pages of
    what has changed since. Calls draw on the contacts bucket.
    """
    account = attributes.of_account(client)
    held = _many(client, rows, kind, since) if since and rows.num_rows > MANY else None
    for row in rows.to_pylist():
        key = row["_key"]
        contact = held.get(stored(kind, key)) if held is not None else None
        if contact is None:
            contact = contacts.get(client, Identifier(kind, key))
        if contact is None:
            yield Difference(key, None, None, None, "missing")
        else:
            yield from _of(row, contact, account)


def _of(
    row: Mapping[str, Any], contact: Mapping[str, Any], account: Mapping[str, Mapping[str, Any]]
) -> Iterator[Difference]:
    attributes_sent = json.loads(row["_payload"]).get("attributes") or {}
    held = {name.upper(): value for name, value in (contact.get("attributes") or {}).items()}
    for name, sent in attributes_sent.items():
        attribute = account.get(name.upper(), {})
        value = held.get(name.upper())
        if why := why_different(sent, value, attribute, phone=name.upper() in _PHONES):
            yield Difference(row["_key"], name, sent, value, why)
    for column, flag in _FLAGS.items():
        sent = row.get(column)
        if sent is not None and bool(contact.get(flag)) != sent:
            yield Difference(row["_key"], flag, sent, contact.get(flag), "different")


_PHONES = frozenset({"SMS", "WHATSAPP", "LANDLINE_NUMBER"})


def why_different(
    sent: Any, held: Any, attribute: Mapping[str, Any], *, phone: bool = False
) -> str | None:
    """Return how two values differ, or None: Brevo writes some otherwise than it was sent them."""
    empty = held in _NOTHING
    if sent in _NOTHING:
        return None if empty else "different"
    if empty:
        return "ignored"
    if _same(sent, held, attribute, phone=phone):
        return None
    if attribute.get("type") == "date" and _exchanged(str(sent)) == str(held)[:10]:
        return "day and month exchanged"
    return "different"


def _same(sent: Any, held: Any, attribute: Mapping[str, Any], *, phone: bool) -> bool:
    if phone:
        return _digits(sent) == _digits(held)
    match sent:
        case bool():
            return sent == held or str(sent).lower() == str(held).lower()
        case int() | float():
            return _number(held) == float(sent) or _label(sent, attribute) == _label(
                held, attribute
            )
        case list():
            items = held if isinstance(held, list) else str(held).split(",")
            return {str(item) for item in sent} == {str(item).strip() for item in items}
    if attribute.get("type") == "date":
        return str(sent)[:10] == str(held)[:10]
    return _label(sent, attribute) == _label(held, attribute)


def _label(value: Any, attribute: Mapping[str, Any]) -> str:
    """Return a category's value by its label: Brevo may show either."""
    return attributes.options_of(attribute).get(str(value), str(value))


def _exchanged(day: str) -> str:
    return f"{day[:4]}-{day[8:10]}-{day[5:7]}"


def _digits(value: Any) -> str:
    return "".join(filter(str.isdigit, str(value))).removeprefix("00")


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _many(client: Client, rows: pa.Table, kind: Kind, since: datetime) -> dict[str, dict[str, Any]]:
    """Return those of the rows' contacts that have changed since, from pages of a thousand."""
    keys = {stored(kind, key) for key in rows["_key"].to_pylist()}
    moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    held: dict[str, dict[str, Any]] = {}
    for contact in contacts.every(client, modifiedSince=moment):
        key = key_of(contact, kind)
        if key in keys:
            held[key] = contact
            if len(held) == len(keys):
                break
    return held
