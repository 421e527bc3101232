"""The ``filter`` of ``GET /contacts``: ``equals(ATTRIBUTE,"value")``, and nothing else."""

import re
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.identity import BY_ATTRIBUTE
from tajo_sf_pipeline.sandbox.brevo.replies import invalid

_EQUALS = re.compile(r'equals\(\s*([A-Za-z]\w*)\s*,\s*"(.*)"\s*\)', re.DOTALL)


def equals(text: str) -> tuple[str, list[Any]]:
    """Give a condition on the contact ``c``, and what it binds; a multiple choice has the value."""
    if (parts := _EQUALS.fullmatch(text)) is None:
        raise invalid('filter must be equals(ATTRIBUTE,"value")')
    name, value = parts[1].upper(), parts[2]
    if identifier := BY_ATTRIBUTE.get(name):
        return f"c.{identifier.column} = ?", [identifier.normalise(value)]
    # One row for a scalar, one for each choice of an array; JSON has true where SQLite has 1.
    condition = (
        "EXISTS (SELECT 1 FROM json_each(c.attributes, '$.' || ?) AS item "
        "WHERE CASE item.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' "
        "ELSE CAST(item.value AS TEXT) END = ?)"
    )
    return condition, [name, value]
