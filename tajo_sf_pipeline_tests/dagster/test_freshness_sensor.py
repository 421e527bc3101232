"""Sensors that look after an audience: changed sources, missed dates, and whether it is fresh."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import httpx
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.test_utils import create_run_for_test

from tajo_sf_pipeline import defs
from tajo_sf_pipeline.audience.freshness import (
    Freshness,
    Movement,
    Reached,
    evaluate,
    missed,
    reached,
)
from tajo_sf_pipeline.audience.statement import Statement, Table
from tajo_sf_pipeline.defs import runs
from tajo_sf_pipeline.sources.base import Question
from tajo_sf_pipeline.sources.selection import source_of
from tajo_sf_pipeline.sources.snowflake.source import SnowflakeSource
from tajo_sf_pipeline_tests.dagster_sensors import Sensors
from tajo_sf_pipeline_tests.workspaces import Workspace

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


@dataclass(slots=True)
class Watched:
    """An audience over a view of one table, and its sensors as the daemon evaluates them."""

    workspace: Workspace
    sensors: Sensors
    table: str
    name: str

    @property
    def today(self) -> date:
        return self.workspace.settings().today()

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.sensors.instance

    def tick(self, sensor: str) -> SensorExecutionData:
        return self.sensors.tick(f"{self.name}_{sensor}")

    def remembered(self) -> dict[str, Any]:
        """Give the cursor of the freshness sensor."""
        found: dict[str, Any] = json.loads(self.sensors.cursors[f"{self.name}_freshness"] or "{}")
        return found

    def remember(self, **changes: str | None) -> None:
        """Let the freshness sensor remember something else."""
        cursor = json.dumps({**self.remembered(), **changes})
        self.sensors.cursors[f"{self.name}_freshness"] = cursor

    def synced(self, day: date) -> None:
        """Have Dagster know of a good sync of a date, now."""
        key = dg.AssetKey([self.name, "sync"])
        made = dg.AssetMaterialization(key, partition=day.isoformat())
        self.instance.report_runless_asset_event(made)

    def ended(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
        """Have Dagster know of a run that was asked for, and how it ended."""
        job = f"{self.name}_incremental"
        tags = {"dagster/partition": str(request.partition_key), "tajo/audience": self.name}
        create_run_for_test(
            self.instance, job_name=job, status=status, tags={**request.tags, **tags}
        )

    def execute(self, sql: str) -> None:
        """Run a statement in the local Snowflake."""
        settings = self.workspace.settings()
        source = SnowflakeSource(settings.snowflake, settings.path.parent)
        with source.small_transport.extract(Question(Statement(sql, "a test"), {}, "")) as extract:
            list(extract.batches)

    def verdict(self, check: str) -> dg.AssetCheckEvaluation:
        """Give the last verdict of a check."""
        key = dg.AssetCheckKey(dg.AssetKey([self.name, "sync"]), check)
        [record, *_] = self.instance.event_log_storage.get_asset_check_execution_history(key, 1)
        assert record.event
        assert record.event.dagster_event
        return record.event.dagster_event.asset_check_evaluation_data


@pytest.fixture
def watched(workspace: Workspace) -> Iterator[Watched]:
    """Make one whose sensor may fire every second."""
    name = workspace.prefix
    table = workspace.table("people", "email,n", [["ada@example.com", 1]])
    workspace.write(start_date="2026-10-01")
    workspace.audience(
        name,
        f"SELECT email FROM {table}_view",
        {"email": "email"},
        freshness={"min_interval": "1s", "max_age": "30h"},
    )
    with runs.instance(workspace.settings()) as instance:
        found = Watched(workspace, Sensors(workspace, instance), table, name)
        found.execute(f"CREATE VIEW {table}_view AS SELECT email FROM {table} WHERE n > 0")
        yield found


def test_a_change_below_a_view_starts_one_run(watched: Watched) -> None:
    """The first look only notes; without an update nothing starts, after one a run for today."""
    first = watched.tick("freshness")
    assert ([], "first look: 1 tables noted") == (list(first.run_requests), first.skip_message)
    quiet = watched.tick("freshness")
    assert [] == list(quiet.run_requests)
    assert quiet.skip_message
    assert quiet.skip_message.startswith("no source table has changed since ")
    watched.execute(f"UPDATE {watched.table} SET n = 2")
    [request] = watched.tick("freshness").run_requests
    assert (str(watched.today), "freshness") == (
        request.partition_key,
        request.tags["tajo/requested_by"],
    )
    assert [] == list(watched.tick("freshness").run_requests)


@pytest.mark.long
def test_each_change_has_a_run_key_of_its_own(watched: Watched) -> None:
    """Dagster starts a key once for ever: a later change must not look like an earlier one."""
    watched.tick("freshness")
    keys = set()
    for number in (2, 3):
        watched.execute(f"UPDATE {watched.table} SET n = {number}")
        watched.remember(asked_at=None)
        keys |= {request.run_key for request in watched.tick("freshness").run_requests}
    assert 2 == len(keys)


@pytest.mark.long
def test_a_change_within_the_interval_is_put_off_and_not_lost(watched: Watched) -> None:
    """What comes too soon after a run says when the next may start, and then starts it."""
    watched.workspace.audience(
        watched.name,
        f"SELECT email FROM {watched.table}",
        {"email": "email"},
        freshness={"min_interval": "1h"},
    )
    watched.tick("freshness")
    watched.execute(f"UPDATE {watched.table} SET n = 2")
    assert 1 == len(list(watched.tick("freshness").run_requests))
    watched.execute(f"UPDATE {watched.table} SET n = 3")
    for _ in range(2):
        found = watched.tick("freshness")
        assert found.skip_message
        assert f"changed: MARKETING_DB.PUBLIC.{watched.table}; the next run may" in (
            found.skip_message
        )
    earlier = datetime.fromisoformat(watched.remembered()["asked_at"]) - timedelta(hours=2)
    watched.remember(asked_at=earlier.isoformat())
    assert 1 == len(list(watched.tick("freshness").run_requests))


def test_a_change_whose_run_failed_is_asked_for_again(watched: Watched) -> None:
    """Under a key of its own and after the interval; not a fourth time, and a new change anew."""
    watched.tick("freshness")
    watched.execute(f"UPDATE {watched.table} SET n = 2")
    keys = set()
    for _ in range(3):
        [request] = watched.tick("freshness").run_requests
        keys.add(request.run_key)
        assert str(watched.today) == request.partition_key
        watched.ended(request, dg.DagsterRunStatus.FAILURE)
        watched.remember(asked_at=None)
    assert 3 == len(keys)
    given_up = watched.tick("freshness")
    assert given_up.skip_message
    assert f"; 3 runs of {watched.today} have failed" in given_up.skip_message
    watched.execute(f"UPDATE {watched.table} SET n = 3")
    assert 1 == len(list(watched.tick("freshness").run_requests))


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED])
def test_a_change_is_not_asked_for_again_without_a_failure(
    watched: Watched, status: dg.DagsterRunStatus
) -> None:
    """It was brought, or a person has stopped it."""
    watched.tick("freshness")
    watched.execute(f"UPDATE {watched.table} SET n = 2")
    [request] = watched.tick("freshness").run_requests
    watched.ended(request, status)
    watched.remember(asked_at=None)
    assert [] == list(watched.tick("freshness").run_requests)


def test_what_another_run_has_brought_is_not_asked_for_again(watched: Watched) -> None:
    """A schedule's run of the date, after the one that failed, is as good."""
    watched.tick("freshness")
    watched.execute(f"UPDATE {watched.table} SET n = 2")
    [request] = watched.tick("freshness").run_requests
    watched.ended(request, dg.DagsterRunStatus.FAILURE)
    watched.synced(watched.today)
    watched.remember(asked_at=None)
    assert [] == list(watched.tick("freshness").run_requests)


