"""Start the two local servers as child processes, and end them in an orderly way."""

import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tajo_sf_pipeline.sandbox import snowflake
from tajo_sf_pipeline.sandbox.ports import HOST, PortTakenError, listen

DEFAULT_PORT = 8791
SECONDS_TO_START = 30
SECONDS_TO_END = 10


class SandboxError(Exception):
    """One sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where the two servers answer, and the well-known values that open them and nothing else."""

    home: Path
    snowflake_port: int
    brevo_port: int
    account: str = "SANDBOX"
    user: str = snowflake.USER
    password: str = snowflake.PASSWORD
    programmatic_access_token: str = snowflake.PROGRAMMATIC_ACCESS_TOKEN
    oauth_token: str = snowflake.OAUTH_TOKEN
    oauth_client_id: str = snowflake.OAUTH_CLIENT_ID
    oauth_client_secret: str = snowflake.OAUTH_CLIENT_SECRET
    oauth_refresh_token: str = snowflake.OAUTH_REFRESH_TOKEN
    external_client_id: str = snowflake.EXTERNAL_CLIENT_ID
    external_client_secret: str = snowflake.EXTERNAL_CLIENT_SECRET
    database: str = snowflake.DATABASE
    schema: str = snowflake.SCHEMA
    brevo_api_key: str = "sandbox-brevo-key"

    @property
    def snowflake_url(self) -> str:
        return f"http://{HOST}:{self.snowflake_port}"

    @property
    def brevo_url(self) -> str:
        return f"http://{HOST}:{self.brevo_port}/v3"

    @property
    def private_key_path(self) -> Path:
        return self.home / snowflake.PRIVATE_KEY_FILE


@dataclass(frozen=True, slots=True)
class _Server:
    name: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def ready(self) -> bool:
        """Whether it answers; a server that has ended raises, with its last words."""
        if self.process.poll() is not None:
            lines = self.log.read_text(errors="replace").splitlines()
            last_line = lines[-1] if lines else "it said nothing"
            raise SandboxError(
                f"The local {self.name} ended as it started ({last_line}); see {self.log}."
            )
        try:
            # Without TLS; to read the certificates for each look costs 30 ms.
            answer = httpx.get(f"http://{HOST}:{self.port}/admin/health", timeout=5, verify=False)
        except httpx.TransportError:
            return False
        return answer.is_success and answer.json().get("ready") is True


@contextmanager
def serve(
    home: Path, *, port: int | None = None, snowflake_faults: Iterable[str] = ()
) -> Iterator[Sandbox]:
    """Serve both, on `port` and the next one or on two free ports; ready when this yields.

    A fault is written NAME[=AMOUNT][xTIMES][@CALL]; the local Snowflake's `--help` lists them.
    """
    snowflake_port, brevo_port = free_ports(port)
    sandbox = Sandbox(home.resolve(), snowflake_port, brevo_port)
    ports = {"snowflake": snowflake_port, "brevo": brevo_port}
    faults = [part for fault in snowflake_faults for part in ("--fault", fault)]
    with running_servers(sandbox.home, ports, {"snowflake": faults}):
        yield sandbox


@contextmanager
def running_servers(
    home: Path, ports: Mapping[str, int], arguments: Mapping[str, Sequence[str]] | None = None
) -> Iterator[None]:
    """Run the named servers of this package; all answer when this yields, none when it ends.

    Each is given its arguments besides those that every server has.
    """
    (home / "logs").mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        servers = [
            running.enter_context(_started(home, name, port, (arguments or {}).get(name, ())))
            for name, port in ports.items()
        ]
        _wait_until_ready(servers)
        yield


@contextmanager
def _started(home: Path, name: str, port: int, arguments: Sequence[str]) -> Iterator[_Server]:
    log = home / "logs" / f"{name}.log"
    command = [sys.executable, "-m", f"tajo_sf_pipeline.sandbox.{name}"]
    command += ["--home", str(home), "--port", str(port), "--until-stdin-closes"]
    command += arguments
    with log.open("ab") as output:
        # The pipe ends with this process, however it ends, and the server with the pipe; a session
        # of its own keeps Ctrl-C from reaching the server before us.
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _Server(name, port, log, process)
    finally:
        process.terminate()
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdin
        process.stdin.close()


def _wait_until_ready(servers: list[_Server]) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while waiting := [server for server in servers if not server.ready()]:
        if time.monotonic() > deadline:
            logs = " and ".join(str(server.log) for server in waiting)
            raise SandboxError(
                f"The local servers did not start within {SECONDS_TO_START} s; see {logs}."
            )
        time.sleep(0.05)


def free_ports(port: int | None = None) -> tuple[int, int]:
    """Two ports nobody listens on: `port` and the next one, or whichever the system has."""
    try:
        with listen(port or 0) as first, listen(port + 1 if port else 0) as second:
            return first.getsockname()[1], second.getsockname()[1]
    except PortTakenError as error:
        raise SandboxError(str(error)) from error
