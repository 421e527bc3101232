"""Where an audience's rows go in Brevo, and what must hold before they may."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from tajo_sf_pipeline.config.limit import Limit
from tajo_sf_pipeline.config.yaml_document import Model, known_keys_only

Kind = Literal["contacts", "events", "objects"]
Key = Literal["email", "ext_id", "sms"]
_EVENT_NAME = r"^[A-Za-z0-9_-]{1,255}$"  # developers.brevo.com/reference/createevent
_OBJECT_TYPE = r"^[a-z0-9_]{1,32}$"  # developers.brevo.com/reference/upsertrecords
_CAMPAIGN = "`campaign` goes to one list: give `list` or `list_id`"


def _column(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


ColumnName = Annotated[str, BeforeValidator(_column), Field(min_length=1)]


class Guards(Model):
    """What stops a run before any write (exit code 4); one that is not set does not apply.

    `max_removed` is measured against what the audience holds, `max_rejected` against the
    extract, and `volume` is how far the extract may be from the mean of the last runs.
    """

    max_removed: Limit = Limit(20, percent=True)
    max_rejected: Limit | None = None
    min_rows: int = Field(default=0, ge=0)
    volume: Limit | None = None

    @model_validator(mode="after")
    def _volume_is_a_part(self) -> Self:
        if self.volume is not None and not self.volume.percent:
            raise ValueError("`volume` must be a part such as 50%")
        return self


class Sender(Model):
    """Who a campaign comes from: an e-mail address with a name, or the id of a known sender."""

    name: str | None = None
    email: str | None = None
    id: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_sender(self) -> Self:
        if (self.email is None) == (self.id is None):
            raise ValueError("give `email` or `id`, one of them")
        return self


class Campaign(Model):
    """A draft to the list, made once, by its name; sent only if `send` says so."""

    name: str = Field(min_length=1)
    subject: str = Field(min_length=1)
    sender: Sender
    template_id: int | None = Field(default=None, ge=1)
    html: str | None = Field(default=None, min_length=1)
    send: bool = False

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if (self.template_id is None) == (self.html is None):
            raise ValueError("give `template_id` or `html`, one of them")
        return self


class Association(Model):
    """The record that each object is linked to: the type, and the column that has its ext_id."""

    object: str = Field(default="contact", pattern=_OBJECT_TYPE)
    column: ColumnName


class _Place(Model):
    """What every destination has."""

    # Only lists stand in one. Others take it and do nothing with it: files may say it since 0.1,
    # and it is part of every fingerprint.
    folder: str = Field(default="Tajo", min_length=1)


class _NoList(_Place):
    """Of what no contact is a member."""

    list: ClassVar[None] = None
    list_id: ClassVar[None] = None
    list_from: ClassVar[None] = None
    campaign: ClassVar[None] = None

    def named(self, _name: str) -> Self:
        """Return itself: only a list may be without a name, and is called as its audience."""
        return self


class ContactsDestination(_Place):
    """Contacts on a list: by its name (it is made once), by its id, or named by a column."""

    kind: ClassVar[Literal["contacts"]] = "contacts"
    appends: ClassVar[bool] = False
    object: ClassVar[None] = None

    list: str | None = Field(default=None, min_length=1)
    list_id: int | None = Field(default=None, ge=1)
    list_from: ColumnName | None = None
    campaign: Campaign | None = None

    @property
    def column(self) -> str | None:
        """The column, lower-cased, that names each row's list."""
        return self.list_from

    def key_target(self, key: Key) -> str:
        """Name the target that tells one row from another."""
        return "SMS" if key == "sms" else key

    def as_text(self) -> str:
        """Say in a few words where the rows go."""
        if self.list_id is not None:
            return f"list {self.list_id}"
        if self.list_from is not None:
            return f"a list for each {self.list_from} in folder {self.folder!r}"
        return f"list {self.list!r} in folder {self.folder!r}"

    def same_target(self, other: "Destination") -> str | None:
        """Say what two destinations have in common, if anything."""
        by_id = self.list_id is not None and self.list_id == other.list_id
        by_name = self.list is not None and (self.folder, self.list) == (other.folder, other.list)
        return "the same list" if by_id or by_name else None

    def named(self, name: str) -> Self:
        """Return it with a list of this name where it says none."""
        says_one = self.list or self.list_id or self.list_from
        return self if says_one else self.model_copy(update={"list": name})

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        _only_one(self, "list", "list_id", "list_from")
        if self.campaign is not None and self.list_from is not None:
            raise ValueError(_CAMPAIGN)
        return self


