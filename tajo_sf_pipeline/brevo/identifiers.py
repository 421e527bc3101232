"""Who a contact is, as Brevo's calls take it."""

from dataclasses import dataclass
from typing import Literal
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
        """Give the path of the contact; the value may hold a slash, a plus or a question mark."""
        value = self.value.strip().lower() if self.kind == "email" else self.value
        return f"/contacts/{quote(value, safe='')}"

    @property
    def parameters(self) -> dict[str, str | int]:
        return {"identifierType": _TYPES[self.kind]}


@dataclass(frozen=True, slots=True)
class Flags:
    """What a contact consents to; None leaves Brevo's flag alone (S09)."""

    email_blacklisted: bool | None = None
    sms_blacklisted: bool | None = None

    def as_json(self) -> dict[str, bool]:
        flags = {"emailBlacklisted": self.email_blacklisted, "smsBlacklisted": self.sms_blacklisted}
        return {name: flag for name, flag in flags.items() if flag is not None}
