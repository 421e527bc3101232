"""A sync date's hours, and what its binds are worth."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from tajo_sf_pipeline.audience.window import NEVER, Lane, Window

WATERMARK = datetime(2026, 5, 3, 4, 5, tzinfo=UTC)


def _hours(window: Window) -> float:
    return (window.end.astimezone(UTC) - window.start.astimezone(UTC)) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("day", "timezone", "hours"),
    [
        (date(2026, 3, 29), "Europe/Paris", 23),
        (date(2026, 10, 25), "Europe/Paris", 25),
        (date(2026, 6, 1), "Europe/Paris", 24),
        (date(2026, 3, 29), "UTC", 24),
    ],
    ids=["clocks go forward", "clocks go back", "summer", "UTC"],
)
def test_hours_of_a_sync_date(day: date, timezone: str, hours: int) -> None:
    """A sync date is as long as the day is where the workspace is."""
    assert hours == _hours(Window(day, timezone))


def test_window_of_a_day_in_paris() -> None:
    """The window goes from midnight to midnight there, not in UTC."""
    window = Window(date(2026, 3, 29), "Europe/Paris")
    assert (
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    ) == (window.start.astimezone(UTC), window.end.astimezone(UTC))


@pytest.mark.parametrize("timezone", ["Europe/Paris", "America/Sao_Paulo", "Asia/Kathmandu"])
def test_no_moment_of_a_year_is_skipped_or_doubled(timezone: str) -> None:
    """Each window ends where the next one starts."""
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(366)]
    windows = [Window(day, timezone) for day in days]
    assert [] == [
        (one, following)
        for one, following in pairwise(windows)
        if one.end.astimezone(UTC) != following.start.astimezone(UTC)
    ]


@pytest.mark.parametrize(
    ("path", "watermark", "last_sync"),
    [
        ("incremental", WATERMARK, WATERMARK),
        ("incremental", None, NEVER),
        ("backfill", WATERMARK, datetime(2026, 5, 31, 22, tzinfo=UTC)),
        ("backfill", None, datetime(2026, 5, 31, 22, tzinfo=UTC)),
    ],
    ids=["incremental", "first incremental", "backfill", "first backfill"],
)
def test_last_sync(path: Lane, watermark: datetime | None, last_sync: datetime) -> None:
    """The incremental path goes on from the watermark; a backfill reads its own day."""
    binds = Window(date(2026, 6, 1), "Europe/Paris").binds(path, watermark)
    assert last_sync == binds["last_sync"]


def test_other_binds_are_those_of_the_sync_date() -> None:
    """The binds other than `:last_sync` do not depend on the path."""
    window = Window(date(2026, 6, 1), "UTC")
    expected = {
        "window_start": datetime(2026, 6, 1, tzinfo=UTC),
        "window_end": datetime(2026, 6, 2, tzinfo=UTC),
        "sync_date": date(2026, 6, 1),
        "partition_key": "2026-06-01",
    }
    assert expected | {"last_sync": WATERMARK} == window.binds("incremental", WATERMARK)
    assert expected | {"last_sync": window.start} == window.binds("backfill", WATERMARK)
