"""What Dagster's instance remembers of an audience: when its dates were synced, what runs now."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from tajo_sf_pipeline.defs.jobs import job_name
from tajo_sf_pipeline.window import SyncPath


def synced(
    instance: dg.DagsterInstance, audience: str, days: Iterable[date]
) -> dict[date, datetime]:
    """Give the moment at which the last good sync of each date began; dates without one lack."""
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
    instance: dg.DagsterInstance, audience: str, path: SyncPath, day: date | None = None
) -> str | None:
    """Give the id of a run of this path, and date, that has not ended; None if there is none."""
    tags = {"dagster/partition": day.isoformat()} if day else {}
    runs = instance.get_runs(
        dg.RunsFilter(
            job_name=job_name(audience, path), statuses=list(NOT_FINISHED_STATUSES), tags=tags
        ),
        limit=1,
    )
    return runs[0].run_id if runs else None


def _began(instance: dg.DagsterInstance, run_ids: set[str]) -> dict[str, float]:
    records = instance.get_run_records(dg.RunsFilter(run_ids=list(run_ids)))
    return {record.dagster_run.run_id: record.start_time for record in records if record.start_time}
