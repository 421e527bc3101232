"""The request body of each row: a contact, an event or an object record."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.audience.destination import ObjectsDestination
from tajo_sf_pipeline.audience.field_mapping import CONTACT, FLAGS, Nulls
from tajo_sf_pipeline.mapping.json_payload import (
    Member,
    Parts,
    escaped,
    joined,
    json_objects,
    json_text,
)

# developers.brevo.com/reference/createevent
_EVENT_IDENTIFIERS = {
    "email": "email_id",
    "ext_id": "ext_id",
    "SMS": "phone_id",
    "WHATSAPP": "whatsapp_id",
    "LANDLINE_NUMBER": "landline_number_id",
}
_OF_EVENT = frozenset({"event_id", "event_date", *_EVENT_IDENTIFIERS})


@dataclass(frozen=True, slots=True)
class FieldValues:
    """A field's values as Brevo takes them; `raw` ones are JSON already."""

    to: str
    values: pa.Array
    nulls: Nulls = "skip"
    raw: bool = False

    def member(self, name: str | None = None) -> Member:
        return Member(name or self.to, self.values, self.nulls, self.raw)


def contacts(keys: pa.Array, fields: Sequence[FieldValues], key: str) -> pa.Array:
    """Return ``{"email":...,"ext_id":...,"attributes":{...}}``; attributes keep their order.

    Only an id that is the key stands beside the attributes: an import reads no other there. So
    does an e-mail address, which is left out where a row has none.
    """
    head: Parts = []
    if key == "ext_id":
        head += ['"ext_id":"', escaped(keys), '",']
    for field in fields:
        if field.to == "email":
            head = [*_address(field.values), *head]
    attributes = [
        field.member("EXT_ID" if field.to == "ext_id" else None)
        for field in fields
        if field.to != "email" and field.to not in FLAGS and not field.to == key == "ext_id"
    ]
    return joined(["{", *head, '"attributes":', *json_objects(attributes), "}"])


def events(
    keys: pa.Array, fields: Sequence[FieldValues], names: pa.Array | str, versions: pa.Array
) -> pa.Array:
    """Return an event: its name, its date, whose it is, and its properties, `event_id` first.

    The id lets an event be found again (GET /events); without a date the row's version is it.
    """
    by_target = {field.to: field for field in fields}
    named = names if isinstance(names, str) else json_text(names)
    dates = by_target["event_date"].values if "event_date" in by_target else versions
    identifiers = [
        Member(name, by_target[target].values)  # without its nulls: nobody is not an identifier
        for target, name in _EVENT_IDENTIFIERS.items()
        if target in by_target
    ]
    of_contact = [
        field.member(field.to.removeprefix(CONTACT))
        for field in fields
        if field.to.startswith(CONTACT)
    ]
    parts = ["{", '"event_name":', f'"{named}"' if isinstance(names, str) else named]
    parts += [',"event_date":', json_text(dates), ',"identifiers":', *json_objects(identifiers)]
    if of_contact:
        parts += [',"contact_properties":', *json_objects(of_contact)]
    properties = [Member("event_id", keys), *(field.member() for field in _own(fields))]
    return joined([*parts, ',"event_properties":', *json_objects(properties), "}"])


def objects(
    keys: pa.Array, fields: Sequence[FieldValues], to: ObjectsDestination, linked: pa.Array | None
) -> pa.Array:
    """Return a record, with the link to `linked`, the ext_id of another, where a row has one."""
    attributes = [field.member() for field in fields if field.to != "ext_id"]
    parts: Parts = ['{"identifiers":{"ext_id":', json_text(keys), '},"attributes":']
    parts += json_objects(attributes)
    if linked is not None and to.association is not None:
        start = f',"associations":[{{"object_type":"{to.association.object}","records":['
        link = joined([start, '{"identifiers":{"ext_id":', json_text(linked), "}}]}]"])
        parts.append(pc.fill_null(link, ""))
    return joined([*parts, "}"])


def _address(values: pa.Array) -> Parts:
    parts = ['"email":"', escaped(values), '",']
    return [pc.fill_null(joined(parts), "")] if values.null_count else parts


def _own(fields: Sequence[FieldValues]) -> Iterator[FieldValues]:
    for field in fields:
        if field.to not in _OF_EVENT and not field.to.startswith(CONTACT):
            yield field


def of_nobody(columns: Mapping[str, pa.Array]) -> pa.Array:
    """Return the problem of rows that do not say whose event they are."""
    identifiers = [values for target, values in columns.items() if target in _EVENT_IDENTIFIERS]
    nobody = pc.is_null(pc.coalesce(*identifiers))
    return pc.if_else(nobody, "does not say whose event it is", pa.scalar(None, pa.string()))


def wrong_names(names: pa.Array) -> pa.Array:
    """Return the problem of names that Brevo does not take for an event."""
    good = pc.fill_null(pc.match_substring_regex(names, r"^[A-Za-z0-9_-]{1,255}$"), True)
    return pc.if_else(good, pa.scalar(None, pa.string()), "is not a name of an event")
