"""The commands as a person starts them: real processes, from an empty folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest

from tajo_sf_pipeline_tests.ports import two_ports
from tajo_sf_pipeline_tests.workspaces import Workspace

TAJO = Path(sys.executable).parent / "tajo"
ROOT = Path(__file__).parents[2]
SECONDS = 240  # a machine may be slow, and these are whole processes
pytestmark = pytest.mark.timeout(2 * SECONDS)


def _tajo(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command without the DAGSTER_HOME that other tests share."""
    inherited = {name: text for name, text in os.environ.items() if name != "DAGSTER_HOME"}
    return subprocess.run(
        [TAJO, *arguments],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.long
def test_demo_brings_every_audience_across_and_then_nothing(tmp_path: Path) -> None:
    """Each audience creates its contacts once; the second run sends nothing; S01 holds in both."""
    ran = _tajo("demo", "--rows", "400", "--json", cwd=tmp_path)
    assert 0 == ran.returncode, ran.stderr
    told = json.loads(ran.stdout)
    assert ["customers", "segments", "analytics"] == [run["audience"] for run in told["first"]]
    for first, second in zip(told["first"], told["second"], strict=True):
        assert first["created"] == first["confirmed"] == first["planned"] > 200
        assert first["extracted"] == first["rejected"] + first["planned"]
        assert (0, 0, first["created"]) == (
            second["planned"],
            second["api_calls"],
            second["unchanged"],
        )
    assert 3 == len(told["contacts"])
    assert {"FIRSTNAME", "LTV_SCORE", "RFM_SEGMENT"} <= set(told["contacts"][0]["attributes"])


@pytest.mark.long
def test_demo_shows_tables_that_a_person_reads(tmp_path: Path) -> None:
    """What came, what was rejected and why, three contacts, and how to go on; no noise."""
    ran = _tajo("demo", "--rows", "400", cwd=tmp_path)
    assert (0, "") == (ran.returncode, ran.stderr)
    for words in (
        "A shop in the local Snowflake: 400 customers",
        "extracted  rejected  mapped  created  updated  unchanged",
        "EMAIL is not an e-mail address",
        "Three contacts, as Brevo has them now",
        "nothing changed, so nothing is sent",
        "dev -m tajo_sf_pipeline.definitions",
    ):
        assert words in ran.stdout


@pytest.fixture(scope="module")
def settings_of_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Start `tajo sandbox up` and give the settings that it prints; end it as a person does."""
    folder = tmp_path_factory.mktemp("up")
    command = [TAJO, "sandbox", "up", "--rows", "300", "--port", str(two_ports()), "--json"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield json.loads(_document(process.stdout))
        finally:
            process.send_signal(signal.SIGINT)
            try:
                assert 0 == process.wait(SECONDS)
            finally:
                process.kill()


def _document(output: IO[str]) -> str:
    """Read the first JSON document of a process that goes on."""
    lines: list[str] = []
    while not lines or lines[-1] != "}":
        line = output.readline()
        assert line, "the sandbox ended"
        lines.append(line.rstrip("\n"))
    return "\n".join(lines)


@pytest.fixture
def shop(settings_of_sandbox: dict[str, str], tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Copy the repository's own tajo.yaml and sql/ beside a .env with the sandbox's settings."""
    (tmp_path / "tajo.yaml").write_bytes((ROOT / "tajo.yaml").read_bytes())
    lines = [f"{name}={value}" for name, value in settings_of_sandbox.items()]
    (tmp_path / ".env").write_text("\n".join(lines))
    return tmp_path, settings_of_sandbox


def test_the_repositorys_workspace_works_with_the_sandboxs_settings(
    shop: tuple[Path, dict[str, str]],
) -> None:
    """The lines that `sandbox up` prints, in .env, are all that the shipped tajo.yaml wants."""
    folder, _ = shop
    validated = json.loads(_tajo("config", "validate", "--json", cwd=folder).stdout)
    assert (["customers", "segments", "analytics"], []) == (
        [audience["name"] for audience in validated["audiences"]],
        validated["missing"],
    )
    ran = _tajo("connectors", "sync", "snowflake", "--audience", "segments", "--json", cwd=folder)
    assert 0 == ran.returncode, ran.stderr
    [run] = json.loads(ran.stdout)
    assert run["confirmed"] == run["planned"] > 250


@pytest.mark.parametrize(
    ("connector", "told"),
    [("snowflake", "sign-in: as TAJO_INTEGRATION"), ("brevo", "sign-in: at http")],
)
def test_connectors_test_proves_the_credentials(
    shop: tuple[Path, dict[str, str]], connector: str, told: str
) -> None:
    """A harmless read says as whom we are signed in, or what the account lacks."""
    folder, _ = shop
    ran = _tajo("connectors", "test", connector, cwd=folder)
    assert (0, "") == (ran.returncode, ran.stderr)
    assert told in ran.stdout


def test_loading_a_file_into_the_workspaces_own_snowflake(
    shop: tuple[Path, dict[str, str]],
) -> None:
    """Without --port the workspace's local Snowflake is meant."""
    folder, _ = shop
    (folder / "points.csv").write_text("customer,points\n007,1.50\n")
    ran = _tajo("sandbox", "load", "POINTS", "points.csv", cwd=folder)
    assert (0, "") == (ran.returncode, ran.stderr)
    assert "MARKETING_DB.PUBLIC.POINTS: 1 rows" in ran.stdout


def test_sessions_are_closed_also_after_a_failure(workspace: Workspace) -> None:
    """A statement that fails leaves no session behind."""
    sessions = f"{workspace.sandbox.snowflake_url}/admin/sessions"
    before = httpx.get(sessions).json()["open"]
    workspace.audience("people", "SELECT email FROM no_such_table", {"email": "email"})
    assert 2 == workspace.tajo("connectors", "sync", "snowflake").code
    assert before == httpx.get(sessions).json()["open"]


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)],
    ids=["a terminate", "Ctrl-C"],
)
def test_a_stopped_sync_says_what_was_sent_and_goes_on_from_there(
    workspace: Workspace, number: signal.Signals
) -> None:
    """The run tells what Brevo has accepted, the next is left out; run again, the rest arrives."""
    workspace.write(snowflake={"transport": "sql_api"})
    table = workspace.table("people", "email", [[f"p{n:02}@example.com"] for n in range(40)])
    for name in ("first", "second"):
        workspace.audience(name, f"SELECT email FROM {table}", {"email": "email"})
    slow = {"delay": 1, "method": "POST", "path": "/v3/contacts", "times": 40, "skip": 10}
    workspace.brevo.change(faults=[slow])
    ran = _stopped(workspace, number, lambda: len(workspace.brevo.contacts()) > 10)
    assert 128 + number == ran.returncode, ran.stderr
    first, second = json.loads(ran.stdout)
    assert ("first", "interrupted", 40) == (first["audience"], first["outcome"], first["planned"])
    assert ("second", "not_begun", 0) == (
        *(second["audience"], second["outcome"], second["confirmed"]),
    )
    assert 10 <= first["confirmed"] < 40
    assert 40 == first["confirmed"] + first["pending"]
    workspace.brevo.change(faults=[])
    assert [40 - first["confirmed"], 40] == [run["confirmed"] for run in workspace.sync()]


def _stopped(
    workspace: Workspace, number: signal.Signals, soon: Callable[[], bool]
) -> subprocess.CompletedProcess[str]:
    """Sync in a process of its own, and send it a signal as soon as something is seen."""
    command = [TAJO, "connectors", "sync", "snowflake", "--json", "--config", workspace.file]
    with subprocess.Popen(
        command, cwd=workspace.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            deadline = time.monotonic() + SECONDS
            while not soon():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(number)
            out, err = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    return subprocess.CompletedProcess(command, process.returncode, out, err)
