"""The local servers, once for a test process, and an account and a workspace for each test."""

import os
import re
import shutil
import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tajo_sf_pipeline.sandbox import Sandbox, seed, serve
from tajo_sf_pipeline_tests.dagster_processes import Dagster, running
from tajo_sf_pipeline_tests.quicker import quicken
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

# A shell that runs us in its background has us ignore Ctrl-C, and what is ignored stays so in every
# process that we start: those that a test interrupts would never end.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHOP_CUSTOMERS = 2_000
SHOP_DAY = date(2026, 11, 1)
# Files there wait for no disk. No promise hangs on the disk: processes are killed, not the machine.
_MEMORY, _ROOM = Path("/dev/shm"), 4 << 30
# The slowest first, so that no worker is left alone with one of them in the end.
_SLOW = (
    *("server/test_daemon", "server/test_postgres", "server/test_commands", "faults", "rules"),
    *("reliability", "browser", "server", "dagster"),
)


def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary files in memory where there is enough of it."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
    quicken()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Give each core two workers: half of the time a test waits for a process or a server."""
    return 2 * len(os.sched_getaffinity(0))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take long before the others."""

    def rank(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((n for n, part in enumerate(_SLOW) if f"_tests/{part}" in path), len(_SLOW))

    items.sort(key=rank)


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
