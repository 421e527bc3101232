"""Dagster's daemon as it runs for months: it ticks, watches, backfills and survives a kill."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import httpx
import pytest

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline_tests.dagster_processes import Dagster, running
from tajo_sf_pipeline_tests.graphql import Run
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
DAYS = 6
PATIENCE = 400  # seconds; a machine may be five times slower than ours
# By the query: rows of one date, or of all of them.
OF_A_DATE = "updated_at >= :window_start AND updated_at < :window_end"
QUERY = "SELECT email, points AS {attribute}, updated_at FROM {table} WHERE {which}"


@pytest.fixture(scope="module")
def shop(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Make a workspace whose local noon is about now: no test of it meets midnight."""
    workspace = Workspace.new(tmp_path_factory.mktemp("daemon"), sandbox, BrevoAccount.new(sandbox))
    hours = 12 - datetime.now(UTC).hour
    # The sign of these zones is the other way round.
    zone = "UTC" if not hours else f"Etc/GMT{-hours:+d}"
    workspace.write(snowflake={"transport": "sql_api"}, timezone=zone)
    last = workspace.settings().today() - timedelta(days=1)
    days = [last - timedelta(days=ago) for ago in range(DAYS)]
    rows = [
        [f"p{n}.{day}@example.com", n + day.day, f"{day}T12:00:00Z"]
        for day in days
        for n in range(3)
    ]
    table = workspace.table("points", "email,points,updated_at", rows)
    for name, which in {"daily": OF_A_DATE, "whole": "TRUE", "some": OF_A_DATE}.items():
        attribute = f"{name}_points".upper()
        query = QUERY.format(attribute=attribute, table=table, which=which)
        workspace.audience(
            name, query, {"email": "email", attribute.lower(): attribute}, cursor="updated_at"
        )
        workspace.brevo.attributes(**{attribute: "float"})
    for name in ("ticking", "watched", "killed"):
        own = workspace.table(name, "email", [[f"{name}@example.com"]])
        workspace.audience(
            name,
            f"SELECT email FROM {own}",
            {"email": "email"},
            schedule="0 * * * *",
            freshness={"min_interval": "1s"},
        )
    return workspace


@pytest.fixture(scope="module")
def dagster(shop: Workspace) -> Iterator[Dagster]:
    """Run a webserver and a daemon on it."""
    with running(shop.folder / "dagster", shop.file) as started:
        yield started


def dates(shop: Workspace, days: int) -> list[str]:
    """Give the last dates before today, in their order."""
    today = shop.settings().today()
    return [str(today - timedelta(days=ago)) for ago in range(days, 0, -1)]


def of_backfill(dagster: Dagster, backfill: str, **wanted: object) -> list[Run]:
    return dagster.client.runs(tags=[{"key": "dagster/backfill", "value": backfill}], **wanted)


def values(shop: Workspace, attribute: str) -> dict[str, object]:
    """Give what Brevo has of an attribute, by contact."""
    return {
        email: contact["attributes"][attribute]
        for email, contact in shop.brevo.contacts().items()
        if attribute in contact["attributes"]
    }


@contextmanager
def slow_statements(sandbox: Sandbox, seconds: float) -> Iterator[None]:
    """Have every statement of the SQL API take so long."""
    url = f"{sandbox.snowflake_url}/admin/settings"
    httpx.post(url, json={"statement_seconds": seconds}).raise_for_status()
    try:
        yield
    finally:
        httpx.post(url, json={"statement_seconds": 0}).raise_for_status()


def test_a_schedule_ticks_when_its_hour_comes(shop: Workspace, dagster: Dagster) -> None:
    """An hour later there is one run, of today, on the incremental path."""
    dagster.client.start_schedule("ticking_schedule")
    (dagster.home / "ahead").write_text("3600")
    try:
        wanted = {"pipelineName": "ticking_incremental"}
        dagster.wait_until(lambda: bool(dagster.client.runs(**wanted)), "a tick", PATIENCE)
        [run] = dagster.client.runs(**wanted)
    finally:
        (dagster.home / "ahead").unlink()
    assert "SUCCESS" == dagster.ended_run(run.id), dagster.last_words()
    assert (str(shop.settings().today()), "incremental", "ticking_schedule") == (
        run.tags["dagster/partition"],
        run.tags["tajo/path"],
        run.tags["dagster/schedule_name"],
    )
    assert "ticking@example.com" in shop.brevo.contacts()


def test_the_freshness_sensor_fires_after_an_update_and_not_without_one(
    shop: Workspace, dagster: Dagster
) -> None:
    """It looks, finds nothing, and says so; after an update there is one run."""
    dagster.client.start_sensor("watched_freshness")

    def looked_in_vain() -> bool:
        ticks = dagster.client.ticks("watched_freshness")
        return any("no source table has changed" in (tick["skipReason"] or "") for tick in ticks)

    dagster.wait_until(looked_in_vain, "a look without a change", PATIENCE)
    wanted = {"pipelineName": "watched_incremental"}
    assert [] == dagster.client.runs(**wanted)
    shop.table("watched", "email", [["watched@example.com"], ["new@example.com"]])
    dagster.wait_until(lambda: bool(dagster.client.runs(**wanted)), "a run", PATIENCE)
    [run] = dagster.client.runs(**wanted)
    assert "SUCCESS" == dagster.ended_run(run.id), dagster.last_words()
    assert "freshness" == run.tags["tajo/requested_by"]
    assert "new@example.com" in shop.brevo.contacts()


