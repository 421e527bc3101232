"""One job and one schedule for each audience: the incremental path."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._utils.schedules import reverse_cron_string_iterator

from tajo_sf_pipeline.audience import Audience
from tajo_sf_pipeline.defs.partitions import PATH_TAG
from tajo_sf_pipeline.settings import Settings


def job_name(audience: str) -> str:
    return f"{audience}_incremental"


def incremental_job(audience: Audience) -> UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        job_name(audience.name),
        selection=dg.AssetSelection.groups(audience.name),
        tags={PATH_TAG: "incremental", "tajo/audience": audience.name},
        description=f"{audience.description}: one sync date from Snowflake to Brevo.",
    )


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
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
        tick: datetime = context.scheduled_execution_time
        first = max(_day(_previous(tick, audience.schedule, zone), zone), settings.file.start_date)
        days = (_day(tick, zone) - first).days
        return [
            dg.RunRequest(run_key=f"{tick.isoformat()}/{day}", partition_key=day.isoformat())
            for day in (first + timedelta(days=number) for number in range(days + 1))
        ]

    return schedule


def _previous(tick: datetime, cron: str, zone: str) -> datetime:
    ticks = reverse_cron_string_iterator(tick.timestamp(), cron, zone)
    return next(moment for moment in ticks if moment < tick)


def _day(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()
