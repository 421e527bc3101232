"""What became of a run that a command made, and how the terminal shows it."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from tajo_sf_pipeline.cli.output import console, errors, runs_table
from tajo_sf_pipeline.errors import TajoError
from tajo_sf_pipeline.state.run_summary import Summary

ROWS_FAILED, OUTAGE = 1, 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run's summary, or the error that ended it.

    `stopped` is the exit code of the signal that ended the run, or that came before it began
    (then it has no `run_id`); a run that was stopped while it delivered has a summary too.
    """

    audience: str
    day: date
    summary: Summary | None = None
    error: TajoError | None = None
    run_id: str | None = None
    stopped: int = 0

    @property
    def exit_code(self) -> int:
        if self.stopped:
            return self.stopped
        if self.error is not None:
            return self.error.exit_code
        assert self.summary is not None
        if self.summary.pending:
            return OUTAGE
        return ROWS_FAILED if self.summary.failed else 0

    def as_json(self) -> dict[str, Any]:
        if self.summary is not None:
            return self.summary.as_json()
        place = {"audience": self.audience, "sync_date": self.day.isoformat()}
        if self.error is not None:
            return {**place, "error": self.error.as_json()}
        outcome = "interrupted" if self.run_id else "not_begun"
        return {**place, "run_id": self.run_id, "outcome": outcome, "confirmed": 0}

    @property
    def problem(self) -> str | None:
        """Return in a sentence or two what did not go well, if anything."""
        if self.stopped:
            return self._how_far
        if self.error is not None:
            return str(self.error)
        assert self.summary is not None
        if self.exit_code:
            return (
                f"{self.summary.failed} rows refused by Brevo, {self.summary.pending} without an "
                "answer; they stay out of the ledger and come again with the next run. "
                "`tajo dead-letters list` tells why."
            )
        return None

    @property
    def _how_far(self) -> str:
        if self.run_id is None:
            return "not begun"
        if self.summary is None:
            return "stopped before anything was planned; nothing was sent"
        one = self.summary
        sent = one.confirmed + one.removed + one.retried
        open_ones = one.pending + one.left_over
        return (
            f"stopped while it delivered: {sent} rows were accepted by Brevo and are in the "
            f"ledger, {one.failed} refused, {open_ones} not sent or without an answer. Run the "
            "date again: it finds out what arrived and goes on from there."
        )


def exit_code(outcomes: list[Outcome]) -> int:
    return max((outcome.exit_code for outcome in outcomes), default=0)


def show_outcomes(outcomes: list[Outcome], title: str | None = None) -> None:
    """Print runs as a table, and below it every error and every run with refused rows."""
    done = [outcome.summary for outcome in outcomes if outcome.summary]
    if done:
        console.print(runs_table(title, done))
    for outcome in outcomes:
        if outcome.problem is not None:
            line = f"{outcome.audience} {outcome.day}: {outcome.problem}"
            errors.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
