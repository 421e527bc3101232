"""One sync date through Dagster: what its run leaves in the instance, and what stops it."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster._serdes import serialize_value

from tajo_sf_pipeline import defs
from tajo_sf_pipeline.defs import runs
from tajo_sf_pipeline.defs.partitions import PartitionOf, sync_dates
from tajo_sf_pipeline.engine.mapped_files import Mapped
from tajo_sf_pipeline.engine.run import SyncRun, silent
from tajo_sf_pipeline.errors import ConfigurationError, GuardError
from tajo_sf_pipeline_tests.shops import CHECKS, COLUMNS, MAPPING, PEOPLE, Shop, values
from tajo_sf_pipeline_tests.workspaces import Workspace


@pytest.fixture
def shop(workspace: Workspace) -> Iterator[Shop]:
    """Give a shop whose today has not run yet."""
    # All tests of a process share one instance: the audience's name keeps its history apart.
    audience = workspace.prefix
    table = workspace.table("people", COLUMNS, PEOPLE)
    workspace.audience(audience, f"SELECT * FROM {table}", MAPPING)
    workspace.brevo.attributes(POINTS="float")
    with runs.instance(workspace.settings()) as instance:
        yield Shop(workspace, instance, audience)


def test_extract_tells_of_its_statement(shop: Shop) -> None:
    """Rows, columns, the statement's id and its seconds stand at the partition."""
    shop.run()
    [extract] = shop.materializations("extract")
    found = values(extract)
    assert shop.today.isoformat() == extract.partition
    assert len(PEOPLE) == found["dagster/partition_row_count"]
    assert [("EMAIL", "string"), ("FIRST_NAME", "string"), ("POINTS", "decimal128(38, 0)")] == [
        (column.name, column.type) for column in found["dagster/column_schema"].columns[:3]
    ]
    assert str(shop.workspace.paths(shop.audience).extract(shop.today)) == found["file"]
    assert len("01b2c3d4-0000-0000-0000-000000000000") == len(found["query_id"])
    assert 0 <= found["executing_seconds"] <= found["seconds"]
    assert 0 < found["arrow_bytes"]


def test_mapped_tells_what_was_rejected_with_masked_keys(shop: Shop) -> None:
    """The reason is plain, the person is not."""
    shop.run()
    [mapped] = shop.materializations("mapped")
    found = values(mapped)
    assert (3, 2) == (found["dagster/partition_row_count"], found["rejected_rows"])
    assert "PHONE" == found["unmapped_columns"]
    assert found["rejects"].endswith("| EMAIL is not an e-mail address | 2 |")
    shown = mapped.metadata["first_rejects"]
    assert isinstance(shown, dg.TableMetadataValue)
    reason = ("EMAIL", "is not an e-mail address")
    assert [(3, "d***", *reason), (4, "e***@example.com", *reason)] == [
        tuple(record.data[name] for name in ("row", "key", "column", "reason"))
        for record in shown.records
    ]
    columns = {column.name: column.type for column in found["dagster/column_schema"].columns}
    assert {"_key": "string", "FIRSTNAME": "string", "POINTS": "double"}.items() <= columns.items()


def test_sync_tells_the_numbers_of_the_run(shop: Shop) -> None:
    """The summary that the terminal prints stands at the partition, number by number."""
    run_id = shop.run()
    [sync] = shop.materializations("sync")
    found = values(sync)
    assert {
        "dagster/partition_row_count": 3,
        "extracted": 5,
        "rejected": 2,
        "stale": 0,
        "unchanged": 0,
        "skipped_by_mode": 0,
        "created": 3,
        "updated": 0,
        "planned": 3,
        "confirmed": 3,
        "failed": 0,
        "pending": 0,
        "removed": 0,
    }.items() <= found.items()
    assert {"api_calls", "seconds"} <= found.keys()
    [run] = shop.instance.get_runs(dg.RunsFilter(run_ids=[run_id]))
    assert shop.today.isoformat() == run.tags["dagster/partition"]


