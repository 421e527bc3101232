"""A project that embeds ours hands in the `SnowflakeResource` that it has already."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg
import httpx
import pytest

from tajo_sf_pipeline import defs
from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.defs import runs
from tajo_sf_pipeline.defs.snowflake_resource import source_through
from tajo_sf_pipeline.sources.base import Question
from tajo_sf_pipeline_tests.workspaces import Workspace

if TYPE_CHECKING:
    from dagster_snowflake import SnowflakeResource

# The audiences' own files say nothing of how to connect.
NOBODY = {"account": "nobody", "user": "nobody", "port": 1, "auth": {"method": "pat", "token": "x"}}


@pytest.fixture
def embedded(workspace: Workspace) -> Workspace:
    """Give a workspace with one audience, whose own credentials sign nobody in."""
    table = workspace.table("people", "email,points", [["ada@example.com", "12.50"]])
    query = f"SELECT email, points::NUMBER(12,2) AS points FROM {table}"
    workspace.audience(workspace.prefix, query, {"email": "email", "points": "POINTS"})
    workspace.brevo.attributes(POINTS="float")
    workspace.write(snowflake=NOBODY)
    return workspace


@pytest.fixture
def resource(embedded: Workspace, monkeypatch: pytest.MonkeyPatch) -> "SnowflakeResource":
    """Give the project's own resource, which takes its user from the environment."""
    from dagster_snowflake import SnowflakeResource  # 4 s that other workers do not pay

    sandbox = embedded.sandbox
    monkeypatch.setenv("PROJECT_USER", sandbox.user)
    return SnowflakeResource(
        account=sandbox.account,
        user=dg.EnvVar("PROJECT_USER"),
        private_key_path=str(sandbox.private_key_path),
        # Neither is what the audience's SQL means, nor the zone of its windows.
        database="OTHER_DB",
        schema="OTHER",
        timezone="Asia/Tokyo",
        additional_snowflake_connection_args={
            "host": "127.0.0.1",
            "port": sandbox.snowflake_port,
            "protocol": "http",
            "session_parameters": {"timezone": "Asia/Tokyo", "query_tag": "the project's"},
        },
    )


@pytest.fixture
def instance(embedded: Workspace) -> Iterator[dg.DagsterInstance]:
    """Open the instance in which the runs are kept."""
    with runs.instance(embedded.settings()) as opened:
        yield opened


def statements(workspace: Workspace) -> list[dict[str, Any]]:
    """Return what the local Snowflake was asked of the workspace's own table."""
    seen = httpx.get(f"{workspace.sandbox.snowflake_url}/admin/statements").raise_for_status()
    table = f"{workspace.prefix}_people".upper()
    return [one for one in seen.json()["statements"] if table in one["sql"].upper()]


def test_an_extract_runs_through_the_resource_of_the_project(
    embedded: Workspace, resource: "SnowflakeResource", instance: dg.DagsterInstance
) -> None:
    """Its connection brings the rows, read as our own would: exact decimals, our query tag."""
    settings = embedded.settings()
    summary = runs.run(
        defs.build(settings, snowflake=resource),
        instance,
        settings,
        audience=embedded.load(embedded.prefix),
        day=settings.today(),
        path="incremental",
    )
    assert (1, 1, 0) == (summary.extracted, summary.confirmed, summary.failed)
    contacts = embedded.brevo.contacts()
    assert 12.5 == contacts["ada@example.com"]["attributes"]["POINTS"]
    [asked] = statements(embedded)
    assert f'"audience": "{embedded.prefix}"' in asked["query_tag"]


def test_the_freshness_sensor_looks_through_the_resource_of_the_project(
    embedded: Workspace, resource: "SnowflakeResource", instance: dg.DagsterInstance
) -> None:
    """The tables are looked at with the connection that reads them."""
    definitions = defs.build(embedded.settings(), snowflake=resource)
    context = dg.build_sensor_context(
        instance=instance, repository_def=definitions.get_repository_def()
    )
    sensor = definitions.resolve_sensor_def(f"{embedded.prefix}_freshness")
    assert "first look: 1 tables noted" == sensor.evaluate_tick(context).skip_message


def test_an_error_of_the_warehouse_is_told_as_ours(
    embedded: Workspace, resource: "SnowflakeResource", instance: dg.DagsterInstance
) -> None:
    """Whoever opened the connection, a table that is not there is named with what to do."""
    embedded.audience(embedded.prefix, "SELECT email FROM nowhere", {"email": "email"})
    settings = embedded.settings()
    with pytest.raises(Exception, match=r"TAJO-123 .*NOWHERE"):
        runs.run(
            defs.build(settings, snowflake=resource),
            instance,
            settings,
            audience=embedded.load(embedded.prefix),
            day=settings.today(),
            path="incremental",
        )


def test_a_resource_that_gives_no_connection_is_told(
    embedded: Workspace,
    resource: "SnowflakeResource",
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its variable is not set: an error of the project's configuration, for run and sensor."""
    monkeypatch.delenv("PROJECT_USER")
    definitions = defs.build(embedded.settings(), snowflake=resource)
    context = dg.build_sensor_context(
        instance=instance, repository_def=definitions.get_repository_def()
    )
    sensor = definitions.resolve_sensor_def(f"{embedded.prefix}_freshness")
    skipped = sensor.evaluate_tick(context).skip_message
    assert skipped is not None
    assert "the project's SnowflakeResource gives no connection" in skipped


def test_the_connection_reads_in_our_zone_and_database(
    embedded: Workspace, resource: "SnowflakeResource", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows are moments in UTC, and names in the SQL are what tajo.yaml says."""
    from snowflake import connector

    opened: list[dict[str, Any]] = []
    connect = connector.connect

    def noted(**given: Any) -> Any:
        # The driver writes what the server answered into the parameters that it is given.
        opened.append({**given, "session_parameters": dict(given["session_parameters"])})
        return connect(**given)

    monkeypatch.setattr(connector, "connect", noted)
    snowflake = embedded.settings().snowflake
    source = source_through(resource)(embedded.settings())
    asked = Statement(
        "SELECT CURRENT_DATABASE() AS d, CURRENT_SCHEMA() AS s", "the session of a test"
    )
    with source.extract(Question(asked, {}, "a tag")) as extract:
        [session] = [row for batch in extract.batches for row in batch.to_pylist()]
    assert {"D": snowflake.database, "S": snowflake.schema_} == session
    [parameters] = opened
    assert "UTC" == parameters["timezone"]
    assert {"QUERY_TAG": "a tag", "TIMEZONE": "UTC"} == parameters["session_parameters"]
