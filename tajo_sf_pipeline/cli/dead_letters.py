"""`tajo dead-letters`: the rows that were refused, why, and what a person does about them.

`replay` runs their sync dates again through Dagster: extract, mapping, guards and plan as
ever, so that the source's values of now are sent, and what Brevo has already is not. The run asks
for the whole source (as `--full`), because a row that was refused need not have changed since. It
carries the tag ``tajo/replay``.
"""

from collections import Counter, defaultdict
from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.cli import dead_letter_rendering
from tajo_sf_pipeline.cli.outcomes import Outcome, exit_code, show_outcomes
from tajo_sf_pipeline.cli.output import ConfigOption, JsonOption, console, plain_table, print_json
from tajo_sf_pipeline.cli.runs import Order, run_each
from tajo_sf_pipeline.config import settings as workspace
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.engine.source_row import source_row
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.state.base import DeadLetters
from tajo_sf_pipeline.state.dead_letter import STATES, DeadLetter, Filter, State
from tajo_sf_pipeline.state.dead_letters import CODES, UNCERTAIN
from tajo_sf_pipeline.state.selection import state_of
from tajo_sf_pipeline.storage.paths import Paths

app = typer.Typer(no_args_is_help=True)
_SHOWN = 50
IdsArgument = Annotated[list[int] | None, typer.Argument(help="Numbers of letters.")]
AudienceOption = Annotated[str | None, typer.Option("--audience", help="One audience.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="A part of the reason.")]
DateOption = Annotated[
    datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Their sync date.")
]
KindOption = Annotated[str | None, typer.Option("--kind", help=" or ".join(CODES))]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("list")
def list_letters(
    audience: AudienceOption = None,
    reason: ReasonOption = None,
    day: DateOption = None,
    kind: KindOption = None,
    state: Annotated[str, typer.Option(help=f"all, {', '.join(STATES)}")] = "open",
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0: all.")] = _SHOWN,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List letters, the latest first, and count them by reason."""
    settings = workspace.load(config)
    dead_letters = _dead_letters(settings)
    chosen = _filter((), audience, reason, day, kind, _state(state))
    latest = dead_letters.find(chosen, limit=limit or -1)
    reasons, total = dead_letters.reasons(chosen), dead_letters.count(chosen)
    if as_json:
        counted = [
            {
                "column": column or None,
                "reason": dead_letter_rendering.redacted(settings, text),
                "letters": count,
            }
            for (column, text), count in reasons.items()
        ]
        listed = [dead_letter_rendering.as_json(settings, dead_letter) for dead_letter in latest]
        print_json({"total": total, "reasons": counted, "letters": listed})
        return
    if not total:
        console.print("no dead letters" if state == "all" else f"no dead letters are {state}")
        return
    dead_letter_rendering.show_reasons(settings, reasons)
    dead_letter_rendering.show_table(settings, latest)
    if len(latest) < total:
        console.print(f"\nand {total - len(latest):,} more: --limit 0 shows all")


@app.command()
def show(
    number: Annotated[int, typer.Argument(metavar="ID", help="The letter's number.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show all of one letter: the row as it came from the source, as it was sent, and why not."""
    settings = workspace.load(config)
    [dead_letter] = _find(settings, Filter((number,)))
    paths = Paths(settings.home, dead_letter.audience)
    row = source_row(paths, dead_letter)
    if as_json:
        document = dead_letter_rendering.as_json(settings, dead_letter, show=True)
        print_json({**document, "source": row if isinstance(row, dict) else None})
        return
    for name, value in dead_letter_rendering.described(dead_letter, paths).items():
        console.print(f"[bold]{name:<10}[/] ", end="")
        console.print(value, markup=False, highlight=False, soft_wrap=True)
    table = plain_table("\nThe source row")
    if isinstance(row, str):
        console.print(f"\n[bold]The source row[/]: {row}")
    else:
        for column, value in row.items():
            mark = (
                "->" if dead_letter.column and column.lower() == dead_letter.column.lower() else ""
            )
            table.add_row(mark, escape(column), escape(dead_letter_rendering.literal(value)))
        table.show_header = False
        console.print(table)
    if dead_letter.payload:
        console.print("\n[bold]As it was mapped[/]")
        console.print(dead_letter.payload, markup=False, highlight=False, soft_wrap=True)


@app.command()
def replay(
    ids: IdsArgument = None,
    audience: AudienceOption = None,
    reason: ReasonOption = None,
    day: DateOption = None,
    kind: KindOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the dates of open letters again, all or those that are named, with today's values."""
    settings = workspace.load(config)
    chosen = _open(settings, _filter(ids or (), audience, reason, day, kind, "open"))
    loaded = catalog.load(settings)
    _release(settings, chosen)
    runs = Counter((dead_letter.sync_date, dead_letter.audience) for dead_letter in chosen)
    orders = [
        Order(loaded.named(name), date, "incremental", full=True, replay=count)
        for (date, name), count in sorted(runs.items())
    ]
    outcomes = list(run_each(settings, orders))
    states = _after(settings, chosen, outcomes)
    if as_json:
        print_json({"runs": [one.as_json() for one in outcomes], "letters": states})
    else:
        show_outcomes(outcomes)
        counts = ", ".join(f"{count:,} {state}" for state, count in states.items())
        console.print(f"\n{len(chosen):,} dead letters replayed: {counts}", highlight=False)
    raise typer.Exit(exit_code(outcomes))


@app.command()
def discard(
    ids: IdsArgument = None,
    audience: AudienceOption = None,
    reason: ReasonOption = None,
    day: DateOption = None,
    kind: KindOption = None,
    yes: YesOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give up open letters: their rows are not tried again until the source changes them.

    An event that may have arrived is not sent again whatever becomes of it in the source.
    """
    settings = workspace.load(config)
    which = _filter(ids or (), audience, reason, day, kind, "open")
    if which == Filter(state="open"):
        raise ConfigurationError(
            "TAJO-156", "no letter is named", "Give their numbers, or --audience, --reason, --date."
        )
    chosen = _open(settings, which)
    if not (ids or yes) and not typer.confirm(f"Discard {len(chosen):,} letters?", err=True):
        raise ConfigurationError("TAJO-133", "nothing was changed", "Answer yes, or give --yes.")
    _dead_letters(settings).end([dead_letter.id for dead_letter in chosen], "discarded")
    if as_json:
        print_json({"discarded": [dead_letter.id for dead_letter in chosen]})
        return
    console.print(f"{len(chosen):,} dead letters discarded", highlight=False)


def _dead_letters(settings: Settings) -> DeadLetters:
    return state_of(settings).dead_letters


def _filter(
    ids: list[int] | tuple[()],
    audience: str | None,
    reason: str | None,
    day: datetime | None,
    kind: str | None,
    state: State | None,
) -> Filter:
    if kind is not None and kind not in CODES:
        raise ConfigurationError(
            "TAJO-109", f"there is no kind {kind!r}", f"Choose {' or '.join(CODES)}."
        )
    return Filter(tuple(ids), audience, day.date() if day else None, reason, kind, state)


def _state(text: str) -> State | None:
    if text == "all":
        return None
    if text in STATES:
        return text
    raise ConfigurationError(
        "TAJO-109", f"there is no state {text!r}", f"Choose all, {', '.join(STATES)}."
    )


def _find(settings: Settings, which: Filter) -> list[DeadLetter]:
    dead_letters = _dead_letters(settings).find(which)
    missing = sorted(set(which.ids) - {dead_letter.id for dead_letter in dead_letters})
    if missing or not dead_letters:
        what = f"number {', '.join(map(str, missing))}" if missing else "of that kind"
        raise ConfigurationError(
            "TAJO-156", f"there is no dead letter {what}", "`tajo dead-letters list` shows them."
        )
    return dead_letters


def _open(settings: Settings, which: Filter) -> list[DeadLetter]:
    """Return open dead letters; one that is named and is not open is an error, not left out."""
    if not which.ids:
        return _find(settings, which)
    named = _find(settings, Filter(which.ids))
    closed = [dead_letter for dead_letter in named if dead_letter.state != "open"]
    if closed:
        states = ", ".join(f"{dead_letter.id} is {dead_letter.state}" for dead_letter in closed)
        raise ConfigurationError(
            "TAJO-157",
            f"not open any more: {states}",
            "`tajo dead-letters list` shows the open ones.",
        )
    return named


def _release(settings: Settings, chosen: list[DeadLetter]) -> None:
    """Let events be sent again of which nobody knows whether they arrived: a person says so."""
    held: defaultdict[str, list[str]] = defaultdict(list)
    for dead_letter in chosen:
        if dead_letter.kind == UNCERTAIN and dead_letter.key is not None:
            held[dead_letter.audience].append(dead_letter.key)
    for audience, keys in held.items():
        state_of(settings).ledger(audience).release(keys)


def _after(settings: Settings, chosen: list[DeadLetter], outcomes: list[Outcome]) -> dict[str, int]:
    """Count what became of dead letters; those that nobody wrote again were not in the source."""
    dead_letters = _dead_letters(settings)
    done = {
        (one.audience, one.day): one.summary.run_id for one in outcomes if one.summary is not None
    }
    now = {
        dead_letter.id: dead_letter
        for dead_letter in dead_letters.find(Filter(tuple(one.id for one in chosen)))
    }
    unseen = [
        dead_letter.id
        for dead_letter in now.values()
        if dead_letter.state == "open"
        and done.get((dead_letter.audience, dead_letter.sync_date), dead_letter.run_id)
        != dead_letter.run_id
    ]
    dead_letters.end(unseen, "replayed")
    return Counter(
        _OUTCOMES["replayed" if dead_letter.id in unseen else dead_letter.state]
        for dead_letter in now.values()
    )


_OUTCOMES = {
    "open": "still open",
    "accepted": "accepted",
    "left": "not in the source any more",
    "replayed": "not in the source any more",
    "discarded": "discarded",
}
