"""Each field of an audience prepared: what it reads, how, and the column that it becomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.audience.field_mapping import Field, Mask
from tajo_sf_pipeline.errors import MappingError
from tajo_sf_pipeline.mapping.choice import FieldDefaults, normaliser
from tajo_sf_pipeline.mapping.normalised import Normalised, Normaliser, first_problem
from tajo_sf_pipeline.mapping.normalisers.moments import EPOCHS
from tajo_sf_pipeline.mapping.normalisers.numbers import number
from tajo_sf_pipeline.mapping.normalisers.texts import hashed, redacted
from tajo_sf_pipeline.mapping.source_columns import SourceValues
from tajo_sf_pipeline.mapping.types import TYPES, FieldType, default_type, family

_MASKS: Mapping[Mask, Callable[[pa.Array], pa.Array]] = {"sha256": hashed, "redact": redacted}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A field that can make its column, batch by batch; `name` is its source's, for people."""

    source: str
    name: str
    field: Field
    type: FieldType
    normalise: Normaliser
    default: pa.Scalar | None

    @property
    def to(self) -> str:
        return self.field.to

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.string() if self.field.mask else self.type.arrow_type

    def make(self, source_values: SourceValues, companion: pa.Array | None) -> Normalised:
        """Return the values as Brevo takes them, and the problems of those that it does not."""
        normalised = self.normalise(source_values.values, companion)
        problems = first_problem(source_values.problems, normalised.problems)
        values = normalised.values
        if problems is not None and self.field.on_invalid == "keep":
            kept = source_values.values.cast(self.arrow_type)
            values = pc.if_else(pc.is_valid(problems), kept, values)
        if self.default is not None:
            values = pc.fill_null(values, self.default)
        if self.field.mask:
            values = _MASKS[self.field.mask](values)
        return Normalised(values, problems)


def prepare(
    source: str, name: str, field: Field, column: pa.DataType, defaults: FieldDefaults
) -> Prepared:
    """Choose a field's type and normaliser; raise `MappingError` where the column has none."""
    kind = field.kind or default_type(column, to_the_day=defaults.to_the_day(field.to))
    if kind is None:
        raise MappingError(
            "TAJO-602",
            f"the column {name} is {column}; Brevo's attributes are text, numbers, booleans and "
            "dates",
            "Cast it in the SQL, or take it out of the field mapping.",
        )
    field_type = TYPES[kind]
    if not _takes(field_type, field, column):
        raise MappingError(
            "TAJO-606",
            f"the column {name} is {column}, which does not become the {kind} of {field.to}",
            f"Cast it in the SQL ({', '.join(field_type.takes)}), or say another `type`; numbers "
            "become dates with `format: epoch s` or `epoch ms`.",
        )
    try:
        normalise = normaliser(kind, field, defaults)
        return Prepared(
            source, name, field, field_type, normalise, _default(field, field_type, normalise)
        )
    except ValueError as error:
        raise MappingError(
            "TAJO-607",
            f"the field mapping of {name} to {field.to} cannot be used: {error}",
            "Correct the option; docs/mapping.md lists what each type takes.",
        ) from None


def _takes(field_type: FieldType, field: Field, column: pa.DataType) -> bool:
    if field_type.name in {"date", "timestamp"} and family(column) == "number":
        return field.format in EPOCHS
    return family(column) in field_type.takes


def _default(field: Field, field_type: FieldType, normalise: Normaliser) -> pa.Scalar | None:
    """Make the default as values are made; of an amount it is in the major unit."""
    if field.mask and field_type.name == "list":
        raise ValueError("a list cannot be masked")
    if field.default is None:
        return None
    default = pa.array([field.default])
    if field_type.name != "text" and family(default.type) not in field_type.takes:
        raise ValueError(f"the default {field.default!r} is not of type {field_type.name}")
    normalised = number(default) if field_type.name == "money" else normalise(default)
    if normalised.problems is not None:
        raise ValueError(f"the default {field.default!r} {normalised.problems[0]}")
    return normalised.values[0]
