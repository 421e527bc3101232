"""Where an audience's rows go in Brevo, and what must hold before they may."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    model_validator,
)

from tajo_sf_pipeline.config.limit import Limit
from tajo_sf_pipeline.config.yaml_document import Model

Kind = Literal["contacts", "events", "objects"]
_EVENT_NAME = r"^[A-Za-z0-9_-]{1,255}$"  # developers.brevo.com/reference/createevent
_OBJECT_TYPE = r"^[a-z0-9_]{1,32}$"  # developers.brevo.com/reference/upsertrecords


def _column(given: Any) -> Any:
    return given.strip().lower() if isinstance(given, str) else given


ColumnName = Annotated[str, BeforeValidator(_column), Field(min_length=1)]


class Guards(Model):
    """What stops a run before any write (exit code 4); one that is not given does not judge.

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


class Destination(Model):
    """A list by name (made once), by id or by column; or an event; or a type of object."""

    list: str | None = Field(default=None, min_length=1)
    folder: str = Field(default="Tajo", min_length=1)
    list_id: int | None = Field(default=None, ge=1)
    list_from: ColumnName | None = None
    event: str | None = Field(default=None, pattern=_EVENT_NAME)
    event_from: ColumnName | None = None
    object: str | None = Field(default=None, pattern=_OBJECT_TYPE)
    association: Association | None = None
    campaign: Campaign | None = None

    @property
    def kind(self) -> Kind:
        if self.object is not None:
            return "objects"
        return "contacts" if self.event is None and self.event_from is None else "events"

    def as_text(self) -> str:
        """Say in a few words where the rows go."""
        if self.kind == "events":
            return f"event {self.event}" if self.event else f"events named by {self.event_from}"
        if self.kind == "objects":
            return f"objects of type {self.object}"
        if self.list_id is not None:
            return f"list {self.list_id}"
        if self.list_from is not None:
            return f"a list for each {self.list_from} in folder {self.folder!r}"
        return f"list {self.list!r} in folder {self.folder!r}"

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        paths = ("list", "list_id", "list_from", "event", "event_from", "object")
        given = [name for name in paths if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give {' or '.join(f'`{name}`' for name in given)}, not both")
        if self.association is not None and self.object is None:
            raise ValueError("`association` links objects: give `object` too")
        if self.campaign is not None and (self.kind != "contacts" or self.list_from is not None):
            raise ValueError("`campaign` goes to one list: give `list` or `list_id`")
        return self
