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
from dataclasses import dataclass, field
from pathlib import Path

from tajo_sf_pipeline.sandbox.servers import free_ports
from tajo_sf_pipeline_tests.graphql import Client

_REPOSITORY = Path(__file__).parents[1]
_WORKSPACE = ["-w", str(_REPOSITORY / "workspace.yaml")]
_SECONDS_TO_START = 300
_SECONDS_TO_RUN = 900
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
    start: Callable[[str], None] = field(repr=False)
    # By name, as "webserver"; one that was started again stands in the place of the first.
    running: dict[str, "subprocess.Popen[bytes]"] = field(repr=False)
    began: dict[str, float] = field(repr=False)

    def restart(self, name: str) -> None:
        """End one process without a chance to say good-bye, and start it again; wait for both."""
        self.running[name].kill()
        self.running[name].wait()
        self.start(name)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        self.wait_until(self.client.is_loaded, "a loaded webserver", _SECONDS_TO_START)
        if "daemon" in self.running:
            # A backfill that is asked for before the daemon knows the location fails at once.
            healthy, began = self.client.daemons_are_healthy, self.began["daemon"]
            self.wait_until(lambda: healthy(began), "a healthy daemon", _SECONDS_TO_START)

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
            time.sleep(0.5)  # the question itself costs the webserver some work

    def last_words(self) -> str:
        """Give the ends of the processes' logs."""
        return "\n".join(f"--- {log.name}\n{_end_of(log)}" for log in self.home.glob("*.log"))

    def _run_status(self, run: str) -> str:
        [found] = self.client.runs(runIds=[run])
        return found.status


@contextmanager
def running(
    home: Path, workspace_file: Path, *, with_daemon: bool = True, **variables: str
) -> Iterator[Dagster]:
    """Serve a workspace as ``dagster dev`` does; ready when this yields, ended when it ends.

    `home` becomes DAGSTER_HOME, with what it already holds. Without a daemon nothing runs. The
    `variables` stand in the processes' environment.
    """
    environment = _prepared(home, workspace_file, variables)
    port, _ = free_ports()
    url = f"http://127.0.0.1:{port}"
    commands = {
        "webserver": [_script("dagster-webserver"), "-h", "127.0.0.1", "-p", str(port)],
        "daemon": [sys.executable, "-m", "tajo_sf_pipeline_tests.eager_daemon", "run"],
    }
    with ExitStack() as processes:
        started: dict[str, subprocess.Popen[bytes]] = {}
        began: dict[str, float] = {}

        def start(name: str) -> None:
            command = [*commands[name], *_WORKSPACE]
            began[name] = time.time()
            started[name] = processes.enter_context(process(name, command, home, environment))

        dagster = Dagster(url, Client(url, "tajo_sf_pipeline"), home, start, started, began)
        start("webserver")
        if with_daemon:
            start("daemon")
        dagster.wait_until_ready()
        yield dagster


def _prepared(home: Path, workspace_file: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Make DAGSTER_HOME and its tables; give the environment, without a developer's settings."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(_REPOSITORY / "dagster.yaml", home / "dagster.yaml")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not re.match(r"TAJO_|SNOWFLAKE_|BREVO_|DAGSTER_", name)
    }
    here = {
        "DAGSTER_HOME": str(home),
        "TAJO_CONFIG": str(workspace_file),
        # Stock it is 60 s, which a machine that tests much at once may need to start a process.
        "DAGSTER_GRPC_TIMEOUT_SECONDS": "240",
    }
    environment = {**kept, **here, **variables}
    # Two processes that make the tables together spoil each other's
    # (github.com/dagster-io/dagster/issues/27390).
    info = [_script("dagster"), "instance", "info"]
    subprocess.run(info, env=environment, check=True, stdout=subprocess.DEVNULL)
    return environment


@contextmanager
def process(
    name: str, command: list[str], home: Path, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    with (home / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A group of its own: with it end its code server and its runs, which outlive it.
            start_new_session=True,
        )
        try:
            yield process
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
