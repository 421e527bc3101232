"""Who is told of what: rules that speak once, and sensors that read Dagster's own history."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from tajo_sf_pipeline import defs
from tajo_sf_pipeline.alerts.rules import Alert, AlertPolicy, Checked, Ended, Problem, State
from tajo_sf_pipeline.config.alerting import Alerts
from tajo_sf_pipeline.defs import runs
from tajo_sf_pipeline.defs.run_failure import why_failed
from tajo_sf_pipeline.errors import (
    AuthenticationError,
    GuardError,
    MappingError,
    RefusedError,
    VendorOutageError,
)
from tajo_sf_pipeline_tests.dagster_sensors import Sensors, built
from tajo_sf_pipeline_tests.receivers import Hook, hook
from tajo_sf_pipeline_tests.workspaces import Workspace

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
OUTAGE = VendorOutageError("TAJO-512", "Brevo answered with errors", "Run it again.")
GUARD = GuardError("TAJO-811", "21 % of the list would leave", "Look at the plan.")
TOKEN = AuthenticationError("TAJO-202", "no token", "Check the client's secret.")
BREVO_TOKEN = AuthenticationError("TAJO-213", "no token", "Check the client's secret.")
MAPPING = MappingError("TAJO-601", "no such column", "Select it.")
AFTERWARDS = RefusedError("TAJO-831", "a check failed after the delivery", "Look.", reason="")
GOOD = Ended("vip", "incremental", "2026-11-10", "http://d/runs/1")
FAILED = replace(GOOD, error=OUTAGE)
STALE = Checked(
    audience="vip",
    asset="vip/sync",
    check="on_time",
    sync_date="2026-11-10",
    passed=False,
    link="http://d/assets/vip/sync",
    problem=Problem("check", "TAJO-844", "stale", "Look at the runs."),
)


def said(*events: Ended | Checked, hours: float = 0, **rules: object) -> list[tuple[str, str]]:
    """Let a policy see events, each some hours after the one before; give what was said."""
    state, now, alerts = State(), NOON, Alerts.model_validate(rules)
    found: list[Alert] = []
    for event in events:
        # What is remembered lives in a cursor, as JSON.
        state = State.from_json(state.as_json())
        policy = AlertPolicy(alerts, state, now)
        found += policy.ended(event) if isinstance(event, Ended) else policy.checked(event)
        state, now = policy.state, now + timedelta(hours=hours)
    return [(alert.status, alert.key) for alert in found]


def test_one_thing_is_said_once_and_again_when_it_is_over() -> None:
    """Three failures are one message; the run that is good again is the second, and the last."""
    key = "run_failed/vip/incremental"
    assert [("firing", key), ("resolved", key)] == said(FAILED, FAILED, FAILED, GOOD, GOOD)


def test_what_lasts_is_brought_to_mind_once_a_day() -> None:
    """Every eight hours the same failure, over two days: said at once, then after each day."""
    found = said(*[FAILED] * 7, hours=8)
    assert ["firing", "reminder", "reminder"] == [status for status, _ in found]


def test_another_error_of_the_same_path_is_news() -> None:
    """An outage that turns into a wrong mapping wants another person."""
    other = replace(FAILED, error=MAPPING)
    assert ["firing", "firing"] == [status for status, _ in said(FAILED, other, other)]


def test_a_path_does_not_end_what_the_other_began() -> None:
    """A backfill that fails stays failed while the incremental path is well."""
    backfill = replace(FAILED, path="backfill")
    assert [("firing", "run_failed/vip/backfill")] == said(backfill, GOOD, GOOD)


def test_a_guard_stop_has_its_own_rule() -> None:
    """Nothing was written, and somebody must decide: it is not just a failed run."""
    key = "guard_stop/vip/incremental"
    assert [("firing", key), ("resolved", key)] == said(replace(FAILED, error=GUARD), GOOD)


def test_a_check_after_the_delivery_is_a_failed_run() -> None:
    """Brevo has the rows: nobody is asked to decide whether they may be sent."""
    assert [("firing", "run_failed/vip/incremental")] == said(replace(FAILED, error=AFTERWARDS))


def test_tokens_that_fail_again_and_again_are_one_message_for_the_workspace() -> None:
    """All audiences sign in with the same credentials: the third failure speaks for all of them."""
    names = ("vip", "daily", "weekly", "churn")
    failures = [replace(FAILED, audience=name, error=TOKEN) for name in names]
    assert [
        ("firing", "run_failed/vip/incremental"),
        ("firing", "run_failed/daily/incremental"),
        ("firing", "token_refresh/snowflake"),
        ("resolved", "run_failed/vip/incremental"),
        ("resolved", "token_refresh/snowflake"),
    ] == said(*failures, GOOD)
    assert [("firing", "token_refresh/brevo")] == said(
        replace(FAILED, error=BREVO_TOKEN), token_failures=1
    )


def test_rejection_is_said_when_it_lasts() -> None:
    """Too many refused rows in three runs that follow each other; one good run starts anew."""
    bad = replace(GOOD, counts={"extracted": 100, "rejected": 4, "failed": 2})
    fine = replace(GOOD, counts={"extracted": 100, "rejected": 5, "failed": 0})
    assert [] == said(bad, bad, fine, bad, bad)
    key = "rejection/vip"
    assert [("firing", key), ("resolved", key)] == said(bad, bad, bad, bad, fine)
    empty = replace(GOOD, counts={"extracted": 0})
    assert [("firing", key)] == said(bad, empty, bad, rejection={"runs": 2, "share": "1%"})


@pytest.mark.parametrize(
    ("check", "key"),
    [
        ("on_time", "late/vip"),
        ("cursor_moves", "cursor_stall/vip"),
        ("keys_unique", "check_failed/vip/sync/keys_unique"),
    ],
)
def test_a_check_is_said_once_and_over_with_the_next_pass(check: str, key: str) -> None:
    """Staleness and a cursor's stall have rules of their own, every other check has one."""
    failed = replace(STALE, check=check)
    passed = replace(failed, passed=True)
    assert [("firing", key), ("resolved", key)] == said(failed, failed, passed, passed)


