"""Backfills and single partitions through Dagster's real processes, asked for over GraphQL."""

from datetime import timedelta

import pytest

from tajo_sf_pipeline.state.ledger import Ledger
from tajo_sf_pipeline_tests.dagster_processes import Dagster
from tajo_sf_pipeline_tests.workspaces import Workspace

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
STEPS = ("extract", "mapped", "sync")


def test_a_backfill_runs_each_date_alone_and_the_newest_wins(
    dated: Workspace, dagster: Dagster
) -> None:
    """Three dates are three runs, in whatever order; Brevo ends with the latest date's values."""
    today = dated.settings().today()
    days = [str(today - timedelta(days=ago)) for ago in (3, 2, 1)]
    backfill = dagster.client.launch_backfill([["weekly", step] for step in STEPS], days)
    assert "COMPLETED_SUCCESS" == dagster.ended_backfill(backfill), dagster.last_words()
    runs = dagster.client.runs(tags=[{"key": "dagster/backfill", "value": backfill}])
    assert [(day, "SUCCESS") for day in days] == sorted(
        (run.tags["dagster/partition"], run.status) for run in runs
    )
    contact = dated.brevo.contacts()["weekly@example.com"]
    assert days[-1] == contact["attributes"]["WEEKLY_DATE"]
    [newest] = [run.id for run in runs if run.tags["dagster/partition"] == days[-1]]
    ledger = Ledger(dated.paths("weekly").ledger)
    assert {newest: 1} == {run.id: found for run in runs if (found := ledger.confirmed_by(run.id))}
    told = [
        materialization.metadata
        for day in days
        for materialization in dagster.client.materializations(["weekly", "sync"], day)
    ]
    assert [1] * len(days) == [sync["planned"] + sync["stale"] for sync in told]


def test_one_partition_of_a_job_tells_what_it_did(dated: Workspace, dagster: Dagster) -> None:
    """The run's metadata stands at each asset, for that date and from that run."""
    today = str(dated.settings().today())
    run = dagster.client.launch_run("daily_incremental", today)
    assert "SUCCESS" == dagster.ended_run(run), dagster.last_words()
    found = {step: dagster.client.materializations(["daily", step], today) for step in STEPS}
    assert {step: [(today, run)] for step in STEPS} == {
        step: [(one.partition, one.run_id) for one in materializations]
        for step, materializations in found.items()
    }
    extract, mapped, sync = (found[step][0].metadata for step in STEPS)
    assert 1 == extract["dagster/partition_row_count"]
    assert str(dated.paths("daily").extract(dated.settings().today())) == extract["file"]
    assert (1, 0, "none") == (
        mapped["dagster/partition_row_count"],
        mapped["rejected_rows"],
        mapped["unmapped_columns"],
    )
    assert (1, 1, 0) == (sync["created"], sync["confirmed"], sync["failed"])
    assert today == dated.brevo.contacts()["daily@example.com"]["attributes"]["DAILY_DATE"]
