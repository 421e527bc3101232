"""A run that was killed keeps nobody waiting: real processes, and a real SIGKILL."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from tajo_sf_pipeline.defs import dead_runs, runs
from tajo_sf_pipeline_tests.workspaces import Workspace

PEOPLE = 60
pytestmark = pytest.mark.timeout(900)
# Where nothing else is at work it is a minute; nobody would let go of the pool for four hours.
PATIENCE = 240.0
SYNC = ("-m", "tajo_sf_pipeline.cli.main", "connectors", "sync", "snowflake")


@pytest.fixture
def people(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write an audience whose contacts are slow to be taken; return its name."""
    name = workspace.prefix
    rows = [[f"p{number:02}@example.com"] for number in range(PEOPLE)]
    table = workspace.table("people", "email", rows)
    workspace.audience(name, f"SELECT email FROM {table}", {"email": "email"})
    monkeypatch.setenv("DAGSTER_HOME", str(workspace.home / "dagster"))
    slow = {"delay": 1, "method": "POST", "path": "/v3/contacts", "times": PEOPLE, "skip": 3}
    workspace.brevo.change(faults=[slow])
    return name


@contextmanager
def started(*command: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command of Python's; it is dead when this ends."""
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, *command], stdout=file, stderr=file)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def until(condition: Callable[[], bool], what: str, log: Path, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s\n{log.read_text()}"
        time.sleep(0.05)


def sync(workspace: Workspace, *more: str) -> tuple[str, ...]:
    return (*SYNC, "--config", str(workspace.file), *more)


def holders(instance: dg.DagsterInstance, audience: str) -> set[str]:
    """Return the runs that hold an audience's pool."""
    pool = instance.event_log_storage.get_concurrency_info(f"audience_{audience}")
    return {slot.run_id for slot in pool.claimed_slots}


def killed_while_it_sends(workspace: Workspace, name: str, tmp_path: Path, *command: str) -> str:
    """Start a run, kill its process while it sends, and return the run, which keeps the pool."""
    log = tmp_path / "first.log"
    with started(*command, log=log) as first:
        until(lambda: workspace.brevo.count("contacts") > 3, "the first contacts", log)
        first.send_signal(signal.SIGKILL)
        assert -signal.SIGKILL == first.wait(10)
    workspace.brevo.change(faults=[])
    with runs.instance(workspace.settings()) as instance:
        [run] = holders(instance, name)
        left = instance.get_run_by_id(run)
        assert left is not None
        assert dg.DagsterRunStatus.STARTED is left.status
    return run


def assert_ended(workspace: Workspace, name: str, run: str, pid: int) -> None:
    """Assert that a run has failed, why and whose it was, and that its pool is free."""
    with runs.instance(workspace.settings()) as instance:
        ended = instance.get_run_by_id(run)
        assert ended is not None
        assert dg.DagsterRunStatus.FAILURE is ended.status
        [why] = instance.all_logs(run, of_type=dg.DagsterEventType.RUN_FAILURE)
        assert why.dagster_event is not None
        assert f"process {pid} on " in str(why.dagster_event.message)
        assert "is gone: it was killed" in str(why.dagster_event.message)
        assert set() == holders(instance, name)


def pid_of(workspace: Workspace, run: str) -> int:
    """Return the process that Dagster's own record of a run names."""
    with runs.instance(workspace.settings()) as instance:
        [start] = instance.all_logs(run, of_type=dg.DagsterEventType.RUN_START)
        assert start.dagster_event is not None
        return start.dagster_event.pid or 0


def test_the_same_command_after_a_kill_ends_by_itself(
    workspace: Workspace, people: str, tmp_path: Path
) -> None:
    """It says what it found, and the dead run's log says why it was ended."""
    run = killed_while_it_sends(workspace, people, tmp_path, *sync(workspace))
    log = tmp_path / "second.log"
    with started(*sync(workspace), log=log) as second:
        assert 0 == second.wait(PATIENCE), log.read_text()
    assert "is gone: it was killed" in " ".join(log.read_text().split())
    assert PEOPLE == workspace.brevo.count("contacts")
    assert_ended(workspace, people, run, pid_of(workspace, run))


def test_who_waits_for_a_run_tells_which_and_goes_on_when_it_is_killed(
    workspace: Workspace, people: str, tmp_path: Path
) -> None:
    """A run that lives keeps its pool, however often others look; a dead one does not."""
    today = workspace.settings().today()
    log, other = tmp_path / "first.log", tmp_path / "second.log"
    yesterday = ("--date", str(today - timedelta(days=1)))
    with started(*sync(workspace), log=log) as first:
        until(lambda: workspace.brevo.count("contacts") > 3, "the first contacts", log)
        with runs.instance(workspace.settings()) as instance:
            [run] = holders(instance, people)
            assert [] == dead_runs.free(instance, workspace.home)
            with started(*sync(workspace, *yesterday), log=other) as second:
                waits = f"waits for process {first.pid} on "
                until(lambda: waits in " ".join(other.read_text().split()), waits, other)
                assert {run} == holders(instance, people)
                first.send_signal(signal.SIGKILL)
                workspace.brevo.change(faults=[])
                assert 0 == second.wait(PATIENCE), other.read_text()
    assert_ended(workspace, people, run, first.pid)


@pytest.mark.long
def test_a_run_of_dagsters_own_command_is_found_too(
    workspace: Workspace, people: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dagster job execute` shows that it lives as the terminal does; the sensor finds it dead."""
    monkeypatch.setenv("TAJO_CONFIG", str(workspace.file))
    with runs.instance(workspace.settings()):
        pass  # makes DAGSTER_HOME
    tags = f'{{"dagster/partition": "{workspace.settings().today()}"}}'
    module = ("-m", "tajo_sf_pipeline.definitions", "-j", f"{people}_incremental")
    execute = ("-m", "dagster", "job", "execute", *module, "--tags", tags)
    run = killed_while_it_sends(workspace, people, tmp_path, *execute)
    with runs.instance(workspace.settings()) as instance:
        sensor = dead_runs.dead_runs_sensor(workspace.home)
        tick = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(tick, dg.SkipReason)
    assert "is gone: it was killed" in str(tick.skip_message)
    assert_ended(workspace, people, run, pid_of(workspace, run))


@pytest.mark.parametrize("status", ["STARTED", "CANCELING", "FAILURE"])
def test_what_a_dead_run_holds_is_freed_whatever_dagster_believes_of_it(
    tmp_path: Path, status: str
) -> None:
    """One that was being cancelled is cancelled; one that has ended keeps its end."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        run = _left(instance, tmp_path / "home", status)
        [reason] = dead_runs.free(instance, tmp_path / "home")
        assert "is gone" in reason
        assert set() == holders(instance, "people")
        after = instance.get_run_by_id(run)
        assert after is not None
        ends = {"STARTED": "FAILURE", "CANCELING": "CANCELED", "FAILURE": "FAILURE"}
        assert ends[status] == after.status.value
        assert any(reason in entry.message for entry in instance.all_logs(run))
        assert [] == dead_runs.free(instance, tmp_path / "home")


@pytest.mark.parametrize("case", ["alive", "another machine", "another instance", "launcher"])
def test_what_may_be_alive_is_left_alone(
    tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that lives, one that cannot be seen from here, one that Dagster looks after."""
    home = tmp_path / "home"
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        run = _left(instance, home, "STARTED")
        lock = None
        if case == "alive":
            lock = dead_runs.hold(home, run)
        if case == "another machine":
            name = home / "locks" / "runs" / f"{run}.holder"
            name.write_text(name.read_text().replace(os.uname().nodename, "elsewhere"))
        if case == "another instance":
            instance.delete_run(run)
        if case == "launcher":
            event = dg.DagsterEvent(dg.DagsterEventType.RUN_STARTING.value, job_name="people")
            instance.report_dagster_event(event, run)
            instance.report_dagster_event(
                dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job_name="people"), run
            )
            launcher = type(instance.run_launcher)
            monkeypatch.setattr(
                launcher, "supports_check_run_worker_health", property(lambda _: True)
            )
        assert [] == dead_runs.free(instance, home)
        if case != "another instance":
            assert {run} == holders(instance, "people")
        dead_runs.let_go(lock)


def _left(instance: dg.DagsterInstance, home: Path, status: str) -> str:
    """Make a run with a pool, and what its process leaves behind that is killed."""
    run = instance.create_run_for_job(_people, status=dg.DagsterRunStatus(status))
    instance.event_log_storage.set_concurrency_slots("audience_people", 1)
    instance.event_log_storage.claim_concurrency_slot("audience_people", run.run_id, "sync")
    lock = dead_runs.hold(home, run.run_id)
    assert lock is not None
    lock.release()
    return run.run_id


@dg.job
def _people() -> None:
    pass
