"""Where an audience's rows go in Brevo, and what must hold before they may."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from tajo_sf_pipeline.config.alternatives import at_most_one, exactly_one, not_both
from tajo_sf_pipeline.config.limit import Limit
from tajo_sf_pipeline.config.yaml_document import Model, known_keys_only

Kind = Literal["contacts", "events", "objects"]
Key = Literal["email", "ext_id", "sms"]
EVENT_NAME = r"^[A-Za-z0-9_-]{1,255}$"  # developers.brevo.com/reference/createevent
_OBJECT_TYPE = r"^[a-z0-9_]{1,32}$"  # developers.brevo.com/reference/upsertrecords
_CAMPAIGN = "`campaign` goes to one list: give `list` or `list_id`"
# They identify a contact. The phone numbers are written as attributes, in their capitals.
PHONES = ("SMS", "WHATSAPP", "LANDLINE_NUMBER")
IDENTITIES = ("email", "ext_id", *PHONES)
# Of the contact that an event is about: `contact.CITY` is its attribute CITY.
CONTACT = "contact."
NOT_A_NAME = "an attribute's name has letters, digits and _ only"


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

    _one_sender = exactly_one("email", "id")


class Campaign(Model):
    """A draft to the list, made once, by its name; sent only if `send` says so."""

    name: str = Field(min_length=1)
    subject: str = Field(min_length=1)
    sender: Sender
    template_id: int | None = Field(default=None, ge=1)
    html: str | None = Field(default=None, min_length=1)
    send: bool = False

    _one_content = exactly_one("template_id", "html")


class Association(Model):
    """The record that each object is linked to: the type, and the column that has its ext_id."""

    object: str = Field(default="contact", pattern=_OBJECT_TYPE)
    column: ColumnName


class _Common(Model):
    """What every destination has, and the answers that a kind gives unless it has its own.

    `own_targets` are those that only this kind has, and their types; `only_key` is the target of
    its key where an audience has no choice. What leaves a mirror can only be deleted where it
    `deletes_leavers`.
    """

    only_key: ClassVar[str | None] = None
    appends: ClassVar[bool] = False
    deletes_leavers: ClassVar[bool] = False
    takes_flags: ClassVar[bool] = False
    takes_contact: ClassVar[bool] = False
    own_targets: ClassVar[Mapping[str, Literal["text", "timestamp"]]] = {}

    # Only lists stand in one. Others take it and do nothing with it: files may say it since 0.1,
    # and it is part of every fingerprint.
    folder: str = Field(default="Tajo", min_length=1)

    @classmethod
    def target(cls, name: str) -> str:
        """Return a target as this kind writes it; raise `ValueError` for what is none."""
        return name

    @classmethod
    def contact_attribute(cls, _target: str) -> str | None:
        """Return the attribute of a contact, or the flag, that a target writes; None if none."""
        return None

    def key_target(self, key: Key) -> str:
        """Name the target that tells one row from another."""
        return self.only_key or ("SMS" if key == "sms" else key)

    def lacks(self, _targets: Collection[str], *, dated: bool) -> str | None:  # noqa: ARG002
        """Say which target has no field, though every row needs one; rows may be `dated`."""
        return None


class _NoList(_Common):
    """Of what no contact is a member."""

    list: ClassVar[None] = None
    list_id: ClassVar[None] = None
    list_from: ClassVar[None] = None
    campaign: ClassVar[None] = None

    def named(self, _name: str) -> Self:
        """Return itself: only a list may be without a name, and is called as its audience."""
        return self


class ContactsDestination(_Common):
    """Contacts on a list: by its name (it is made once), by its id, or named by a column."""

    kind: ClassVar[Literal["contacts"]] = "contacts"
    chosen_by: ClassVar[tuple[str, ...]] = ("list", "list_id", "list_from")
    takes_flags = True
    object: ClassVar[None] = None

    list: str | None = Field(default=None, min_length=1)
    list_id: int | None = Field(default=None, ge=1)
    list_from: ColumnName | None = None
    campaign: Campaign | None = None

    @property
    def column(self) -> str | None:
        """The column, lower-cased, that names each row's list."""
        return self.list_from

    @classmethod
    def target(cls, name: str) -> str:
        """Return an attribute's name, which is in capitals."""
        if "-" in name:
            raise ValueError(NOT_A_NAME)
        return name.upper()

    @classmethod
    def contact_attribute(cls, target: str) -> str | None:
        """Return the target: each is an attribute, an identifier or a flag of contacts."""
        return target

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
        at_most_one(self, "list", "list_id", "list_from")
        if self.campaign is not None and self.list_from is not None:
            raise ValueError(_CAMPAIGN)
        return self


