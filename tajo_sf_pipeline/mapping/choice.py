"""Which normaliser makes a field of a type."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa

from tajo_sf_pipeline.audience.destination import ContactsDestination, Destination
from tajo_sf_pipeline.audience.field_mapping import Field, TypeName
from tajo_sf_pipeline.mapping.normalised import Normalised, Normaliser
from tajo_sf_pipeline.mapping.normalisers import (
    booleans,
    codes,
    emails,
    lists,
    moments,
    money,
    numbers,
    phones,
    texts,
)

Alone = Callable[[pa.Array], Normalised]


@dataclass(frozen=True, slots=True)
class FieldDefaults:
    """What the workspace and the audience say where a field says nothing."""

    timezone: str
    phone_region: str | None = None
    destination: Destination = field(default_factory=ContactsDestination)

    def to_the_day(self, target: str) -> bool:
        """Tell whether a moment arrives there as its day: attributes of contacts have no time."""
        return self.destination.contact_attribute(target) is not None


def normaliser(kind: TypeName, field: Field, defaults: FieldDefaults) -> Normaliser:
    """Return the normaliser; raise `ValueError` for an option that the type does not know."""
    if kind in _WITH_COMPANION:
        return _WITH_COMPANION[kind](field, defaults)
    alone = _ALONE[kind](field, defaults)
    return lambda column, _companion=None, /: alone(column)


def _phone(field: Field, defaults: FieldDefaults) -> Normaliser:
    region = field.region or defaults.phone_region
    if region and not phones.known_region(region):
        raise ValueError(f"{region} is no region of phone numbers, such as FR")
    return phones.Phones(region)


def _number(field: Field, _defaults: FieldDefaults) -> Alone:
    return partial(numbers.number, form=_one_of(numbers.FORMATS, field.format or "1234.56"))


def _text(field: Field, _defaults: FieldDefaults) -> Alone:
    return partial(texts.text, max_length=field.max_length, truncate=field.truncate)


def _money(field: Field, _defaults: FieldDefaults) -> Normaliser:
    form = _one_of(numbers.FORMATS, field.format or "1234.56")
    if field.currency and codes.minor_digits(field.currency) is None:
        raise ValueError(f"{field.currency} is no currency of ISO 4217")
    return money.Amounts(form, minor_units=field.minor_units, currency=field.currency)


def _date(field: Field, defaults: FieldDefaults) -> Alone:
    return moments.dates(field.timezone or defaults.timezone, field.format)


def _country(field: Field, _defaults: FieldDefaults) -> Alone:
    return codes.countries(_one_of(codes.COUNTRY_FORMS, field.format or "alpha_2"))


def _one_of(formats: Iterable[str], chosen: str) -> str:
    if chosen not in formats:
        raise ValueError(f"`format` is one of {', '.join(formats)}")
    return chosen


# They read a companion column too.
_WITH_COMPANION: Mapping[TypeName, Callable[[Field, FieldDefaults], Normaliser]] = {
    "phone": _phone,
    "money": _money,
}
_ALONE: Mapping[TypeName, Callable[[Field, FieldDefaults], Alone]] = {
    "text": _text,
    "email": lambda _field, _defaults: emails.email,
    "number": _number,
    "currency": lambda _field, _defaults: codes.currencies(),
    "boolean": lambda _field, _defaults: booleans.boolean,
    "date": _date,
    "timestamp": lambda field, _defaults: moments.moments(field.timezone or "UTC", field.format),
    "country": _country,
    "language": lambda _field, _defaults: codes.languages(),
    "category": lambda field, _defaults: partial(texts.category, options=field.options),
    "list": lambda field, _defaults: lists.lists(field.separator, field.options),
    "json": lambda _field, _defaults: lists.documents(),
}
