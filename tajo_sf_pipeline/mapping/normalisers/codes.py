"""Codes of the standards: countries (ISO 3166), languages (BCP 47), currencies (ISO 4217)."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from tajo_sf_pipeline.mapping.normalised import EachDistinct, Normalised, Reading

COUNTRY_FORMS = ("alpha_2", "alpha_3", "numeric", "name")
# Codes that are reserved or used beside the standard's: iso.org/obp (UK), the European Union (EL).
_OTHER_CODES = {"uk": "GB", "el": "GR"}


def countries(form: str = "alpha_2") -> Callable[[pa.Array], Normalised]:
    """Read a code of two or three letters, of three digits, or the standard's English name."""

    def read(text: str) -> Reading:
        country = _country(text)
        if country is None:
            return None, "is no country of ISO 3166" if text.strip() else None
        return getattr(country, form), None

    return EachDistinct(read)


def country_code(text: str) -> str | None:
    """Return a country's two letters."""
    country = _country(text)
    return country.alpha_2 if country is not None else None


def languages() -> Callable[[pa.Array], Normalised]:
    """Read a tag as the standard writes it: ``en_us`` becomes ``en-US``."""
    return EachDistinct(_language)


def currencies() -> Callable[[pa.Array], Normalised]:
    """Read a code of three letters."""
    return EachDistinct(_currency)


def _country(text: str) -> Any:
    import pycountry

    word = text.strip().lower()
    if not word:
        return None
    try:
        return pycountry.countries.lookup(_OTHER_CODES.get(word, word))
    except LookupError:
        return None


def _language(text: str) -> Reading:
    from langcodes import standardize_tag, tag_is_valid
    from langcodes.tag_parser import LanguageTagError

    tag = text.strip()
    if not tag:
        return None, None
    try:
        if tag_is_valid(tag):
            return standardize_tag(tag), None
    except LanguageTagError:
        pass
    return None, "is no language tag of BCP 47"


def _currency(text: str) -> Reading:
    code = text.strip().upper()
    if not code:
        return None, None
    return (code, None) if minor_digits(code) is not None else (None, "is no currency of ISO 4217")


def minor_digits(code: str) -> int | None:
    """Return how many decimals a currency has, or None if there is no such currency."""
    from iso4217 import Currency

    try:
        return Currency(code).exponent or 0
    except ValueError:
        return None
