"""`tajo sandbox up` as a shell's background job."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tajo_sf_pipeline_tests.ports import two_ports

TAJO = Path(sys.executable).parent / "tajo"
SECONDS = 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("ready", [True, False], ids=["serving", "starting"])
def test_ends_where_a_shell_had_it_ignore_the_signal(
    tmp_path: Path, number: signal.Signals, ready: bool
) -> None:
    """A job that was started with `&` ends on Ctrl-C and on SIGTERM, and its servers with it."""
    port = two_ports()
    name = number.name.removeprefix("SIG")
    arguments = f"sandbox up --rows 50 --json --port {port} --home {tmp_path}"
    script = f"trap '' {name}; exec {TAJO} {arguments}"
    with subprocess.Popen(
        ["/bin/sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _wait_for(process, port, ready=ready)
            process.send_signal(number)
            _, errors = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert (0, False) == (process.returncode, "Traceback" in errors), errors
    for server in (port, port + 1):
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{server}/admin/health")


def _wait_for(process: subprocess.Popen[str], port: int, *, ready: bool) -> None:
    """Wait until it serves, or until the first of its servers answers."""
    assert process.stdout
    if ready:
        while (line := process.stdout.readline()) != "}\n":
            assert line, "the sandbox ended"
        return
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/admin/health")
        except httpx.TransportError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("the sandbox did not start")