def test_each_check_has_one_row_of_history_with_its_partition(shop: Shop) -> None:
    """Neither a second row that was only planned, nor one that belongs to no partition."""
    days = [shop.today - timedelta(days=1), shop.today]
    ids = [shop.run(day) for day in days]
    expected = [(run_id, str(day), "SUCCEEDED") for run_id, day in zip(ids, days, strict=True)]
    for check in CHECKS:
        found = [(row.run_id, row.partition, row.status.value) for row in shop.history(check)]
        assert sorted(expected) == sorted(found), check


def without_the_last(table: pa.Table) -> pa.Table:
    return table.slice(0, table.num_rows - 1)


def with_the_first_twice(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table.slice(0, 1), without_the_last(table)])


@pytest.mark.parametrize(
    ("damage", "failing"),
    [(without_the_last, "rows_accounted_for"), (with_the_first_twice, "keys_unique")],
    ids=["a row is lost", "a contact stands twice"],
)
def test_a_damaged_mapping_never_reaches_brevo(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[pa.Table], pa.Table],
    failing: str,
) -> None:
    """The file on disk is damaged: the blocking check fails, and sync never starts."""
    real = SyncRun.map

    def mapped_and_damaged(partition: SyncRun) -> Mapped:
        told = real(partition)
        file = partition.paths.mapped(partition.day)
        pq.write_table(damage(pq.read_table(file)), file)
        return told

    monkeypatch.setattr(SyncRun, "map", mapped_and_damaged)
    with pytest.raises(GuardError, match=failing):
        shop.run()
    run = shop.failed_run()
    started = shop.steps(run.run_id, dg.DagsterEventType.STEP_START)
    assert [f"{shop.audience}{step}" for step in ("__extract", "__mapped", "_mapped_checks")] == (
        started
    )
    before_a_write = [check for check, asset in CHECKS.items() if asset == "mapped"]
    assert dict.fromkeys(before_a_write, "SUCCEEDED") | {failing: "FAILED"} == {
        check: row.status.value for check in before_a_write for row in shop.history(check)
    }
    assert [] == shop.materializations("sync")
    assert {} == shop.workspace.brevo.contacts()


def test_a_row_that_brevo_refuses_warns_and_does_not_fail_the_run(shop: Shop) -> None:
    """The others are confirmed; the check on the partition counts what is missing, as a warning."""
    refusal = {"status": 400, "method": "POST", "path": "/v3/contacts"}
    shop.workspace.brevo.change(faults=[refusal])
    run_id = shop.run()
    [run] = shop.instance.get_runs(dg.RunsFilter(run_ids=[run_id]))
    assert dg.DagsterRunStatus.SUCCESS == run.status
    [row] = shop.history("everything_confirmed")
    assert ("FAILED", shop.today.isoformat()) == (row.status.value, row.partition)
    evaluation = shop.latest("everything_confirmed")
    assert dg.AssetCheckSeverity.WARN == evaluation.severity
    assert {
        "planned": 3,
        "confirmed": 2,
        "failed": 1,
        "pending": 0,
        "problems": "- of 3 rows Brevo refused 1, 0 are open",
    }.items() <= values(evaluation).items()
    assert ["SUCCEEDED"] == [row.status.value for row in shop.history("conservation")]


@pytest.mark.parametrize(
    ("changed", "variable", "done"),
    [
        ({"brevo": {"api_key": "${NO_KEY_HERE}"}}, "NO_KEY_HERE", ["__extract", "__mapped"]),
        ({"snowflake": {"user": "${NOBODY_HERE}"}}, "NOBODY_HERE", []),
    ],
    ids=["Brevo's key", "Snowflake's user"],
)
def test_a_missing_secret_fails_the_run_that_needs_it(
    shop: Shop, changed: dict[str, Any], variable: str, done: list[str]
) -> None:
    """The step that wants it fails and names the variable; the steps before it have run."""
    shop.workspace.write(**changed)
    with pytest.raises(ConfigurationError, match=f"variable {variable} is not set"):
        shop.run()
    run = shop.failed_run()
    assert [f"{shop.audience}{step}" for step in done] == [
        step
        for step in shop.steps(run.run_id, dg.DagsterEventType.STEP_SUCCESS)
        if step and not step.endswith("_checks")
    ]
    [failure] = shop.instance.all_logs(run.run_id, dg.DagsterEventType.STEP_FAILURE)
    assert failure.dagster_event
    error = failure.dagster_event.step_failure_data.error
    assert error
    assert variable in error.to_string()


