"""What looks after an audience between its ticks: changed sources, and dates that were missed."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from tajo_sf_pipeline.audience import Audience
from tajo_sf_pipeline.defs.freshness import Verdicts
from tajo_sf_pipeline.defs.history import synced, under_way
from tajo_sf_pipeline.defs.schedules import days_from, due_at
from tajo_sf_pipeline.duration import written
from tajo_sf_pipeline.errors import TajoError
from tajo_sf_pipeline.freshness import Movement, missed
from tajo_sf_pipeline.places import Places
from tajo_sf_pipeline.settings import Settings
from tajo_sf_pipeline.snowflake.freshness import Altered, Tokens, altered, tokens
from tajo_sf_pipeline.snowflake.transports import question
from tajo_sf_pipeline.snowflake.warehouse import Warehouse
from tajo_sf_pipeline.statement import Table
from tajo_sf_pipeline.sync.ledger import Ledger

_MISSED_EVERY = 300  # seconds
_GRACE = timedelta(minutes=15)  # a run that the schedule has just asked for is not missed
_ATTEMPTS = 3
_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
REQUESTED_TAG = "tajo/requested_by"


@dataclass(frozen=True, slots=True)
class Memory:
    """What the freshness sensor remembers from tick to tick, in its cursor.

    `tokens` are those of the last look after which nothing was left to do, at `settled_at`.
    """

    tokens: Mapping[str, str] = field(default_factory=dict)
    settled_at: datetime | None = None
    asked_at: datetime | None = None
    movement: Movement = field(default_factory=Movement)

    @classmethod
    def read(cls, cursor: str | None) -> "Memory":
        told: dict[str, Any] = json.loads(cursor) if cursor else {}
        moment = {name: _moment(told.get(name)) for name in ("settled_at", "asked_at")}
        movement = Movement(_moment(told.get("confirmed")), _moment(told.get("moved_at")))
        return cls(told.get("tokens", {}), moment["settled_at"], moment["asked_at"], movement)

    def written(self) -> str:
        moments = {
            "settled_at": self.settled_at,
            "asked_at": self.asked_at,
            "confirmed": self.movement.cursor,
            "moved_at": self.movement.moved_at,
        }
        told = {name: at.isoformat() if at else None for name, at in moments.items()}
        return json.dumps({"tokens": dict(self.tokens), **told})


def freshness_sensor(
    settings: Settings, audience: Audience, job: UnresolvedAssetJobDefinition
) -> dg.SensorDefinition:
    """Start an incremental run when a source table changed, and say how fresh the audience is.

    It starts off, as the schedule does: whoever wants either, or both, switches it on. A failed
    look at the warehouse is a skip with its reason; the verdicts are written all the same.
    """
    watch = _Watch(settings, audience)

    @dg.sensor(
        name=f"{audience.name}_freshness",
        job=job,
        minimum_interval_seconds=int(audience.freshness.min_interval.total_seconds()),
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Syncs {audience.name} when a table that it reads has changed, at most every "
        f"{written(audience.freshness.min_interval)}.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return watch.tick(context, Memory.read(context.cursor), datetime.now(UTC))

    return sensor


class _Watch:
    """One audience's tables, and the transport that is kept from tick to tick."""

    def __init__(self, settings: Settings, audience: Audience) -> None:
        self._settings, self._audience = settings, audience
        self._tables = audience.sources(settings.snowflake.database, settings.snowflake.schema_)
        self._verdicts = Verdicts(settings, audience)
        # Made by the first tick: it wants the credentials, which loading does not.
        self._source: Callable[[], Warehouse] = cache(
            lambda: question(settings.snowflake, settings.path.parent)
        )

    def tick(
        self, context: dg.SensorEvaluationContext, memory: Memory, now: datetime
    ) -> dg.SensorResult:
        events: list[Any] = [self._verdicts.on_time(context.instance, now)]
        if not self._tables:
            unread = "the SQL names no table that we can read; declare freshness.sources"
            return _skip(unread, memory, events)
        try:
            answer = tokens(self._source(), self._tables)
            changed = self._changed(answer, memory)
            events += self._observed(changed, answer)
        except TajoError as error:
            return _skip(f"the warehouse was not asked: {error}", memory, events)
        memory = self._moved(memory, now, moved=bool(changed and memory.tokens))
        events.append(self._verdicts.cursor_moves(memory.movement, now))
        seen = replace(memory, tokens=_plain(answer), settled_at=now)
        if (reason := self._nothing_to_do(answer, changed, memory)) is not None:
            return _skip(reason, seen, events)
        if (later := self._later(context.instance, memory, now)) is not None:
            names = ", ".join(".".join(table) for table in changed)
            return _skip(f"changed: {names}; {later}", memory, events)
        return dg.SensorResult(
            run_requests=list(self._requests(memory, seen, now)),
            cursor=replace(seen, asked_at=now).written(),
            asset_events=events,
        )

    def _nothing_to_do(self, answer: Tokens, changed: list[Table], memory: Memory) -> str | None:
        """Say why there is no reason for a run."""
        hidden = "".join(f"; cannot tell: {why}" for why in answer.untold.values())
        if not memory.tokens:
            return f"first look: {len(answer.told)} tables noted{hidden}"
        if not changed:
            since = f"{memory.settled_at:%H:%M:%S} UTC" if memory.settled_at else "the first look"
            return f"no source table has changed since {since}{hidden}"
        return None

    def _later(self, instance: dg.DagsterInstance, memory: Memory, now: datetime) -> str | None:
        """Say why a run must wait; the change stays one for the next tick."""
        interval = self._audience.freshness.min_interval
        if memory.asked_at and now - memory.asked_at < interval:
            return f"the next run may start at {memory.asked_at + interval:%H:%M:%S} UTC"
        if busy := under_way(instance, self._audience.name, "incremental"):
            return f"put off until the run {busy} has ended"
        return None

    def _requests(self, memory: Memory, seen: Memory, now: datetime) -> Iterator[dg.RunRequest]:
        """Ask for every date that the time since the last look touches, as a tick would."""
        zone = ZoneInfo(self._settings.file.timezone)
        last = now.astimezone(zone).date()
        since = (memory.settled_at or now).astimezone(zone).date()
        earliest = max(last - self._audience.catch_up, self._settings.file.start_date)
        digest = hashlib.sha256(json.dumps(dict(seen.tokens), sort_keys=True).encode()).hexdigest()
        for day in days_from(max(since, earliest), last):
            yield dg.RunRequest(
                run_key=f"{digest[:16]}/{day}",
                partition_key=day.isoformat(),
                tags={REQUESTED_TAG: "freshness"},
            )

    def _changed(self, answer: Tokens, memory: Memory) -> list[Table]:
        told = answer.told.items()
        return [table for table, token in told if memory.tokens.get(".".join(table)) != token]

    def _observed(self, changed: list[Table], answer: Tokens) -> list[dg.AssetObservation]:
        moments = altered(self._source(), changed) if changed else {}
        return [_observation(table, answer.told[table], moments[table]) for table in changed]

    def _moved(self, memory: Memory, now: datetime, *, moved: bool) -> Memory:
        ledger = Places(self._settings.home, self._audience.name).ledger
        confirmed = Ledger(ledger).last_sync() if ledger.exists() else None
        movement = memory.movement.seen(confirmed, sources_moved=moved, now=now)
        return replace(memory, movement=movement)


