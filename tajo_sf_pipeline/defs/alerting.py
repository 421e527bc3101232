"""Runs and checks that failed, to whoever is told of them in ``alerts``."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import dagster as dg

from tajo_sf_pipeline.alerts.rules import Alert, AlertPolicy, Checked, Ended, Problem, State
from tajo_sf_pipeline.alerts.senders import Waiting, deliver, senders
from tajo_sf_pipeline.config.alerting import Alerts
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs.dagster_private import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
    AssetCheckExecutionRecord,
)
from tajo_sf_pipeline.defs.jobs import AUDIENCE_TAG
from tajo_sf_pipeline.defs.partitions import BACKFILL_TAG, PATH_TAG
from tajo_sf_pipeline.defs.run_failure import why_failed
from tajo_sf_pipeline.errors import GuardError

_EVERY = 30  # seconds
_EVENTS = 200  # of one tick, which must end within a minute
_KEPT = timedelta(days=1)
_COUNTS = ("extracted", "rejected", "planned", "confirmed", "failed", "pending", "removed")
_ENDS: tuple[Literal[dg.DagsterEventType.RUN_FAILURE], Literal[dg.DagsterEventType.RUN_SUCCESS]] = (
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_SUCCESS,
)
_SINCE, _LAST = "since", "last"
Event = Ended | Checked
# How far a sensor has read: a moment or an id for each of its places.
Seen = dict[str, float]
Happened = Callable[[dg.SensorEvaluationContext, Seen], tuple[list[Event], Seen]]


def alert_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Make the sensors of runs and of checks; none where nobody is to be told.

    They are on from the start: they write to nobody but those whom tajo.yaml names. Each keeps in
    its cursor what is open, so that one thing is said once, and what a receiver has not taken.
    """
    alerts = settings.file.alerts
    if not alerts.any:
        return []
    return [
        _sensor(
            "alert_on_run_failure",
            alerts,
            _runs(alerts),
            "Tells of runs that failed, and of runs that are good again.",
        ),
        _sensor(
            "alert_on_check_failure",
            alerts,
            _verdicts(alerts),
            "Tells of checks that failed, and of those that pass again.",
        ),
    ]


