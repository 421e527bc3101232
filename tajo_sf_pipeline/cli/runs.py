"""Runs through Dagster, and what the terminal shows of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from tajo_sf_pipeline.audience import Audience
from tajo_sf_pipeline.cli.output import bars, console, errors, runs_table
from tajo_sf_pipeline.errors import TajoError
from tajo_sf_pipeline.settings import Settings
from tajo_sf_pipeline.sync.summary import Summary
from tajo_sf_pipeline.window import SyncPath

ROWS_FAILED, OUTAGE = 1, 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run's summary, or the error that ended it."""

    audience: str
    day: date
    summary: Summary | None = None
    error: TajoError | None = None

    @property
    def exit_code(self) -> int:
        if self.error is not None:
            return self.error.exit_code
        assert self.summary is not None
        if self.summary.pending:
            return OUTAGE
        return ROWS_FAILED if self.summary.failed else 0

    def as_json(self) -> dict[str, Any]:
        if self.summary is not None:
            return self.summary.as_json()
        assert self.error is not None
        place = {"audience": self.audience, "sync_date": self.day.isoformat()}
        return {**place, "error": self.error.as_json()}


def run_all(
    settings: Settings,
    chosen: list[Audience],
    days: list[tuple[date, SyncPath]],
    *,
    full: bool = False,
) -> Iterator[Outcome]:
    """Run every audience on every day, in their order; one that fails stops only itself."""
    from tajo_sf_pipeline import defs
    from tajo_sf_pipeline.defs import runs

    with bars() as drawn, runs.instance(settings) as instance:
        definitions = defs.build(settings, only=tuple(chosen), progress=drawn.of)
        for day, path in days:
            for audience in chosen:
                try:
                    summary = runs.run(
                        definitions,
                        instance,
                        settings,
                        audience=audience,
                        day=day,
                        path=path,
                        full=full,
                    )
                    yield Outcome(audience.name, day, summary=summary)
                except TajoError as error:
                    yield Outcome(audience.name, day, error=error)


def show_outcomes(outcomes: list[Outcome], title: str | None = None) -> None:
    """Print runs as a table, and below it every error and every run with refused rows."""
    done = [outcome.summary for outcome in outcomes if outcome.summary]
    if done:
        console.print(runs_table(title, done))
    for outcome in outcomes:
        if outcome.error is not None:
            told = f"{outcome.audience} {outcome.day}: {outcome.error}"
            errors.print(told, style="red", markup=False, highlight=False, soft_wrap=True)
        elif outcome.exit_code and outcome.summary is not None:
            errors.print(
                f"{outcome.audience} {outcome.day}: {outcome.summary.failed} rows refused by "
                f"Brevo, {outcome.summary.pending} without an answer; they stay out of the ledger "
                "and come again with the next run.",
                style="red",
                soft_wrap=True,
            )
