"""The daemon's tests again, on an instance whose storage is PostgreSQL."""

import shutil
from collections.abc import Iterator

import pytest

from tajo_sf_pipeline_tests import postgres
from tajo_sf_pipeline_tests.dagster_processes import Dagster, running
from tajo_sf_pipeline_tests.server.test_daemon import (
    shop,
    test_a_backfill_is_cancelled_in_the_middle_and_resumed,
    test_a_run_whose_worker_is_killed_starts_again,
    test_a_schedule_ticks_when_its_hour_comes,
)
from tajo_sf_pipeline_tests.workspaces import Workspace

__all__ = [
    "shop",
    "test_a_backfill_is_cancelled_in_the_middle_and_resumed",
    "test_a_run_whose_worker_is_killed_starts_again",
    "test_a_schedule_ticks_when_its_hour_comes",
]
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(420),
    pytest.mark.skipif(postgres.BINARIES is None, reason=postgres.MISSING),
]


@pytest.fixture(scope="module", name="dagster")
def _dagster_on_postgres(
    shop: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dagster]:
    """Run a webserver and a daemon on it."""
    home = tmp_path_factory.mktemp("daemon-on-postgres")
    shutil.copyfile(postgres.INSTANCE_FILE, home / "dagster.yaml")
    with (
        postgres.serving() as database,
        running(home, shop.file, DAGSTER_POSTGRES_URL=database) as started,
    ):
        yield started
