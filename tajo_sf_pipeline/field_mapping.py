"""The `field_mapping` that tajo.yaml and an audience's file share: source column to Brevo field."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from tajo_sf_pipeline.document import NotYet

KEY_FIELD = "email"
# They identify a contact; each wants rules of its own before it may be written.
IDENTIFIERS = frozenset({"EMAIL", "SMS", "WHATSAPP", "LANDLINE_NUMBER", "EXT_ID"})


def _target(given: Any) -> Any:
    if isinstance(given, dict):
        return NotYet("a field mapping with options").refuse(given)
    name = str(given).strip()
    if name.lower() == KEY_FIELD:
        return KEY_FIELD
    if name.upper() in IDENTIFIERS:
        return NotYet(f"writing {name.upper()}").refuse(name)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError("an attribute's name has letters, digits and _ only")
    return name.upper()


Target = Annotated[str, BeforeValidator(_target)]


def _has_key(mapping: dict[str, str]) -> dict[str, str]:
    if KEY_FIELD not in mapping.values():
        raise ValueError(f"no column is mapped to the key `{KEY_FIELD}`")
    twice = {target for target in mapping.values() if list(mapping.values()).count(target) > 1}
    if twice:
        raise ValueError(f"two columns are mapped to {', '.join(sorted(twice))}")
    by_column = {source.lower(): target for source, target in mapping.items()}
    if len(by_column) < len(mapping):
        raise ValueError("two columns differ only in upper and lower case, which are one column")
    return by_column


FieldMapping = Annotated[dict[str, Target], AfterValidator(_has_key)]