def test_a_change_since_yesterday_asks_for_both_dates(watched: Watched) -> None:
    """Rows of the hours before midnight belong to the date before: a tick would run it too."""
    watched.tick("freshness")
    settled = datetime.fromisoformat(watched.remembered()["settled_at"]) - timedelta(days=1)
    watched.remember(settled_at=settled.isoformat())
    watched.execute(f"UPDATE {watched.table} SET n = 2")
    found = [request.partition_key for request in watched.tick("freshness").run_requests]
    assert [str(watched.today - timedelta(days=1)), str(watched.today)] == found


def test_a_source_is_observed_with_its_last_change(watched: Watched) -> None:
    """The view's asset shows when the table below it changed, which the view itself cannot tell."""
    watched.tick("freshness")
    watched.execute(f"UPDATE {watched.table} SET n = 2")
    before = datetime.now(UTC) - timedelta(minutes=1)
    events = watched.tick("freshness").asset_events
    [observed] = [event for event in events if isinstance(event, dg.AssetObservation)]
    path = ["snowflake", "MARKETING_DB", "PUBLIC", f"{watched.table}_VIEW"]
    assert path == list(observed.asset_key.path)
    told = {name: value.value for name, value in observed.metadata.items()}
    assert f"MARKETING_DB.PUBLIC.{watched.table}" == told["tables_below"]
    assert before.timestamp() < float(str(told["dagster/last_updated_timestamp"]))


