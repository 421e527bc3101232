"""Where an audience's rows go in Brevo, and what must hold before they may."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from tajo_sf_pipeline.document import Model

Kind = Literal["contacts", "events", "objects"]
_EVENT_NAME = r"^[A-Za-z0-9_-]{1,255}$"  # developers.brevo.com/reference/createevent
_OBJECT_TYPE = r"^[a-z0-9_]{1,32}$"  # developers.brevo.com/reference/upsertrecords
_WHOLE = 100


def _column(given: Any) -> Any:
    return given.strip().lower() if isinstance(given, str) else given


ColumnName = Annotated[str, BeforeValidator(_column), Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Limit:
    """So many rows, or such a part of them: ``100``, ``20%``."""

    number: float
    percent: bool

    def exceeded_by(self, count: int, of: int) -> bool:
        return count > (of * self.number / _WHOLE if self.percent else self.number)

    def __str__(self) -> str:
        return f"{self.number:g}%" if self.percent else f"{self.number:g} rows"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: object, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._parse, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": ["string", "integer"]}

    @classmethod
    def _parse(cls, given: object) -> Self:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%|(\d+)", str(given).strip())
        if isinstance(given, bool) or not found:
            raise ValueError("must be a number of rows such as 100, or a part such as 20%")
        return cls(float(found[1] or found[2]), percent=found[1] is not None)


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

    def told(self) -> str:
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
        places = ("list", "list_id", "list_from", "event", "event_from", "object")
        given = [name for name in places if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give {' or '.join(f'`{name}`' for name in given)}, not both")
        if self.association is not None and self.object is None:
            raise ValueError("`association` links objects: give `object` too")
        if self.campaign is not None and (self.kind != "contacts" or self.list_from is not None):
            raise ValueError("`campaign` goes to one list: give `list` or `list_id`")
        return self
