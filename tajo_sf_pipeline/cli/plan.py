"""`tajo plan`: what a sync would do and cost, with nothing written to Brevo or the ledger."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated

import typer
from rich.markup import escape

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.cli.dates import DateOption, FromOption, ToOption, chosen_days
from tajo_sf_pipeline.cli.interrupts import orderly
from tajo_sf_pipeline.cli.outcomes import Outcome
from tajo_sf_pipeline.cli.output import (
    ConfigOption,
    JsonOption,
    bars,
    console,
    errors,
    plain_table,
    print_json,
)
from tajo_sf_pipeline.config import settings as workspace
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.engine.dry_run import DryRun, dry_run
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.errors import ConfigurationError, TajoError

_ACTIONS = {
    "create": "new, would be created",
    "update": "changed, would be updated",
    "retry": "failed before, would be sent again",
    "remove": "left the source, would be removed",
    "unchanged": "as Brevo has them, nothing to do",
    "stale": "older than what Brevo has, left alone",
    "skipped_by_mode": "left out, as the mode says",
    "discarded": "given up by a person",
    "pending": "still on their way from an earlier run",
    "held": "wait for a person's decision",
    "resubscribe": "of these would be taken off the blocklist: they say yes again",
    "kept_blocklisted": "of these say yes, and Brevo's opt-out stands",
}
_WRONG_ATTRIBUTES, _STOPPED = 2, 4
FullOption = Annotated[bool, typer.Option("--full", help="Forget how far the last run came.")]
AcceptOption = Annotated[
    list[str] | None,
    typer.Option("--accept-guard", metavar="NAME", help="Let this guard pass once; repeated."),
]


def plan(
    audience: Annotated[str, typer.Argument(metavar="AUDIENCE", help="The audience's name.")],
    day: DateOption = None,
    first: FromOption = None,
    last: ToOption = None,
    full: FullOption = False,
    kept: Annotated[
        bool, typer.Option("--kept", help="Plan the rows of the last run; do not ask Snowflake.")
    ] = False,
    accept: AcceptOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a sync would do: rows, ways, calls, minutes, rejects, guards. Writes nothing.

    Ends with 4 if a guard would stop it, and with 2 if Brevo's attributes do not fit. With --json:
    one object, or with --from an array of one for each date.
    """
    settings = workspace.load(config)
    chosen = [catalog.load(settings).named(audience)]
    days = chosen_days(settings, day, first, last)
    plans = dry_runs(settings, chosen, days, full=full, accept=tuple(accept or ()), kept=kept)
    if as_json and first is None:
        [only] = plans
        document = only.as_json()
        print_json(document if isinstance(only, DryRun) else {"error": document["error"]})
    else:
        show(plans, as_json=as_json)
    raise typer.Exit(exit_code(plans))


def dry_runs(
    settings: Settings,
    chosen: Sequence[Audience],
    days: Iterable[tuple[date, Lane]],
    *,
    full: bool,
    accept: tuple[str, ...],
    kept: bool = False,
) -> list[DryRun | Outcome]:
    """Plan every audience on every day, each against Brevo as it is now, not after the others.

    One that cannot be planned is an outcome with an error.
    """
    plans: list[DryRun | Outcome] = []
    with orderly() as signalled, bars() as drawn:
        try:
            for day, path in days:
                _check_exists(settings, day)
                for audience in chosen:
                    partition = SyncRun(
                        settings=settings,
                        audience=audience,
                        day=day,
                        lane=path,
                        run_id=f"plan-{uuid.uuid4()}",
                        full=full,
                        accept=accept,
                        progress=drawn.of,
                    )
                    try:
                        plans.append(dry_run(partition, kept=kept))
                    except TajoError as error:
                        plans.append(Outcome(audience.name, day, error=error))
        except KeyboardInterrupt:
            errors.print("stopped; a plan writes nothing, so nothing was sent", style="red")
            raise typer.Exit(signalled()) from None
    return plans


def exit_code(plans: Iterable[DryRun | Outcome]) -> int:
    codes = [0]
    for one in plans:
        if not isinstance(one, DryRun):
            codes.append(one.exit_code)
        elif one.stop is not None:
            codes.append(_STOPPED)
        elif one.problems:
            codes.append(_WRONG_ATTRIBUTES)
    return max(codes)