@pytest.mark.long
def test_a_warehouse_that_does_not_answer_is_a_skip_that_says_so(watched: Watched) -> None:
    """The tick is not lost: the audience's own verdict is written all the same."""
    watched.tick("freshness")
    before = watched.remembered()
    watched.workspace.write(snowflake={"port": 9, "network_timeout": 1, "login_timeout": 1})
    found = watched.tick("freshness")
    assert found.skip_message
    assert "the warehouse was not asked: TAJO-501" in found.skip_message
    assert before == watched.remembered()
    assert ["on_time"] == [
        event.check_name
        for event in found.asset_events
        if isinstance(event, dg.AssetCheckEvaluation)
    ]


def test_the_question_is_one_statement(watched: Watched) -> None:
    """Asked every few minutes it must cost next to nothing: no rows, no scan, one round."""
    watched.tick("freshness")
    url = f"{watched.workspace.sandbox.snowflake_url}/admin/statements"
    before = httpx.get(url).json()["statements"]
    watched.tick("freshness")
    after = httpx.get(url).json()["statements"][len(before) :]
    [statement] = [one["sql"] for one in after if watched.table in one["sql"]]
    assert statement.startswith("SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('")


def test_backfilling_an_old_date_does_not_make_an_audience_fresh(watched: Watched) -> None:
    """Dagster's own policy would call it fresh; the verdict on time looks at the date."""
    watched.tick("freshness")
    assert not watched.verdict("on_time").passed
    watched.synced(watched.today - timedelta(days=9))
    watched.tick("freshness")
    assert not watched.verdict("on_time").passed
    watched.synced(watched.today)
    watched.tick("freshness")
    fresh = watched.verdict("on_time")
    assert (True, str(watched.today)) == (fresh.passed, fresh.metadata["newest_sync_date"].value)
    assert fresh.description
    assert fresh.description.startswith("fresh: data up to ")


@pytest.mark.long
def test_a_cursor_that_stands_still_while_its_source_moves(watched: Watched) -> None:
    """Within `max_age` that is a run to come; later it is a stall, until the cursor moves."""
    watched.tick("freshness")
    watched.execute(f"UPDATE {watched.table} SET n = 2")
    watched.tick("freshness")
    assert watched.verdict("cursor_moves").passed
    earlier = datetime.fromisoformat(watched.remembered()["moved_at"]) - timedelta(hours=31)
    watched.remember(moved_at=earlier.isoformat())
    watched.tick("freshness")
    stalled = watched.verdict("cursor_moves")
    assert not stalled.passed
    assert stalled.description
    assert stalled.description.startswith("stalled: the sources have moved since ")
    watched.workspace.audience(
        watched.name,
        f"SELECT email FROM {watched.table} WHERE :last_sync IS NOT NULL",
        {"email": "email"},
        freshness={"min_interval": "1s", "max_age": "30h"},
    )
    watched.workspace.bring()
    watched.tick("freshness")
    assert watched.verdict("cursor_moves").passed


