"""Dagster's daemon as it runs for months: it ticks, watches, backfills and survives a kill.

All of it twice: on SQLite, and on PostgreSQL with the instance file of deploy/.
"""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import yaml

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline_tests import postgres
from tajo_sf_pipeline_tests.dagster_processes import Dagster, running
from tajo_sf_pipeline_tests.graphql import Run
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]
NO_POSTGRES = pytest.mark.skipif(postgres.BINARIES is None, reason=postgres.MISSING)
STEPS = ("extract", "mapped", "sync")
DAYS = 30
PATIENCE = 400  # seconds, for one run at most; a machine may be five times slower than ours
# By the query: rows of one date, or of all of them.
OF_A_DATE = "updated_at >= :window_start AND updated_at < :window_end"
QUERY = "SELECT email, points AS {attribute}, updated_at FROM {table} WHERE {which}"


@dataclass(frozen=True, slots=True)
class Instance:
    """A DAGSTER_HOME, and the variables that its dagster.yaml wants."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module", params=["SQLite", pytest.param("PostgreSQL", marks=NO_POSTGRES)])
def instance(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Instance]:
    """Make an empty instance on each storage."""
    home = tmp_path_factory.mktemp("instance")
    if request.param == "SQLite":
        yield Instance(home)
        return
    shutil.copyfile(postgres.INSTANCE_FILE, home / "dagster.yaml")
    with postgres.serving() as url:
        yield Instance(home, {"DAGSTER_POSTGRES_URL": url})


@pytest.fixture(scope="module")
def shop(
    instance: Instance, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    """Make a workspace whose local noon is about now: no test of it meets midnight."""
    workspace = Workspace.new(tmp_path_factory.mktemp("daemon"), sandbox, BrevoAccount.new(sandbox))
    # Not twelve: there the rows' own hour, noon in UTC, is the midnight between two dates.
    hours = min(12 - datetime.now(UTC).hour, 11)
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
    for name in ("ticking", "watched", "killed", "missed", "paused", "refused"):
        own = workspace.table(name, "email", [[f"{name}@example.com"]])
        workspace.audience(
            name,
            f"SELECT email FROM {own}",
            {"email": "email"},
            schedule="0 * * * *",
            freshness={"min_interval": "1s"},
        )
    own = workspace.table("lacking", "email,points", [["lacking@example.com", 1]])
    workspace.audience(
        "lacking",
        f"SELECT email, points FROM {own}",
        {"email": "email", "points": "LACKING_POINTS"},
        freshness={"min_interval": "1s"},
    )
    return workspace


@pytest.fixture(scope="module")
def dagster(shop: Workspace, instance: Instance) -> Iterator[Dagster]:
    """Run a webserver and a daemon on it."""
    with running(instance.home, shop.file, **instance.variables) as started:
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
        *_, run = dagster.client.runs(**wanted)  # a real hour may have come meanwhile
    finally:
        (dagster.home / "ahead").unlink()
    assert "SUCCESS" == dagster.ended_run(run.id), dagster.last_words()
    assert (str(shop.settings().today()), "incremental", "ticking_schedule") == (
        run.tags["dagster/partition"],
        run.tags["tajo/path"],
        run.tags["dagster/schedule_name"],
    )
    assert "ticking@example.com" in shop.brevo.contacts()


def look_in_vain(dagster: Dagster, audience: str) -> None:
    """Switch a freshness sensor on, and wait until it has found nothing."""
    name = f"{audience}_freshness"
    dagster.client.start_sensor(name)

    def looked() -> bool:
        reasons = [tick["skipReason"] or "" for tick in dagster.client.ticks(name)]
        return any("no source table has changed" in reason for reason in reasons)

    dagster.wait_until(looked, "a look without a change", PATIENCE)


def test_the_freshness_sensor_fires_after_an_update_and_not_without_one(
    shop: Workspace, dagster: Dagster
) -> None:
    """It looks, finds nothing, and says so; after an update there is one run."""
    look_in_vain(dagster, "watched")
    wanted = {"pipelineName": "watched_incremental"}
    assert [] == dagster.client.runs(**wanted)
    shop.table("watched", "email", [["watched@example.com"], ["new@example.com"]])
    dagster.wait_until(lambda: bool(dagster.client.runs(**wanted)), "a run", PATIENCE)
    [run] = dagster.client.runs(**wanted)
    assert "SUCCESS" == dagster.ended_run(run.id), dagster.last_words()
    assert "freshness" == run.tags["tajo/requested_by"]
    assert "new@example.com" in shop.brevo.contacts()


def test_a_change_whose_run_failed_is_brought_by_a_later_one(
    shop: Workspace, dagster: Dagster
) -> None:
    """What Brevo lacked has been made meanwhile; nobody has to change the table again."""
    look_in_vain(dagster, "lacking")
    rows = [["lacking@example.com", 1], ["new.lacking@example.com", 2]]
    shop.table("lacking", "email,points", rows)
    wanted = {"pipelineName": "lacking_incremental"}
    dagster.wait_until(lambda: bool(dagster.client.runs(**wanted)), "a run", PATIENCE)
    assert "FAILURE" == dagster.ended_run(dagster.client.runs(**wanted)[-1].id)
    shop.brevo.attributes(LACKING_POINTS="float")
    good = {**wanted, "statuses": ["SUCCESS"]}
    dagster.wait_until(lambda: bool(dagster.client.runs(**good)), "a good run", PATIENCE)
    assert "new.lacking@example.com" in shop.brevo.contacts()


def test_dates_that_were_missed_are_run(shop: Workspace, dagster: Dagster) -> None:
    """A sensor that is switched on finds the dates of the look-back, and each is backfilled."""
    dagster.client.start_sensor("missed_missed_dates")
    wanted = {"pipelineName": "missed_backfill"}
    dagster.wait_until(lambda: len(dagster.client.runs(**wanted)) >= 3, "three runs", PATIENCE)
    runs = dagster.client.runs(**wanted)
    assert dates(shop, 3) == sorted(run.tags["dagster/partition"] for run in runs)
    assert ["SUCCESS"] * 3 == [dagster.ended_run(run.id) for run in runs], dagster.last_words()
    assert {"missed_dates"} == {run.tags["tajo/requested_by"] for run in runs}


def test_a_backfill_survives_and_equals_one_run(shop: Workspace, dagster: Dagster) -> None:
    """Daemon and webserver are killed in the middle; each date has one good run in the end."""
    backfill = dagster.client.launch_job_backfill("daily_backfill", dates(shop, DAYS))

    def done() -> int:
        return len(of_backfill(dagster, backfill, statuses=["SUCCESS"]))

    for number in range(1, DAYS + 1):
        dagster.wait_until(lambda: done() >= number, f"{number} dates", PATIENCE)  # noqa: B023 - at once
        if number == DAYS // 3:
            dagster.restart("daemon")
        if number == 2 * DAYS // 3:
            dagster.restart("webserver")
    dagster.wait_until(
        lambda: dagster.client.backfill_status(backfill).startswith("COMPLETED"), "all", PATIENCE
    )
    assert "COMPLETED_SUCCESS" == dagster.client.backfill_status(backfill), dagster.last_words()
    runs = of_backfill(dagster, backfill)
    assert dates(shop, DAYS) == sorted(run.tags["dagster/partition"] for run in runs)
    assert {("SUCCESS", "backfill")} == {(run.status, run.tags["tajo/path"]) for run in runs}
    # Two dates run at once, and the audience has one writer.
    writes = sorted(dagster.client.step_times(run.id)["daily__sync"] for run in runs)
    assert [] == [(one, next_) for one, next_ in pairwise(writes) if next_[0] < one[1]]
    [whole] = shop.sync("--audience", "whole")
    assert 3 * DAYS == whole["confirmed"]
    assert values(shop, "WHOLE_POINTS") == values(shop, "DAILY_POINTS")


def test_a_backfill_is_cancelled_in_the_middle_and_resumed(
    shop: Workspace, dagster: Dagster
) -> None:
    """What was done stays done, what was not is asked for again; the other path runs meanwhile."""
    wanted = dates(shop, 4)
    with slow_statements(shop.sandbox, 3):
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
    with slow_statements(shop.sandbox, 15):
        first = dagster.client.launch_run("killed_incremental", str(shop.settings().today()))
        worker = dagster.client.worker
        dagster.wait_until(lambda: worker(first) is not None, "its worker", PATIENCE)
        os.kill(worker(first) or 0, signal.SIGKILL)
    assert "FAILURE" == dagster.ended_run(first), dagster.last_words()
    wanted = {"tags": [{"key": "dagster/parent_run_id", "value": first}]}
    dagster.wait_until(lambda: bool(dagster.client.runs(**wanted)), "another run", PATIENCE)
    [second] = dagster.client.runs(**wanted)
    assert "SUCCESS" == dagster.ended_run(second.id), dagster.last_words()
    assert "killed@example.com" in shop.brevo.contacts()


@contextmanager
def paused(dagster: Dagster, path: str) -> Iterator[None]:
    """Pause a path as docs/backfills.md says: limits of 0, and the daemon is started again."""
    file = dagster.home / "dagster.yaml"
    before = file.read_text()
    settings = yaml.safe_load(before)
    for limit in settings["concurrency"]["runs"]["tag_concurrency_limits"]:
        if path in (limit.get("value"), limit["key"].removeprefix("dagster/")):
            limit["limit"] = 0
    file.write_text(yaml.safe_dump(settings))
    dagster.restart("daemon")
    try:
        yield
    finally:
        file.write_text(before)
        dagster.restart("daemon")


@pytest.mark.parametrize(
    ("path", "other"), [("backfill", "incremental"), ("incremental", "backfill")]
)
def test_a_path_is_paused_and_the_other_goes_on(
    shop: Workspace, dagster: Dagster, path: str, other: str
) -> None:
    """Its runs stay in the queue, whoever asked for them, and run when the pause is over."""
    first, second = dates(shop, 2)
    with paused(dagster, path):
        waiting = [dagster.client.launch_run(f"paused_{path}", first)]
        if path == "backfill":
            backfill = dagster.client.launch_backfill([["paused", step] for step in STEPS], [first])
            dagster.wait_until(lambda: bool(of_backfill(dagster, backfill)), "its run", PATIENCE)
            waiting += [run.id for run in of_backfill(dagster, backfill)]
        beside = dagster.client.launch_run(f"paused_{other}", second)
        assert "SUCCESS" == dagster.ended_run(beside), dagster.last_words()
        found = dagster.client.runs(runIds=waiting)
        assert ["QUEUED"] * len(waiting) == [run.status for run in found]
    assert {"SUCCESS"} == {dagster.ended_run(run) for run in waiting}, dagster.last_words()


def test_what_failed_of_a_backfill_runs_again_alone(shop: Workspace, dagster: Dagster) -> None:
    """Brevo refuses the key once; re-executed from failure, that date alone brings its rows."""
    days = dates(shop, 2)
    fault = {"status": 401, "method": "POST", "path": "/v3/contacts", "times": 1}
    shop.brevo.change(faults=[fault])
    backfill = dagster.client.launch_backfill([["refused", step] for step in STEPS], days)
    assert "COMPLETED_FAILED" == dagster.ended_backfill(backfill), dagster.last_words()
    [bad] = of_backfill(dagster, backfill, statuses=["FAILURE"])
    again = dagster.client.run_again_from_failure(backfill)
    assert "COMPLETED_SUCCESS" == dagster.ended_backfill(again), dagster.last_words()
    [good] = of_backfill(dagster, again)
    assert bad.tags["dagster/partition"] == good.tags["dagster/partition"]
    steps = dagster.client.step_times(good.id)
    assert [False, False, True] == [f"refused__{step}" in steps for step in STEPS]
    assert "refused@example.com" in shop.brevo.contacts()
    assert [] == dagster.client.runs(pipelineName="refused_incremental")
