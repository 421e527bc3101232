"""deploy/compose.yaml without containers: its commands and health checks as plain processes."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tajo_sf_pipeline.sandbox.servers import free_ports
from tajo_sf_pipeline_tests import postgres
from tajo_sf_pipeline_tests.dagster_processes import process
from tajo_sf_pipeline_tests.graphql import Client
from tajo_sf_pipeline_tests.workspaces import Workspace

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(postgres.BINARIES is None, reason=postgres.MISSING),
]
DEPLOY = Path(__file__).parents[2] / "deploy"
SERVICES = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
PATIENCE = 400  # seconds


@dataclass(frozen=True, slots=True)
class Host:
    """A folder and ports in the place of the containers' own."""

    folder: Path
    environment: dict[str, str]
    ports: dict[str, str] = field(
        default_factory=lambda: dict(zip(("4000", "3000"), map(str, free_ports()), strict=True))
    )

    @property
    def dagster_home(self) -> Path:
        return self.folder / "opt-dagster"

    def here(self, command: list[str]) -> list[str]:
        """Give a container's command as it runs on this host."""
        swapped = {**self.ports, "0.0.0.0": "127.0.0.1"}
        program, *arguments = (swapped.get(word, word) for word in command)
        arguments = [
            re.sub(r"\b(3000|4000)\b", lambda m: self.ports[m[0]], word).replace(
                "/opt/dagster", str(self.dagster_home)
            )
            for word in arguments
        ]
        return [str(Path(sys.executable).with_name(program)), *arguments]

    def is_healthy(self, service: str) -> bool:
        """Run the service's health check."""
        _, *check = SERVICES[service]["healthcheck"]["test"]
        ran = subprocess.run(
            self.here(check), env=self.environment, capture_output=True, timeout=60, check=False
        )
        return ran.returncode == 0

    def logged(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            logs = "\n".join(path.read_text()[-3000:] for path in self.folder.glob("*.log"))
            assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s\n{logs}"
            time.sleep(0.5)


@pytest.fixture
def host(dated: Workspace, tmp_path: Path) -> Iterator[Host]:
    """Prepare what the image and the volumes would give."""
    image = (DEPLOY / "Dockerfile").read_text()
    assert "TAJO_LOG=json" in image
    with postgres.serving() as database:
        home = tmp_path / "opt-dagster"
        variables = {
            "DAGSTER_POSTGRES_URL": database,
            "DAGSTER_HOME": str(home),
            "TAJO_CONFIG": str(dated.file),
            "TAJO_HOME": str(tmp_path / "state"),
            "TAJO_LOG": "json",
        }
        made = Host(tmp_path, {**os.environ, **variables})
        (home / "storage").mkdir(parents=True)
        shutil.copyfile(DEPLOY / "dagster.postgres.yaml", home / "dagster.yaml")
        paths = (DEPLOY / "workspace.yaml").read_text()
        paths = paths.replace("host: code", "host: 127.0.0.1")
        (home / "workspace.yaml").write_text(paths.replace("4000", made.ports["4000"]))
        yield made


def test_the_four_processes_run_a_partition_and_say_that_they_are_well(
    host: Host, dated: Workspace
) -> None:
    """Tables first, then code server, webserver and daemon; each health check tells the truth."""
    subprocess.run(host.here(SERVICES["tables"]["command"]), env=host.environment, check=True)
    assert not host.is_healthy("code")
    [code] = re.findall(r"^CMD (\[.+\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    commands = {
        "code": json.loads(code),
        "webserver": SERVICES["webserver"]["command"],
        "daemon": SERVICES["daemon"]["command"],
    }
    with ExitStack() as running:
        for service, command in commands.items():
            running.enter_context(
                process(service, host.here(command), host.folder, host.environment)
            )
            host.wait_until(lambda: host.is_healthy(service), service)  # noqa: B023 - run at once
        client = Client(f"http://127.0.0.1:{host.ports['3000']}", "tajo_sf_pipeline")
        host.wait_until(client.is_loaded, "the code location")
        run = client.launch_run("daily_incremental", str(dated.settings().today()))
        host.wait_until(lambda: _status(client, run) in ("SUCCESS", "FAILURE"), "the run")
        assert "SUCCESS" == _status(client, run), host.logged("code")
    assert "daily@example.com" in dated.brevo.contacts()
    assert (host.folder / "state" / "ledger" / "daily.duckdb").exists()
    # The containers' own files are read-only: Dagster has written on volumes alone.
    copied, mounted = {"dagster.yaml", "workspace.yaml"}, {"storage", "logs", ".logs_queue"}
    assert {path.name for path in host.dagster_home.iterdir()} <= copied | mounted
    lines = [_json(line) for line in host.logged("code").splitlines() if run in line]
    assert ["daily"] == [line["audience"] for line in lines if "query_id" in line]


def _status(client: Client, run: str) -> str:
    [found] = client.runs(runIds=[run])
    return found.status


def _json(line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
    return found
