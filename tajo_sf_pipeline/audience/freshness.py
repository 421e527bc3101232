"""How late an audience may be, which date is missing, and whether it moves with its sources."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator

from tajo_sf_pipeline.audience.statement import Table, table_named
from tajo_sf_pipeline.audience.window import Window
from tajo_sf_pipeline.config.duration import Duration, at_least, written
from tajo_sf_pipeline.config.yaml_document import Model


def _table_name(text: str) -> str:
    table_named(text, "", "")
    return text


class Freshness(Model):
    """How late an audience may be, and how often its source tables are asked for changes.

    `sources` are by default the tables that the query reads; `max_age` is by default twice the
    longest pause of the schedule.
    """

    sources: list[Annotated[str, AfterValidator(_table_name)]] = []
    max_age: Annotated[Duration, at_least(timedelta(minutes=2))] | None = None
    min_interval: Annotated[Duration, at_least(timedelta(seconds=1))] = timedelta(minutes=15)

    def declared(self, database: str, schema: str) -> tuple[Table, ...]:
        """List the tables that are declared, none twice."""
        return tuple(sorted({table_named(name, database, schema) for name in self.sources}))


@dataclass(frozen=True, slots=True)
class Reached:
    """Up to which moment an audience's data has come, and on which sync date."""

    moment: datetime
    day: date

    def age(self, now: datetime) -> timedelta:
        return max(now - self.moment, timedelta())


def reached(synced: Mapping[date, datetime], timezone: str) -> Reached | None:
    """Return it by dates and the moments of their last sync; None where none was ever synced.

    A date brings no data from after its end: who backfills last month today has last month's data.
    """
    candidates = [
        Reached(min(moment, Window(day, timezone).end), day) for day, moment in synced.items()
    ]
    return max(candidates, key=lambda one: (one.moment, one.day), default=None)


def evaluate(latest: Reached | None, max_age: timedelta, now: datetime) -> tuple[bool, str]:
    """Say whether that is fresh enough, and in one sentence why."""
    if latest is None:
        return False, f"never synced; a sync is due every {written(max_age)}"
    fresh = latest.age(now) <= max_age
    state = "fresh" if fresh else "stale"
    return fresh, (
        f"{state}: data up to {latest.moment:%Y-%m-%d %H:%M} UTC, from the sync date {latest.day}; "
        f"{written(latest.age(now))} old, at most {written(max_age)} allowed"
    )


def missed(
    days: Iterable[date],
    synced: Mapping[date, datetime],
    due: Mapping[date, datetime],
    *,
    timezone: str,
    now: datetime,
) -> Iterator[date]:
    """Return the dates whose last tick is over, and that were not synced after their end.

    `due` is the moment of that tick: the first of the schedule at or after the date's end.
    """
    for day in days:
        if due[day] > now:
            continue
        if day not in synced or synced[day] < Window(day, timezone).end:
            yield day


@dataclass(frozen=True, slots=True)
class Movement:
    """What is known of a confirmed cursor beside its sources.

    `moved_at` is when a source was first seen to have moved after the cursor last did.
    """

    cursor: datetime | None = None
    moved_at: datetime | None = None

    def seen(self, cursor: datetime | None, *, sources_moved: bool, now: datetime) -> "Movement":
        """Take in a look at both."""
        if cursor != self.cursor:
            return Movement(cursor)
        return Movement(cursor, self.moved_at or (now if sources_moved else None))

    def stalled(self, now: datetime, patience: timedelta) -> bool:
        return self.moved_at is not None and now - self.moved_at > patience
