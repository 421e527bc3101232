"""The days of a sync: what a sync date's binds are worth, on either path."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from tajo_sf_pipeline.audience.statement import BindValue

Lane = Literal["incremental", "backfill"]
# `:last_sync` of an audience that has never synced: everything is newer.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """One sync date, from midnight to midnight in the workspace's zone (23 to 25 hours)."""

    sync_date: date
    timezone: str

    @property
    def start(self) -> datetime:
        return datetime.combine(self.sync_date, time(), ZoneInfo(self.timezone))

    @property
    def end(self) -> datetime:
        following = self.sync_date + timedelta(days=1)
        return datetime.combine(following, time(), ZoneInfo(self.timezone))

    def binds(self, path: Lane, watermark: datetime | None) -> dict[str, BindValue]:
        """Return the value of each bind; `watermark` is what the incremental path has confirmed."""
        last_sync = self.start if path == "backfill" else watermark or NEVER
        return {
            "window_start": self.start,
            "window_end": self.end,
            "last_sync": last_sync,
            "sync_date": self.sync_date,
            "partition_key": self.sync_date.isoformat(),
        }
