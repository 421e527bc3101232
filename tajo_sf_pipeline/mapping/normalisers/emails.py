"""E-mail addresses: in lower case and ASCII, and validated by email-validator."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from tajo_sf_pipeline.mapping.normalised import Normalised, refused
from tajo_sf_pipeline.mapping.text_bytes import is_ascii

NOT_AN_ADDRESS = "is not an e-mail address"
# What the library certainly accepts; all else it validates itself, each distinct value once. The
# bound on the length keeps every part under the limits of RFC 5321.
_ATEXT = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9]+(-[a-z0-9]+)*"
_PLAIN = rf"^{_ATEXT}(\.{_ATEXT})*@{_LABEL}(\.{_LABEL})*\.[a-z]{{2,}}$"
_PLAIN_LENGTH = 63
_SPECIAL_USE = rf"[@.]({'|'.join(map(re.escape, SPECIAL_USE_DOMAIN_NAMES))})$"

_FREQUENT = (
    "gmail.com", "hotmail.com", "hotmail.fr", "outlook.com", "yahoo.com", "yahoo.fr",
    "icloud.com", "orange.fr", "wanadoo.fr", "gmx.de", "web.de", "protonmail.com",
)  # fmt: skip
# Real ones that look like a misspelling of those.
_REAL = frozenset({*_FREQUENT, "mail.com", "ymail.com", "hotmail.co", "outlook.co", "yahoo.co"})


def email(column: pa.Array) -> Normalised:
    """Trim, lower-case, unify compatible characters (NFKC); a domain's name becomes ASCII (IDNA).

    Brevo stores addresses in lower case and matches them by it. Empty text is a null.
    """
    values = column.cast(pa.string())
    if is_ascii(values):
        values = pc.ascii_lower(values)
    else:
        values = pc.utf8_lower(pc.utf8_normalize(values, form="NFKC"))
    values = pc.utf8_trim_whitespace(values)
    values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    plain = _certain(values)
    doubtful = pc.filter(values, pc.invert(plain)).drop_null().unique().to_pylist()
    if not doubtful:
        return Normalised(values)
    accepted = {address: ascii_form for address in doubtful if (ascii_form := _ascii(address))}
    ascii_form = pa.array(accepted.values(), pa.string()).take(
        pc.index_in(values, pa.array(accepted.keys(), pa.string()))
    )
    good = pc.or_(plain, pc.is_valid(ascii_form))
    return refused(pc.coalesce(ascii_form, values), good, NOT_AN_ADDRESS)


def misspelt(addresses: pa.Array) -> Iterator[tuple[str, str, int]]:
    """Return each domain that looks like a frequent one's misspelling, that one, and its rows.

    It is reported, and never corrected: gmial.com exists.
    """
    suspicious = addresses.filter(pc.match_substring_regex(addresses, _SUSPICIOUS))
    domains = Counter(address.rpartition("@")[2] for address in suspicious.to_pylist())
    for domain, rows in sorted(domains.items()):
        yield domain, _MISSPELLINGS[domain], rows


def _certain(values: pa.Array) -> pa.Array:
    plain = pc.and_(
        pc.match_substring_regex(values, _PLAIN),
        pc.less_equal(pc.binary_length(values), _PLAIN_LENGTH),
    )
    return pc.fill_null(pc.and_not(plain, pc.match_substring_regex(values, _SPECIAL_USE)), False)


def _ascii(address: str) -> str | None:
    try:
        validated = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    return validated.ascii_email.lower() if validated.ascii_email else None


def _slips(domain: str) -> Iterator[str]:
    """Return what fingers make of a domain: a letter left out, doubled, two exchanged."""
    name, dot, ending = domain.rpartition(".")
    for at in range(len(name)):
        yield name[:at] + name[at + 1 :] + dot + ending
        yield name[:at] + name[at] + name[at:] + dot + ending
        yield name[:at] + name[at + 1 : at + 2] + name[at] + name[at + 2 :] + dot + ending
    if ending == "com":
        yield from (f"{name}.{slip}" for slip in ("con", "cmo", "ocm", "comm", "vom", "co"))


def _misspellings(domains: Iterable[str]) -> dict[str, str]:
    slips = {slip: domain for domain in domains for slip in _slips(domain)}
    return {slip: domain for slip, domain in slips.items() if slip not in _REAL}


_MISSPELLINGS = _misspellings(_FREQUENT)
_SUSPICIOUS = rf"@({'|'.join(map(re.escape, sorted(_MISSPELLINGS)))})$"
