"""When an audience runs by the clock: every sync date that the time since the last tick touches."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import dagster as dg

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import Window
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs.dagster_private import (
    UnresolvedAssetJobDefinition,
    cron_string_iterator,
    reverse_cron_string_iterator,
)

# Where a schedule's pauses are looked for: over a weekend first, and not for ever.
_A_FRIDAY = datetime(2026, 1, 2, 12, tzinfo=UTC)
_A_WEEK = timedelta(days=8)
_TICKS = 200


def incremental_schedule(
    settings: Settings, audience: Audience, job: UnresolvedAssetJobDefinition
) -> dg.ScheduleDefinition:
    """Run every sync date since the tick before; it starts off, a person switches it on.

    The first tick of a day asks for the day before as well: its last hours are new.
    """
    zone = settings.file.timezone

    @dg.schedule(
        name=f"{audience.name}_schedule",
        cron_schedule=audience.schedule,
        job=job,
        execution_timezone=zone,
        description=f"Syncs {audience.name} at {audience.schedule} ({zone}).",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        tick: datetime = context.scheduled_execution_time
        first = max(_day(_previous(tick, audience.schedule, zone), zone), settings.file.start_date)
        days = list(days_from(first, _day(tick, zone)))
        if not days:
            return dg.SkipReason(f"start_date is {settings.file.start_date}: no sync date exists")
        return [
            dg.RunRequest(run_key=f"{tick.isoformat()}/{day}", partition_key=day.isoformat())
            for day in days
        ]

    return schedule


def days_from(first: date, last: date) -> Iterator[date]:
    """Return every day from the first to the last."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def due_at(day: date, cron: str, zone: str) -> datetime:
    """Return the tick that syncs a date's last hours: the first at or after its end."""
    end = Window(day, zone).end
    return next(cron_string_iterator(end.timestamp(), cron, zone))


@cache
def longest_pause(cron: str, zone: str) -> timedelta:
    """Return the longest time between two ticks of a schedule that follow each other."""
    ticks = cron_string_iterator(_A_FRIDAY.timestamp(), cron, zone)
    earlier, longest = next(ticks), timedelta()
    for number, later in enumerate(ticks, start=1):
        longest = max(longest, later - earlier)
        if number >= _TICKS or (number > 1 and later - _A_FRIDAY > _A_WEEK):
            break
        earlier = later
    return longest


def _previous(tick: datetime, cron: str, zone: str) -> datetime:
    ticks = reverse_cron_string_iterator(tick.timestamp(), cron, zone)
    return next(moment for moment in ticks if moment < tick)


def _day(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()
