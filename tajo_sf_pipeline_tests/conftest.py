"""The local servers, once for a test process, and an account and a workspace for each test."""

import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tajo_sf_pipeline.sandbox import Sandbox, seed, serve
from tajo_sf_pipeline_tests.dagster_processes import Dagster, running
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

SHOP_CUSTOMERS = 2_000
SHOP_DAY = date(2026, 11, 1)


@pytest.fixture(scope="session")
def dagster_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give one instance to a test process: making its tables takes half a second."""
    return tmp_path_factory.mktemp("dagster")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, dagster_home: Path) -> None:
    """Keep a developer's own settings out of every test."""
    for name in os.environ:
        if re.match(r"TAJO_|SNOWFLAKE_|BREVO_|DAGSTER_", name):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home))


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Run both servers as real processes, with a small shop."""
    with serve(tmp_path_factory.mktemp("sandbox")) as running:
        for _ in seed(running, SHOP_CUSTOMERS, SHOP_DAY):
            pass
        yield running


@pytest.fixture
def brevo(sandbox: Sandbox) -> BrevoAccount:
    """Make an account for one test."""
    return BrevoAccount.new(sandbox)


@pytest.fixture
def workspace(sandbox: Sandbox, brevo: BrevoAccount, tmp_path: Path) -> Workspace:
    """Make a workspace without audiences, on the local servers."""
    return Workspace.new(tmp_path, sandbox, brevo)


@pytest.fixture(scope="module")
def dated(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Make a workspace with two audiences, whose contacts in Brevo tell their latest sync date."""
    workspace = Workspace.new(tmp_path_factory.mktemp("dated"), sandbox, BrevoAccount.new(sandbox))
    for name in ("weekly", "daily"):
        table = workspace.table(name, "email", [[f"{name}@example.com"]])
        attribute = f"{name}_date".upper()
        query = f"SELECT email, :partition_key AS sync_date FROM {table}"
        workspace.audience(name, query, {"email": "email", "sync_date": attribute})
        workspace.brevo.attributes(**{attribute: "text"})
    return workspace


@pytest.fixture(scope="module")
def dagster(dated: Workspace) -> Iterator[Dagster]:
    """Run Dagster's own processes on that workspace."""
    with running(dated.folder / "dagster", dated.file) as started:
        yield started
