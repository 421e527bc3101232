"""The two paths of an audience: two jobs that know of each other only through the ledger."""

import threading
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml

from tajo_sf_pipeline import defs
from tajo_sf_pipeline.defs import jobs, runs
from tajo_sf_pipeline.defs.failures import RETRIES
from tajo_sf_pipeline.defs.one_run import OneRun
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.errors import BusyError, VendorOutageError
from tajo_sf_pipeline_tests.workspaces import Workspace

PATHS = ("incremental", "backfill")


@pytest.fixture
def people(workspace: Workspace) -> str:
    """Write an audience of one contact, and give its name."""
    name = workspace.prefix
    table = workspace.table("people", "email", [["ada@example.com"]])
    workspace.audience(name, f"SELECT email FROM {table}", {"email": "email"})
    return name


def test_each_audience_has_a_job_for_each_path(workspace: Workspace, people: str) -> None:
    """Both select the whole chain, say what they are, and the incremental one goes first."""
    repository = defs.build(workspace.settings()).get_repository_def()
    jobs = {job.name: job for job in repository.get_all_jobs()}
    assert {"__ASSET_JOB", f"{people}_incremental", f"{people}_backfill"} == jobs.keys()
    chain = {dg.AssetKey([people, step]) for step in ("extract", "mapped", "sync")}
    for path in PATHS:
        job = jobs[f"{people}_{path}"]
        assert (path, people) == (job.tags["tajo/path"], job.tags["tajo/audience"])
        assert chain == set(job.asset_layer.executable_asset_keys)
        told = job.metadata["retries_after_an_outage"]
        assert RETRIES[path].max_retries == told.value
    first, second = (int(jobs[f"{people}_{path}"].tags["dagster/priority"]) for path in PATHS)
    assert first > second


def test_no_job_of_ours_judges_freshness(workspace: Workspace, people: str) -> None:
    """A run of one date cannot say whether the audience is fresh: the sensor does."""
    repository = defs.build(workspace.settings()).get_repository_def()
    for path in PATHS:
        ops = {node.name for node in repository.get_job(f"{people}_{path}").nodes}
        assert f"{people}_sync_checks" in ops
        assert f"{people}_freshness_checks" not in ops


def test_a_path_has_limits_of_its_own_in_the_instance() -> None:
    """Backfills leave slots for the incremental path, and each audience has one writer."""
    file = Path(__file__).parents[2] / "dagster.yaml"
    concurrency = yaml.safe_load(file.read_text(encoding="utf-8"))["concurrency"]
    limits = {
        (limit["key"], limit.get("value")): limit["limit"]
        for limit in concurrency["runs"]["tag_concurrency_limits"]
    }
    most = concurrency["runs"]["max_concurrent_runs"]
    assert limits["tajo/path", "backfill"] < most
    assert limits["dagster/backfill", None] < most
    assert most == limits["tajo/path", "incremental"]
    assert {"default_limit": 1, "granularity": "op"} == concurrency["pools"]


@pytest.mark.long
def test_the_terminal_backfills_a_range_in_one_run_for_each_date(
    workspace: Workspace, people: str, dagster_home: Path
) -> None:
    """`--from --to` runs the backfill job, a past date on its own and today not at all."""
    today = workspace.settings().today()
    days = [today - timedelta(days=ago) for ago in (3, 2, 1)]
    done = workspace.sync("--audience", people, "--from", str(days[0]), "--to", str(days[-1]))
    assert [str(day) for day in days] == [summary["sync_date"] for summary in done]
    with runs.instance(workspace.settings()) as instance:
        found = instance.get_runs(dg.RunsFilter(job_name=f"{people}_backfill"))
        assert {str(day) for day in days} == {run.tags["dagster/partition"] for run in found}
        assert {"backfill"} == {run.tags["tajo/path"] for run in found}
        assert [] == instance.get_runs(dg.RunsFilter(job_name=f"{people}_incremental"))