def show(plans: Sequence[DryRun | Outcome], *, as_json: bool) -> None:
    """Print plans in full, or a line for each date of a range, and what they come to together."""
    if as_json:
        print_json([one.as_json() for one in plans])
        return
    many = len({one.day for one in plans}) > 1
    for one in plans:
        if isinstance(one, DryRun):
            if not many:
                _show_one(one)
        else:
            line = f"{one.audience} {one.day}: {one.error}\n"
            errors.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    complete = [one for one in plans if isinstance(one, DryRun)]
    if len(complete) > 1:
        _show_total(complete)


def _check_exists(settings: Settings, day: date) -> None:
    if not settings.file.start_date <= day <= settings.today():
        raise ConfigurationError(
            "TAJO-106",
            f"{day} is not a sync date: they go from {settings.file.start_date} to "
            f"{settings.today()}",
            "Choose a date between these, or move start_date in tajo.yaml.",
        )


def _show_one(one: DryRun) -> None:
    console.print(
        f"[bold]{one.audience}[/] {one.day} ({one.lane} path): {one.extracted:,} rows extracted",
        highlight=False,
    )
    table = plain_table()
    table.show_header = False
    for action, text in _ACTIONS.items():
        if one.plan[action] or action in ("create", "update", "unchanged"):
            examples = ", ".join(one.plan["others"].get(action, [])[:2])
            table.add_row(f"  {one.plan[action]:,}", text, escape(examples))
    table.add_row(f"  {one.rejected:,}", "rejected by the mapping", "")
    table.columns[0].justify = "right"
    console.print(table)
    _show_routes(one)
    _show_rejects(one)
    _show_sample(one)
    _show_verdict(one)
    console.print()


def _show_routes(one: DryRun) -> None:
    if not one.plan["ways"]:
        return
    table = plain_table("How")
    for name in ("rows", "way", "calls", "list", "why"):
        table.add_column(name, justify="right" if name in ("rows", "calls") else "left")
    for route in one.plan["ways"]:
        numbers = f"{route['rows']:,}", route["way"], f"{route['api_calls']:,}"
        table.add_row(*numbers, escape(route["list"] or ""), route["why"])
    console.print(table)
    cost = one.estimate
    time = "less than a minute" if cost.minutes < 1 else f"about {cost.minutes:,.0f} minutes"
    console.print(
        f"About {cost.api_calls:,} API calls, {time} at the account's limits; the time in which "
        "Brevo applies an import comes on top.",
        highlight=False,
    )


def _show_rejects(one: DryRun) -> None:
    if one.rejects:
        table = plain_table("Rejected")
        table.show_header = False
        for reason, rows in one.rejects.items():
            table.add_row(f"  {rows:,}", escape(reason))
        table.columns[0].justify = "right"
        console.print(table)


def _show_sample(one: DryRun) -> None:
    if one.sample:
        table = plain_table("Some of the rows")
        for name in ("action", "key", "why", "values"):
            table.add_column(name, no_wrap=name in ("action", "key"))
        for row in one.sample:
            values = ", ".join(f"{name}={value}" for name, value in row["values"].items())
            table.add_row(row["action"], escape(str(row["key"])), row["reason"], escape(values))
        console.print(table)


def _show_verdict(one: DryRun) -> None:
    for problem in one.problems:
        errors.print(f"Brevo would not take it: {problem}", style="red", markup=False)
    if one.stop is not None:
        errors.print(f"{one.stop}", style="red", markup=False, highlight=False, soft_wrap=True)
    elif one.only_stale:
        console.print("[yellow]Nothing would be written: Brevo has newer values of these rows.[/]")
    elif not one.writes:
        console.print("Nothing would be written.")
    if one.accepted_guards:
        console.print(f"let pass: {', '.join(one.accepted_guards)}")


def _show_total(plans: Sequence[DryRun]) -> None:
    table = plain_table("All together")
    names = ("create", "update", "remove", "unchanged", "stale")
    for name in ("audience", "sync date", "extracted", "rejected", *names, "api calls"):
        left = name in ("audience", "sync date")
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    for one in plans:
        numbers = [one.extracted, one.rejected, *(one.plan[name] for name in names)]
        texts = [f"{number:,}" for number in [*numbers, one.estimate.api_calls]]
        table.add_row(one.audience, one.day.isoformat(), *texts)
    console.print(table)
    for one in plans:
        if one.stop is not None or one.problems:
            console.print()
            console.print(f"[bold]{one.audience}[/] {one.day}", highlight=False)
            _show_verdict(one)
    if not any(one.writes for one in plans) and any(one.only_stale for one in plans):
        console.print(
            "\n[yellow]Nothing would be written: all that is not as Brevo has it is older than "
            "what Brevo has.[/]"
        )