def test_dates_that_nobody_ran_are_asked_for_within_the_look_back(watched: Watched) -> None:
    """Each of the last three is asked for; one that was synced after its end is not."""
    days = [watched.today - timedelta(days=ago) for ago in (3, 2, 1)]
    watched.synced(days[1])
    requests = list(watched.tick("missed_dates").run_requests)
    # Yesterday is due with the first tick of today, a quarter of an hour after midnight.
    wanted = [days[0], days[2]] if datetime.now(UTC).time() > _TIME else [days[0]]
    assert [str(day) for day in wanted] == [request.partition_key for request in requests]
    assert {"missed_dates"} == {request.tags["tajo/requested_by"] for request in requests}


def test_nothing_was_missed(watched: Watched) -> None:
    """A sensor with nothing to do says since when it looked."""
    for ago in (3, 2, 1):
        watched.synced(watched.today - timedelta(days=ago))
    found = watched.tick("missed_dates")
    assert [] == list(found.run_requests)
    first = watched.today - timedelta(days=3)
    assert f"no sync date since {first} was missed" == found.skip_message


_TIME = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=16)).time()


@pytest.mark.parametrize(
    ("synced", "wanted"),
    [
        ({}, None),
        (
            {9: "2026-11-09T18:00"},
            Reached(datetime(2026, 11, 9, 18, tzinfo=UTC), date(2026, 11, 9)),
        ),
        ({9: "2026-11-10T06:00"}, Reached(datetime(2026, 11, 10, tzinfo=UTC), date(2026, 11, 9))),
        (
            {9: "2026-11-10T11:00", 10: "2026-11-10T06:00"},
            Reached(datetime(2026, 11, 10, 6, tzinfo=UTC), date(2026, 11, 10)),
        ),
        ({1: "2026-11-10T11:59"}, Reached(datetime(2026, 11, 2, tzinfo=UTC), date(2026, 11, 1))),
    ],
    ids=["never", "in the day", "after its end", "the newer date wins", "an old date, now"],
)
def test_data_reaches_no_further_than_its_date(
    synced: dict[int, str], wanted: Reached | None
) -> None:
    """A date brings nothing from after its end, whenever it is synced."""
    moments = {
        date(2026, 11, day): datetime.fromisoformat(f"{text}+00:00") for day, text in synced.items()
    }
    assert wanted == reached(moments, "UTC")
    fresh, _ = evaluate(reached(moments, "UTC"), timedelta(hours=8), NOON)
    assert fresh == (wanted is not None and NOON - wanted.moment <= timedelta(hours=8))


@pytest.mark.parametrize(
    ("synced_at", "due_at", "wanted"),
    [
        (None, "2026-11-10T00:00", [9]),
        (None, "2026-11-10T18:00", []),
        ("2026-11-09T18:00", "2026-11-10T00:00", [9]),
        ("2026-11-10T00:00", "2026-11-10T00:00", []),
    ],
    ids=["never ran", "its tick is still to come", "its last hours are missing", "whole"],
)
def test_a_date_is_missed_when_its_last_tick_was(
    synced_at: str | None, due_at: str, wanted: list[int]
) -> None:
    """A date that only ran before its end lacks its last hours."""
    day = date(2026, 11, 9)
    synced = {day: datetime.fromisoformat(f"{synced_at}+00:00")} if synced_at else {}
    due = {day: datetime.fromisoformat(f"{due_at}+00:00")}
    found = missed([day], synced, due, timezone="UTC", now=NOON)
    assert wanted == [one.day for one in found]


def test_every_sync_has_a_policy_by_which_its_page_shows_staleness(workspace: Workspace) -> None:
    """It fails at `max_age`, by default after two pauses of the schedule, and warns before."""
    pair = ("SELECT email FROM people", {"email": "email"})
    workspace.audience("hourly", *pair, schedule="0 * * * *")
    workspace.audience("patient", *pair, freshness={"max_age": "30h"})
    graph = defs.build(workspace.settings()).resolve_asset_graph()
    windows = {
        key.to_user_string(): (policy.fail_window.to_timedelta(), policy.warn_window.to_timedelta())
        for key in graph.materializable_asset_keys
        if (policy := graph.get(key).freshness_policy) is not None
    }
    assert {
        "hourly/sync": (timedelta(hours=2), timedelta(hours=1.6)),
        "patient/sync": (timedelta(hours=30), timedelta(hours=24)),
    } == windows


