"""Who a contact is, as Brevo's calls take it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

Kind = Literal["email", "ext_id", "sms"]
_TYPES: dict[Kind, str] = {"email": "email_id", "ext_id": "ext_id", "sms": "phone_id"}


@dataclass(frozen=True, slots=True)
class Identifier:
    """One contact, by one of its unique values."""

    kind: Kind
    value: str

    @property
    def path(self) -> str:
        """Return the path of the contact; the value may hold a slash, a plus or a question mark."""
        value = self.value.strip().lower() if self.kind == "email" else self.value
        return f"/contacts/{quote(value, safe='')}"

    @property
    def parameters(self) -> dict[str, str | int]:
        return {"identifierType": _TYPES[self.kind]}


def key_of(contact: Mapping[str, Any], kind: Kind) -> str:
    """Read a contact's key from Brevo's answer, as a mapped row has it; empty where it has none."""
    held = contact.get("attributes") or {}
    match kind:
        case "email":
            return str(contact.get("email") or "").lower()
        case "ext_id":
            return str(contact.get("ext_id") or held.get("EXT_ID") or "")
        case "sms":
            # Brevo shows the digits alone.
            digits = str(held.get("SMS") or "").removeprefix("+")
            return f"+{digits}" if digits else ""


@dataclass(frozen=True, slots=True)
class Flags:
    """What a contact consents to; None leaves Brevo's flag alone (S09)."""

    email_blacklisted: bool | None = None
    sms_blacklisted: bool | None = None

    def as_json(self) -> dict[str, bool]:
        flags = {"emailBlacklisted": self.email_blacklisted, "smsBlacklisted": self.sms_blacklisted}
        return {name: flag for name, flag in flags.items() if flag is not None}
