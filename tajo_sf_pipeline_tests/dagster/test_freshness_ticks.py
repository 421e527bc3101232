"""Ticks of the sensors for changed tables and for missed dates, by a clock of the test."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.statement import Table
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs import sensors
from tajo_sf_pipeline.defs.history import failed, synced
from tajo_sf_pipeline.defs.missed_dates import missed_dates_sensor
from tajo_sf_pipeline.defs.sensors import Memory
from tajo_sf_pipeline.errors import TajoError, VendorOutageError
from tajo_sf_pipeline.sources.base import Altered, ChangeTokens, Source

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
TABLE = Table("DB", "PUBLIC", "PEOPLE")
FAILURE, STARTED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED
AUDIENCE = SimpleNamespace(
    name="people",
    schedule="0 0 * * *",
    catch_up=timedelta(days=3),
    freshness=SimpleNamespace(max_age=timedelta(hours=30), min_interval=timedelta(hours=1)),
    sources=lambda *_: (TABLE,),
)


def settings_of(home: Path, today: date) -> Settings:
    """Give what the sensors want to know of a workspace."""
    return cast(
        Settings,
        SimpleNamespace(
            home=home,
            path=home / "tajo.yaml",
            today=lambda: today,
            file=SimpleNamespace(timezone="UTC", start_date=date(2026, 11, 2)),
            snowflake=SimpleNamespace(database="DB", schema_="PUBLIC"),
        ),
    )


@dataclass(slots=True)
class Watch:
    """The freshness sensor of an audience over one table, whose token the test chooses."""

    instance: dg.DagsterInstance
    watch: Any = None
    token: str = "one"
    error: TajoError | None = None
    memory: Memory = field(default_factory=Memory)

    def change_tokens(self, _tables: object) -> ChangeTokens:
        """Answer as the source does."""
        if self.error:
            raise self.error
        return ChangeTokens({TABLE: self.token})

    def altered(self, _tables: object) -> dict[Table, Altered]:
        """Answer as the source does."""
        return {TABLE: Altered(NOON)}

    def tick(self, now: datetime) -> dg.SensorResult:
        """Look once, and remember."""
        context = SimpleNamespace(instance=self.instance)
        found: dg.SensorResult = self.watch.tick(context, self.memory, now)
        self.memory = Memory.read(found.cursor)
        return found


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Give one of the test's own."""
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture
def watch(instance: dg.DagsterInstance, tmp_path: Path) -> Watch:
    """Give one that has looked at noon, and whose table has changed since."""
    found = Watch(instance)
    found.watch = sensors._Watch(  # noqa: SLF001
        settings_of(tmp_path, NOON.date()),
        cast(Audience, AUDIENCE),
        lambda _settings: cast(Source, found),
    )
    found.tick(NOON)
    found.token = "two"
    return found


def dates(found: dg.SensorResult) -> list[str]:
    return [str(request.partition_key) for request in found.run_requests or ()]


def test_a_change_within_the_interval_waits_and_is_not_lost(watch: Watch) -> None:
    """Half an hour after a run it is put off, an hour after it is asked for."""
    watch.memory = replace(watch.memory, asked_at=NOON)
    early = watch.tick(NOON + timedelta(minutes=30))
    assert [] == dates(early)
    assert early.skip_reason is not None
    assert "the next run may start at 13:00:00 UTC" in str(early.skip_reason.skip_message)
    later = NOON + timedelta(hours=1)
    assert ["2026-11-10"] == dates(watch.tick(later))
    assert later == watch.memory.asked_at


def test_a_change_waits_for_the_run_that_is_under_way(
    watch: Watch, instance: dg.DagsterInstance
) -> None:
    """A second run would find the first one's lock; the change is asked for when that has ended."""
    run = create_run_for_test(instance, job_name="people_incremental", status=STARTED)
    assert [] == dates(watch.tick(NOON + timedelta(minutes=1)))
    instance.report_run_failed(run)
    assert ["2026-11-10"] == dates(watch.tick(NOON + timedelta(minutes=2)))


def test_a_sensor_that_was_off_asks_for_no_more_than_the_look_back(watch: Watch) -> None:
    """A month later the change is asked for on the last three days and today."""
    found = watch.tick(NOON + timedelta(days=30))
    assert ["2026-12-07", "2026-12-08", "2026-12-09", "2026-12-10"] == dates(found)


