"""Columns of the warehouse as Brevo's attribute types."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tajo_sf_pipeline
from tajo_sf_pipeline.audience.field_mapping import TypeName
from tajo_sf_pipeline.mapping.normalisers.booleans import boolean
from tajo_sf_pipeline.mapping.normalisers.moments import dates
from tajo_sf_pipeline.mapping.normalisers.numbers import number
from tajo_sf_pipeline.mapping.normalisers.texts import text
from tajo_sf_pipeline.mapping.types import TYPES, default_type, loss, table
from tajo_sf_pipeline_tests.strategies import decimals

MOMENT = pa.timestamp("us", tz="UTC")
NAIVE = pa.timestamp("us")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.string(), "text"),
        (pa.large_string(), "text"),
        (pa.int64(), "float"),
        (pa.float64(), "float"),
        (pa.decimal128(38, 2), "float"),
        (pa.bool_(), "boolean"),
        (pa.date32(), "date"),
        (NAIVE, "date"),
        (MOMENT, "date"),
        (pa.time64("us"), None),
        (pa.binary(), None),
    ],
    ids=str,
)
def test_brevo_type(column: pa.DataType, expected: str | None) -> None:
    """Every type of a column has one attribute type, or none."""
    kind = default_type(column)
    assert expected == (kind and TYPES[kind].brevo)


def test_decimal_is_the_number_it_says() -> None:
    """603.31 is not 603.3100000000001."""
    column = pa.array([Decimal("603.31"), Decimal("-0.00"), None], pa.decimal128(38, 2))
    assert [603.31, 0.0, None] == number(column).values.to_pylist()


@given(st.lists(decimals))
def test_decimals_are_the_nearest_doubles(numbers: list[Decimal]) -> None:
    """A decimal is rounded once, and rightly."""
    column = pa.array(numbers, pa.decimal128(38, 6))
    assert [float(number) for number in numbers] == number(column).values.to_pylist()


def test_s10_negative_zero_is_zero() -> None:
    """A zero has no sign, whichever type it came from."""
    values = number(pa.array([-0.0, 0.0])).values.to_pylist()
    assert [1.0, 1.0] == [math.copysign(1, value) for value in values]


def test_numbers_that_json_does_not_have() -> None:
    """NaN and infinity are told as such; the numbers beside them, and nulls, are good."""
    column = pa.array([1.5, math.nan, math.inf, -math.inf, None])
    reason = "is not a finite number"
    problems = number(column).problems
    assert problems is not None
    assert [None, reason, reason, reason, None] == problems.to_pylist()


@pytest.mark.parametrize("column", [pa.int64(), pa.decimal128(38, 0)], ids=str)
def test_s16_numbers_that_would_be_rounded(column: pa.DataType) -> None:
    """An id of 18 digits does not become another id on the way."""
    given = pa.array([2**53 - 1, 2**53, -(2**53), 123456789012345678], column)
    reason = "has more digits than a number in Brevo holds"
    problems = number(given).problems
    assert problems is not None
    assert [None, reason, reason, reason] == problems.to_pylist()


def test_doubles_may_be_large() -> None:
    """A double is what the warehouse has, however large."""
    assert number(pa.array([1e300, 2.0**60])).problems is None


@pytest.mark.parametrize(
    ("moment", "timezone", "day"),
    [
        (datetime(2026, 3, 1, 22, 59, tzinfo=UTC), "Europe/Paris", date(2026, 3, 1)),
        (datetime(2026, 3, 1, 23, 0, tzinfo=UTC), "Europe/Paris", date(2026, 3, 2)),
        (datetime(2026, 7, 1, 22, 0, tzinfo=UTC), "Europe/Paris", date(2026, 7, 2)),
        (datetime(2026, 3, 1, 2, 0, tzinfo=UTC), "America/New_York", date(2026, 2, 28)),
        (datetime(1969, 12, 31, 22, 59, tzinfo=UTC), "Europe/Paris", date(1969, 12, 31)),
        (datetime(1969, 12, 31, 23, 0, tzinfo=UTC), "Europe/Paris", date(1970, 1, 1)),
        (datetime(1955, 5, 5, 12, 0, tzinfo=UTC), "UTC", date(1955, 5, 5)),
    ],
    ids=[
        "before midnight there",
        "midnight there",
        "summer time",
        "west",
        "before 1970 there",
        "1970 there",
        "long before 1970",
    ],
)
def test_moment_becomes_the_date_there(moment: datetime, timezone: str, day: date) -> None:
    """A timestamp with a zone is the day that it was in the workspace's zone."""
    column = pa.array([moment, None], MOMENT)
    assert [day, None] == dates(timezone)(column).values.to_pylist()


@given(
    st.datetimes(datetime(1950, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds the zone
    st.sampled_from(["Europe/Paris", "Asia/Kathmandu", "America/Los_Angeles", "UTC"]),
)
def test_moments_become_dates_as_python_says(moment: datetime, timezone: str) -> None:
    """Arrow and Python agree on the day of a moment."""
    [day] = dates(timezone)(pa.array([moment], MOMENT)).values.to_pylist()
    assert moment.astimezone(ZoneInfo(timezone)).date() == day


def test_timestamp_without_zone_is_its_own_date() -> None:
    """What has no zone is not moved, before 1970 neither."""
    given = ["2026-03-01T23:59:59.999999", "1969-12-31T23:59:59", "1900-01-01T00:00:01"]
    column = pa.array([datetime.fromisoformat(text) for text in given], NAIVE)
    expected = [date(2026, 3, 1), date(1969, 12, 31), date(1900, 1, 1)]
    assert expected == dates("Europe/Paris")(column).values.to_pylist()


def test_s10_text_is_trimmed_and_empty_is_null() -> None:
    """White space alone is no text; what is inside stays."""
    column = pa.array(["  ", "", " a  b\n", "\u3000", None])
    assert [None, None, "a  b", None, None] == text(column).values.to_pylist()


def test_s10_false_is_a_value() -> None:
    """False is not a null."""
    column = pa.array([False, True, None])
    assert [False, True, None] == boolean(column).values.to_pylist()


@pytest.mark.parametrize(
    ("column", "kind", "told"),
    [
        (pa.decimal128(38, 2), "number", "of up to 38 digits a number in Brevo keeps 15"),
        (pa.decimal128(15, 2), "number", None),
        (pa.int64(), "number", None),
        (NAIVE, "date", "of a moment only the day arrives"),
        (MOMENT, "timestamp", "a moment arrives to the millisecond"),
        (pa.date32(), "date", None),
    ],
    ids=str,
)
def test_s16_loss_of_a_type(column: pa.DataType, kind: TypeName, told: str | None) -> None:
    """What a type cannot carry over is known before a value is seen."""
    assert told == loss(column, kind)


def test_the_table_in_the_documentation_is_the_one_in_the_code() -> None:
    """docs/mapping.md shows each type as the code has it."""
    page = (Path(tajo_sf_pipeline.__file__).parents[1] / "docs" / "mapping.md").read_text()
    assert "\n".join(table()) in page
