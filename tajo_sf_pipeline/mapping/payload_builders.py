"""What a kind of destination makes of mapped rows: the body of a contact, an event or a record."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.audience.destination import (
    CONTACT,
    EVENT_NAME,
    Association,
    ContactsDestination,
    EventsDestination,
    ObjectsDestination,
)
from tajo_sf_pipeline.audience.field_mapping import FLAGS, Nulls
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.mapping.json_payload import (
    Member,
    Parts,
    escaped,
    joined,
    json_objects,
    json_text,
)
from tajo_sf_pipeline.mapping.normalisers.moments import written
from tajo_sf_pipeline.mapping.rejects import REQUIRED, missing

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


Fields = Sequence[FieldValues]
Columns = Mapping[str, pa.Array]


def wrong_names(names: pa.Array) -> pa.Array:
    """Return the problem of names that Brevo does not take for an event."""
    good = pc.fill_null(pc.match_substring_regex(names, EVENT_NAME), True)
    return pc.if_else(good, pa.scalar(None, pa.string()), "is not a name of an event")


class PayloadBuilder(Protocol):
    """What differs by the kind of destination.

    `companion` is what the destination's own column is called among the mapped columns, and
    `rules` are those that its values may break. With `raw_json` a JSON value stands in the body
    as it is, and not as text.
    """

    companion: ClassVar[str]
    rules: ClassVar[Sequence[tuple[str, Callable[[pa.Array], pa.Array]]]] = ()
    raw_json: ClassVar[bool] = False

    def row_problems(self, _columns: Columns) -> pa.Array | None:
        """Return the problems of rows whose columns together are not enough, if there can be."""
        return None

    def payloads(self, keys: pa.Array, fields: Fields, columns: Columns) -> pa.Array:
        """Return the body of each row, as JSON; `columns` has `_version` and the companion."""


@dataclass(frozen=True, slots=True)
class ContactPayloads(PayloadBuilder):
    """Contacts; `key` is the target that tells one from another."""

    companion = "_list"
    rules = ((REQUIRED, partial(missing, reason="has no list")),)
    key: str

    def payloads(self, keys: pa.Array, fields: Fields, _columns: Columns) -> pa.Array:
        """Return ``{"email":...,"ext_id":...,"attributes":{...}}``; attributes keep their order.

        Only an id that is the key stands beside the attributes: an import reads no other there.
        So does an e-mail address, which is left out where a row has none.
        """
        head: Parts = []
        if self.key == "ext_id":
            head += ['"ext_id":"', escaped(keys), '",']
        for field in fields:
            if field.to == "email":
                head = [*_address(field.values), *head]
        attributes = [
            field.member("EXT_ID" if field.to == "ext_id" else None)
            for field in fields
            if field.to not in {"email", *FLAGS} and not field.to == self.key == "ext_id"
        ]
        return joined(["{", *head, '"attributes":', *json_objects(attributes), "}"])


@dataclass(frozen=True, slots=True)
class EventPayloads(PayloadBuilder):
    """Events of one `name`, or, where it is None, named by their companion."""

    companion = "_event"
    rules = (
        (REQUIRED, partial(missing, reason="has no event name")),
        ("event name", wrong_names),
    )
    raw_json = True
    name: str | None

    def row_problems(self, columns: Columns) -> pa.Array:
        """Return the problem of rows that do not say whose event they are."""
        identifiers = [values for name, values in columns.items() if name in _EVENT_IDENTIFIERS]
        return missing(pc.coalesce(*identifiers), "does not say whose event it is")

    def payloads(self, keys: pa.Array, fields: Fields, columns: Columns) -> pa.Array:
        """Return an event: its name, its date, whose it is, and its properties, the id first.

        The id lets an event be found again (GET /events); without a date its version is it.
        """
        by_target = {field.to: field for field in fields}
        named = f'"{self.name}"' if self.name else json_text(columns[self.companion])
        versions = written(columns["_version"])
        dates = by_target["event_date"].values if "event_date" in by_target else versions
        identifiers = [
            Member(name, by_target[target].values)  # without its nulls: nobody is no identifier
            for target, name in _EVENT_IDENTIFIERS.items()
            if target in by_target
        ]
        of_contact = [
            field.member(field.to.removeprefix(CONTACT))
            for field in fields
            if field.to.startswith(CONTACT)
        ]
        parts = ["{", '"event_name":', named]
        parts += [',"event_date":', json_text(dates), ',"identifiers":', *json_objects(identifiers)]
        if of_contact:
            parts += [',"contact_properties":', *json_objects(of_contact)]
        own = (
            field.member()
            for field in fields
            if field.to not in _OF_EVENT and not field.to.startswith(CONTACT)
        )
        properties = [Member("event_id", keys), *own]
        return joined([*parts, ',"event_properties":', *json_objects(properties), "}"])


@dataclass(frozen=True, slots=True)
class RecordPayloads(PayloadBuilder):
    """Records of an object, each linked to what its companion names where it has a value."""

    companion = "_linked"
    association: Association | None

    def payloads(self, keys: pa.Array, fields: Fields, columns: Columns) -> pa.Array:
        """Return a record, with the link to another, by its ext_id, where a row has one."""
        attributes = [field.member() for field in fields if field.to != "ext_id"]
        parts: Parts = ['{"identifiers":{"ext_id":', json_text(keys), '},"attributes":']
        parts += json_objects(attributes)
        if self.association is not None:
            start = f',"associations":[{{"object_type":"{self.association.object}","records":['
            ids = json_text(columns[self.companion])
            link = joined([start, '{"identifiers":{"ext_id":', ids, "}}]}]"])
            parts.append(pc.fill_null(link, ""))
        return joined([*parts, "}"])


def payload_builder(audience: Audience) -> PayloadBuilder:
    """Return what makes the bodies of an audience's rows."""
    match audience.destination:
        case ContactsDestination():
            return ContactPayloads(audience.key_target)
        case EventsDestination(event=name):
            return EventPayloads(name)
        case ObjectsDestination(association=association):
            return RecordPayloads(association)


def _address(values: pa.Array) -> Parts:
    parts = ['"email":"', escaped(values), '",']
    return [pc.fill_null(joined(parts), "")] if values.null_count else parts
