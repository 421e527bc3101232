"""Ticks, and the dates that they are about: none lost, on no day of any zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import cron_string_iterator

from tajo_sf_pipeline import defs
from tajo_sf_pipeline.audience.window import Window
from tajo_sf_pipeline.defs.schedules import days_from, due_at, longest_pause
from tajo_sf_pipeline_tests.workspaces import Workspace

# A spring day of 23 hours and an autumn day of 25 stand in each; Lord Howe moves by half an hour.
CHANGES = [
    ("Europe/Paris", date(2026, 3, 27), date(2026, 3, 31)),
    ("Europe/Paris", date(2026, 10, 23), date(2026, 10, 27)),
    ("America/Santiago", date(2026, 9, 4), date(2026, 9, 8)),
    ("America/Los_Angeles", date(2026, 10, 30), date(2026, 11, 3)),
    ("Australia/Lord_Howe", date(2026, 4, 3), date(2026, 4, 7)),
    ("Pacific/Auckland", date(2026, 9, 25), date(2026, 9, 29)),
]


def requested(workspace: Workspace, tick: datetime) -> list[str]:
    """Evaluate a tick and give its dates."""
    definitions = defs.build(workspace.settings())
    repository = definitions.get_repository_def()
    context = dg.build_schedule_context(scheduled_execution_time=tick, repository_def=repository)
    evaluated = definitions.resolve_schedule_def("people_schedule").evaluate_tick(context)
    return [str(request.partition_key) for request in evaluated.run_requests or ()]


def written(workspace: Workspace, timezone: str, schedule: str, **top: str) -> None:
    """Write a workspace of one audience with this schedule."""
    workspace.write(timezone=timezone, **top)
    workspace.audience("people", "SELECT email FROM people", {"email": "email"}, schedule=schedule)


@pytest.mark.parametrize(("timezone", "first", "last"), CHANGES)
@pytest.mark.parametrize(
    "schedule", ["30 2 * * *", pytest.param("0 */6 * * *", marks=pytest.mark.long)]
)
def test_every_date_is_whole_after_a_change_of_the_clock(
    workspace: Workspace, timezone: str, first: date, last: date, schedule: str
) -> None:
    """Each date is asked for by a tick at or after its end, in order, and none is left out."""
    written(workspace, timezone, schedule)
    zone = ZoneInfo(timezone)
    definitions = defs.build(workspace.settings())
    repository = definitions.get_repository_def()
    defined = definitions.resolve_schedule_def("people_schedule")
    finished: list[str] = []
    start = datetime.combine(first, datetime.min.time(), zone)
    for tick in cron_string_iterator(start.timestamp(), schedule, timezone):
        if tick.astimezone(zone).date() > last:
            break
        context = dg.build_schedule_context(
            scheduled_execution_time=tick, repository_def=repository
        )
        for request in defined.evaluate_tick(context).run_requests or ():
            day = date.fromisoformat(str(request.partition_key))
            if Window(day, timezone).end <= tick:
                finished.append(str(day))
    days = [str(day) for day in days_from(first - timedelta(days=1), last - timedelta(days=1))]
    assert days == finished


def test_a_tick_after_a_long_pause_asks_for_every_date_of_it(workspace: Workspace) -> None:
    """A weekly schedule syncs seven dates and the one that has begun."""
    written(workspace, "UTC", "0 0 * * 1")
    found = requested(workspace, datetime(2026, 11, 9, tzinfo=UTC))
    assert [f"2026-11-0{day}" for day in range(2, 10)] == found


def test_nothing_is_asked_for_before_the_start_date(workspace: Workspace) -> None:
    """A workspace that starts next month has no sync date yet, and the tick says so."""
    written(workspace, "UTC", "0 0 * * *", start_date="2026-12-01")
    assert [] == requested(workspace, datetime(2026, 11, 9, tzinfo=UTC))
    assert ["2026-12-01"] == requested(workspace, datetime(2026, 12, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("schedule", "timezone", "due"),
    [
        ("0 */6 * * *", "UTC", "2026-11-10T00:00:00+00:00"),
        ("30 2 * * *", "UTC", "2026-11-10T02:30:00+00:00"),
        ("0 3 * * *", "Europe/Paris", "2026-11-10T02:00:00+00:00"),
        ("0 0 * * 1", "UTC", "2026-11-16T00:00:00+00:00"),
    ],
)
def test_the_tick_that_a_date_waits_for(schedule: str, timezone: str, due: str) -> None:
    """It is the first at or after the date's end: until then nothing is missed."""
    assert datetime.fromisoformat(due) == due_at(date(2026, 11, 9), schedule, timezone)


@pytest.mark.parametrize(
    ("schedule", "hours"),
    [("0 */6 * * *", 6), ("30 2 * * *", 24), ("*/30 9-17 * * 1-5", 63.5), ("0 0 * * 1", 168)],
)
def test_the_longest_pause_of_a_schedule(schedule: str, hours: float) -> None:
    """A weekend counts: who syncs on weekdays is not stale on Sunday."""
    assert timedelta(hours=hours) == longest_pause(schedule, "UTC")
