"""What asks for the dates that were missed, as while the daemon was down."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from tajo_sf_pipeline.audience.freshness import missed
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.config.duration import written
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs.dagster_private import PARTITION_NAME_TAG, UnresolvedAssetJobDefinition
from tajo_sf_pipeline.defs.history import synced, under_way
from tajo_sf_pipeline.defs.jobs import ATTEMPTS, AUDIENCE_TAG, REQUESTED_TAG
from tajo_sf_pipeline.defs.schedules import days_from, due_at

_EVERY = 300  # seconds
_GRACE = timedelta(minutes=15)  # a run that the schedule has just asked for is not missed
_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def missed_dates_sensor(
    settings: Settings, audience: Audience, job: UnresolvedAssetJobDefinition
) -> dg.SensorDefinition:
    """Ask for the dates whose last tick nobody ran, within `catch_up`; it starts off.

    Dagster's schedules run only the newest tick that they missed. Each date is asked for at most
    three times, on the backfill path; what newer runs wrote stays (S04).
    """
    zone = settings.file.timezone

    @dg.sensor(
        name=f"{audience.name}_missed_dates",
        job=job,
        minimum_interval_seconds=_EVERY,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Asks for sync dates of the last {written(audience.catch_up)} that were "
        "missed, as while the daemon was down.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now, today = datetime.now(UTC), settings.today()
        first = max(today - audience.catch_up, settings.file.start_date)
        days = list(days_from(first, today - timedelta(days=1)))
        due = list(
            missed(
                days,
                synced(context.instance, audience.name, days),
                {day: due_at(day, audience.schedule, zone) + _GRACE for day in days},
                timezone=zone,
                now=now,
            )
        )
        if not due:
            reason = f"no sync date since {first} was missed"
            return dg.SensorResult(skip_reason=dg.SkipReason(reason))
        requests = [r for day in due if (r := _request(context.instance, audience.name, day))]
        if not requests:
            dates = ", ".join(map(str, due))
            reason = f"missed {dates}: a run is under way, or {ATTEMPTS} have failed"
            return dg.SensorResult(skip_reason=dg.SkipReason(reason))
        return dg.SensorResult(run_requests=requests)

    return sensor


def _request(instance: dg.DagsterInstance, audience: str, day: date) -> dg.RunRequest | None:
    """Ask for a date, unless a run of it is under way or enough have failed."""
    if under_way(instance, audience, "incremental", day):
        return None
    if under_way(instance, audience, "backfill", day):
        return None
    wanted = {
        PARTITION_NAME_TAG: day.isoformat(),
        AUDIENCE_TAG: audience,
        REQUESTED_TAG: "missed_dates",
    }
    failed = instance.get_runs_count(dg.RunsFilter(tags=wanted, statuses=_FAILED))
    if failed >= ATTEMPTS:
        return None
    done = instance.get_runs_count(dg.RunsFilter(tags=wanted))
    return dg.RunRequest(
        run_key=f"{day}/{done}",
        partition_key=day.isoformat(),
        tags={REQUESTED_TAG: "missed_dates"},
    )
