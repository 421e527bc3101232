"""Batches of source rows to mapped rows and rejects."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.audience.destination import IDENTITIES
from tajo_sf_pipeline.audience.field_mapping import CONSENTS, FLAGS
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import NEVER
from tajo_sf_pipeline.audience.written_column import WrittenColumn
from tajo_sf_pipeline.errors import MappingError
from tajo_sf_pipeline.mapping.choice import FieldDefaults
from tajo_sf_pipeline.mapping.fields import prepare
from tajo_sf_pipeline.mapping.json_payload import fingerprints
from tajo_sf_pipeline.mapping.normalisers.booleans import consents_of, flag
from tajo_sf_pipeline.mapping.normalisers.emails import misspelt
from tajo_sf_pipeline.mapping.normalisers.texts import text
from tajo_sf_pipeline.mapping.payload_builders import FieldValues, payload_builder
from tajo_sf_pipeline.mapping.rejects import REJECTED, REQUIRED, Reasons, missing
from tajo_sf_pipeline.mapping.source_columns import Sources, SourceValues
from tajo_sf_pipeline.mapping.types import loss

__all__ = ["REJECTED", "MappedBatch", "Mapper"]
MOMENT = pa.timestamp("us", tz="UTC")
# Raise it when the same row would be sent in another form: every fingerprint changes with it.
_FORM = 1
_EXCUSED = {"null": "not taken", "keep": "kept as it is"}
_WITHOUT_KEY = {
    "email": "has no e-mail address",
    "ext_id": "has no ext_id",
    "SMS": "has no phone number",
    "event_id": "has no event id",
}


class MappedBatch(NamedTuple):
    """The mapped rows of a batch, its rejects, and how many mapped rows have what looks wrong."""

    mapped: pa.RecordBatch
    rejected: pa.RecordBatch
    suspicions: dict[str, int]


class Mapper:
    """Maps batches of one extract.

    Mapped rows are `_row` (its number in the extract), `_key` (what tells it from others), one
    typed column for each attribute, `_version`, `_payload` (what is sent, as JSON) and
    `_fingerprint`; where the audience has them also `_list` and the blocklist flags. No
    attribute's name starts with a line. `losses` say which columns arrive as less than they are.
    Raises `MappingError` if the extract's columns do not fit the audience.
    """

    def __init__(
        self, audience: Audience, source: pa.Schema, *, timezone: str, window_end: datetime
    ) -> None:
        self._audience = audience
        self._window_end = pa.scalar(window_end.astimezone(UTC), MOMENT)
        self._sources = Sources(audience, source, timezone)
        self._builder = payload_builder(audience)
        defaults = FieldDefaults(timezone, audience.phone_region, audience.destination)
        self.fields = tuple(
            prepare(name, self._sources.name(name), field, self._sources.type(name), defaults)
            for name, field in self._sources.fields.items()
        )
        self._key = next(field for field in self.fields if field.field.to == audience.key_target)
        self.key_name = self._key.name
        self.columns = tuple(self._columns())
        self.losses = tuple(self._losses())
        self.unmapped = tuple(n for n in source.names if n.lower() not in self._sources.columns)
        self.schema = pa.schema(self._schema())
        self._version = _mapping_version(audience)

    def map(self, batch: pa.RecordBatch, first_row: int) -> MappedBatch:
        """Return the mapped rows and the rejects of a batch whose rows count from `first_row`."""
        source_values = self._sources.read(batch)
        rows = pa.array(np.arange(first_row, first_row + batch.num_rows))
        reasons = Reasons(rows, source_values[self._key.source].values.cast(pa.string()))
        columns, excused = self._normalised(source_values, batch, reasons)
        companions = self._required(batch, columns, reasons)
        columns = {"_row": rows, **columns, **companions, "_version": self._versions(batch)}
        good = reasons.none()
        if good is not None:
            columns = {name: column.filter(good) for name, column in columns.items()}
            excused = {label: problems.filter(good) for label, problems in excused.items()}
        suspicions = self._misspelt(columns) | _counted(excused)
        return MappedBatch(self._mapped(columns), reasons.rejected(), suspicions)

    def _normalised(
        self, source_values: Mapping[str, SourceValues], batch: pa.RecordBatch, reasons: Reasons
    ) -> tuple[dict[str, pa.Array], dict[str, pa.Array]]:
        """Make every field's column, by its target; the key's problems count first.

        Also returns the problems that cost no row (`on_invalid`), by their label in the report.
        """
        columns, excused = {}, {}
        for field in (self._key, *(field for field in self.fields if field is not self._key)):
            companion = next(
                (batch.column(self._sources.index(n)) for n in field.field.columns), None
            )
            normalised = field.make(source_values[field.source], companion)
            if normalised.problems is not None and field.field.on_invalid != "reject":
                excused[f"{field.name}, {_EXCUSED[field.field.on_invalid]}"] = normalised.problems
            elif normalised.problems is not None:
                values = source_values[field.source].values
                reasons.add(field.name, field.type.name, normalised.problems, values)
            if field is self._key:
                keyless = missing(normalised.values, _WITHOUT_KEY[field.to])
                reasons.add(field.name, REQUIRED, keyless, normalised.values)
            columns[field.to] = normalised.values
        return columns, excused

    def _required(
        self, batch: pa.RecordBatch, columns: Mapping[str, pa.Array], reasons: Reasons
    ) -> dict[str, pa.Array]:
        """Return the columns that the destination requires; a row without a value is rejected."""
        column, companions = self._audience.destination.column, {}
        if column is not None:
            index = self._sources.index(column)
            values = text(batch.column(index)).values
            companions[self._builder.companion] = values
            for rule, problems_of in self._builder.rules:
                reasons.add(batch.schema.names[index], rule, problems_of(values), values)
        if (problems := self._builder.row_problems(columns)) is not None:
            reasons.add(self.key_name, REQUIRED, problems, columns[self._key.to])
        if "event_date" in columns:
            dates = columns["event_date"]
            field = next(field for field in self.fields if field.to == "event_date")
            reasons.add(field.name, REQUIRED, missing(dates, "has no date"), dates)
        consent = self._audience.consent
        if consent.unknown == "reject":
            for field in (field for field in self.fields if field.to in FLAGS):
                unknown = missing(columns[field.to], "consent is unknown")
                reasons.add(field.name, REQUIRED, unknown, columns[field.to])
        if consent.at is not None:
            companions["_consent_at"] = self._moments(batch, consent.at, "consent.at")
        return companions

    def _mapped(self, columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
        keys = columns[self._key.to]
        payloads = self._payloads(keys, columns)
        companions = {name: columns[name] for name in ("_list",) if name in columns}
        consents = {}
        for field in self.fields:
            if field.to in FLAGS:
                name, inverted = FLAGS[field.to], not field.to.startswith("consent.")
                consents[CONSENTS[name]] = consents_of(columns[field.to], inverted=inverted)
                companions[name] = flag(
                    consents[CONSENTS[name]], resubscribe=self._audience.consent.resubscribe
                )
        if "_consent_at" in columns and self._audience.consent.resubscribe:
            # A newer consent may lift a flag: then the row is another one.
            companions["_consent_at"] = columns["_consent_at"]
        every = {
            **columns,
            **consents,
            **companions,
            "_key": keys,
            "_payload": payloads,
            "_fingerprint": fingerprints(payloads, self._version, companions),
        }
        return pa.record_batch([every[name] for name in self.schema.names], schema=self.schema)

    def _payloads(self, keys: pa.Array, columns: Mapping[str, pa.Array]) -> pa.Array:
        fields = [
            FieldValues(
                field.to,
                columns[field.to],
                field.field.nulls or self._audience.nulls,
                raw=self._builder.raw_json and field.type.name == "json" and not field.field.mask,
            )
            for field in self.fields
        ]
        return self._builder.payloads(keys, fields, columns)

    def _misspelt(self, columns: Mapping[str, pa.Array]) -> dict[str, int]:
        return {
            f"{field.name}: {domain} looks like {meant}": rows
            for field in self.fields
            if field.type.name == "email" and not field.field.mask
            for domain, meant, rows in misspelt(columns[field.to])
        }

    def _columns(self) -> Iterator[WrittenColumn]:
        """Return the attributes of contacts that are written; identifiers are always there."""
        for field in self.fields:
            name = self._audience.destination.contact_attribute(field.to)
            if name is not None and name not in {*IDENTITIES, *FLAGS}:
                brevo_type = "text" if field.field.mask else field.type.brevo
                yield WrittenColumn(field.name, name, brevo_type, field.field.options)

    def _losses(self) -> Iterator[str]:
        for field in self.fields:
            lost = loss(self._sources.type(field.source), field.type.name)
            if lost:
                yield f"{field.name} to {field.to}: {lost}"

    def _schema(self) -> dict[str, pa.DataType]:
        fields = {
            field.to: field.arrow_type
            for field in self.fields
            if field is not self._key and field.to not in FLAGS
        }
        flags = [FLAGS[field.to] for field in self.fields if field.to in FLAGS]
        consents = dict.fromkeys([*flags, *(CONSENTS[flag] for flag in flags)], pa.bool_())
        if self._audience.consent.at is not None:
            consents["_consent_at"] = MOMENT
        lists = {"_list": pa.string()} if self._audience.destination.list_from else {}
        ends = {"_version": MOMENT, "_payload": pa.string(), "_fingerprint": pa.uint64()}
        return {"_row": pa.int64(), "_key": pa.string()} | fields | lists | consents | ends

    def _versions(self, batch: pa.RecordBatch) -> pa.Array:
        if self._audience.cursor is None:
            return pa.repeat(self._window_end, batch.num_rows)
        # As old as can be: the first real value is newer, and last_sync does not run ahead.
        cursor = self._moments(batch, self._audience.cursor, "cursor")
        return pc.fill_null(cursor, pa.scalar(NEVER, MOMENT))

    def _moments(self, batch: pa.RecordBatch, column: str, option: str) -> pa.Array:
        """Return a column that an option names as moments; one without a zone is of UTC."""
        values = batch.column(self._sources.index(column))
        if not (pa.types.is_timestamp(values.type) or pa.types.is_date(values.type)):
            raise MappingError(
                "TAJO-603",
                f"the {option} column {column} of {self._audience.name} is {values.type}, neither "
                "a timestamp nor a date",
                f"Name a timestamp column as the audience's `{option}`, or cast it in the SQL.",
            )
        if pa.types.is_timestamp(values.type) and values.type.tz is None:
            values = pc.assume_timezone(values.cast(pa.timestamp("us")), "UTC")
        return values.cast(MOMENT)


def _counted(excused: Mapping[str, pa.Array]) -> dict[str, int]:
    return {
        f"{label}: {reason}": rows
        for label, problems in excused.items()
        for reason, rows in Counter(problems.drop_null().to_pylist()).items()
    }


def _mapping_version(audience: Audience) -> bytes:
    """Digest what changes the request of a row besides its payload."""
    destination = audience.destination
    content: tuple[object, ...] = (
        _FORM,
        audience.nulls,
        destination.list,
        destination.folder,
        destination.list_id,
    )
    if destination.object:
        content = (*content, destination.object)
    return sha256(repr(content).encode()).digest()