def test_an_older_date_that_passes_does_not_end_a_newer_ones_failure() -> None:
    """A backfill of last week says nothing of today."""
    older = replace(STALE, check="keys_unique", passed=True, sync_date="2026-11-03")
    newer = replace(older, sync_date="2026-11-11")
    failed = replace(STALE, check="keys_unique")
    assert ["firing", "resolved"] == [status for status, _ in said(failed, older, newer)]


@dataclass(slots=True)
class Told:
    """A workspace whose alerts go to a receiver of this test, and its sensors."""

    workspace: Workspace
    sensors: Sensors
    chat: Hook
    name: str

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.sensors.instance

    def tick(self) -> list[str | None]:
        """Evaluate both sensors; give their skip reasons."""
        kinds = ("run", "check")
        return [self.sensors.tick(f"alert_on_{kind}_failure").skip_message for kind in kinds]

    def run(self) -> str:
        """Run today as the daemon does; give the run's id."""
        today = str(self.workspace.settings().today())
        job = built(self.workspace).resolve_job_def(f"{self.name}_incremental")
        return job.execute_in_process(
            instance=self.instance, partition_key=today, raise_on_error=False
        ).run_id


@pytest.fixture
def told(workspace: Workspace) -> Iterator[Told]:
    """Make one audience, and look once, so that what follows is news."""
    with hook() as chat, runs.instance(workspace.settings()) as instance:
        workspace.write(alerts={"webhook": {"url": chat.url}, "link": "http://dagster.example"})
        table = workspace.table("people", "email", [["ada@example.com"]])
        workspace.audience(workspace.prefix, f"SELECT email FROM {table}", {"email": "email"})
        found = Told(workspace, Sensors(workspace, instance), chat, workspace.prefix)
        found.tick()
        yield found


