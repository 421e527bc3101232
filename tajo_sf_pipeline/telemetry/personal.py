"""What may identify a person, by the look of a value and by an attribute's name."""

import json
import re
from collections.abc import Collection

from tajo_sf_pipeline.telemetry.masking import masked

# Attributes whose names say that they hold an address or a number.
CONTACT_NAMES = re.compile(
    r"E?_?MAIL|PHONE|MOBILE|SMS|WHATSAPP|LANDLINE|TELEPHONE|(^|_)(TEL|FAX)($|_)"
)
# Beside them, those that hold a person's name, birthday or home.
_PERSON_NAMES = re.compile(
    r"(FIRST|LAST|FULL|SUR|MAIDEN)_?NAME|^(NAME|EXT_ID)$|BIRTH|STREET|ADDRESS|PASSPORT|IBAN|(^|_)IP($|_)"
)
EMAIL = r"^\s*[^@\s]+@[^@\s.]+(\.[^@\s.]+)+\s*$"
# International, or in the groups that people write a number in. A bare run of digits may be
# anything; ISO dates and IP addresses have other groups.
PHONE = (
    r"^\s*((\+|00)[1-9][\d ().\-]{6,18}\d"
    r"|\(?0\d{1,4}\)?([ .\-]\d{2,4}){2,4}"
    r"|\(\d{3}\) ?\d{3}-\d{4})\s*$"
)
# Inside other text.
_ADDRESS = re.compile(r"[^\s@\"'<>(),;]+@[^\s@\"'<>(),;]+")
_NUMBER = re.compile(r"\+?\d[\d ().\-]{7,}\d")


def is_personal(attribute: str) -> bool:
    """Tell by its name whether an attribute or a column holds what identifies a person."""
    name = attribute.upper()
    return bool(CONTACT_NAMES.search(name) or _PERSON_NAMES.search(name))


def shown(name: str, value: object, *, show: bool, personal: Collection[str] = ()) -> object:
    """Return a value as a preview may show it: what may identify a person is masked.

    Inside JSON the names of its members count.
    """
    if show or value is None or isinstance(value, bool):
        return value
    if name in personal or is_personal(name):
        return masked(str(value))
    match value:
        case dict():
            return {key: shown(str(key), item, show=show) for key, item in value.items()}
        case list():
            return [shown(name, item, show=show) for item in value]
        case str() if value.lstrip()[:1] in {"{", "["}:
            try:
                return json.dumps(shown(name, json.loads(value), show=show), ensure_ascii=False)
            except ValueError:
                return masked(value)
        case str() if re.match(EMAIL, value) or re.match(PHONE, value):
            return masked(value)
        case str():
            return _ADDRESS.sub(lambda match: masked(match[0]), value)
    return value


def anonymous(text: str) -> str:
    """Mask the addresses and numbers in a sentence, such as a vendor's reason.

    >>> anonymous("jane@a.example has the number +33612345678")
    'j***@a.example has the number +***'
    """
    text = _ADDRESS.sub(lambda match: masked(match[0]), text)
    return _NUMBER.sub(lambda match: masked(match[0]), text)
