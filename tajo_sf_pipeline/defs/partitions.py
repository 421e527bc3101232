"""Sync dates as daily partitions, and a run's partition as the stages know it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

import dagster as dg

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.engine.run import Progress, SyncRun
from tajo_sf_pipeline.sources.selection import OpenSource, source_of
from tajo_sf_pipeline.storage.paths import Paths

PATH_TAG = "tajo/path"
FULL_TAG = "tajo/full"
# Comma-separated names of guards that a person lets pass, and how many dead letters are replayed.
ACCEPT_TAG = "tajo/accept_guard"
REPLAY_TAG = "tajo/replay"
BACKFILL_TAG = "dagster/backfill"


def sync_dates(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return one partition for each day from the start date on; today's exists all day long."""
    return _daily(settings.file.start_date, settings.file.timezone)


@cache  # each of an audience's fifteen assets and checks names it
def _daily(start: date, timezone: str) -> dg.DailyPartitionsDefinition:
    return dg.DailyPartitionsDefinition(
        start_date=start.isoformat(), timezone=timezone, end_offset=1
    )


@dataclass(frozen=True, slots=True)
class PartitionOf:
    """An audience in its workspace: gives the partition that a Dagster context is about."""

    settings: Settings
    audience: Audience
    progress: Progress
    open_source: OpenSource = source_of

    @property
    def paths(self) -> Paths:
        return Paths(self.settings.home, self.audience.name)

    def __call__(
        self, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext
    ) -> SyncRun:
        day = date.fromisoformat(context.partition_key)
        return SyncRun(
            settings=self.settings,
            audience=self.audience,
            day=day,
            lane=self._lane(day, context.run.tags),
            run_id=context.run.run_id,
            full=FULL_TAG in context.run.tags,
            accept=tuple(filter(None, context.run.tags.get(ACCEPT_TAG, "").split(","))),
            progress=self.progress,
            open_source=self.open_source,
        )

    def _lane(self, day: date, tags: Mapping[str, str]) -> Lane:
        """Tell a backfill by its tag, and a date picked by hand by not being today."""
        if BACKFILL_TAG in tags or tags.get(PATH_TAG) == "backfill":
            return "backfill"
        if tags.get(PATH_TAG) == "incremental" or day >= self.settings.today():
            return "incremental"
        return "backfill"
