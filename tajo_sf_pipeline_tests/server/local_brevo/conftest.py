"""One local Brevo for a test process, and an account of its own for each test."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from tajo_sf_pipeline.sandbox.servers import free_ports, running_servers
from tajo_sf_pipeline_tests.brevo_calls import NewAccount
from tajo_sf_pipeline_tests.file_server import FileServer, serving_files


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, _ = free_ports()
    with running_servers(tmp_path_factory.mktemp("brevo"), {"brevo": port}):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def new_account(address: str, numbers: Iterator[int]) -> Iterator[NewAccount]:
    """Make an account of one's own, without limits and with instant imports unless told."""
    clients: list[httpx.Client] = []

    def make(**settings: Any) -> httpx.Client:
        key = f"key-{next(numbers)}"
        clients.append(httpx.Client(base_url=address, headers={"api-key": key}, timeout=20))
        settings = {"rate_limits": False, "import_seconds": 0} | settings
        created = clients[-1].post("/admin/accounts", json={"key": key} | settings)
        assert created.status_code == 201
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def brevo(new_account: NewAccount) -> httpx.Client:
    return new_account()


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    with serving_files() as served:
        yield served
