"""Whether an audience is fresh: Dagster's policy for its page, and verdicts that know of dates.

Dagster's own policy takes any new materialization for fresh data, a backfill of last year too; the
check `on_time` does not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from tajo_sf_pipeline.audience import freshness
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs.history import synced
from tajo_sf_pipeline.defs.schedules import days_from, longest_pause

ON_TIME, CURSOR_MOVES = "on_time", "cursor_moves"
_WARN_AT = 0.8
_DESCRIPTIONS = {
    ON_TIME: "The newest data is no older than `freshness.max_age`; backfilling an old date does "
    "not make it so. If not, look at the last runs and whether schedule and daemon are on.",
    CURSOR_MOVES: "Where the source tables move, what Brevo has confirmed does too, within "
    "`freshness.max_age`. If not, look at failed rows and at the cursor column.",
}
_EVALUATED = dg.DagsterEventType.ASSET_CHECK_EVALUATION


def max_age(settings: Settings, audience: Audience) -> timedelta:
    """Return how old the data may be: as the audience says, else two pauses of its schedule."""
    if audience.freshness.max_age is not None:
        return audience.freshness.max_age
    pause = longest_pause(audience.schedule, settings.file.timezone)
    return max(2 * pause, timedelta(minutes=2))


def policy(settings: Settings, audience: Audience) -> dg.FreshnessPolicy:
    """Make the policy by which Dagster's page shows staleness; it knows nothing of dates."""
    age = max_age(settings, audience)
    return dg.FreshnessPolicy.time_window(
        fail_window=age, warn_window=max(age * _WARN_AT, timedelta(minutes=1))
    )


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What is said of an audience at a moment; the sensor says it, and so does the check."""

    settings: Settings
    audience: Audience

    def on_time(self, instance: dg.DagsterInstance, now: datetime) -> dg.AssetCheckEvaluation:
        """Return whether the newest data is young enough."""
        zone, age = self.settings.file.timezone, max_age(self.settings, self.audience)
        today = self.settings.today()
        first = max(today - timedelta(days=age.days + 2), self.settings.file.start_date)
        dates = synced(instance, self.audience.name, days_from(first, today))
        reached = freshness.reached(dates, zone)
        passed, description = freshness.evaluate(reached, age, now)
        metadata = {
            "max_age_hours": round(age / timedelta(hours=1), 2),
            "age_hours": round(reached.age(now) / timedelta(hours=1), 2) if reached else None,
            "newest_sync_date": reached.day.isoformat() if reached else "none",
        }
        return self._evaluation(ON_TIME, description, metadata, passed=passed)

    def cursor_moves(self, movement: freshness.Movement, now: datetime) -> dg.AssetCheckEvaluation:
        """Return whether what is confirmed moves with the sources."""
        age = max_age(self.settings, self.audience)
        stalled = movement.stalled(now, age)
        at = f"{movement.cursor:%Y-%m-%d %H:%M} UTC" if movement.cursor else "nothing yet"
        since = f"{movement.moved_at:%Y-%m-%d %H:%M} UTC" if movement.moved_at else ""
        description = (
            f"stalled: the sources have moved since {since}, confirmed is {at}"
            if stalled
            else f"confirmed up to {at}" + (f"; the sources moved at {since}" if since else "")
        )
        return self._evaluation(CURSOR_MOVES, description, {"confirmed": at}, passed=not stalled)

    def _evaluation(
        self,
        check: str,
        description: str,
        metadata: Mapping[str, str | float | None],
        *,
        passed: bool,
    ) -> dg.AssetCheckEvaluation:
        return dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey([self.audience.name, "sync"]),
            check_name=check,
            passed=passed,
            severity=dg.AssetCheckSeverity.WARN,
            description=description,
            metadata={name: value for name, value in metadata.items() if value is not None},
        )


def freshness_checks(settings: Settings, audience: Audience) -> dg.AssetChecksDefinition:
    """Make the checks that the freshness sensor writes; by hand they can be run as well.

    No job of ours runs them: they speak of the audience, not of the date that a run is about.
    """
    verdicts = Verdicts(settings, audience)

    @dg.multi_asset_check(
        name=f"{audience.name}_freshness_checks",
        specs=[_spec(audience, name) for name in (ON_TIME, CURSOR_MOVES)],
        can_subset=True,
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        for key in context.selected_asset_check_keys:
            if key.name == ON_TIME:
                verdict = verdicts.on_time(context.instance, datetime.now(UTC))
            else:
                verdict = _last_said(context.instance, key) or verdicts.cursor_moves(
                    freshness.Movement(), datetime.now(UTC)
                )
            yield dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=verdict.passed,
                severity=verdict.severity,
                description=verdict.description,
                metadata=verdict.metadata,
            )

    return checks


def _last_said(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey
) -> dg.AssetCheckEvaluation | None:
    """Return the sensor's last verdict: only it has seen the sources move."""
    history = instance.event_log_storage.get_asset_check_execution_history(key, limit=20)
    events = (record.event.dagster_event for record in history if record.event)
    # The run that asks has planned this very check: that is an event of its own kind.
    said = (event for event in events if event and event.event_type is _EVALUATED)
    return next((event.asset_check_evaluation_data for event in said), None)


def _spec(audience: Audience, name: str) -> dg.AssetCheckSpec:
    # Without partitions: a sensor can write one verdict for a partition, and never a second one.
    return dg.AssetCheckSpec(
        name,
        asset=dg.AssetKey([audience.name, "sync"]),
        description=_DESCRIPTIONS[name],
    )