def test_a_cursor_that_moves_forgets_what_moved_before() -> None:
    """The clock of a stall starts with the first move after the cursor's own."""
    start = Movement().seen(NOON, sources_moved=True, now=NOON)
    assert start == Movement(NOON)
    later = NOON + timedelta(hours=1)
    waiting = start.seen(NOON, sources_moved=True, now=later)
    assert waiting.seen(NOON, sources_moved=True, now=later + timedelta(hours=5)) == waiting
    assert not waiting.stalled(later + timedelta(hours=8), timedelta(hours=8))
    assert waiting.stalled(later + timedelta(hours=9), timedelta(hours=8))
    assert Movement(later) == waiting.seen(later, sources_moved=True, now=later)


def test_what_cannot_be_told_is_said(watched: Watched) -> None:
    """One table that the role does not see hides no other; its name and why stand in the answer."""
    source = source_of(watched.workspace.settings())
    seen = Table("MARKETING_DB", "PUBLIC", watched.table)
    hidden = Table("MARKETING_DB", "PUBLIC", "NO_SUCH_TABLE")
    answer = source.change_tokens([seen, hidden])
    assert [seen] == list(answer.known)
    assert {hidden: "MARKETING_DB.PUBLIC.NO_SUCH_TABLE is not shown to the role"} == answer.unknown


def test_declared_sources_are_read_as_sql_reads_them() -> None:
    """What a name leaves out is the workspace's; quotes keep capitals."""
    found = Freshness(sources=["scores", 'other.raw."Mixed"']).declared("DB", "PUBLIC")
    assert (Table("DB", "PUBLIC", "SCORES"), Table("OTHER", "RAW", "Mixed")) == found


@pytest.mark.parametrize(
    "condition",
    [
        dg.AutomationCondition.any_deps_updated(),
        dg.AutomationCondition.any_deps_match(dg.AutomationCondition.data_version_changed()),
    ],
    ids=["any_deps_updated", "data_version_changed"],
)
def test_an_automation_condition_fires_when_a_source_table_moved(
    watched: Watched, condition: dg.AutomationCondition[Any]
) -> None:
    """An asset of the project's own, below a table that an audience reads: once for each change."""
    table = dg.AssetKey(["snowflake", "MARKETING_DB", "PUBLIC", f"{watched.table}_VIEW"])

    @dg.asset(deps=[table], automation_condition=condition)
    def report() -> None:
        pass

    ours = defs.build(watched.workspace.settings())
    definitions = dg.Definitions.merge(ours, dg.Definitions(assets=[report]))
    cursor = None

    def requested() -> int:
        nonlocal cursor
        result = dg.evaluate_automation_conditions(
            definitions, watched.instance, dg.AssetSelection.assets(report), cursor=cursor
        )
        cursor = result.cursor
        return result.total_requested

    watched.tick("freshness")
    requested()  # the first evaluation only notes, and so does the first look
    watched.tick("freshness")
    assert 0 == requested()
    for number in (2, 3):
        watched.execute(f"UPDATE {watched.table} SET n = {number}")
        watched.tick("freshness")
        assert 1 == requested()
        watched.tick("freshness")
        assert 0 == requested()


def test_a_person_may_observe_a_table_too(watched: Watched) -> None:
    """The page's button asks the warehouse as the sensor does, and finds the same version."""
    [seen] = (
        event
        for event in watched.tick("freshness").asset_events
        if isinstance(event, dg.AssetObservation)
    )
    job = defs.build(watched.workspace.settings()).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=watched.instance, asset_selection=[seen.asset_key])
    [observed] = result.get_asset_observation_events()
    tags = observed.asset_observation_data.asset_observation.tags
    assert seen.tags["dagster/data_version"] == tags["dagster/data_version"]


def test_an_observation_has_the_tables_token_as_its_data_version(watched: Watched) -> None:
    """Two audiences that see one change say the same, so that nobody takes it for two."""
    first = watched.tick("freshness")
    again = Sensors(watched.workspace, watched.instance).tick(f"{watched.name}_freshness")
    versions = [
        (event.tags["dagster/data_version"], event.metadata["change_token"].value)
        for tick in (first, again)
        for event in tick.asset_events
        if isinstance(event, dg.AssetObservation)
    ]
    assert [versions[0], versions[0]] == versions
    assert versions[0][0] == versions[0][1]
