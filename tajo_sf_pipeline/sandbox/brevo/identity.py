"""What identifies a contact: e-mail, own id and three kinds of phone numbers, each unique."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_EMAIL = re.compile(
    r"""[^\s@.,;:<>()\[\]"\\]+ (?:\.[^\s@.,;:<>()\[\]"\\]+)*   # local part, no dot at its ends
        @ (?:[^\W_](?:[\w-]*[^\W_])?\.)+                       # domain labels
        [^\W\d_][\w-]*[^\W_]                                   # top-level domain
    """,
    re.VERBOSE,
)
_PHONE = re.compile(r"(?:\+|00)?([1-9][0-9]{6,14})")
_PHONE_PUNCTUATION = str.maketrans("", "", " .-()")


def normal_email(value: Any) -> str | None:
    """Trimmed and lower-case, as Brevo stores it; None when it is not an e-mail address."""
    if not isinstance(value, str):
        return None
    email = value.strip().lower()
    return email if _EMAIL.fullmatch(email) and len(email) <= 254 else None


def normal_phone(value: Any) -> str | None:
    """Digits with the country code: Brevo takes ``91...``, ``+91...`` and ``0091...``."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    number = _PHONE.fullmatch(str(value).translate(_PHONE_PUNCTUATION))
    return number[1] if number else None


def normal_ext_id(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


@dataclass(frozen=True, slots=True)
class Identifier:
    """One way to identify a contact, under the names that it has in the different calls."""

    column: str
    attribute: str
    identifier_type: str
    duplicate_name: str  # in metadata.duplicate_identifiers
    report: str  # in a process's info.import
    normalise: Callable[[Any], str | None]
    complaint: str


# In the order of precedence: a row is matched by the first of these that it carries.
IDENTIFIERS = (
    Identifier(
        column="email",
        attribute="EMAIL",
        identifier_type="email_id",
        duplicate_name="email",
        report="duplicate_email_id",
        normalise=normal_email,
        complaint="Invalid email address",
    ),
    Identifier(
        column="ext_id",
        attribute="EXT_ID",
        identifier_type="ext_id",
        duplicate_name="ext_id",
        report="duplicate_ext_id",
        normalise=normal_ext_id,
        complaint="Invalid ext_id",
    ),
    Identifier(
        column="sms",
        attribute="SMS",
        identifier_type="phone_id",
        duplicate_name="SMS",
        report="duplicate_phone_id",
        normalise=normal_phone,
        complaint="Invalid phone number",
    ),
    Identifier(
        column="whatsapp",
        attribute="WHATSAPP",
        identifier_type="whatsapp_id",
        duplicate_name="WHATSAPP",
        report="duplicate_whatsapp_id",
        normalise=normal_phone,
        complaint="Invalid phone number",
    ),
    Identifier(
        column="landline_number",
        attribute="LANDLINE_NUMBER",
        identifier_type="landline_number_id",
        duplicate_name="LANDLINE_NUMBER",
        report="duplicate_landline_number_id",
        normalise=normal_phone,
        complaint="Invalid phone number",
    ),
)
BY_ATTRIBUTE = {identifier.attribute: identifier for identifier in IDENTIFIERS}
BY_TYPE = {identifier.identifier_type: identifier for identifier in IDENTIFIERS}
EMAIL = IDENTIFIERS[0]
