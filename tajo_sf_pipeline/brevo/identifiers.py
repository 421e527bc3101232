"""Who a contact is, as Brevo's calls take it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

Kind = Literal["email", "ext_id", "sms"]
TYPES: dict[Kind, str] = {"email": "email_id", "ext_id": "ext_id", "sms": "phone_id"}
"""What Brevo's calls and events name each kind."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One contact, by one of its unique values."""

    kind: Kind
    value: str

    @property
    def path(self) -> str:
        """Return the path of the contact; the value may hold a slash, a plus or a question mark."""
        return f"/contacts/{quote(stored(self.kind, self.value), safe='')}"

    @property
    def parameters(self) -> dict[str, str | int]:
        return {"identifierType": TYPES[self.kind]}


def stored(kind: Kind, value: str) -> str:
    """Return a key as Brevo stores it: e-mails in lower case."""
    return value.strip().lower() if kind == "email" else value


def key_of(contact: Mapping[str, Any], kind: Kind) -> str:
    """Return a contact's key in Brevo's answer as a mapped row has it; empty where it has none."""
    attributes = contact.get("attributes") or {}
    match kind:
        case "email":
            return str(contact.get("email") or "").lower()
        case "ext_id":
            return str(contact.get("ext_id") or attributes.get("EXT_ID") or "")
        case "sms":
            # Brevo shows the digits alone.
            digits = str(attributes.get("SMS") or "").removeprefix("+")
            return f"+{digits}" if digits else ""


@dataclass(frozen=True, slots=True)
class Flags:
    """What a contact consents to; None leaves Brevo's flag alone (S09)."""

    email_blacklisted: bool | None = None
    sms_blacklisted: bool | None = None

    def as_json(self) -> dict[str, bool]:
        flags = {"emailBlacklisted": self.email_blacklisted, "smsBlacklisted": self.sms_blacklisted}
        return {name: flag for name, flag in flags.items() if flag is not None}
