"""E-mail addresses: trimmed, lower-cased, and judged by email-validator."""

import re

import pyarrow as pa
import pyarrow.compute as pc
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

# What the library certainly accepts; all else it judges itself, each distinct value once. The
# bound on the length keeps every part under the limits of RFC 5321.
_PLAIN = (
    r"^[a-z0-9_+-]+(\.[a-z0-9_+-]+)*@[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*\.[a-z]{2,}$"
)
_PLAIN_LENGTH = 63
_SPECIAL_USE = rf"[@.]({'|'.join(map(re.escape, SPECIAL_USE_DOMAIN_NAMES))})$"


def normalised(addresses: pa.Array) -> pa.Array:
    """Trim and lower-case; Brevo stores addresses in lower case and matches them by it."""
    return pc.utf8_lower(pc.utf8_trim_whitespace(addresses))


def valid(addresses: pa.Array) -> pa.Array:
    """Tell for each normalised address whether it is one; null and empty are not."""
    plain = pc.and_(
        pc.match_substring_regex(addresses, _PLAIN),
        pc.less_equal(pc.binary_length(addresses), _PLAIN_LENGTH),
    )
    plain = pc.fill_null(
        pc.and_not(plain, pc.match_substring_regex(addresses, _SPECIAL_USE)), False
    )
    doubtful = pc.filter(addresses, pc.invert(plain)).unique()
    accepted = [address for address in doubtful.to_pylist() if address and _is_address(address)]
    return pc.or_(plain, pc.is_in(addresses, pa.array(accepted, pa.string())))


def _is_address(address: str) -> bool:
    try:
        validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return False
    return True
