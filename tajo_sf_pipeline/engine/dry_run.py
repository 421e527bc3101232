"""What a sync would do, found out without doing it: `tajo plan` and ``--dry-run``."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.engine.mapped_files import reasons
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.errors import ConfigurationError, GuardError
from tajo_sf_pipeline.planning.estimate import Estimate, estimate
from tajo_sf_pipeline.planning.plan import Plan
from tajo_sf_pipeline.telemetry.personal import shown

_SAMPLE = 3


@dataclass(frozen=True, slots=True)
class DryRun:
    """A plan in words and numbers; its rows are gone but for a sample.

    `stop` is the error with which a guard would end the run, and `problems` are attributes that
    Brevo would not take (S16). `plan` is what `Plan.as_json` tells.
    """

    audience: str
    day: date
    lane: Lane
    extracted: int
    rejected: int
    rejects: Mapping[str, int]
    plan: Mapping[str, Any]
    estimate: Estimate
    accepted_guards: tuple[str, ...]
    stop: GuardError | None
    problems: tuple[str, ...]
    sample: tuple[Mapping[str, Any], ...]

    @property
    def writes(self) -> int:
        return int(self.plan["writes"])

    @property
    def only_stale(self) -> bool:
        """Whether it would write nothing because Brevo has newer rows (S04)."""
        return not self.writes and bool(self.plan["stale"])

    def as_json(self) -> dict[str, Any]:
        """Tell all of it, by the names of ``connectors sync --json`` where they fit."""
        return {
            "audience": self.audience,
            "sync_date": self.day.isoformat(),
            "path": self.lane,
            "extracted": self.extracted,
            "rejected": self.rejected,
            "rejects": [{"reason": text, "rows": rows} for text, rows in self.rejects.items()],
            **self.plan,
            "api_calls": self.estimate.api_calls,
            "calls_by_limit": dict(self.estimate.calls),
            "minutes": self.estimate.minutes,
            "only_stale": self.only_stale,
            "accepted_guards": list(self.accepted_guards),
            "stopped_by": self.stop.as_json() if self.stop else None,
            "attribute_problems": list(self.problems),
            "sample": list(self.sample),
        }


def dry_run(run: SyncRun, *, kept: bool = False) -> DryRun:
    """Extract and map into a folder that is gone afterwards, plan, and evaluate the plan.

    With `kept` the rows are those of the last run of the date, and the warehouse is not asked.
    Nothing is written to Brevo or the ledger; Brevo is read for its attributes.
    """
    if kept:
        if not run.paths.rejected(run.day).exists():
            raise ConfigurationError(
                "TAJO-159",
                f"no rows of {run.audience.name} on {run.day} are kept",
                "Leave --kept out: then the warehouse is asked.",
            )
        return _evaluated(run)
    with tempfile.TemporaryDirectory(prefix="tajo-plan-") as scratch:
        apart = replace(run, scratch=Path(scratch))
        apart.extract()
        apart.map()
        return _evaluated(apart)


def _evaluated(run: SyncRun) -> DryRun:
    show, report, plan = run.settings.file.log_personal_data, run.report, run.plan()
    try:
        accepted, stop = _guarded(run, plan)
        return DryRun(
            audience=run.audience.name,
            day=run.day,
            lane=run.lane,
            extracted=report.extracted,
            rejected=report.rejected,
            rejects=reasons(run.paths.rejected(run.day)),
            plan=plan.as_json(show_keys=show),
            estimate=estimate(plan, run.settings.brevo),
            accepted_guards=accepted,
            stop=stop,
            problems=_problems(run) if plan.counts.writes else (),
            sample=tuple(_sampled(row, run, show=show) for row in plan.sample(_SAMPLE)),
        )
    finally:
        plan.discard()


def _guarded(run: SyncRun, plan: Plan) -> tuple[tuple[str, ...], GuardError | None]:
    try:
        return run.guard(plan), None
    except GuardError as error:
        return (), error


def _problems(run: SyncRun) -> tuple[str, ...]:
    preflight = run.preflight()
    return preflight.problems if preflight else ()


def _sampled(row: Mapping[str, Any], run: SyncRun, *, show: bool) -> Mapping[str, Any]:
    """Show a row of the plan; what may identify a person is masked."""
    personal = {field.to for field in run.audience.fields.values() if field.personal}
    payload = json.loads(row["_payload"]) if row["_payload"] else {}
    values = payload.get("attributes") or payload.get("event_properties") or {}
    return {
        "action": row["action"],
        "reason": row["reason"],
        "key": shown("_key", row["_key"], show=show, personal={"_key"}),
        "list": row["_list"],
        "values": {
            name: shown(name, value, show=show, personal=personal) for name, value in values.items()
        },
    }
