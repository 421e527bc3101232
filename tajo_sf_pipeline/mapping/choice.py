"""Which normaliser makes a field of a type."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from tajo_sf_pipeline.audience.field_mapping import CONTACT, Field, TypeName
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
class Ways:
    """What the workspace and the audience say where a field says nothing."""

    timezone: str
    phone_region: str | None = None
    contacts: bool = True

    def to_the_day(self, target: str) -> bool:
        """Tell whether a moment arrives there as its day: attributes of contacts have no time."""
        return self.contacts or target.startswith(CONTACT)


def normaliser(kind: TypeName, field: Field, routes: Ways) -> Normaliser:
    """Return the normaliser; raise `ValueError` for an option that the type does not know."""
    if kind in _BESIDE:
        return _BESIDE[kind](field, routes)
    alone = _ALONE[kind](field, routes)
    return lambda column, _beside=None, /: alone(column)


def _phone(field: Field, routes: Ways) -> Normaliser:
    region = field.region or routes.phone_region
    if region and not phones.known_region(region):
        raise ValueError(f"{region} is no region of phone numbers, such as FR")
    return phones.Phones(region)


def _number(field: Field, _ways: Ways) -> Alone:
    return partial(numbers.number, form=_one_of(numbers.FORMATS, field.format or "1234.56"))


def _text(field: Field, _ways: Ways) -> Alone:
    return partial(texts.text, max_length=field.max_length, truncate=field.truncate)


def _money(field: Field, _ways: Ways) -> Normaliser:
    form = _one_of(numbers.FORMATS, field.format or "1234.56")
    if field.currency and codes.minor_digits(field.currency) is None:
        raise ValueError(f"{field.currency} is no currency of ISO 4217")
    return money.Amounts(form, minor_units=field.minor_units, currency=field.currency)


def _country(field: Field, _ways: Ways) -> Alone:
    return codes.countries(_one_of(codes.COUNTRY_FORMS, field.format or "alpha_2"))


def _one_of(known: Iterable[str], given: str) -> str:
    if given not in known:
        raise ValueError(f"`format` is one of {', '.join(known)}")
    return given


# They look at another column too.
_BESIDE: Mapping[TypeName, Callable[[Field, Ways], Normaliser]] = {
    "phone": _phone,
    "money": _money,
}
_ALONE: Mapping[TypeName, Callable[[Field, Ways], Alone]] = {
    "text": _text,
    "email": lambda _field, _ways: emails.email,
    "number": _number,
    "currency": lambda _field, _ways: codes.currencies(),
    "boolean": lambda _field, _ways: booleans.boolean,
    "date": lambda field, routes: moments.dates(field.timezone or routes.timezone, field.format),
    "timestamp": lambda field, _ways: moments.moments(field.timezone or "UTC", field.format),
    "country": _country,
    "language": lambda _field, _ways: codes.languages(),
    "category": lambda field, _ways: partial(texts.category, options=field.options),
    "list": lambda field, _ways: lists.lists(field.separator, field.options),
    "json": lambda _field, _ways: lists.documents(),
}
