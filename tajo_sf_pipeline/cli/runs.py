"""Runs through Dagster, one after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.cli.interrupts import orderly
from tajo_sf_pipeline.cli.outcomes import Outcome
from tajo_sf_pipeline.cli.output import bars, errors
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.errors import InterruptedRunError, TajoError
from tajo_sf_pipeline.state.base import State
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline.state.selection import state_of
from tajo_sf_pipeline.telemetry import logs


@dataclass(frozen=True, slots=True)
class Order:
    """One run to be made: an audience on a sync date, and what a person says about it.

    `accept` are guards that may be passed this once; `replay` counts the dead letters it is for.
    """

    audience: Audience
    day: date
    path: Lane
    full: bool = False
    accept: tuple[str, ...] = ()
    replay: int = 0


def run_all(
    settings: Settings,
    chosen: list[Audience],
    days: list[tuple[date, Lane]],
    *,
    full: bool = False,
    accept: tuple[str, ...] = (),
) -> Iterator[Outcome]:
    """Run every audience on every day, in their order; one that fails stops only itself."""
    return run_each(
        settings,
        [Order(audience, day, path, full, accept) for day, path in days for audience in chosen],
    )


def run_each(settings: Settings, orders: Sequence[Order]) -> Iterator[Outcome]:
    """Make the runs, one after the other; one that fails stops only itself.

    Ctrl-C and SIGTERM stop the run that is on its way and leave out those that would follow.
    """
    from tajo_sf_pipeline import defs
    from tajo_sf_pipeline.defs import runs

    personal_data = settings.file.log_personal_data
    logs.start(settings.log_format, settings.secrets(), personal_data=personal_data)
    chosen = {order.audience.name: order.audience for order in orders}
    stopped = 0
    with orderly() as signalled, bars() as drawn, runs.instance(settings) as instance:
        definitions = defs.build(settings, only=tuple(chosen.values()), progress=drawn.of)
        for order in orders:
            name, day = order.audience.name, order.day
            if stopped:
                yield Outcome(name, day, stopped=stopped)
                continue
            try:
                summary = runs.run(
                    definitions,
                    instance,
                    settings,
                    audience=order.audience,
                    day=day,
                    path=order.path,
                    full=order.full,
                    accept=order.accept,
                    replay=order.replay,
                    tell=lambda text: errors.print(text, markup=False, soft_wrap=True),
                )
                yield Outcome(name, day, summary=summary)
            except TajoError as error:
                yield Outcome(name, day, error=error)
            except InterruptedRunError as error:
                stopped, run_id = signalled(), error.run_id
                summary_so_far = _so_far(state_of(settings), name, run_id)
                yield Outcome(name, day, summary=summary_so_far, run_id=run_id, stopped=stopped)


def _so_far(state: State, audience: str, run_id: str) -> Summary | None:
    """Return how far a run came that was stopped; None if it had not planned anything yet."""
    if not state.has_ledger(audience):
        return None
    latest = state.ledger(audience).runs()
    return next((summary for _, summary in latest if summary.run_id == run_id), None)