def test_a_warehouse_that_does_not_answer_changes_nothing(watch: Watch) -> None:
    """The tick says why, judges the audience all the same, and looks anew the next time."""
    before, watch.error = watch.memory, VendorOutageError("TAJO-501", "away", "Wait.")
    found = watch.tick(NOON + timedelta(minutes=1))
    assert before == watch.memory
    assert found.skip_reason is not None
    assert "the warehouse was not asked: TAJO-501" in str(found.skip_reason.skip_message)
    [verdict] = found.asset_events
    assert isinstance(verdict, dg.AssetCheckEvaluation)
    assert ("on_time", False) == (verdict.check_name, verdict.passed)
    assert dg.AssetCheckSeverity.WARN is verdict.severity


# History.


def test_a_date_is_synced_from_when_its_run_began(instance: dg.DagsterInstance) -> None:
    """Rows that came while it ran are not in it: its end is not what counts."""
    read_at: list[datetime] = []

    @dg.asset(key=["people", "sync"], partitions_def=dg.DailyPartitionsDefinition("2026-11-01"))
    def sync() -> None:
        read_at.append(datetime.now(UTC))

    dg.materialize([sync], instance=instance, partition_key="2026-11-09")
    day = date(2026, 11, 9)
    found = synced(instance, "people", [day])
    assert [day] == list(found)
    assert found[day] <= read_at[0]


def test_a_date_has_failed_where_all_of_its_runs_did(instance: dg.DagsterInstance) -> None:
    """One that was cancelled, or is under way, was not given up by itself."""
    for day, statuses in ((8, (FAILURE, FAILURE)), (9, (FAILURE, STARTED))):
        tags = {"tajo/audience": "people", "dagster/partition": f"2026-11-0{day}"}
        for status in statuses:
            create_run_for_test(instance, job_name="people_incremental", status=status, tags=tags)
    assert {date(2026, 11, 8): 2} == failed(instance, "people", {})


# Missed dates.


@dataclass(frozen=True, slots=True)
class Missed:
    """The sensor of missed dates; days are counted back from today, of which two are due."""

    instance: dg.DagsterInstance
    sensor: dg.SensorDefinition
    today: date

    def ago(self, days: int) -> str:
        return str(self.today - timedelta(days=days))

    def asked(self) -> dict[str, str | None]:
        """Give the dates that are asked for, but for yesterday: its tick may be too new."""
        found = self.sensor(dg.build_sensor_context(instance=self.instance))
        assert isinstance(found, dg.SensorResult)
        keys = {str(request.partition_key): request.run_key for request in found.run_requests or ()}
        return {day: key for day, key in keys.items() if day != self.ago(1)}

    def run(self, status: dg.DagsterRunStatus, job: str = "people_backfill") -> None:
        """Have Dagster know of a run of the day before yesterday."""
        tags = {
            "dagster/partition": self.ago(2),
            "tajo/audience": "people",
            "tajo/requested_by": "missed_dates",
        }
        create_run_for_test(self.instance, job_name=job, status=status, tags=tags)


@pytest.fixture
def missed(instance: dg.DagsterInstance, tmp_path: Path) -> Missed:
    """Give an audience of which nothing was ever synced."""
    today = datetime.now(UTC).date()
    settings = settings_of(tmp_path, today)
    settings.file.start_date = today - timedelta(days=2)
    job: Any = dg.define_asset_job("people_backfill")
    sensor = missed_dates_sensor(settings, cast(Audience, AUDIENCE), job)
    return Missed(instance, sensor, today)


def test_missed_dates_begin_with_the_start_date(missed: Missed) -> None:
    """No date before it is asked for, however far the look back goes."""
    assert {missed.ago(2): f"{missed.ago(2)}/0"} == missed.asked()


@pytest.mark.parametrize("job", ["people_incremental", "people_backfill"])
def test_a_missed_date_that_is_being_run_is_not_asked_for(missed: Missed, job: str) -> None:
    """On whichever path: one run of a date is enough."""
    missed.run(STARTED, job)
    assert {} == missed.asked()


def test_a_missed_date_is_asked_for_three_times(missed: Missed) -> None:
    """Under a key of its own each time, and then given up until a person looks."""
    keys = []
    for _ in range(3):
        keys += missed.asked().values()
        missed.run(FAILURE)
    assert [f"{missed.ago(2)}/{number}" for number in range(3)] == keys
    assert {} == missed.asked()