def missed_dates_sensor(
    settings: Settings, audience: Audience, job: UnresolvedAssetJobDefinition
) -> dg.SensorDefinition:
    """Ask for the dates whose last tick nobody ran, within `catch_up`; it starts off.

    Dagster's schedules run only the newest tick that they missed. Each date is asked for at most
    three times, on the backfill path; what newer runs wrote stays (S04).
    """
    zone = settings.file.timezone

    @dg.sensor(
        name=f"{audience.name}_missed_dates",
        job=job,
        minimum_interval_seconds=_MISSED_EVERY,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Asks for sync dates of the last {written(audience.catch_up)} that were "
        "missed, as while the daemon was down.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now, today = datetime.now(UTC), settings.today()
        first = max(today - audience.catch_up, settings.file.start_date)
        days = list(days_from(first, today - timedelta(days=1)))
        found = list(
            missed(
                days,
                synced(context.instance, audience.name, days),
                {day: due_at(day, audience.schedule, zone) + _GRACE for day in days},
                timezone=zone,
                now=now,
            )
        )
        if not found:
            told = f"no sync date since {first} was missed"
            return dg.SensorResult(skip_reason=dg.SkipReason(told))
        requests = [r for day in found if (r := _request(context.instance, audience.name, day))]
        if not requests:
            dates = ", ".join(map(str, found))
            told = f"missed {dates}: a run is under way, or {_ATTEMPTS} have failed"
            return dg.SensorResult(skip_reason=dg.SkipReason(told))
        return dg.SensorResult(run_requests=requests)

    return sensor


def _request(instance: dg.DagsterInstance, audience: str, day: date) -> dg.RunRequest | None:
    """Ask for a date, unless a run of it is under way or enough have failed."""
    if under_way(instance, audience, "incremental", day):
        return None
    if under_way(instance, audience, "backfill", day):
        return None
    wanted = {
        "dagster/partition": day.isoformat(),
        "tajo/audience": audience,
        REQUESTED_TAG: "missed_dates",
    }
    failed = instance.get_runs_count(dg.RunsFilter(tags=wanted, statuses=_FAILED))
    if failed >= _ATTEMPTS:
        return None
    done = instance.get_runs_count(dg.RunsFilter(tags=wanted))
    return dg.RunRequest(
        run_key=f"{day}/{done}",
        partition_key=day.isoformat(),
        tags={REQUESTED_TAG: "missed_dates"},
    )


def _observation(table: Table, token: str, found: Altered) -> dg.AssetObservation:
    metadata: dict[str, Any] = {"change_token": token}
    if found.at is not None:
        metadata["dagster/last_updated_timestamp"] = dg.MetadataValue.timestamp(found.at)
    if found.below:
        metadata["tables_below"] = ", ".join(".".join(below) for below in found.below)
    if found.unknown:
        metadata["unknown"] = found.unknown
    return dg.AssetObservation(dg.AssetKey(["snowflake", *table]), metadata=metadata)


def _skip(reason: str, memory: Memory, events: list[Any]) -> dg.SensorResult:
    return dg.SensorResult(
        skip_reason=dg.SkipReason(reason), cursor=memory.written(), asset_events=events
    )


def _plain(answer: Tokens) -> dict[str, str]:
    return {".".join(table): token for table, token in answer.told.items()}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
