"""From what happened to what is said: each rule speaks once, reminds, and says when it is over."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self

from tajo_sf_pipeline.config.alerting import Alerts
from tajo_sf_pipeline.errors import AuthenticationError, GuardError, RefusedError, TajoError

Rule = Literal[
    "run_failed",
    "guard_stop",
    "token_refresh",
    "rejection",
    "check_failed",
    "cursor_stall",
    "late",
    "test",
]
Status = Literal["firing", "reminder", "resolved"]
# The checks that have a rule of their own.
CHECK_RULES: Mapping[str, Rule] = {"cursor_moves": "cursor_stall", "on_time": "late"}
_BREVO_CODES = "TAJO-21"


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, as an alert says it: a run's error, or a check's verdict."""

    kind: str
    code: str
    happened: str
    next_step: str

    @classmethod
    def of(cls, error: TajoError) -> Self:
        return cls(error.kind, error.code, error.happened, error.next_step)


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has ended; without an error it was good."""

    audience: str
    path: str
    sync_date: str
    link: str
    error: TajoError | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checked:
    """A check's verdict on a date, or on none."""

    audience: str
    asset: str
    check: str
    sync_date: str
    passed: bool
    link: str
    problem: Problem
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """One message. `key` stays the same from the first to the one that says that it is over."""

    key: str
    rule: Rule
    status: Status
    audience: str
    sync_date: str
    kind: str
    code: str
    happened: str
    next_step: str
    link: str
    times: int
    at: str
    counts: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        return cls(**fields)


@dataclass(slots=True)
class State:
    """What is open and what is counted: plain values, so that it can be kept as JSON."""

    open: dict[str, Alert] = field(default_factory=dict)
    told_at: dict[str, str] = field(default_factory=dict)
    streaks: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "open": {key: alert.as_json() for key, alert in self.open.items()},
            "told_at": self.told_at,
            "streaks": self.streaks,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        alerts = {key: Alert.from_json(alert) for key, alert in fields.get("open", {}).items()}
        return cls(alerts, dict(fields.get("told_at", {})), dict(fields.get("streaks", {})))


@dataclass(slots=True)
class AlertPolicy:
    """Takes in what happened, in its order; gives the messages that are due."""

    rules: Alerts
    state: State
    now: datetime

    def ended(self, run: Ended) -> list[Alert]:
        """Return the messages that a run's end makes due."""
        if run.error is not None:
            return self._failed(run, run.error)
        return [
            *self._resolve(f"run_failed/{run.audience}/{run.path}", run),
            *self._resolve(f"guard_stop/{run.audience}/{run.path}", run),
            *self._signed_in(run),
            *self._rejection(run),
        ]

    def checked(self, verdict: Checked) -> list[Alert]:
        """Return a check's messages: a later date's pass ends an earlier one's failure."""
        rule = CHECK_RULES.get(verdict.check, "check_failed")
        own = rule != "check_failed"
        key = f"{rule}/{verdict.audience if own else f'{verdict.asset}/{verdict.check}'}"
        if not verdict.passed:
            return self._fire(key, rule, verdict, verdict.problem)
        before = self.state.open.get(key)
        if before is not None and before.sync_date <= (verdict.sync_date or before.sync_date):
            return self._resolve(key, verdict)
        return []

    def _failed(self, run: Ended, error: TajoError) -> list[Alert]:
        problem = Problem.of(error)
        if isinstance(error, GuardError):
            return self._fire(f"guard_stop/{run.audience}/{run.path}", "guard_stop", run, problem)
        if isinstance(error, AuthenticationError):
            vendor = "brevo" if error.code.startswith(_BREVO_CODES) else "snowflake"
            key = f"token_refresh/{vendor}"
            if self._count(key) >= self.rules.token_failures:
                # One message for the workspace: every audience signs in with the same credentials.
                return self._fire(key, "token_refresh", replace(run, audience=""), problem)
        return self._fire(f"run_failed/{run.audience}/{run.path}", "run_failed", run, problem)

    def _signed_in(self, run: Ended) -> list[Alert]:
        """End what was said of credentials: a run that is good has used them."""
        keys = [f"token_refresh/{vendor}" for vendor in ("snowflake", "brevo")]
        for key in keys:
            self.state.streaks.pop(key, None)
        return [alert for key in keys for alert in self._resolve(key, run)]

    def _rejection(self, run: Ended) -> list[Alert]:
        key = f"rejection/{run.audience}"
        rows = run.counts.get("extracted", 0)
        refused = run.counts.get("rejected", 0) + run.counts.get("failed", 0)
        if not rows:
            return []
        if not self.rules.rejection.share.exceeded_by(refused, rows):
            self.state.streaks.pop(key, None)
            return self._resolve(key, run)
        runs = self._count(key)
        if runs < self.rules.rejection.runs:
            return []
        problem = Problem(
            RefusedError.kind,
            "TAJO-845",
            f"{refused} of {rows} rows were refused, and too many in each of the last {runs} runs",
            "Look at the reasons in the metadata of `mapped` and in the dead letters; correct the "
            "source or the mapping.",
        )
        return self._fire(key, "rejection", run, problem)

    def _count(self, key: str) -> int:
        self.state.streaks[key] = self.state.streaks.get(key, 0) + 1
        return self.state.streaks[key]

    def _fire(self, key: str, rule: Rule, about: Ended | Checked, problem: Problem) -> list[Alert]:
        """Open an alert, or count one that is open; the same thing is not said twice in a day."""
        before = self.state.open.get(key)
        same = before is not None and before.code == problem.code
        alert = Alert(
            key=key,
            rule=rule,
            status="reminder" if same else "firing",
            audience=about.audience,
            sync_date=about.sync_date,
            kind=problem.kind,
            code=problem.code,
            happened=problem.happened,
            next_step=problem.next_step,
            link=about.link,
            times=before.times + 1 if before is not None else 1,
            at=self.now.astimezone(UTC).isoformat(timespec="seconds"),
            counts=dict(about.counts),
        )
        self.state.open[key] = alert
        if same and self.now - self._reported_at(key) < self.rules.remind_after:
            return []
        self.state.told_at[key] = self.now.isoformat()
        return [alert]

    def _resolve(self, key: str, about: Ended | Checked) -> list[Alert]:
        before = self.state.open.pop(key, None)
        self.state.told_at.pop(key, None)
        if before is None:
            return []
        at = self.now.astimezone(UTC).isoformat(timespec="seconds")
        over = replace(
            before,
            status="resolved",
            sync_date=about.sync_date,
            link=about.link,
            at=at,
            counts=dict(about.counts),
            next_step="Nothing is left to do.",
        )
        return [over]

    def _reported_at(self, key: str) -> datetime:
        return datetime.fromisoformat(self.state.told_at[key])