def test_nothing_secret_stands_in_the_events_of_a_run(shop: Shop) -> None:
    """Neither the key of Brevo nor anybody's address, although the run logs all it can (S14)."""
    shop.workspace.write(snowflake={"debug": True})
    run_id = shop.run()
    events = "\n".join(serialize_value(event) for event in shop.instance.all_logs(run_id))
    assert "statement" in events
    assert shop.workspace.brevo.key not in events
    assert [] == [email for email, *_ in PEOPLE if email in events]


@pytest.mark.parametrize(
    ("days_ago", "tags", "path"),
    [
        (0, {}, "incremental"),
        (1, {}, "backfill"),
        (0, {"dagster/backfill": "abcdefgh"}, "backfill"),
        (0, {"dagster/backfill": "abcdefgh", "tajo/path": "incremental"}, "backfill"),
        (0, {"tajo/path": "backfill"}, "backfill"),
        (1, {"tajo/path": "incremental"}, "incremental"),
    ],
    ids=[
        "today, from the page",
        "a past date, from the page",
        "today, in a backfill of assets",
        "today, in a backfill of the job",
        "today, from the terminal as a backfill",
        "yesterday, from the schedule",
    ],
)
def test_the_path_of_a_run(
    workspace: Workspace, days_ago: int, tags: Mapping[str, str], path: str
) -> None:
    """A backfill is told by its tag, a date that a person picked by not being today."""
    partition = partition_in_a_run(workspace, days_ago, tags)
    day = workspace.settings().today() - timedelta(days=days_ago)
    assert (path, day, False) == (partition.lane, partition.day, partition.full)


def test_a_full_run_is_told_by_its_tag(workspace: Workspace) -> None:
    """`--full` travels to the stages as a tag of the run."""
    assert partition_in_a_run(workspace, 0, {"tajo/full": "true"}).full


def partition_in_a_run(workspace: Workspace, days_ago: int, tags: Mapping[str, str]) -> SyncRun:
    """Ask from inside a real run, since only that has tags, for the partition it is about."""
    workspace.audience("people", "SELECT email FROM people", {"email": "email"})
    settings = workspace.settings()
    seen: list[SyncRun] = []

    @dg.asset(partitions_def=sync_dates(settings))
    def asking(context: dg.AssetExecutionContext) -> None:
        of = PartitionOf(settings, workspace.load("people"), silent)
        seen.append(of(context))

    day = settings.today() - timedelta(days=days_ago)
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([asking], instance=instance, partition_key=str(day), tags=dict(tags))
    [partition] = seen
    return partition


@pytest.mark.parametrize(
    ("timezone", "tick", "days"),
    [
        ("UTC", datetime(2026, 11, 9, 18, tzinfo=UTC), ["2026-11-09"]),
        ("Pacific/Auckland", datetime(2026, 11, 9, 17, tzinfo=UTC), ["2026-11-10"]),
        ("America/Los_Angeles", datetime(2026, 11, 10, 2, tzinfo=UTC), ["2026-11-09"]),
        ("UTC", datetime(2026, 11, 10, 0, tzinfo=UTC), ["2026-11-09", "2026-11-10"]),
        ("UTC", datetime(2026, 1, 1, 0, tzinfo=UTC), ["2026-01-01"]),
    ],
    ids=["UTC", "already tomorrow", "still yesterday", "midnight", "the first day there is"],
)
def test_a_tick_asks_for_every_day_since_the_tick_before(
    workspace: Workspace, timezone: str, tick: datetime, days: list[str]
) -> None:
    """Days are those of the workspace's zone; at midnight the day before gets its last hours."""
    workspace.write(timezone=timezone)
    workspace.audience("people", "SELECT email FROM people", {"email": "email"})
    definitions = defs.build(workspace.settings())
    repository = definitions.get_repository_def()
    context = dg.build_schedule_context(scheduled_execution_time=tick, repository_def=repository)
    evaluated = definitions.resolve_schedule_def("people_schedule").evaluate_tick(context)
    assert [(day, day, f"{tick.isoformat()}/{day}") for day in days] == [
        (request.partition_key, request.tags["dagster/partition"], request.run_key)
        for request in evaluated.run_requests or ()
    ]
