"""What starts a run between the ticks: a source table that has changed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from tajo_sf_pipeline.audience.freshness import Movement
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.statement import Table
from tajo_sf_pipeline.config.duration import written
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs.dagster_private import UnresolvedAssetJobDefinition
from tajo_sf_pipeline.defs.freshness import Verdicts
from tajo_sf_pipeline.defs.history import failed, under_way
from tajo_sf_pipeline.defs.jobs import ATTEMPTS, REQUESTED_TAG
from tajo_sf_pipeline.defs.schedules import days_from
from tajo_sf_pipeline.defs.source_tables import observation, tables_of
from tajo_sf_pipeline.errors import TajoError
from tajo_sf_pipeline.sources.base import ChangeTokens
from tajo_sf_pipeline.sources.selection import OpenSource, source_of
from tajo_sf_pipeline.state.selection import state_of

# Which change of the source tables a run is for: by it the runs that failed are found again.
CHANGE_TAG = "tajo/change"


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
        memory: dict[str, Any] = json.loads(cursor) if cursor else {}
        moment = {name: _moment(memory.get(name)) for name in ("settled_at", "asked_at")}
        movement = Movement(_moment(memory.get("confirmed")), _moment(memory.get("moved_at")))
        return cls(memory.get("tokens", {}), moment["settled_at"], moment["asked_at"], movement)

    def written(self) -> str:
        moments = {
            "settled_at": self.settled_at,
            "asked_at": self.asked_at,
            "confirmed": self.movement.cursor,
            "moved_at": self.movement.moved_at,
        }
        moments_as_text = {name: at.isoformat() if at else None for name, at in moments.items()}
        return json.dumps({"tokens": dict(self.tokens), **moments_as_text})


def freshness_sensor(
    settings: Settings,
    audience: Audience,
    job: UnresolvedAssetJobDefinition,
    open_source: OpenSource = source_of,
) -> dg.SensorDefinition:
    """Start an incremental run when a source table changed, and say how fresh the audience is.

    It starts off, as the schedule does: whoever wants either, or both, switches it on. A failed
    look at the warehouse is a skip with its reason; the verdicts are written all the same. A change
    whose run failed is asked for three times at most.
    """
    watch = _Watch(settings, audience, open_source)

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

    def __init__(self, settings: Settings, audience: Audience, open_source: OpenSource) -> None:
        self._settings, self._audience = settings, audience
        self._tables = tables_of(settings, audience)
        self._verdicts = Verdicts(settings, audience)
        self._source = open_source(settings)

    def tick(
        self, context: dg.SensorEvaluationContext, memory: Memory, now: datetime
    ) -> dg.SensorResult:
        events: list[Any] = [self._verdicts.on_time(context.instance, now)]
        if not self._tables:
            unread = "the SQL names no table that we can read; declare freshness.sources"
            return _skip(unread, memory, events)
        try:
            answer = self._source.change_tokens(self._tables)
            changed = self._changed(answer, memory)
            events += self._observed(changed, answer)
        except TajoError as error:
            return _skip(f"the warehouse was not asked: {error}", memory, events)
        memory = self._moved(memory, now, moved=bool(changed and memory.tokens))
        events.append(self._verdicts.cursor_moves(memory.movement, now))
        seen = replace(memory, tokens=_plain(answer), settled_at=now)
        if not memory.tokens:
            return _skip(
                f"first look: {len(answer.known)} tables noted{_hidden(answer)}", seen, events
            )
        wanted = self._wanted(context.instance, memory, now, changed)
        if not any(number < ATTEMPTS for number in wanted.values()):
            return _skip(_nothing_to_do(answer, memory, wanted), seen, events)
        if (later := self._later(context.instance, memory, now)) is not None:
            names = ", ".join(".".join(table) for table in changed) or "what the failed run was for"
            return _skip(f"changed: {names}; {later}", memory, events)
        return dg.SensorResult(
            run_requests=[
                _run_of_change(_change(seen), day, number)
                for day, number in wanted.items()
                if number < ATTEMPTS
            ],
            cursor=replace(seen, asked_at=now).written(),
            asset_events=events,
        )

    def _wanted(
        self, instance: dg.DagsterInstance, memory: Memory, now: datetime, changed: list[Table]
    ) -> dict[date, int]:
        """Return the dates that a change touches, with the runs that have failed for it."""
        if not changed:
            return failed(instance, self._audience.name, {CHANGE_TAG: _change(memory)})
        # As a tick would: every date that the time since the last look touches.
        zone = ZoneInfo(self._settings.file.timezone)
        last = now.astimezone(zone).date()
        since = (memory.settled_at or now).astimezone(zone).date()
        earliest = max(last - self._audience.catch_up, self._settings.file.start_date)
        return dict.fromkeys(days_from(max(since, earliest), last), 0)

    def _later(self, instance: dg.DagsterInstance, memory: Memory, now: datetime) -> str | None:
        """Say why a run must wait; the change stays one for the next tick."""
        interval = self._audience.freshness.min_interval
        if memory.asked_at and now - memory.asked_at < interval:
            return f"the next run may start at {memory.asked_at + interval:%H:%M:%S} UTC"
        if busy := under_way(instance, self._audience.name, "incremental"):
            return f"put off until the run {busy} has ended"
        return None

    def _changed(self, answer: ChangeTokens, memory: Memory) -> list[Table]:
        tokens = answer.known.items()
        return [table for table, token in tokens if memory.tokens.get(".".join(table)) != token]

    def _observed(self, changed: list[Table], answer: ChangeTokens) -> list[dg.AssetObservation]:
        moments = self._source.altered(changed) if changed else {}
        return [observation(table, answer.known[table], moments[table]) for table in changed]

    def _moved(self, memory: Memory, now: datetime, *, moved: bool) -> Memory:
        state, name = state_of(self._settings), self._audience.name
        confirmed = state.ledger(name).last_sync() if state.has_ledger(name) else None
        movement = memory.movement.seen(confirmed, sources_moved=moved, now=now)
        return replace(memory, movement=movement)


def _change(memory: Memory) -> str:
    """Name the state of the source tables."""
    state = json.dumps(dict(memory.tokens), sort_keys=True)
    return hashlib.sha256(state.encode()).hexdigest()[:16]


def _run_of_change(change: str, day: date, number: int) -> dg.RunRequest:
    # Dagster starts a key once for ever.
    return dg.RunRequest(
        run_key=f"{change}/{day}/{number}",
        partition_key=day.isoformat(),
        tags={REQUESTED_TAG: "freshness", CHANGE_TAG: change},
    )


def _nothing_to_do(answer: ChangeTokens, memory: Memory, failures: Mapping[date, int]) -> str:
    """Say why there is no reason for a run."""
    since = f"{memory.settled_at:%H:%M:%S} UTC" if memory.settled_at else "the first look"
    given_up = "".join(f"; {n} runs of {day} have failed" for day, n in failures.items())
    return f"no source table has changed since {since}{given_up}{_hidden(answer)}"


def _hidden(answer: ChangeTokens) -> str:
    return "".join(f"; cannot tell: {why}" for why in answer.unknown.values())


def _skip(reason: str, memory: Memory, events: list[Any]) -> dg.SensorResult:
    return dg.SensorResult(
        skip_reason=dg.SkipReason(reason), cursor=memory.written(), asset_events=events
    )


def _plain(answer: ChangeTokens) -> dict[str, str]:
    return {".".join(table): token for table, token in answer.known.items()}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
