"""Dates and moments, in ISO 8601; a day is that of a zone, and so is a clock time without one."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.mapping.normalised import EachDistinct, Normalised, Reading, refused

EPOCHS = {"epoch s": 1_000_000, "epoch ms": 1_000}  # a unit, in microseconds
NOT_A_DATE = "is not a date"
_NAIVE = pa.timestamp("us")
_MOMENT = pa.timestamp("us", tz="UTC")
_ZONE = re.compile(r"\s+(Z|[+-]\d{2}:?\d{2})$")
_LAST_SECOND = 253_402_300_799  # of the year 9999, after which Python has no date
_FIRST_SECOND = -62_135_596_800  # of the year 1


def dates(zone: str, form: str | None = None) -> Callable[[pa.Array], Normalised]:
    """Make dates. A moment is the day that it was in `zone`; what has no zone is not moved."""
    read = EachDistinct(lambda text: _day(text, form, zone), pa.date32())

    def normalise(column: pa.Array) -> Normalised:
        column, problems = _from_epoch(column, form)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            return read(column)
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            column = pc.local_timestamp(column.cast(pa.timestamp(column.type.unit, tz=zone)))
        return Normalised(column.cast(pa.date32()), problems)

    return normalise


def moments(zone: str, form: str | None = None) -> Callable[[pa.Array], Normalised]:
    """Make ``2026-03-01T10:00:00.000Z``. A clock time without a zone is one of `zone`.

    One that a clock shows twice is the earlier; one that it skips is the moment of the skip.
    """
    zoned = EachDistinct(lambda text: _moment(text, form), _MOMENT)
    naive = EachDistinct(lambda text: _clock(text, form), _NAIVE)

    def normalise(column: pa.Array) -> Normalised:
        column, problems = _from_epoch(column, form)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            with_zone = zoned(column)
            values = pc.coalesce(with_zone.values, _placed(naive(column).values, zone))
            return Normalised(written(values), with_zone.problems)
        if pa.types.is_date(column.type) or column.type.tz is None:
            column = _placed(column, zone)
        return Normalised(written(column), problems)

    return normalise


def _placed(clock: pa.Array, zone: str) -> pa.Array:
    clock = clock.cast(_NAIVE, safe=False)
    placed = pc.assume_timezone(clock, zone, ambiguous="earliest", nonexistent="latest")
    return placed.cast(_MOMENT)


def written(column: pa.Array) -> pa.Array:
    """Write moments as JSON has them, in UTC and to the millisecond."""
    text = column.cast(pa.timestamp("ms", tz="UTC"), safe=False).cast(pa.string())
    return pc.utf8_replace_slice(text, start=10, stop=11, replacement="T")


def _from_epoch(column: pa.Array, form: str | None) -> tuple[pa.Array, pa.Array | None]:
    if form not in EPOCHS:
        return column, None
    unit = EPOCHS[form]
    numbers = column.cast(pa.float64(), safe=False)
    seconds = pc.divide(numbers, 1_000_000 / unit)
    inside = pc.and_(
        pc.greater_equal(seconds, float(_FIRST_SECOND)), pc.less_equal(seconds, float(_LAST_SECOND))
    )
    valid = refused(numbers, inside, NOT_A_DATE)
    return pc.multiply(valid.values, unit).cast(pa.int64(), safe=False).cast(
        _MOMENT
    ), valid.problems


def _day(text: str, form: str | None, zone: str) -> Reading:
    moment = _parsed(text, form)
    if moment is None:
        return None, NOT_A_DATE if text.strip() else None
    if moment.tzinfo is not None:
        try:
            moment = moment.astimezone(ZoneInfo(zone))
        except OverflowError:
            return None, NOT_A_DATE
    return moment.date(), None


def _moment(text: str, form: str | None) -> Reading:
    """Read a moment with its zone; nothing, and no problem, where the text has none."""
    moment = _parsed(text, form)
    if moment is None:
        return None, NOT_A_DATE if text.strip() else None
    try:
        return (moment.astimezone(UTC) if moment.tzinfo else None), None
    except OverflowError:
        return None, NOT_A_DATE


def _clock(text: str, form: str | None) -> Reading:
    """Read a clock time; nothing where the text has a zone, or is none."""
    moment = _parsed(text, form)
    return (None if moment is None or moment.tzinfo else moment), None


def _parsed(text: str, form: str | None) -> datetime | None:
    written = text.strip()
    try:
        if form is not None:
            return datetime.strptime(written, form)  # noqa: DTZ007 - without a zone it has none
        return datetime.fromisoformat(_ZONE.sub(r"\1", written))
    except ValueError:
        return None
