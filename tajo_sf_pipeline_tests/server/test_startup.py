"""Dagster starts on a workspace without a warning that would be ours to prevent."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tajo_sf_pipeline_tests.dagster.test_definitions import environment, write_workspace
from tajo_sf_pipeline_tests.ports import free_ports

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]
REPOSITORY = Path(__file__).parents[2]
_SECONDS = 240
# Dagster's own: `dagster dev` says that `dg dev` follows it, and so does an instance that is new.
_DAGSTERS = re.compile(
    r"SupersessionWarning: Function `dev_command` is superseded"
    r"|No cursor for event type DagsterEventType\.\w+, ignoring older events"
)
needs_dg = pytest.mark.skipif(
    shutil.which("dg", path=str(Path(sys.executable).parent)) is None, reason="dg is not installed"
)


def _output(command: list[str], folder: Path, variables: dict[str, str], until: str) -> str:
    """Return what a server writes until it serves, and for some seconds of its daemon."""
    log = folder / "dev.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdout=file, stderr=file, start_new_session=True
        )
        try:
            deadline = time.monotonic() + _SECONDS
            while until not in log.read_text(errors="replace"):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return log.read_text(errors="replace")


@pytest.mark.parametrize(
    "command",
    [["dagster", "dev"], pytest.param(["dg", "dev"], marks=needs_dg)],
    ids=["dagster dev", "dg dev"],
)
def test_dev_starts_without_a_warning_of_ours(tmp_path: Path, command: list[str]) -> None:
    """Neither the definitions nor the instance that ships give cause for one."""
    variables = environment(write_workspace(tmp_path), PYTHONPATH=str(REPOSITORY))
    port, _ = free_ports()
    program = str(Path(sys.executable).with_name(command[0]))
    if command[0] == "dg":
        shutil.copyfile(REPOSITORY / "pyproject.toml", tmp_path / "pyproject.toml")
        for name in ("tajo_sf_pipeline", "sql"):
            (tmp_path / name).symlink_to(REPOSITORY / name)
        arguments = ["-p", str(port)]
    else:
        arguments = ["-m", "tajo_sf_pipeline.definitions", "-p", str(port)]
    # The first tick of the sensor that is on shows that the daemon has loaded the workspace.
    said = _output(
        [program, *command[1:], *arguments], tmp_path, variables, "Sensor dead_runs skipped"
    )
    warned = [line for line in said.splitlines() if re.search("warning|error", line, re.IGNORECASE)]
    assert [] == [line for line in warned if not _DAGSTERS.search(line)]


@needs_dg
@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["check", "defs"], "All definitions loaded successfully"),
        (["list", "defs", "--json"], "customers/sync"),
        (["check", "toml"], "valid"),
    ],
    ids=["check defs", "list defs", "check toml"],
)
def test_dg_knows_this_project(tmp_path: Path, command: list[str], told: str) -> None:
    """`[tool.dg]` in pyproject.toml is what its commands need."""
    dg = str(Path(sys.executable).with_name("dg"))
    variables = environment(write_workspace(tmp_path), PYTHONPATH=str(REPOSITORY))
    ran = subprocess.run(
        [dg, *command],
        cwd=REPOSITORY,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == ran.returncode, ran.stdout + ran.stderr
    assert told in ran.stdout + ran.stderr