class EventsDestination(_NoList):
    """Events of one name, or named by a column."""

    kind: ClassVar[Literal["events"]] = "events"
    chosen_by: ClassVar[tuple[str, ...]] = ("event", "event_from")
    only_key = "event_id"
    appends = True
    takes_contact = True
    own_targets = {"event_id": "text", "event_date": "timestamp"}
    object: ClassVar[None] = None

    event: str | None = Field(default=None, pattern=EVENT_NAME)
    event_from: ColumnName | None = None

    @property
    def column(self) -> str | None:
        """The column, lower-cased, that names each row's event."""
        return self.event_from

    @classmethod
    def target(cls, name: str) -> str:
        """Return a property's name, which is kept, or the event's own target in any case."""
        return name.lower() if name.lower() in cls.own_targets else name

    @classmethod
    def contact_attribute(cls, target: str) -> str | None:
        """Return the attribute that ``contact.`` leads to."""
        return target.removeprefix(CONTACT) if target.startswith(CONTACT) else None

    def lacks(self, targets: Collection[str], *, dated: bool) -> str | None:
        """Say whether no column says whose an event is, or when it was."""
        if not {*IDENTITIES} & {*targets}:
            return "no column says whose an event is: map one to email, ext_id or sms"
        if not dated and "event_date" not in targets:
            return "no column says when an event was: map one to event_date"
        return None

    def as_text(self) -> str:
        """Say in a few words where the rows go."""
        return f"event {self.event}" if self.event else f"events named by {self.event_from}"

    def same_target(self, other: "Destination") -> str | None:
        """Say what two destinations have in common, if anything."""
        both = isinstance(other, EventsDestination) and self.event == other.event
        return f"the event {self.event}" if both and self.event is not None else None

    @model_validator(mode="after")
    def _one_event(self) -> Self:
        at_most_one(self, "event", "event_from")
        if self.event is None and self.event_from is None:
            raise ValueError("give `event` or `event_from`")
        return self


class ObjectsDestination(_NoList):
    """Records of a type of object, each linked to another record where an association says so."""

    kind: ClassVar[Literal["objects"]] = "objects"
    chosen_by: ClassVar[tuple[str, ...]] = ("object",)
    only_key = "ext_id"
    deletes_leavers = True

    object: str = Field(pattern=_OBJECT_TYPE)
    association: Association | None = None

    @property
    def column(self) -> str | None:
        """The column, lower-cased, that has the ext_id of what each record is linked to."""
        return self.association.column if self.association else None

    def as_text(self) -> str:
        """Say in a few words where the rows go."""
        return f"objects of type {self.object}"

    def same_target(self, other: "Destination") -> str | None:
        """Say what two destinations have in common, if anything."""
        return f"the objects {self.object}" if self.object == other.object else None


KINDS: Mapping[Kind, type[ContactsDestination | EventsDestination | ObjectsDestination]] = {
    each.kind: each for each in (ContactsDestination, EventsDestination, ObjectsDestination)
}
# The keys of which one says where the rows go, and so of which kind a destination is.
_CHOSEN_BY = {name: kind for kind, each in KINDS.items() for name in each.chosen_by}
# Options of one kind, and what to say where they are given to another.
_OF_ONE_KIND: Mapping[str, tuple[Kind, str]] = {
    "association": ("objects", "`association` links objects: give `object` too"),
    "campaign": ("contacts", _CAMPAIGN),
}
_OPTIONS = (name for each in KINDS.values() for name in each.model_fields)
_KEYS = tuple(dict.fromkeys((*_CHOSEN_BY, *_OPTIONS)))


def kind_of(value: Any) -> Kind:
    """Return, by its keys, which kind of destination is given, before it is validated."""
    if not isinstance(value, dict):
        return getattr(value, "kind", "contacts")
    kinds = [kind for name, kind in _CHOSEN_BY.items() if value.get(name) is not None]
    return kinds[-1] if kinds else "contacts"


def _of_one_kind(value: Any) -> Any:
    """Refuse what no kind has, and what no kind has together; keys without a value are not there.

    The single kinds cannot tell that well: to each of them the others' keys are unknown.
    """
    if not isinstance(value, dict):
        return value
    known_keys_only(map(str, value), _KEYS)
    options = {key: item for key, item in value.items() if item is not None or key == "folder"}
    kind = kind_of(options)
    if {_CHOSEN_BY[name] for name in _CHOSEN_BY.keys() & options.keys()} - {kind}:
        raise ValueError(not_both(name for name in _CHOSEN_BY if name in options))
    for option, (owner, problem) in _OF_ONE_KIND.items():
        if option in options and kind != owner:
            raise ValueError(problem)
    return options


Destination = Annotated[
    Annotated[ContactsDestination, Tag("contacts")]
    | Annotated[EventsDestination, Tag("events")]
    | Annotated[ObjectsDestination, Tag("objects")],
    Discriminator(kind_of),
    BeforeValidator(_of_one_kind),
]
