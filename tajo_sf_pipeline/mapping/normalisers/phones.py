"""Phone numbers in E.164, which Brevo wants (help.brevo.com: a country code is required)."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.mapping.normalised import EachDistinct, Normalised, Reading
from tajo_sf_pipeline.mapping.normalisers.codes import country_code
from tajo_sf_pipeline.mapping.normalisers.texts import as_text

_SEPARATOR = "\x1f"  # no country's name and no phone number has it
_INTERNATIONAL = re.compile(r"\s*(\+|00)\s*(?=[1-9])")


class Phones:
    """Parses each distinct number once, in its companion's country, else in the `region`."""

    def __init__(self, region: str | None) -> None:
        self._region = region or ""
        self._read = EachDistinct(_read)

    def __call__(self, column: pa.Array, countries: pa.Array | None = None, /) -> Normalised:
        regions = self._region if countries is None else self._companion_regions(countries)
        numbers = as_text(column)
        return self._read(pc.binary_join_element_wise(regions, numbers, _SEPARATOR))

    def _companion_regions(self, countries: pa.Array) -> pa.Array:
        regions = pc.utf8_trim_whitespace(countries.cast(pa.string()))
        regions = pc.if_else(pc.equal(regions, ""), self._region, regions)
        return pc.fill_null(regions, self._region)


def known_region(code: str) -> bool:
    import phonenumbers

    return code in phonenumbers.SUPPORTED_REGIONS


def _read(text: str) -> Reading:
    import phonenumbers

    country, _, written = text.partition(_SEPARATOR)
    if not written.strip():
        return None, None
    region = country_code(country) if country else None
    # 0033 is +33 in most countries, and Brevo reads it so.
    written = (
        _INTERNATIONAL.sub("+", written, count=1) if _INTERNATIONAL.match(written) else written
    )
    if region is None and not written.startswith("+"):
        return None, "has no country code, and its row no known country"
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None, "is not a phone number"
    if not phonenumbers.is_valid_number(number):
        return None, "is not a phone number"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), None