def test_a_failed_run_reaches_the_receiver_and_so_does_its_recovery(told: Told) -> None:
    """Kind, code, audience, date, link and next step are those of the run's own error."""
    pair = (told.workspace.folder / "sql" / f"{told.name}.sql").read_text()
    told.workspace.audience(told.name, "SELECT email FROM no_such_table", {"email": "email"})
    failed = told.run()
    told.tick()
    told.tick()
    [alert] = told.chat.bodies()
    today = str(told.workspace.settings().today())
    assert ("run_failed", "firing", told.name, today) == (
        alert["rule"],
        alert["status"],
        alert["audience"],
        alert["sync_date"],
    )
    assert ("configuration", "TAJO-123") == (alert["kind"], alert["code"])
    assert f"http://dagster.example/runs/{failed}" == alert["link"]
    assert alert["next_step"]
    told.workspace.audience(told.name, pair, {"email": "email"})
    told.run()
    told.tick()
    [_, over] = told.chat.bodies()
    assert ("resolved", 1, alert["key"]) == (over["status"], over["times"], over["key"])
    assert 1 == over["counts"]["confirmed"]


@pytest.mark.long
def test_a_message_that_was_not_taken_is_sent_later(told: Told) -> None:
    """A chat that is down for a tick loses nothing, and the tick says what waits."""
    told.workspace.audience(told.name, "SELECT email FROM no_such_table", {"email": "email"})
    told.run()
    told.chat.status = 500
    of_runs, _ = told.tick()
    assert of_runs
    assert "0 messages sent for 1 events; TAJO-841" in of_runs
    told.chat.status = 200
    told.tick()
    assert ["TAJO-123"] == [body["code"] for body in told.chat.bodies()]


@pytest.mark.long
def test_a_blocking_check_is_a_guard_stop_and_names_the_check(told: Told) -> None:
    """Both sensors speak: the run was stopped, and this check is why."""
    rows = [["ada@example.com"], ["ada@example.com"]]
    told.workspace.table("people", "email", rows)
    told.workspace.audience(
        told.name,
        f"SELECT email FROM {told.workspace.prefix}_people",
        {"email": "email"},
        guards={"min_rows": 100},
    )
    told.run()
    told.tick()
    assert {("guard_stop", "guard")} <= {
        (body["rule"], body["kind"]) for body in told.chat.bodies()
    }


def test_a_check_that_fails_after_the_delivery_is_no_guard_stop(told: Told) -> None:
    """Terminal and alert say one thing: Brevo has the rows, and a check on `sync` failed then."""
    rows = [["ada@example.com"], ["eve@example.com"]]
    table = told.workspace.table("people", "email", rows)
    told.workspace.audience(
        told.name,
        f"SELECT email FROM {table}",
        {"email": "email"},
        checks={"everything_confirmed": {"severity": "error", "blocking": True}},
    )
    refusal = {"status": 400, "method": "POST", "path": "/v3/contacts"}
    told.workspace.brevo.change(faults=[refusal])
    failed = told.run()
    told.tick()
    [alert] = [body for body in told.chat.bodies() if body["rule"] == "run_failed"]
    error = why_failed(told.instance, failed)
    assert 1 == told.workspace.brevo.count("contacts")
    assert ("validation", "TAJO-831", error.happened) == (
        alert["kind"],
        alert["code"],
        alert["happened"],
    )
    assert "failed after the delivery" in alert["happened"]
    assert "before any write" not in str(told.chat.bodies())


def test_a_verdict_of_the_freshness_sensor_reaches_the_receiver(told: Told) -> None:
    """Verdicts without a run, as of staleness, come through the same sensor."""
    evaluation = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey([told.name, "sync"]),
        check_name="on_time",
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description="stale: data up to yesterday",
        metadata={"age_hours": 40},
    )
    told.instance.report_runless_asset_event(evaluation)
    told.tick()
    [alert] = told.chat.bodies()
    assert ("late", "firing", "TAJO-844") == (alert["rule"], alert["status"], alert["code"])
    assert "stale: data up to yesterday" in alert["happened"]


def test_nobody_to_tell_means_no_sensor(workspace: Workspace) -> None:
    """Alerts are on when tajo.yaml names a receiver, and else are not there at all."""
    names = {sensor.name for sensor in defs.build(workspace.settings()).sensors or ()}
    assert set() == {name for name in names if name.startswith("alert_")}
    workspace.write(alerts={"slack": "https://hooks.slack.example/x"})
    sensors = defs.build(workspace.settings()).sensors or ()
    assert {dg.DefaultSensorStatus.RUNNING} == {
        sensor.default_status
        for sensor in sensors
        if isinstance(sensor, dg.SensorDefinition) and sensor.name.startswith("alert_")
    }