def _sensor(
    name: str,
    alerts: Alerts,
    happened: Happened,
    description: str,
) -> dg.SensorDefinition:
    @dg.sensor(
        name=name,
        minimum_interval_seconds=_EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=description,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = datetime.now(UTC)
        if not context.cursor:
            # What happened before anybody asked to be told is not told.
            after = {_SINCE: now.timestamp()}
            return _skip(after, State(), [], "first look: what happens from now on is told")
        memory = json.loads(context.cursor)
        events, after = happened(context, memory["after"])
        policy = AlertPolicy(alerts, State.from_json(memory["state"]), now)
        new = [alert for event in events for alert in _alerts_of(policy, event)]
        receivers = senders(alerts)
        waiting = [one for one in map(Waiting.from_json, memory["waiting"]) if _is_news(one, now)]
        waiting += [Waiting(name, alert) for alert in new for name in receivers]
        left, failed = deliver(receivers, waiting)
        for error in failed:
            context.log.error(str(error))
        told_now = f"{len(waiting) - len(left)} messages sent for {len(events)} events"
        reason = "; ".join([told_now, *(f"{error.code} {error.happened}" for error in failed)])
        return _skip(after, policy.state, left, reason)

    return sensor


def _skip(after: Seen, state: State, waiting: list[Waiting], reason: str) -> dg.SensorResult:
    kept = [one.as_json() for one in waiting]
    cursor = json.dumps({"after": after, "state": state.as_json(), "waiting": kept})
    return dg.SensorResult(skip_reason=dg.SkipReason(reason), cursor=cursor)


def _alerts_of(policy: AlertPolicy, event: Event) -> list[Alert]:
    return policy.ended(event) if isinstance(event, Ended) else policy.checked(event)


def _is_news(waiting: Waiting, now: datetime) -> bool:
    return now - datetime.fromisoformat(waiting.alert.at) < _KEPT


def _runs(alerts: Alerts) -> Happened:
    def happened(context: dg.SensorEvaluationContext, after: Seen) -> tuple[list[Event], Seen]:
        instance = context.instance
        records = sorted(
            (
                record
                for kind in _ENDS
                for record in instance.fetch_run_status_changes(
                    dg.RunStatusChangeRecordsFilter(
                        event_type=kind,
                        after_timestamp=after[_SINCE],
                        after_storage_id=int(after.get(_LAST, 0)),
                    ),
                    limit=_EVENTS,
                    ascending=True,
                ).records
            ),
            key=lambda record: record.storage_id,
        )[:_EVENTS]
        ends = [_ended(instance, record.event_log_entry, alerts.link) for record in records]
        last = {_LAST: float(records[-1].storage_id)} if records else {}
        return [end for end in ends if end is not None], {**after, **last}

    return happened


def _ended(instance: dg.DagsterInstance, entry: dg.EventLogEntry, link: str) -> Ended | None:
    """Tell of a run of ours; one that Dagster starts again is not over."""
    run = instance.get_run_by_id(entry.run_id)
    if run is None or run.tags.get(WILL_RETRY_TAG) == "true":
        return None
    audience = run.tags.get(AUDIENCE_TAG) or _audience_of(run)
    if audience is None:
        return None
    backfill = BACKFILL_TAG in run.tags or run.tags.get(PATH_TAG) == "backfill"
    failed = run.status is dg.DagsterRunStatus.FAILURE
    return Ended(
        audience=audience,
        path="backfill" if backfill else "incremental",
        sync_date=run.tags.get(PARTITION_NAME_TAG, ""),
        link=f"{link.rstrip('/')}/runs/{run.run_id}",
        error=why_failed(instance, run.run_id, entry.message) if failed else None,
        counts=_counts(instance, run.run_id),
    )


def _audience_of(run: dg.DagsterRun) -> str | None:
    """Find the audience of a run that the page started: it has no tags of ours."""
    names = {key.path[0] for key in run.asset_selection or () if len(key.path) > 1}
    return names.pop() if len(names) == 1 else None


def _counts(instance: dg.DagsterInstance, run_id: str) -> dict[str, int]:
    """Read what `sync` says of its rows, if it came so far."""
    for entry in instance.all_logs(run_id, dg.DagsterEventType.ASSET_MATERIALIZATION):
        key = entry.dagster_event and entry.dagster_event.asset_key
        if key and key.path[-1] == "sync" and entry.asset_materialization:
            return _numbers(entry.asset_materialization.metadata, _COUNTS)
    return {}


def _numbers(metadata: Any, names: Iterable[str] | None = None) -> dict[str, int]:
    values = {name: value.value for name, value in metadata.items() if name in (names or metadata)}
    return {name: value for name, value in values.items() if type(value) is int}


def _verdicts(alerts: Alerts) -> Happened:
    """Read the verdicts since the last look, of each check by its own clock.

    SQLite's storage keeps events run by run and cannot give those of all runs in their order
    (dagster/_core/storage/event_log/sqlite), but it does know each check's history.
    """

    def happened(context: dg.SensorEvaluationContext, after: Seen) -> tuple[list[Event], Seen]:
        storage, seen = context.instance.event_log_storage, dict(after)
        verdicts: list[tuple[float, Event]] = []
        for key, at in _latest(context).items():
            name = key.to_user_string()
            before = max(seen.get(name, 0), seen[_SINCE])
            if at <= before:
                continue
            for record in storage.get_asset_check_execution_history(key, limit=_EVENTS):
                event = _evaluated(record)
                if event is not None and event.timestamp > before and event.dagster_event:
                    verdict = event.dagster_event.asset_check_evaluation_data
                    verdicts.append((event.timestamp, _verdict(verdict, alerts.link)))
            seen[name] = at
        return [event for _, event in sorted(verdicts, key=lambda one: one[0])], seen

    return happened


def _latest(context: dg.SensorEvaluationContext) -> dict[dg.AssetCheckKey, float]:
    """Return the moment of each check's last verdict."""
    assert context.repository_def is not None
    keys = sorted(context.repository_def.asset_graph.asset_check_keys)
    latest = context.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return {
        key: event.timestamp
        for key, record in latest.items()
        if (event := _evaluated(record)) is not None
    }


def _evaluated(record: AssetCheckExecutionRecord) -> dg.EventLogEntry | None:
    """Return the event of a verdict; a check that is only planned has none yet."""
    settled = record.status in COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES
    return record.event if settled else None


def _verdict(evaluation: dg.AssetCheckEvaluation, link: str) -> Checked:
    asset = evaluation.asset_key.to_user_string()
    severity = evaluation.severity.value.lower()
    return Checked(
        audience=evaluation.asset_key.path[0],
        asset=asset,
        check=evaluation.check_name,
        sync_date=evaluation.partition or "",
        passed=evaluation.passed,
        link=f"{link.rstrip('/')}/assets/{asset}?view=checks",
        problem=Problem(
            GuardError.kind if evaluation.blocking else "check",
            "TAJO-844",
            f"the check {evaluation.check_name} of {asset} failed ({severity}): "
            f"{evaluation.description or 'see its metadata'}",
            "Open the check in Dagster's UI: its description says what to do.",
        ),
        counts=_numbers(evaluation.metadata),
    )
