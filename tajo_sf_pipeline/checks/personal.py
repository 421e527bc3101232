"""Columns of personal data that no field marks as such."""

from collections.abc import Collection, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.checks.verdict import EXAMPLES, Verdict
from tajo_sf_pipeline.telemetry.masking import masked
from tajo_sf_pipeline.telemetry.personal import CONTACT_NAMES, EMAIL, PHONE

# One address in a column of notes is an accident, one in twenty is a column of addresses.
_SHARE = 0.05


def unmarked(batch: pa.RecordBatch, marked: Collection[str]) -> Verdict:
    """Check the text columns of mapped rows; those of a name that says it, or `marked`, may.

    A column counts when a twentieth of its values look like addresses or numbers.
    """
    text = [
        field.name
        for field in batch.schema
        if pa.types.is_string(field.type) and not field.name.startswith("_")
    ]
    checked = [
        name for name in text if name not in marked and not CONTACT_NAMES.search(name.upper())
    ]
    by_column = {name: _likeness(batch.column(name)) for name in checked}
    problems, examples = [], []
    for name, likeness in by_column.items():
        for kind, values in likeness.items():
            problems.append(f"{len(values)} values of {name} look like {kind}")
            examples += [{"attribute": name, "value": masked(str(values[0]))}]
    return Verdict(
        passed=not problems,
        counts={"rows": batch.num_rows, "text_attributes": len(text), "unmarked": len(problems)},
        problems=tuple(problems),
        examples=tuple(examples[:EXAMPLES]),
    )


def _likeness(column: pa.Array) -> Mapping[str, pa.Array]:
    values = column.drop_null()
    kinds = {"e-mail addresses": EMAIL, "phone numbers": PHONE}
    alike = {
        kind: values.filter(pc.match_substring_regex(values, pattern))
        for kind, pattern in kinds.items()
    }
    return {kind: those for kind, those in alike.items() if len(those) > len(values) * _SHARE}
