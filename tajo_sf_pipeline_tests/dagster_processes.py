"""Dagster as it runs on a host: a webserver and a daemon, real processes on one instance."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tajo_sf_pipeline.sandbox.servers import free_ports
from tajo_sf_pipeline_tests.graphql import Client

_REPOSITORY = Path(__file__).parents[1]
_WORKSPACE = ["-w", str(_REPOSITORY / "workspace.yaml")]
_SECONDS_TO_START = 45
_SECONDS_TO_RUN = 60
_SECONDS_TO_END = 10
_LAST_LINES = 40
_ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
_ENDED_BACKFILL = frozenset({"COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"})


@dataclass(frozen=True, slots=True)
class Dagster:
    """The running processes: the webserver, how to ask it, and what all of them write."""

    url: str
    client: Client
    home: Path

    def ended_run(self, run: str) -> str:
        """Wait for the end of a run, and give its status."""
        self.wait_until(lambda: self._run_status(run) in _ENDED, f"the end of the run {run}")
        return self._run_status(run)

    def ended_backfill(self, backfill: str) -> str:
        """Wait for the end of a backfill, and give its status."""
        status = self.client.backfill_status
        self.wait_until(lambda: status(backfill) in _ENDED_BACKFILL, f"the end of {backfill}")
        return status(backfill)

    def wait_until(
        self, condition: Callable[[], bool], what: str, seconds: float = _SECONDS_TO_RUN
    ) -> None:
        """Wait for a condition; when it does not come, fail with what the processes wrote."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {seconds} s\n{self.last_words()}")
            time.sleep(0.2)

    def last_words(self) -> str:
        """Give the ends of the processes' logs."""
        return "\n".join(f"--- {log.name}\n{_end_of(log)}" for log in self.home.glob("*.log"))

    def _run_status(self, run: str) -> str:
        [found] = self.client.runs(runIds=[run])
        return found.status


@contextmanager
def running(home: Path, workspace_file: Path, *, with_daemon: bool = True) -> Iterator[Dagster]:
    """Serve a workspace as ``dagster dev`` does; ready when this yields, ended when it ends.

    `home` becomes DAGSTER_HOME, with what it already holds. Without a daemon nothing runs.
    """
    environment = _prepared(home, workspace_file)
    port, _ = free_ports()
    url = f"http://127.0.0.1:{port}"
    dagster = Dagster(url, Client(url, "tajo_sf_pipeline"), home)
    webserver = [_script("dagster-webserver"), "-h", "127.0.0.1", "-p", str(port), *_WORKSPACE]
    daemon = [sys.executable, "-m", "tajo_sf_pipeline_tests.eager_daemon", "run", *_WORKSPACE]
    with ExitStack() as processes:
        processes.enter_context(_process("webserver", webserver, home, environment))
        if with_daemon:
            processes.enter_context(_process("daemon", daemon, home, environment))
        dagster.wait_until(dagster.client.is_loaded, "a loaded webserver", _SECONDS_TO_START)
        if with_daemon:
            # A backfill that is asked for before the daemon knows the location fails at once.
            healthy = dagster.client.daemons_are_healthy
            dagster.wait_until(healthy, "a healthy daemon", _SECONDS_TO_START)
        yield dagster


def _prepared(home: Path, workspace_file: Path) -> dict[str, str]:
    """Make DAGSTER_HOME and its tables; give the environment, without a developer's settings."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(_REPOSITORY / "dagster.yaml", home / "dagster.yaml")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not re.match(r"TAJO_|SNOWFLAKE_|BREVO_|DAGSTER_", name)
    }
    environment = {**kept, "DAGSTER_HOME": str(home), "TAJO_CONFIG": str(workspace_file)}
    # Two processes that make the tables together spoil each other's
    # (github.com/dagster-io/dagster/issues/27390).
    info = [_script("dagster"), "instance", "info"]
    subprocess.run(info, env=environment, check=True, stdout=subprocess.DEVNULL)
    return environment


@contextmanager
def _process(
    name: str, command: list[str], home: Path, environment: Mapping[str, str]
) -> Iterator[None]:
    with (home / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A group of its own: with it end its code server and its runs, which outlive it.
            start_new_session=True,
        )
        try:
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_SECONDS_TO_END)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _script(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
