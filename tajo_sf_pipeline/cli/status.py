"""`tajo status`: how each audience stands, from the ledger, the dead letters and Dagster."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.cli.output import (
    ConfigOption,
    JsonOption,
    console,
    local_time,
    plain_table,
    print_json,
)
from tajo_sf_pipeline.config import settings as workspace
from tajo_sf_pipeline.config.duration import written
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.state.dead_letter import Filter
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline.state.selection import state_of

if TYPE_CHECKING:
    from tajo_sf_pipeline.defs.audience_health import Standing

_COLUMNS = (
    *("audience", "last sync", "result", "data age", "in Brevo"),
    *("in flight", "letters", "failures", "next tick"),
)
_NUMBERS = frozenset({"data age", "in Brevo", "in flight", "letters", "failures"})


@dataclass(frozen=True, slots=True)
class Status:
    """One audience: its last run that came to planning, what Brevo holds of it, what is open."""

    audience: Audience
    ended_at: datetime | None
    run: Summary | None
    present: int
    in_flight: int
    dead_letters: int
    standing: "Standing"
    now: datetime

    @property
    def age(self) -> timedelta | None:
        """How old the data in Brevo is: since the last good sync of the newest date."""
        return self.standing.reached.age(self.now) if self.standing.reached else None

    @property
    def fresh(self) -> bool:
        return self.age is not None and self.age <= self.standing.max_age

    @property
    def result(self) -> str:
        """The last run in a few words."""
        if self.run is None:
            return "never synced"
        if self.run.outcome != "done":
            return self.run.outcome.replace("_", " ")
        sent = self.run.confirmed + self.run.removed + self.run.retried
        good = f"{sent:,} sent" if sent else "no change"
        bad = {"failed": self.run.failed, "pending": self.run.pending}
        return ", ".join([good, *(f"{count:,} {name}" for name, count in bad.items() if count)])

    def as_json(self) -> dict[str, Any]:
        reached = self.standing.reached
        return {
            "audience": self.audience.name,
            "last_sync": self.ended_at.isoformat() if self.ended_at else None,
            "last_run": self.run.as_json() if self.run else None,
            "data_until": reached.moment.isoformat() if reached else None,
            "newest_sync_date": reached.day.isoformat() if reached else None,
            "age_seconds": round(self.age.total_seconds()) if self.age is not None else None,
            "max_age_seconds": round(self.standing.max_age.total_seconds()),
            "fresh": self.fresh,
            "in_brevo": self.present,
            "in_flight": self.in_flight,
            "dead_letters": self.dead_letters,
            "failures": self.standing.failures,
            "schedule": self.audience.schedule,
            "schedule_on": self.standing.schedule_on,
            "next_tick": self.standing.next_tick.isoformat(),
        }


def status(
    audience: Annotated[
        str | None, typer.Argument(metavar="[AUDIENCE]", help="One audience; default: all.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the last sync, freshness, counts, open dead letters, failures and the next tick."""
    settings = workspace.load(config)
    loaded = catalog.load(settings)
    chosen = [loaded.named(audience)] if audience else list(loaded)
    statuses = _statuses(settings, chosen, datetime.now(UTC))
    if as_json:
        print_json([one.as_json() for one in statuses])
        return
    table = plain_table()
    for name in _COLUMNS:
        numeric = name in _NUMBERS
        table.add_column(name, justify="right" if numeric else "left", no_wrap=name != "result")
    for one in statuses:
        table.add_row(*_row(settings, one))
    console.print(table)
    for one in statuses:
        for advice in _advice(one):
            console.print(f"{one.audience.name}: {advice}", highlight=False, soft_wrap=True)


def _statuses(settings: Settings, chosen: list[Audience], now: datetime) -> list[Status]:
    # Dagster costs two seconds: only who asks pays for it.
    from tajo_sf_pipeline.defs.audience_health import opened, standing

    with opened(settings) as instance:
        return [
            _status(settings, audience, standing(instance, settings, audience, now), now)
            for audience in chosen
        ]


def _status(settings: Settings, audience: Audience, standing: "Standing", now: datetime) -> Status:
    state = state_of(settings)
    synced = state.has_ledger(audience.name)
    ledger = state.ledger(audience.name)
    latest = ledger.runs(1) if synced else []
    ended_at, run = latest[0] if latest else (None, None)
    open_letters = Filter(audience=audience.name, state="open")
    return Status(
        audience=audience,
        ended_at=ended_at,
        run=run,
        present=ledger.present() if synced else 0,
        in_flight=sum(batch.rows for batch in state.journal(audience.name).unsettled),
        dead_letters=state.dead_letters.count(open_letters),
        standing=standing,
        now=now,
    )


def _row(settings: Settings, one: Status) -> tuple[str, ...]:
    age = written(one.age) if one.age is not None else "none"
    tick = local_time(one.standing.next_tick, settings)
    return (
        one.audience.name,
        local_time(one.ended_at, settings) if one.ended_at else "",
        one.result,
        age if one.fresh else f"[red]{age}[/]",
        f"{one.present:,}",
        f"{one.in_flight:,}",
        f"{one.dead_letters:,}",
        f"[red]{one.standing.failures}[/]" if one.standing.failures else "0",
        tick if one.standing.schedule_on else "schedule is off",
    )


def _advice(one: Status) -> list[str]:
    """Return what a person should look at, a line each."""
    lines = []
    if one.age is not None and not one.fresh:
        lines.append(
            f"its data is {written(one.age)} old, {written(one.standing.max_age)} are allowed"
        )
    if one.in_flight:
        lines.append(f"{one.in_flight:,} rows are in flight; the next run finds out about them")
    if one.standing.failures:
        lines.append(f"{one.standing.failures} runs failed since the last good one: see their logs")
    return lines
