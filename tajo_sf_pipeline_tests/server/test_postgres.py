"""The operations tests again, on an instance whose storage is PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
import yaml

from tajo_sf_pipeline_tests import postgres
from tajo_sf_pipeline_tests.dagster_processes import Dagster, running
from tajo_sf_pipeline_tests.server.test_backfill import (  # noqa: F401 - collected here too
    test_a_backfill_runs_each_date_alone_and_the_newest_wins,
    test_one_partition_of_a_job_tells_what_it_did,
)
from tajo_sf_pipeline_tests.workspaces import Workspace

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(postgres.BINARIES is None, reason=postgres.MISSING),
]


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """Run an empty PostgreSQL server for this module."""
    with postgres.serving() as url:
        yield url


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a DAGSTER_HOME with the instance file of deploy/."""
    folder = tmp_path_factory.mktemp("dagster-on-postgres")
    shutil.copyfile(postgres.INSTANCE_FILE, folder / "dagster.yaml")
    return folder


@pytest.fixture(scope="module")
def dagster(dated: Workspace, home: Path, database: str) -> Iterator[Dagster]:
    """Run Dagster's processes on that instance; this takes the place of the one on SQLite."""
    with running(home, dated.file, DAGSTER_POSTGRES_URL=database) as started:
        yield started


@pytest.fixture(autouse=True)
def _address(monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    """Name the database for commands that run in this process."""
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", database)


def test_runs_and_events_are_in_the_database_only(
    dated: Workspace, dagster: Dagster, home: Path, database: str
) -> None:
    """What a run leaves behind stands in PostgreSQL, and no SQLite file under DAGSTER_HOME."""
    today = str(dated.settings().today())
    run = dagster.client.launch_run("weekly_incremental", today)
    assert "SUCCESS" == dagster.ended_run(run), dagster.last_words()
    engine = sqlalchemy.create_engine(database)
    with engine.connect() as connection:
        [[status]] = connection.execute(
            sqlalchemy.text("SELECT status FROM runs WHERE run_id = :run"), {"run": run}
        ).fetchall()
        [[events]] = connection.execute(
            sqlalchemy.text("SELECT count(*) FROM event_logs WHERE run_id = :run"), {"run": run}
        ).fetchall()
    engine.dispose()
    assert "SUCCESS" == status
    assert events > 20
    assert [] == [str(path) for path in home.rglob("*.db")]


def test_the_terminals_runs_stand_beside_them(
    dated: Workspace, dagster: Dagster, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tajo connectors sync` with that DAGSTER_HOME is seen by the webserver."""
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    [summary] = dated.sync("--audience", "daily")
    [seen] = dagster.client.runs(runIds=[summary["run_id"]])
    assert "SUCCESS" == seen.status


def test_the_instance_is_dagster_yaml_and_a_storage() -> None:
    """Retries, monitoring, retention and limits are the same on one machine and on several."""
    on_several = yaml.safe_load(postgres.INSTANCE_FILE.read_text())
    on_one = yaml.safe_load((postgres.INSTANCE_FILE.parents[1] / "dagster.yaml").read_text())
    assert on_one == {name: value for name, value in on_several.items() if name != "storage"}
    assert {"run_monitoring", "run_retries", "retention"} <= on_one.keys()
