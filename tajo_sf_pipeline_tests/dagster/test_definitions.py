"""The graph of the shipped workspace: what Dagster shows before anything has run."""

import ast
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value

import tajo_sf_pipeline.defs
from tajo_sf_pipeline import defs
from tajo_sf_pipeline.audience.catalog import shipped_folder
from tajo_sf_pipeline.audience.check_rules import ON_MAPPED, ON_SYNC
from tajo_sf_pipeline.cli.main import main
from tajo_sf_pipeline.config import settings
from tajo_sf_pipeline.errors import ConfigurationError

AUDIENCES = ("analytics", "customers", "segments")
TABLES = ("CUSTOMERS", "ORDERS")
SHIPPED_INSTANCE = Path(__file__).parents[2] / "dagster.yaml"
SECRETS = {
    "SNOWFLAKE_USER": "an-unlikely-user",
    "SNOWFLAKE_PRIVATE_KEY": "an-unlikely-private-key",
    "BREVO_API_KEY": "an-unlikely-api-key",
}


def write_workspace(folder: Path, **top: str) -> Path:
    """Write a workspace with the three audiences that ship, and with no credential at all."""
    snowflake = {
        "account": "acme-eu1",
        "database": "MARKETING_DB",
        "schema": "PUBLIC",
        "sync": dict.fromkeys(AUDIENCES, True),
    }
    file = folder / "tajo.yaml"
    document = {"start_date": "2026-01-01", **top, "connectors": {"snowflake": snowflake}}
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return file


def built(file: Path) -> dg.Definitions:
    return defs.build(settings.load(file))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give the workspace file that also the processes of these tests load."""
    return write_workspace(tmp_path)


@pytest.fixture
def definitions(file: Path) -> dg.Definitions:
    """Build the definitions as `tajo_sf_pipeline.definitions` does."""
    return built(file)


@pytest.fixture
def graph(definitions: dg.Definitions) -> AssetGraph:
    """Give the resolved graph."""
    return definitions.resolve_asset_graph()


def environment(file: Path, **more: str) -> dict[str, str]:
    """Give the environment of a process that loads the workspace."""
    home = file.parent / "dagster"
    home.mkdir()
    shutil.copyfile(SHIPPED_INSTANCE, home / "dagster.yaml")
    return {**os.environ, "TAJO_CONFIG": str(file), "DAGSTER_HOME": str(home), **more}


def table_key(name: str) -> str:
    return f"snowflake/MARKETING_DB/PUBLIC/{name}"


def test_each_audience_is_a_chain_from_its_tables_to_brevo(graph: AssetGraph) -> None:
    """Tables -> extract -> mapped -> sync, and nothing else stands in the graph."""
    chains = {
        f"{audience}/{step}": {f"{audience}/{upstream}"}
        for audience in AUDIENCES
        for step, upstream in [("mapped", "extract"), ("sync", "mapped")]
    }
    assert {
        **chains,
        "analytics/extract": {table_key("CUSTOMERS"), table_key("ORDERS")},
        "customers/extract": {table_key("CUSTOMERS")},
        "segments/extract": {table_key("CUSTOMERS"), table_key("ORDERS")},
        table_key("CUSTOMERS"): set(),
        table_key("ORDERS"): set(),
    } == {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize(
    ("step", "kind", "holds"),
    [
        ("extract", "snowflake", "What the warehouse returns."),
        ("mapped", "arrow", "As Brevo would take them, without the rejects."),
        ("sync", "brevo", "What Brevo has accepted."),
    ],
    ids=["extract", "mapped", "sync"],
)
def test_an_asset_tells_its_group_kind_owners_and_purpose(
    graph: AssetGraph, audience: str, step: str, kind: str, holds: str
) -> None:
    """A person who opens an asset sees what it is for and whom to ask: the pair in sql/ says so."""
    pair = yaml.safe_load((shipped_folder() / f"{audience}.yaml").read_text(encoding="utf-8"))
    asset = graph.get(dg.AssetKey([audience, step]))
    assert (audience, {kind}) == (asset.group_name, asset.kinds)
    assert (pair["owners"], f"{holds} {pair['description']}.") == (asset.owners, asset.description)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_the_warehouse_is_an_external_asset(graph: AssetGraph, table: str) -> None:
    """Lineage begins at the tables; Dagster cannot materialize them."""
    asset = graph.get(dg.AssetKey(table_key(table).split("/")))
    assert (True, "snowflake", {"snowflake"}) == (asset.is_external, asset.group_name, asset.kinds)
    assert (False, True) == (asset.is_materializable, asset.is_observable)
    assert {"dagster/table_name": f"MARKETING_DB.PUBLIC.{table}"} == asset.metadata


@pytest.mark.parametrize(
    ("timezone", "now", "today"),
    [
        ("UTC", datetime(2026, 11, 10, 23, 59, tzinfo=UTC), "2026-11-10"),
        ("Pacific/Auckland", datetime(2026, 11, 10, 12, 0, tzinfo=UTC), "2026-11-11"),
        ("Pacific/Auckland", datetime(2026, 11, 10, 10, 59, tzinfo=UTC), "2026-11-10"),
        ("America/Los_Angeles", datetime(2026, 11, 10, 7, 59, tzinfo=UTC), "2026-11-09"),
    ],
    ids=["UTC", "east of UTC", "east of UTC before its midnight", "west of UTC"],
)
def test_partitions_go_from_the_start_date_to_today(
    tmp_path: Path, timezone: str, now: datetime, today: str
) -> None:
    """Today's partition exists all day long, tomorrow's does not, in the workspace's zone."""
    file = write_workspace(tmp_path, timezone=timezone, start_date="2026-11-01")
    graph = built(file).resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        partitions = graph.get(key).partitions_def
        assert isinstance(partitions, dg.DailyPartitionsDefinition)
        keys = partitions.get_partition_keys(current_time=now)
        assert ("2026-11-01", today) == (keys[0], keys[-1])
        assert int(today[-2:]) == len(keys)