def test_an_error_of_a_step_tells_its_code_and_is_not_tried_again_in_vain(
    workspace: Workspace, people: str
) -> None:
    """The failure's metadata are the error's; what only a person can mend is not retried."""
    workspace.audience(people, "SELECT email FROM no_such_table", {"email": "email"})
    with runs.instance(workspace.settings()) as instance:
        definitions = defs.build(workspace.settings())
        result = definitions.resolve_job_def(f"{people}_incremental").execute_in_process(
            instance=instance,
            partition_key=str(workspace.settings().today()),
            raise_on_error=False,
        )
        assert not result.success
        [entry] = instance.all_logs(result.run_id, dg.DagsterEventType.STEP_FAILURE)
        assert [] == instance.all_logs(result.run_id, dg.DagsterEventType.STEP_UP_FOR_RETRY)
    assert entry.dagster_event
    failure = entry.dagster_event.step_failure_data.user_failure_data
    assert failure
    told = {name: value.value for name, value in failure.metadata.items()}
    assert ("TAJO-123", "configuration") == (told["code"], told["kind"])
    assert told["next_step"]


@pytest.mark.long
def test_an_outage_is_tried_again_as_its_path_says(
    workspace: Workspace, people: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that nobody watches repeats the step that met an outage, and only so often."""
    monkeypatch.setitem(RETRIES, "incremental", dg.RetryPolicy(max_retries=2, delay=0.01))
    workspace.write(brevo={"base_url": "http://127.0.0.1:9/v3", "patience": 0.1})
    with runs.instance(workspace.settings()) as instance:
        result = (
            defs.build(workspace.settings())
            .resolve_job_def(f"{people}_incremental")
            .execute_in_process(
                instance=instance,
                partition_key=str(workspace.settings().today()),
                raise_on_error=False,
            )
        )
        again = instance.all_logs(result.run_id, dg.DagsterEventType.STEP_UP_FOR_RETRY)
        [entry] = instance.all_logs(result.run_id, dg.DagsterEventType.STEP_FAILURE)
    assert [f"{people}__sync"] * 2 == [event.step_key for event in again]
    assert entry.dagster_event
    failure = entry.dagster_event.step_failure_data.user_failure_data
    assert failure
    assert "vendor_outage" == failure.metadata["kind"].value


def test_the_terminal_raises_an_outage_at_once(workspace: Workspace, people: str) -> None:
    """A person who waits has waited for `patience`; the retry policy is for runs alone."""
    workspace.write(brevo={"base_url": "http://127.0.0.1:9/v3", "patience": 0.1})
    settings = workspace.settings()
    with runs.instance(settings) as instance, pytest.raises(VendorOutageError):
        runs.run(
            defs.build(settings),
            instance,
            settings,
            audience=workspace.load(people),
            day=settings.today(),
            path="incremental",
        )


def test_a_second_run_of_a_date_waits_for_the_first(workspace: Workspace, people: str) -> None:
    """The lock of a date goes from one run to the next, and is told where it does not."""
    settings = workspace.settings()
    partition = SyncRun(
        settings, workspace.load(people), settings.today(), "incremental", run_id="first"
    )
    first, second = (OneRun(home=str(settings.home)) for _ in range(2))
    first.hold(partition)
    first.hold(partition)  # the next step of the same run
    with pytest.raises(BusyError, match=r"TAJO-162 another run of .* is under way"):
        second.hold(partition, patience=0.01)
    waiting = threading.Thread(target=second.hold, args=(partition, 60))
    waiting.start()
    first.teardown_after_execution(dg.build_init_resource_context())
    waiting.join(60)
    assert not waiting.is_alive()
    with pytest.raises(BusyError, match="TAJO-162"):
        first.hold(partition, patience=0.01)
    second.teardown_after_execution(dg.build_init_resource_context())


def test_a_job_is_what_dagster_would_make_of_it(
    workspace: Workspace, people: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is resolved among its audience's assets, and comes out as it would among all."""

    def snapshots() -> dict[str, str]:
        repository = defs.build(workspace.settings()).get_repository_def()
        return {job.name: job.get_job_snapshot_id() for job in repository.get_all_jobs()}

    workspace.audience("others", f"SELECT email FROM {people}", {"email": "email"}, shared=True)
    ours = snapshots()
    monkeypatch.delattr(jobs.AudienceJob, "resolve")
    assert ours == snapshots()