class EventsDestination(_NoList):
    """Events of one name, or named by a column."""

    kind: ClassVar[Literal["events"]] = "events"
    appends: ClassVar[bool] = True
    object: ClassVar[None] = None

    event: str | None = Field(default=None, pattern=_EVENT_NAME)
    event_from: ColumnName | None = None

    @property
    def column(self) -> str | None:
        """The column, lower-cased, that names each row's event."""
        return self.event_from

    def key_target(self, _key: Key) -> str:
        """Name the target that tells one row from another."""
        return "event_id"

    def as_text(self) -> str:
        """Say in a few words where the rows go."""
        return f"event {self.event}" if self.event else f"events named by {self.event_from}"

    def same_target(self, other: "Destination") -> str | None:
        """Say what two destinations have in common, if anything."""
        both = isinstance(other, EventsDestination) and self.event == other.event
        return f"the event {self.event}" if both and self.event is not None else None

    @model_validator(mode="after")
    def _one_event(self) -> Self:
        _only_one(self, "event", "event_from")
        if self.event is None and self.event_from is None:
            raise ValueError("give `event` or `event_from`")
        return self


class ObjectsDestination(_NoList):
    """Records of a type of object, each linked to another record where an association says so."""

    kind: ClassVar[Literal["objects"]] = "objects"
    appends: ClassVar[bool] = False

    object: str = Field(pattern=_OBJECT_TYPE)
    association: Association | None = None

    @property
    def column(self) -> str | None:
        """The column, lower-cased, that has the ext_id of what each record is linked to."""
        return self.association.column if self.association else None

    def key_target(self, _key: Key) -> str:
        """Name the target that tells one row from another."""
        return "ext_id"

    def as_text(self) -> str:
        """Say in a few words where the rows go."""
        return f"objects of type {self.object}"

    def same_target(self, other: "Destination") -> str | None:
        """Say what two destinations have in common, if anything."""
        return f"the objects {self.object}" if self.object == other.object else None


# The keys of which one says where the rows go, and so of which kind a destination is.
_PLACES: Mapping[str, Kind] = {
    "list": "contacts",
    "list_id": "contacts",
    "list_from": "contacts",
    "event": "events",
    "event_from": "events",
    "object": "objects",
}
_KINDS = (ContactsDestination, EventsDestination, ObjectsDestination)
_KEYS = tuple(dict.fromkeys((*_PLACES, *(key for kind in _KINDS for key in kind.model_fields))))


def _only_one(model: object, *names: str) -> None:
    said = [name for name in names if getattr(model, name) is not None]
    if len(said) > 1:
        raise ValueError(_not_both(said))


def _not_both(names: Iterable[str]) -> str:
    return f"give {' or '.join(f'`{name}`' for name in names)}, not both"


def kind_of(value: Any) -> Kind:
    """Tell by its keys which kind of destination is given, before it is validated."""
    if not isinstance(value, dict):
        return getattr(value, "kind", "contacts")
    kinds = [kind for name, kind in _PLACES.items() if value.get(name) is not None]
    return kinds[-1] if kinds else "contacts"


def _of_one_kind(value: Any) -> Any:
    """Refuse what no kind has, and what no kind has together; keys without a value are not there.

    The single kinds cannot tell that well: to each of them the others' keys are unknown.
    """
    if not isinstance(value, dict):
        return value
    known_keys_only(map(str, value), _KEYS)
    value = {key: value for key, value in value.items() if value is not None or key == "folder"}
    kind = kind_of(value)
    if {_PLACES[name] for name in _PLACES.keys() & value.keys()} - {kind}:
        raise ValueError(_not_both(name for name in _PLACES if name in value))
    if "association" in value and kind != "objects":
        raise ValueError("`association` links objects: give `object` too")
    if "campaign" in value and kind != "contacts":
        raise ValueError(_CAMPAIGN)
    return value


Destination = Annotated[
    Annotated[ContactsDestination, Tag("contacts")]
    | Annotated[EventsDestination, Tag("events")]
    | Annotated[ObjectsDestination, Tag("objects")],
    Discriminator(kind_of),
    BeforeValidator(_of_one_kind),
]
