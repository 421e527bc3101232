"""What Dagster's instance remembers of an audience: when its dates were synced, what runs now."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

import dagster as dg

from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.defs.dagster_private import NOT_FINISHED_STATUSES, PARTITION_NAME_TAG
from tajo_sf_pipeline.defs.jobs import AUDIENCE_TAG, job_name


def synced(
    instance: dg.DagsterInstance, audience: str, days: Iterable[date]
) -> dict[date, datetime]:
    """Return the moment at which the last good sync of each date began; dates without one lack."""
    key = dg.AssetKey([audience, "sync"])
    latest = instance.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION, {day.isoformat() for day in days}
    )
    if not latest:
        return {}
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, storage_ids=list(latest.values())), limit=len(latest)
    ).records
    began = _began(instance, {record.run_id for record in records})
    return {
        date.fromisoformat(record.partition_key): datetime.fromtimestamp(
            began.get(record.run_id, record.timestamp), UTC
        )
        for record in records
        if record.partition_key
    }


def under_way(
    instance: dg.DagsterInstance, audience: str, path: Lane, day: date | None = None
) -> str | None:
    """Return the id of a run of this path, and date, that has not ended; None if there is none."""
    tags = {"dagster/partition": day.isoformat()} if day else {}
    runs = instance.get_runs(
        dg.RunsFilter(
            job_name=job_name(audience, path), statuses=list(NOT_FINISHED_STATUSES), tags=tags
        ),
        limit=1,
    )
    return runs[0].run_id if runs else None


def failed(instance: dg.DagsterInstance, audience: str, tags: Mapping[str, str]) -> dict[date, int]:
    """Count the runs with these tags for each date of which all of them failed.

    A date that any other run has brought since the first of them is left out.
    """
    records = instance.get_run_records(dg.RunsFilter(tags={AUDIENCE_TAG: audience, **tags}))
    by_date: dict[date, list[dg.RunRecord]] = {}
    for record in records:
        day = date.fromisoformat(record.dagster_run.tags[PARTITION_NAME_TAG])
        by_date.setdefault(day, []).append(record)
    good = synced(instance, audience, by_date)
    return {
        day: len(runs)
        for day, runs in by_date.items()
        if all(run.dagster_run.status is dg.DagsterRunStatus.FAILURE for run in runs)
        and not (day in good and good[day] > min(run.create_timestamp for run in runs))
    }


def _began(instance: dg.DagsterInstance, run_ids: set[str]) -> dict[str, float]:
    records = instance.get_run_records(dg.RunsFilter(run_ids=list(run_ids)))
    return {record.dagster_run.run_id: record.start_time for record in records if record.start_time}
