"""Batches of source rows to mapped rows and rejects."""

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.audience import Audience
from tajo_sf_pipeline.errors import MappingError
from tajo_sf_pipeline.field_mapping import KEY_FIELD
from tajo_sf_pipeline.mapping import emails
from tajo_sf_pipeline.mapping.payload import contacts_json, fingerprints
from tajo_sf_pipeline.mapping.types import ARROW_TYPES, BrevoType, brevo_type, converted
from tajo_sf_pipeline.window import NEVER

MOMENT = pa.timestamp("us", tz="UTC")
REJECTED = pa.schema(
    {"row": pa.int64(), "key": pa.string(), "column": pa.string(), "reason": pa.string()}
)
# Raise it when the same row would be sent in another form: every fingerprint changes with it.
_FORM = 1


@dataclass(frozen=True, slots=True)
class Column:
    """A source column, by position and name, and the attribute that it becomes."""

    index: int
    name: str
    attribute: str
    type: BrevoType


class Mapper:
    """Maps batches of one extract.

    Mapped rows are `_row` (its number in the extract), `_key` (the e-mail), one typed column for
    each attribute, `_version`, `_payload` (the contact as JSON) and `_fingerprint`; no
    attribute's name starts with a line. Raises `MappingError` if the extract's columns do not fit
    the audience.
    """

    def __init__(
        self, audience: Audience, source: pa.Schema, *, timezone: str, window_end: datetime
    ) -> None:
        self._audience = audience
        self._timezone = timezone
        self._window_end = pa.scalar(window_end.astimezone(UTC), MOMENT)
        places = _places(audience, source)
        self._key = places[audience.key_column]
        self.key_name = source.field(self._key).name
        self._cursor = places[audience.cursor] if audience.cursor else None
        self.columns = tuple(
            Column(
                places[name], source.field(places[name]).name, target, _type(source, places[name])
            )
            for name, target in audience.fields.items()
            if name in places and target != KEY_FIELD
        )
        self.unmapped = _unmapped(source, {self._key, self._cursor, *places.values()})
        self.schema = pa.schema(
            {
                "_row": pa.int64(),
                "_key": pa.string(),
                **{column.attribute: ARROW_TYPES[column.type] for column in self.columns},
                "_version": MOMENT,
                "_payload": pa.string(),
                "_fingerprint": pa.uint64(),
            }
        )
        self._version = _mapping_version(audience)

    def map(self, batch: pa.RecordBatch, first_row: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """Give the mapped rows and the rejects of a batch whose rows count from `first_row`."""
        rows = pa.array(range(first_row, first_row + batch.num_rows), pa.int64())
        given = batch.column(self._key).cast(pa.string())
        keys = emails.normalised(given)
        reasons = _Reasons(rows, given)
        reasons.add(self.key_name, _email_problems(keys))
        values = {}
        for column in self.columns:
            made = converted(batch.column(column.index), column.type, self._timezone)
            if made.problems is not None:
                reasons.add(column.name, made.problems)
            values[column.attribute] = made.values
        good = reasons.none()
        values = {name: pc.filter(value, good) for name, value in values.items()}
        keys = pc.filter(keys, good)
        payloads = contacts_json(keys, values, self._audience.nulls)
        mapped = pa.record_batch(
            [
                pc.filter(rows, good),
                keys,
                *values.values(),
                pc.filter(self._versions(batch), good),
                payloads,
                fingerprints(payloads, self._version),
            ],
            schema=self.schema,
        )
        return mapped, reasons.rejected()

    def _versions(self, batch: pa.RecordBatch) -> pa.Array:
        if self._cursor is None:
            return pa.repeat(self._window_end, batch.num_rows)
        cursor = batch.column(self._cursor)
        if not (pa.types.is_timestamp(cursor.type) or pa.types.is_date(cursor.type)):
            raise MappingError(
                "TAJO-603",
                f"the cursor column {self._audience.cursor} of {self._audience.name} is "
                f"{cursor.type}, neither a timestamp nor a date",
                "Name a timestamp column as the audience's `cursor`, or cast it in the SQL.",
            )
        if pa.types.is_timestamp(cursor.type) and cursor.type.tz is None:
            cursor = pc.assume_timezone(cursor.cast(pa.timestamp("us")), "UTC")
        # As old as can be: the first real value is newer, and last_sync does not run ahead.
        return pc.fill_null(cursor.cast(MOMENT), pa.scalar(NEVER, MOMENT))


class _Reasons:
    """Why rows are rejected: the first reason of each row counts."""

    def __init__(self, rows: pa.Array, keys: pa.Array) -> None:
        self._rows = rows
        self._keys = keys
        self._columns = pa.nulls(len(rows), pa.string())
        self._texts = pa.nulls(len(rows), pa.string())

    def add(self, column: str, problems: pa.Array) -> None:
        problems = problems.cast(pa.string())
        names = pc.if_else(pc.is_valid(problems), column, pa.scalar(None, pa.string()))
        self._columns = pc.coalesce(self._columns, names)
        self._texts = pc.coalesce(self._texts, problems)

    def none(self) -> pa.Array:
        return pc.is_null(self._texts)

    def rejected(self) -> pa.RecordBatch:
        every = pa.record_batch(
            [self._rows, self._keys, self._columns, self._texts], schema=REJECTED
        )
        return every.filter(pc.is_valid(self._texts))


def _email_problems(keys: pa.Array) -> pa.Array:
    empty = pc.fill_null(pc.equal(keys, ""), True)
    wrong = pc.if_else(emails.valid(keys), pa.scalar(None, pa.string()), "is not an e-mail address")
    return pc.if_else(empty, "has no e-mail address", wrong)


def _places(audience: Audience, source: pa.Schema) -> dict[str, int]:
    """Find the audience's columns in the extract, by name without regard to case."""
    found = {name.lower(): index for index, name in enumerate(source.names)}
    wanted = [*audience.fields, *([audience.cursor] if audience.cursor else [])]
    missing = [name for name in wanted if name not in found]
    if audience.optional:
        needed = {audience.key_column, audience.cursor}
        missing = [name for name in missing if name in needed]
    if missing:
        raise MappingError(
            "TAJO-601",
            f"{audience.statement.origin} does not return {_with_hints(missing, found)}, which "
            f"the field mapping of {audience.name} names",
            f"Select it, or take it out of the mapping. The query returns: {', '.join(found)}.",
        )
    times = Counter(name.lower() for name in source.names)
    twice = [name for name in source.names if times[name.lower()] > 1 and name.lower() in wanted]
    if twice:
        raise MappingError(
            "TAJO-604",
            f"{audience.statement.origin} returns {', '.join(twice)}: the field mapping of "
            f"{audience.name} cannot tell which of them it means",
            "Rename all but one of them with AS.",
        )
    return {name: found[name] for name in wanted if name in found}


def _with_hints(missing: list[str], found: Mapping[str, int]) -> str:
    told = []
    for name in missing:
        near = difflib.get_close_matches(name, found, n=1)
        told.append(f"`{name}`" + (f" (did you mean `{near[0]}`?)" if near else ""))
    return ", ".join(told)


def _type(source: pa.Schema, index: int) -> BrevoType:
    field = source.field(index)
    found = brevo_type(field.type)
    if found is None:
        raise MappingError(
            "TAJO-602",
            f"the column {field.name} is {field.type}; Brevo's attributes are text, numbers, "
            "booleans and dates",
            "Cast it in the SQL, or take it out of the field mapping.",
        )
    return found


def _unmapped(source: pa.Schema, used: set[int | None]) -> tuple[str, ...]:
    return tuple(name for index, name in enumerate(source.names) if index not in used)


def _mapping_version(audience: Audience) -> bytes:
    """Digest what changes the request of a row beside its attributes."""
    destination = audience.destination
    told = (_FORM, audience.nulls, destination.list, destination.folder, destination.list_id)
    return sha256(repr(told).encode()).digest()