def test_only_sync_has_a_pool(graph: AssetGraph) -> None:
    """One writer for an audience; extracts and mappings of several dates may run together."""
    assert {f"{audience}/sync": {f"audience_{audience}"} for audience in AUDIENCES} == {
        key.to_user_string(): graph.get(key).pools
        for key in graph.get_all_asset_keys()
        if graph.get(key).pools
    }


@pytest.mark.parametrize("audience", AUDIENCES)
def test_the_checks_on_mapped_block_and_those_on_sync_tell(
    graph: AssetGraph, audience: str
) -> None:
    """What is wrong before a write stops it; every check has the partitions of its asset."""
    specs = [
        graph.get_check_spec(key)
        for step in ("mapped", "sync")
        for key in graph.get(dg.AssetKey([audience, step])).check_keys
    ]
    of_runs = {
        (step, rule.name, rule.blocking)
        for step, rules in (("mapped", ON_MAPPED), ("sync", ON_SYNC))
        for rule in rules
    }
    of_sensors = {("sync", "on_time", False), ("sync", "cursor_moves", False)}
    assert of_runs | of_sensors == {
        (spec.asset_key.path[-1], spec.name, spec.blocking) for spec in specs
    }
    for spec in specs:
        # A sensor can write one verdict for a partition and never a second: its own have none.
        own = ("sync", spec.name, False) in of_sensors
        wanted = None if own else graph.get(spec.asset_key).partitions_def
        assert wanted == spec.partitions_def
        assert spec.description


def test_no_asset_sets_a_backfill_policy(graph: AssetGraph) -> None:
    """Any policy would take `dagster/partition` from a backfill's runs and spoil check history."""
    assert {None} == {graph.get(key).backfill_policy for key in graph.get_all_asset_keys()}


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Paris"])
def test_each_audience_has_one_schedule_that_a_person_switches_on(
    tmp_path: Path, timezone: str
) -> None:
    """Every six hours in the workspace's zone, and off until somebody wants it."""
    schedules = built(write_workspace(tmp_path, timezone=timezone)).schedules
    assert {
        (
            f"{name}_schedule",
            f"{name}_incremental",
            "0 */6 * * *",
            timezone,
            dg.DefaultScheduleStatus.STOPPED,
        )
        for name in AUDIENCES
    } == {
        (
            schedule.name,
            schedule.job_name,
            schedule.cron_schedule,
            schedule.execution_timezone,
            schedule.default_status,
        )
        for schedule in schedules or ()
        if isinstance(schedule, dg.ScheduleDefinition)
    }


