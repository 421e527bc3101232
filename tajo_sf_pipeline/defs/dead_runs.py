"""Runs whose process is gone: what they still hold in Dagster is freed, whoever ran them.

Dagster learns of a killed run where its launcher can ask for the worker's health (Celery, K8s), and
nowhere else: a run of a terminal, of `dagster job execute` or of the default launcher stays
STARTED, and keeps its audience's pool, for hours. Each of our runs therefore holds a lock of the
file system for as long as it lives, which a kill lets go of. Whoever gets such a lock while the
name of its holder still stands there has found a dead run; a process id that is used again cannot
deceive it, and a run that lives is never touched.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
import filelock

from tajo_sf_pipeline.errors import LocalStorageError
from tajo_sf_pipeline.state.lock_holder import (
    Holder,
    last_holder,
    read_holder,
    remove_holder,
    write_holder,
)
from tajo_sf_pipeline.storage.paths import make_home

_EVERY = 30  # seconds


def hold(home: Path, run_id: str) -> filelock.FileLock | None:
    """Show, until `let_go`, that this process is alive and works at a run.

    Returns None where this run is shown already, as by the terminal that executes it, and where
    nothing can be written: the run's steps tell of that.
    """
    path = _lock(home, run_id)
    lock = filelock.FileLock(path, timeout=0, thread_local=False)
    try:
        make_home(home)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire()
    except (filelock.Timeout, OSError, LocalStorageError):
        return None
    write_holder(path, run_id)
    return lock


def is_of_this_process(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether this process began the run, and not one that gives it a step to do."""
    began = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_START)
    return any(entry.dagster_event and entry.dagster_event.pid == os.getpid() for entry in began)


def let_go(lock: filelock.FileLock | None) -> None:
    """End what `hold` began: the run has ended, whichever way, and its process knows."""
    if lock is not None:
        path = Path(lock.lock_file)
        remove_holder(path)
        path.unlink(missing_ok=True)
        lock.release()


@contextmanager
def held(home: Path, run_id: str) -> Iterator[None]:
    """Show while the body runs that this process works at a run."""
    lock = hold(home, run_id)
    try:
        yield
    finally:
        let_go(lock)


def holder_of(home: Path, run_id: str) -> Holder | None:
    """Return the process that works at a run; None where that is not known, or it is dead."""
    return read_holder(_lock(home, run_id))


def free(instance: dg.DagsterInstance, home: Path) -> list[str]:
    """End every run whose process is gone and free its pools; return what was found of each.

    The reason stands in the run's log too. Left alone are runs of other machines, of other
    instances of Dagster, and those whose launcher looks after its workers itself.
    """
    reasons = []
    for name in sorted(_folder(home).glob("*.holder")):
        lock = filelock.FileLock(name.with_suffix(".lock"), timeout=0)
        with suppress(filelock.Timeout), lock:  # whose lock is held is alive
            reason = _freed(instance, name.stem, last_holder(name))
            if reason is not None:
                remove_holder(name)
                name.with_suffix(".lock").unlink(missing_ok=True)
                reasons.append(reason)
    return reasons


def dead_runs_sensor(home: Path) -> dg.SensorDefinition:
    """Free what dead runs hold, also while nothing else is started; it is on from the start."""

    @dg.sensor(
        name="dead_runs",
        minimum_interval_seconds=_EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ends runs whose process was killed, and frees the pools that they hold.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return dg.SkipReason("; ".join(free(context.instance, home)) or "no run is dead")

    return sensor


def _freed(instance: dg.DagsterInstance, run_id: str, holder: Holder | None) -> str | None:
    """Free what a run holds whose lock nobody has; None where it is not ours to judge."""
    run = instance.get_run_by_id(run_id)
    # It is another instance's; or the holder has let go in order since we looked; or it is, or
    # was, a process of another machine.
    if run is None or holder is None or not holder.is_of_here:
        return None
    launched = instance.get_run_stats(run_id).launch_time is not None
    if launched and instance.run_launcher.supports_check_run_worker_health:
        return None
    reason = f"{holder} is gone: it was killed, or the machine stopped. The run is ended"
    reason += ", and what it held of pools is free again."
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, reason)
    elif run.is_finished:
        instance.report_engine_event(reason, run)
    else:
        instance.report_run_failed(run, reason)
    instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    return reason


def _folder(home: Path) -> Path:
    return home / "locks" / "runs"


def _lock(home: Path, run_id: str) -> Path:
    return _folder(home) / f"{run_id}.lock"
