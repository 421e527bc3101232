"""The `field_mapping` that tajo.yaml and an audience's file share: source column to Brevo field.

``column: TARGET``, or ``column: {to: TARGET, ...}`` with the options of a `Field`.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, RootModel, model_validator
from pydantic import Field as Option

from tajo_sf_pipeline.audience import expression
from tajo_sf_pipeline.audience.destination import (
    CONTACT,
    IDENTITIES,
    NOT_A_NAME,
    PHONES,
    ColumnName,
    ContactsDestination,
    Destination,
    Key,
)
from tajo_sf_pipeline.config.alternatives import at_most_one
from tajo_sf_pipeline.config.settings import TimeZone
from tajo_sf_pipeline.config.yaml_document import Model

KEY_FIELD = "email"
IDENTIFIERS = frozenset(name.upper() for name in IDENTITIES)
# developers.brevo.com/reference/createattribute: an option has at most so many characters.
OPTION_LENGTH = 200
# Blocklist flags (S09). A consent is the contrary of its flag.
FLAGS: Mapping[str, str] = {
    "consent.email": "_email_blacklisted",
    "consent.sms": "_sms_blacklisted",
    "emailBlacklisted": "_email_blacklisted",
    "smsBlacklisted": "_sms_blacklisted",
}
# The consent that stands behind a flag in mapped rows.
CONSENTS: Mapping[str, str] = {
    "_email_blacklisted": "_email_consent",
    "_sms_blacklisted": "_sms_consent",
}

TypeName = Literal[
    "text",
    "email",
    "phone",
    "number",
    "money",
    "currency",
    "boolean",
    "date",
    "timestamp",
    "country",
    "language",
    "category",
    "list",
    "json",
]
OnInvalid = Literal["reject", "null", "keep"]
Mask = Literal["sha256", "redact"]
Nulls = Literal["skip", "clear"]

_TARGETS: Mapping[str, TypeName] = {
    "email": "email",
    "ext_id": "text",
    **dict.fromkeys(PHONES, "phone"),
    **dict.fromkeys(FLAGS, "boolean"),
}
# The types that an option is about. One that is about a single type says which it is.
_OPTIONS: Mapping[str, tuple[TypeName, ...]] = {
    "region": ("phone",),
    "region_from": ("phone",),
    "currency": ("money",),
    "currency_from": ("money",),
    "minor_units": ("money",),
    "timezone": ("date", "timestamp"),
    "max_length": ("text",),
    "truncate": ("text",),
    "separator": ("list",),
    "options": ("category", "list"),
    "format": ("number", "money", "date", "timestamp", "country"),
}
_KEPT: tuple[TypeName | None, ...] = (
    "text",
    "phone",
    "currency",
    "timestamp",
    "country",
    "language",
    "category",
    "json",
)
_ONE_OF_EACH = (("expression", "value"), ("region", "region_from"), ("currency", "currency_from"))


def _target(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    name = value.strip()
    if name.upper() in IDENTIFIERS:
        return name.upper() if name.upper() in PHONES else name.lower()
    for flag in FLAGS:
        if name.lower() == flag.lower():
            return flag
    if name.lower().startswith(CONTACT):
        return CONTACT + name[len(CONTACT) :].upper()
    return name


def _word(value: Any) -> Any:
    return "null" if value is None else value  # YAML reads a bare null as nothing


def _sql(text: str) -> str:
    expression.parsed(text)  # it must be one
    return text


def _checked(name: str) -> str:
    if name not in FLAGS and not re.fullmatch(r"(contact\.)?[A-Za-z][A-Za-z0-9_-]*", name):
        raise ValueError(NOT_A_NAME)
    return name


_Choice = Annotated[str, Option(min_length=1, max_length=OPTION_LENGTH)]
_Target = Annotated[str, BeforeValidator(_target), AfterValidator(_checked)]


class Field(Model):
    """What becomes of one source.

    The source is the column, or the dotted path into a VARIANT column, that stands before the
    colon; or `expression` (DuckDB's SQL over the columns), or the constant `value`: then the name
    before the colon is only a name. `type` is by default the target's, else the column's.
    `format` is how the source writes a date (strptime's directives, ``epoch s``, ``epoch ms``) or
    the number 1234.56; of a country it is the form that is wanted. `timezone` is that of moments
    without one, and the one in which a moment's day is taken. `options` are the
    values that a category or a multiple choice may have; they are made in Brevo where
    `create_attributes` is on. `personal` says that the target may hold personal data.
    """

    other_spellings: ClassVar[Mapping[str, str]] = {"attribute": "to", "target": "to"}

    to: _Target
    type: TypeName | None = None
    format: str | None = Option(default=None, min_length=1)
    default: str | int | float | bool | None = None
    nulls: Nulls | None = None
    on_invalid: Annotated[OnInvalid, BeforeValidator(_word)] = "reject"
    mask: Mask | None = None
    personal: bool = False
    expression: Annotated[str, AfterValidator(_sql)] | None = None
    value: str | int | float | bool | None = None
    region: str | None = Option(default=None, pattern="^[A-Z]{2}$")
    region_from: ColumnName | None = None
    currency: str | None = Option(default=None, pattern="^[A-Z]{3}$")
    currency_from: ColumnName | None = None
    minor_units: bool = False
    timezone: TimeZone | None = None
    max_length: int | None = Option(default=None, ge=1)
    truncate: bool = False
    separator: str | None = Option(default=None, min_length=1)
    options: tuple[_Choice, ...] = ()

    @property
    def kind(self) -> TypeName | None:
        """The type that is said or implied, or None where the column's own decides."""
        said = self.type or _TARGETS.get(self.to)
        implied = (_OPTIONS[name] for name in self.model_fields_set & _OPTIONS.keys())
        return said or next((types[0] for types in implied if len(types) == 1), None)

    @property
    def columns(self) -> tuple[str, ...]:
        """The companion columns, which it reads besides its source."""
        return tuple(name for name in (self.region_from, self.currency_from) if name)

    def reads(self, source: str) -> frozenset[str]:
        """Name all columns, lower-cased, that it needs; `source` stands before its colon."""
        if self.value is not None:
            return frozenset(self.columns)
        if self.expression is not None:
            return expression.parsed(self.expression).columns.union(self.columns)
        inside = expression.path(source)
        return (inside.columns if inside else frozenset({source})).union(self.columns)

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        for name in sorted(self.model_fields_set & _OPTIONS.keys()):
            if self.kind not in _OPTIONS[name]:
                types = " or ".join(_OPTIONS[name])
                raise ValueError(f"`{name}` is about `type: {types}`")
        for names in _ONE_OF_EACH:
            at_most_one(self, *names)
        if self.kind == "money" and not (self.currency or self.currency_from):
            raise ValueError("`type: money` needs `currency` or `currency_from`")
        if self.kind == "category" and not self.options:
            raise ValueError("`type: category` needs `options`, the values that it may have")
        if self.truncate and self.max_length is None:
            raise ValueError("`truncate` needs `max_length`")
        return self

    @model_validator(mode="after")
    def _target_fits(self) -> Self:
        required = _TARGETS.get(self.to)
        if required and self.kind != required:
            raise ValueError(f"{self.to} is of type {required}")
        if self.to in FLAGS and self.on_invalid != "reject":
            raise ValueError(
                f"{self.to} is a consent: a row whose consent cannot be read is rejected, so "
                f"`on_invalid: {self.on_invalid}` cannot stand here; `consent.unknown` says what "
                "becomes of an empty one"
            )
        if self.to in FLAGS and self.mask:
            raise ValueError(f"{self.to} is a flag: it cannot be masked")
        if self.on_invalid == "keep" and (self.kind not in _KEPT or self.mask):
            raise ValueError("`on_invalid: keep` is for values that are sent as text")
        return self


def _field(value: Any) -> Any:
    return {"to": value} if isinstance(value, str) else value


def _in_capitals(mapping: dict[str, Field]) -> dict[str, Field]:
    return {source: _renamed(field, ContactsDestination) for source, field in mapping.items()}


def _by_source(mapping: dict[str, Field]) -> dict[str, Field]:
    targets = [field.to.upper() for field in mapping.values()]
    flags = [FLAGS[field.to] for field in mapping.values() if field.to in FLAGS]
    twice = {name for names in (targets, flags) for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"two columns are mapped to {', '.join(sorted(twice))}")
    by_source = {_source(source): field for source, field in mapping.items()}
    if len(by_source) < len(mapping):
        raise ValueError("two columns differ only in upper and lower case, which are one column")
    return by_source


def _source(written: str) -> str:
    """Lower the column's name; the names inside a VARIANT have a case of their own."""
    column, dot, inside = written.strip().partition(".")
    return column.lower() + dot + inside


def _has_key(mapping: dict[str, Field]) -> dict[str, Field]:
    keys = {KEY_FIELD, "ext_id", "SMS", "event_id"}
    if not any(field.to in keys or field.to.lower() in keys for field in mapping.values()):
        raise ValueError(f"no column is mapped to the key `{KEY_FIELD}`")
    return mapping


FieldMapping = Annotated[
    dict[str, Annotated[Field, BeforeValidator(_field)]],
    AfterValidator(_has_key),
    AfterValidator(_by_source),
]


class SharedMapping(RootModel[Annotated[FieldMapping, AfterValidator(_in_capitals)]]):
    """The `field_mapping` of tajo.yaml, for all queries there: it is about contacts."""


def fitted(
    fields: Mapping[str, Field], to: Destination, key: Key, *, dated: bool
) -> dict[str, Field]:
    """Return the fields as the destination has them; raise `ValueError` where they do not fit it.

    The attributes of contacts are in capitals; those of objects, and an event's properties, keep
    their own names. An event needs a date, unless rows are `dated` by a cursor.
    """
    fit = {source: _renamed(field, type(to)) for source, field in fields.items()}
    targets = {field.to for field in fit.values()}
    if to.key_target(key) not in targets:
        raise ValueError(f"no column is mapped to the key `{to.key_target(key)}`")
    if problem := to.lacks(targets, dated=dated):
        raise ValueError(problem)
    return fit


def _renamed(field: Field, to: type[Destination]) -> Field:
    name = field.to
    if name in FLAGS and not to.takes_flags:
        raise ValueError(f"{name} is of contacts, not of {to.kind}")
    if name.startswith(CONTACT) and not to.takes_contact:
        raise ValueError(f"{name} is of events, not of {to.kind}")
    if name in _TARGETS:
        return field
    name = to.target(name)
    kind = to.own_targets.get(name, field.type)
    if field.type not in {None, kind}:
        raise ValueError(f"{name} is of type {kind}")
    # A type that nobody wrote is none of the field's own options.
    return field.model_copy(update={"to": name} | ({"type": kind} if kind else {}))