def test_every_job_runs_its_steps_in_one_process(definitions: dg.Definitions) -> None:
    """Also the job that Dagster makes for backfills of assets: a process for a step costs 4 s."""
    jobs = definitions.get_repository_def().get_all_jobs()
    assert {dg.in_process_executor.name} == {job.executor_def.name for job in jobs}


def test_a_workspace_loads_without_any_secret(definitions: dg.Definitions) -> None:
    """What is missing fails the run that needs it, not the code location."""
    dg.Definitions.validate_loadable(definitions)


def test_no_secret_stands_in_the_repository_snapshot(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may open Dagster's UI reads the snapshot; keys and users are not in it (S14)."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    loaded = settings.load(file)
    assert SECRETS["BREVO_API_KEY"] == loaded.brevo.api_key.reveal()
    snapshot = RepositorySnap.from_def(defs.build(loaded).get_repository_def())
    text = serialize_value(snapshot)
    assert "customers_incremental" in text
    assert [] == [name for name, value in SECRETS.items() if value in text]


def test_no_module_of_defs_postpones_its_annotations() -> None:
    """Dagster resolves annotations at run time: `annotations` from `__future__` breaks it."""
    modules = sorted(Path(tajo_sf_pipeline.defs.__file__).parent.glob("**/*.py"))
    assert modules
    assert [] == [
        module.name
        for module in modules
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]


def test_loading_the_definitions_does_not_import_the_snowflake_driver(file: Path) -> None:
    """Its 5 s and 270 MB are paid by the run that connects, in a process of its own."""
    code = (
        "import sys, tajo_sf_pipeline.definitions; "
        "print(sys.modules.keys() & {'dagster_snowflake', 'snowflake.connector'})"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(file),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "set()\n" == ran.stdout


def test_dagster_validates_the_definitions(file: Path) -> None:
    """`dagster definitions validate`, beside a tajo.yaml, as CI runs it."""
    variables = environment(file)
    del variables["TAJO_CONFIG"]
    dagster = Path(sys.executable).with_name("dagster")
    ran = subprocess.run(
        [dagster, "definitions", "validate", "-m", "tajo_sf_pipeline.definitions"],
        env=variables,
        cwd=file.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == ran.returncode, ran.stderr
    assert "All code locations passed validation" in ran.stdout + ran.stderr


def test_config_validate_builds_what_dagster_loads_where_it_is_asked(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--dagster` says so, and refuses what only Dagster knows to be wrong."""
    with pytest.raises(SystemExit) as end:
        main(["config", "validate", "--dagster", "--config", str(file)])
    assert 0 == end.value.code
    assert "Dagster loads it" in capsys.readouterr().out


def test_what_only_dagster_refuses_is_an_error_of_the_configuration(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with 2 and in Dagster's words, should a rule of ours be missing."""

    def refused(*_: object) -> None:
        raise dg.DagsterInvalidDefinitionError("no such name")

    monkeypatch.setattr(dg.Definitions, "validate_loadable", refused)
    with pytest.raises(ConfigurationError, match=r"(?s)TAJO-172 .* no such name") as error:
        defs.check_loadable(settings.load(file), ())
    assert 2 == error.value.exit_code


def test_config_validate_imports_no_dagster(file: Path) -> None:
    """It holds Dagster's rules itself: to import it costs more than all that it checks."""
    code = (
        "import sys; from tajo_sf_pipeline.cli.main import main\n"
        f"try: main(['config', 'validate', '--config', {str(file)!r}])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'dagster'])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "is valid" in ran.stdout
    assert "[]" == ran.stdout.splitlines()[-1]
