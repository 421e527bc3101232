"""Personal data by the look of its values and the names of the attributes that take it."""

import json
import re
from collections.abc import Collection, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.masking import masked
from tajo_sf_pipeline.quality.verdict import EXAMPLES, Verdict

# Attributes whose names say that they hold an address or a number.
_CONTACT_NAMES = re.compile(
    r"E?_?MAIL|PHONE|MOBILE|SMS|WHATSAPP|LANDLINE|TELEPHONE|(^|_)(TEL|FAX)($|_)"
)
# Beside them, those that hold a person's name, birthday or home.
_PERSON_NAMES = re.compile(
    r"(FIRST|LAST|FULL|SUR|MAIDEN)_?NAME|^(NAME|EXT_ID)$|BIRTH|STREET|ADDRESS|PASSPORT|IBAN|(^|_)IP($|_)"
)
_EMAIL = r"^\s*[^@\s]+@[^@\s.]+(\.[^@\s.]+)+\s*$"
# International, or in the groups that people write a number in. A bare run of digits may be
# anything; ISO dates and IP addresses have other groups.
_PHONE = (
    r"^\s*((\+|00)[1-9][\d ().\-]{6,18}\d"
    r"|\(?0\d{1,4}\)?([ .\-]\d{2,4}){2,4}"
    r"|\(\d{3}\) ?\d{3}-\d{4})\s*$"
)
# Inside other text.
_ADDRESS = re.compile(r"[^\s@\"'<>(),;]+@[^\s@\"'<>(),;]+")
_NUMBER = re.compile(r"\+?\d[\d ().\-]{7,}\d")
# One address in a column of notes is an accident, one in twenty is a column of addresses.
_SHARE = 0.05


def unmarked(batch: pa.RecordBatch, marked: Collection[str]) -> Verdict:
    """Judge the text columns of mapped rows; those of a name that says it, or `marked`, may.

    A column counts when a twentieth of its values look like addresses or numbers.
    """
    text = [
        field.name
        for field in batch.schema
        if pa.types.is_string(field.type) and not field.name.startswith("_")
    ]
    judged = [
        name for name in text if name not in marked and not _CONTACT_NAMES.search(name.upper())
    ]
    found = {name: _likeness(batch.column(name)) for name in judged}
    problems, examples = [], []
    for name, likeness in found.items():
        for kind, values in likeness.items():
            problems.append(f"{len(values)} values of {name} look like {kind}")
            examples += [{"attribute": name, "value": masked(str(values[0]))}]
    return Verdict(
        passed=not problems,
        counts={"rows": batch.num_rows, "text_attributes": len(text), "unmarked": len(problems)},
        problems=tuple(problems),
        examples=tuple(examples[:EXAMPLES]),
    )


def is_personal(attribute: str) -> bool:
    """Tell by its name whether an attribute or a column holds what identifies a person."""
    name = attribute.upper()
    return bool(_CONTACT_NAMES.search(name) or _PERSON_NAMES.search(name))


def shown(name: str, value: object, *, show: bool, personal: Collection[str] = ()) -> object:
    """Give a value as a preview may show it: what may identify a person is masked.

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
        case str() if re.match(_EMAIL, value) or re.match(_PHONE, value):
            return masked(value)
        case str():
            return _ADDRESS.sub(lambda found: masked(found[0]), value)
    return value


def anonymous(text: str) -> str:
    """Mask the addresses and numbers in a sentence, such as a vendor's reason.

    >>> anonymous("jane@a.example has the number +33612345678")
    'j***@a.example has the number +***'
    """
    text = _ADDRESS.sub(lambda found: masked(found[0]), text)
    return _NUMBER.sub(lambda found: masked(found[0]), text)


def _likeness(column: pa.Array) -> Mapping[str, pa.Array]:
    values = column.drop_null()
    kinds = {"e-mail addresses": _EMAIL, "phone numbers": _PHONE}
    alike = {
        kind: values.filter(pc.match_substring_regex(values, pattern))
        for kind, pattern in kinds.items()
    }
    return {kind: those for kind, those in alike.items() if len(those) > len(values) * _SHARE}
