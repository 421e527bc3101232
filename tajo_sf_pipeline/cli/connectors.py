"""`tajo connectors`: prove the credentials, run syncs."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from tajo_sf_pipeline import audience as audiences
from tajo_sf_pipeline import settings as workspace
from tajo_sf_pipeline.audience import Audience
from tajo_sf_pipeline.cli.connect import connect, rotate
from tajo_sf_pipeline.cli.output import ConfigOption, JsonOption, console, print_json
from tajo_sf_pipeline.cli.runs import run_all, show_outcomes
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.settings import Settings
from tajo_sf_pipeline.statement import Statement
from tajo_sf_pipeline.window import SyncPath

if TYPE_CHECKING:
    from tajo_sf_pipeline.snowflake.probe import Finding

app = typer.Typer(no_args_is_help=True)
app.command("connect")(connect)
app.command("rotate")(rotate)
NameArgument = Annotated[str, typer.Argument(help="snowflake or brevo")]


@app.command("test")
def prove(name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Prove credentials, rights and network by harmless reads, one line for each finding."""
    settings = workspace.load(config)
    loaded = audiences.load(settings)
    match name:
        case "snowflake":
            from tajo_sf_pipeline.snowflake.probe import findings

            _tell(list(findings(settings.snowflake, settings.path.parent, loaded)), as_json=as_json)
        case "brevo":
            from tajo_sf_pipeline.brevo.probe import probe

            found = probe(settings.brevo, [name for one in loaded for name in one.attributes])
            if as_json:
                print_json({"connector": name, "ok": True, **found})
                return
            console.print("brevo: signed in")
            for key, value in found.items():
                told = ", ".join(value) if isinstance(value, list) else value
                console.print(f"  {key.replace('_', ' ')}: {told}", highlight=False)
        case _:
            raise ConfigurationError(
                "TAJO-108", f"there is no connector {name!r}", "Choose snowflake or brevo."
            )


def _tell(found: "list[Finding]", *, as_json: bool) -> None:
    """Print the findings; end with the code of the first that is an error."""
    if as_json:
        findings = [finding.as_json() for finding in found]
        ok = all(finding.error is None for finding in found)
        print_json({"connector": "snowflake", "ok": ok, "findings": findings})
    else:
        for finding in found:
            mark = "[green]ok[/]  " if finding.error is None else "[red]FAIL[/]"
            told = finding.found if finding.error is None else str(finding.error)
            console.print(f"{mark} {finding.what}: {escape(told)}", highlight=False, soft_wrap=True)
    raise typer.Exit(next((one.error.exit_code for one in found if one.error), 0))


@app.command()
def sync(
    name: NameArgument,
    audience: Annotated[str | None, typer.Option(help="One audience; default: all.")] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="The sync date; default: today."),
    ] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="Backfill from this date on."),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Backfill to this date.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Forget how far the last run came.")] = False,
    query: Annotated[str | None, typer.Option(help="A one-off: the SELECT itself.")] = None,
    list_id: Annotated[int | None, typer.Option(help="A one-off: its Brevo list.")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="A one-off: column=ATTRIBUTE, repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Not built yet.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sync audiences from Snowflake to Brevo, one Dagster run for each audience and date."""
    if name != "snowflake":
        raise ConfigurationError(
            "TAJO-108", f"{name!r} is not a source of audiences", "Run `... sync snowflake`."
        )
    if dry_run:
        raise ConfigurationError(
            "TAJO-107", "--dry-run is not built in this version", "Run without it."
        )
    settings = workspace.load(config)
    if query is not None:
        chosen = [_one_off(settings, query, list_id, mapping or [])]
    elif list_id is not None or mapping:
        raise ConfigurationError(
            "TAJO-109", "--list-id and --map belong to --query", "Give the query too."
        )
    else:
        loaded = audiences.load(settings)
        chosen = [loaded.named(audience)] if audience else list(loaded)
    outcomes = list(run_all(settings, chosen, _days(settings, day, first, last), full=full))
    if as_json:
        print_json([outcome.as_json() for outcome in outcomes])
    else:
        show_outcomes(outcomes)
    raise typer.Exit(max((outcome.exit_code for outcome in outcomes), default=0))


def _days(
    settings: Settings, day: datetime | None, first: datetime | None, last: datetime | None
) -> list[tuple[date, SyncPath]]:
    today = settings.today()
    if first is None and last is None:
        chosen = day.date() if day else today
        return [(chosen, "incremental" if chosen >= today else "backfill")]
    if day is not None or first is None:
        raise ConfigurationError(
            "TAJO-109", "a range is --from D --to D, without --date", "Give either form."
        )
    end = last.date() if last else today
    days = (end - first.date()).days
    if days < 0:
        raise ConfigurationError(
            "TAJO-109", f"--from {first.date()} is after --to {end}", "Exchange them."
        )
    return [(first.date() + timedelta(days=n), "backfill") for n in range(days + 1)]


def _one_off(settings: Settings, query: str, list_id: int | None, pairs: list[str]) -> Audience:
    if list_id is None:
        raise ConfigurationError("TAJO-109", "--query wants --list-id", "Name the Brevo list.")
    mapping = {}
    for pair in pairs:
        column, equals, attribute = pair.partition("=")
        if not (column and equals and attribute):
            raise ConfigurationError(
                "TAJO-109", f"--map {pair} is not column=ATTRIBUTE", "Write --map ltv=LTV_SCORE."
            )
        mapping[column.strip().lower()] = attribute.strip()
    return audiences.one_off(settings, Statement(query, "--query"), mapping, list_id)
