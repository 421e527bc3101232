"""How an audience stands: whether it runs by itself, when next, how fresh it is, what failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

from tajo_sf_pipeline.audience import freshness
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs import runs
from tajo_sf_pipeline.defs.dagster_private import InstigatorStatus, cron_string_iterator
from tajo_sf_pipeline.defs.freshness import max_age
from tajo_sf_pipeline.defs.history import synced
from tajo_sf_pipeline.defs.jobs import AUDIENCE_TAG
from tajo_sf_pipeline.defs.schedules import days_from

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_RUNS = 50


@dataclass(frozen=True, slots=True)
class Standing:
    """What Dagster knows; `failures` are the runs that failed since the last good one."""

    schedule_on: bool
    next_tick: datetime
    max_age: timedelta
    reached: freshness.Reached | None
    failures: int


@contextmanager
def opened(settings: Settings) -> Iterator[dg.DagsterInstance | None]:
    """Open the instance if there is one: who only looks makes none."""
    if not (settings.dagster_home / "dagster.yaml").exists():
        yield None
        return
    with runs.instance(settings) as instance:
        yield instance


def standing(
    instance: dg.DagsterInstance | None, settings: Settings, audience: Audience, now: datetime
) -> Standing:
    """Ask the instance about one audience."""
    zone, age = settings.file.timezone, max_age(settings, audience)
    first = max(settings.today() - timedelta(days=age.days + 2), settings.file.start_date)
    dates = synced(instance, audience.name, days_from(first, settings.today())) if instance else {}
    return Standing(
        schedule_on=instance is not None and _is_on(instance, f"{audience.name}_schedule"),
        next_tick=next(cron_string_iterator(now.timestamp(), audience.schedule, zone)),
        max_age=age,
        reached=freshness.reached(dates, zone),
        failures=_failures(instance, audience.name) if instance else 0,
    )


def _is_on(instance: dg.DagsterInstance, schedule: str) -> bool:
    return any(
        state.name == schedule and state.status == InstigatorStatus.RUNNING
        for state in instance.all_instigator_state()
    )


def _failures(instance: dg.DagsterInstance, audience: str) -> int:
    wanted = dg.RunsFilter(tags={AUDIENCE_TAG: audience}, statuses=_ENDED)
    statuses = [run.status for run in instance.get_runs(wanted, limit=_RUNS)]
    success = dg.DagsterRunStatus.SUCCESS
    return statuses.index(success) if success in statuses else len(statuses)