def test_a_backfill_survives_and_equals_one_run(shop: Workspace, dagster: Dagster) -> None:
    """Daemon and webserver are killed in the middle; each date has one good run in the end."""
    backfill = dagster.client.launch_job_backfill("daily_backfill", dates(shop, DAYS))

    def done() -> int:
        return len(of_backfill(dagster, backfill, statuses=["SUCCESS"]))

    dagster.wait_until(lambda: done() >= 1, "a date", PATIENCE)
    dagster.restart("daemon")
    dagster.wait_until(lambda: done() >= 3, "three dates", PATIENCE)
    dagster.restart("webserver")
    dagster.wait_until(
        lambda: dagster.client.backfill_status(backfill).startswith("COMPLETED"), "all", PATIENCE
    )
    assert "COMPLETED_SUCCESS" == dagster.client.backfill_status(backfill), dagster.last_words()
    runs = of_backfill(dagster, backfill)
    assert dates(shop, DAYS) == sorted(run.tags["dagster/partition"] for run in runs)
    assert {("SUCCESS", "backfill")} == {(run.status, run.tags["tajo/path"]) for run in runs}
    [whole] = shop.sync("--audience", "whole")
    assert 3 * DAYS == whole["confirmed"]
    assert values(shop, "WHOLE_POINTS") == values(shop, "DAILY_POINTS")


def test_a_backfill_is_cancelled_in_the_middle_and_resumed(
    shop: Workspace, dagster: Dagster
) -> None:
    """What was done stays done, what was not is asked for again; the other path runs meanwhile."""
    wanted = dates(shop, 4)
    with slow_statements(shop.sandbox, 1):
        backfill = dagster.client.launch_job_backfill("some_backfill", wanted)
        dagster.wait_until(
            lambda: bool(of_backfill(dagster, backfill, statuses=["SUCCESS"])), "a date", PATIENCE
        )
        dagster.client.cancel_backfill(backfill)
        beside = dagster.client.launch_run("some_incremental", str(shop.settings().today()))
        dagster.wait_until(
            lambda: dagster.client.backfill_status(backfill) == "CANCELED", "the end", PATIENCE
        )
    assert "SUCCESS" == dagster.ended_run(beside), dagster.last_words()
    runs = of_backfill(dagster, backfill)
    done = {run.tags["dagster/partition"] for run in runs if run.status == "SUCCESS"}
    left = [day for day in wanted if day not in done]
    assert left
    again = dagster.client.launch_job_backfill("some_backfill", left)
    dagster.wait_until(
        lambda: dagster.client.backfill_status(again).startswith("COMPLETED"), "the rest", PATIENCE
    )
    assert "COMPLETED_SUCCESS" == dagster.client.backfill_status(again), dagster.last_words()
    expected = {
        f"p{n}.{day}@example.com": n + date.fromisoformat(day).day
        for day in wanted
        for n in range(3)
    }
    assert expected == values(shop, "SOME_POINTS")


def test_a_run_whose_worker_is_killed_starts_again(shop: Workspace, dagster: Dagster) -> None:
    """The daemon finds it dead and starts another, which brings the date to its end."""
    with slow_statements(shop.sandbox, 3):
        first = dagster.client.launch_run("killed_incremental", str(shop.settings().today()))
        dagster.wait_until(lambda: bool(_worker(dagster, first)), "its worker", PATIENCE)
        [worker] = _worker(dagster, first)
        os.kill(worker, signal.SIGKILL)
    assert "FAILURE" == dagster.ended_run(first), dagster.last_words()
    wanted = {"tags": [{"key": "dagster/parent_run_id", "value": first}]}
    dagster.wait_until(lambda: bool(dagster.client.runs(**wanted)), "another run", PATIENCE)
    [second] = dagster.client.runs(**wanted)
    assert "SUCCESS" == dagster.ended_run(second.id), dagster.last_words()
    assert "killed@example.com" in shop.brevo.contacts()


def _worker(dagster: Dagster, run: str) -> list[int]:
    """Give the process of a run whose first step has begun."""
    with dg.DagsterInstance.from_config(str(dagster.home)) as instance:
        if not instance.all_logs(run, dg.DagsterEventType.STEP_START):
            return []
        events = [entry.dagster_event for entry in instance.all_logs(run)]
        entries = [
            event.engine_event_data.metadata.get("pid")
            for event in events
            if event and event.event_type == dg.DagsterEventType.ENGINE_EVENT
        ]
    return [int(str(pid.value)) for pid in entries if pid is not None][-1:]
