"""The commands as a person starts them: real processes, from an empty folder."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest

from tajo_sf_pipeline.sandbox.servers import free_ports
from tajo_sf_pipeline_tests.workspaces import Workspace

TAJO = Path(sys.executable).parent / "tajo"
ROOT = Path(__file__).parents[2]
SECONDS = 60


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
    port, _ = free_ports()
    command = [TAJO, "sandbox", "up", "--rows", "300", "--port", str(port), "--json"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield json.loads(_document(process.stdout))
        finally:
            process.send_signal(signal.SIGINT)
            assert 0 == process.wait(SECONDS)


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
    ("connector", "told"), [("snowflake", "sign-in: as TAJO_INTEGRATION"), ("brevo", "missing")]
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
    "arguments",
    [
        ["plan", "customers"],
        ["audiences", "list"],
        ["dead-letters", "list"],
        ["status"],
        ["connectors", "list"],
        ["connectors", "connect", "brevo"],
        ["connectors", "sync", "snowflake", "--dry-run"],
    ],
)
def test_what_is_not_built_is_refused_by_name(workspace: Workspace, arguments: list[str]) -> None:
    """A command of the interface that this version lacks says so."""
    ran = workspace.tajo(*arguments)
    assert (2, True) == (ran.code, "is not built in this version" in ran.err)
