"""Amounts: numbers in the major unit of a currency that ISO 4217 knows; no rate is applied."""

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.mapping.normalised import Normalised, first_problem, refused
from tajo_sf_pipeline.mapping.normalisers.codes import currencies, minor_digits
from tajo_sf_pipeline.mapping.normalisers.numbers import number


class Amounts:
    """Reads amounts with a companion column of currencies; `currency` is that of all of them."""

    def __init__(self, form: str, *, minor_units: bool, currency: str | None) -> None:
        self._form = form
        self._minor_units = minor_units
        self._currency = currency
        self._codes = currencies()

    def __call__(self, column: pa.Array, codes: pa.Array | None = None, /) -> Normalised:
        amounts = number(column, self._form)
        if codes is None:
            codes = pa.repeat(pa.scalar(self._currency, pa.string()), len(column))
        read = self._codes(codes)
        valid = refused(amounts.values, pc.is_valid(read.values), "has no currency of ISO 4217")
        values = valid.values
        if self._minor_units:
            values = pc.divide(values, _units(read.values))
        return Normalised(values, first_problem(amounts.problems, valid.problems))


def _units(codes: pa.Array) -> pa.Array:
    """Return how many minor units make a major one: a power of ten, exact in a double."""
    encoded = codes.dictionary_encode()
    units = [10.0 ** (minor_digits(code) or 0) for code in encoded.dictionary.to_pylist()]
    return pa.array(units, pa.float64()).take(encoded.indices)
