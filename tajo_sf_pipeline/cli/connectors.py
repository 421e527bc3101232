"""`tajo connectors`: what is connected, proof of the credentials, syncs."""

from typing import Annotated, Any

import typer

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.cli import plan
from tajo_sf_pipeline.cli.config import unset
from tajo_sf_pipeline.cli.connect import connect, no_such_connector, rotate
from tajo_sf_pipeline.cli.dates import DateOption, FromOption, ToOption, chosen_days
from tajo_sf_pipeline.cli.findings import print_findings
from tajo_sf_pipeline.cli.outcomes import exit_code, show_outcomes
from tajo_sf_pipeline.cli.output import ConfigOption, JsonOption, console, plain_table, print_json
from tajo_sf_pipeline.cli.plan import AcceptOption, FullOption
from tajo_sf_pipeline.cli.runs import run_all
from tajo_sf_pipeline.config import settings as workspace
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.planning.guards import accepted
from tajo_sf_pipeline.state.selection import state_of

app = typer.Typer(no_args_is_help=True)
app.command("connect")(connect)
app.command("rotate")(rotate)
NameArgument = Annotated[str, typer.Argument(help="snowflake or brevo")]


@app.command("list")
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the connectors: where they lead, how they sign in, and what is missing for that."""
    settings = workspace.load(config)
    rows = [_snowflake(settings), _brevo(settings)]
    if as_json:
        print_json(rows)
        return
    table = plain_table()
    for heading in ("connector", "enabled", "where", "signs in by", "missing"):
        table.add_column(heading)
    for row in rows:
        enabled = "yes" if row["enabled"] else "no"
        missing = ", ".join(row["missing"]) or "nothing"
        table.add_row(row["name"], enabled, row["where"], row["signs_in_by"], missing)
    console.print(table)


def _snowflake(settings: Settings) -> dict[str, Any]:
    snowflake = settings.snowflake
    secrets = [snowflake.user, *(value for _, value in snowflake.auth)]
    return {
        "name": "snowflake",
        "enabled": snowflake.enabled,
        "where": snowflake.host or snowflake.account,
        "signs_in_by": snowflake.auth.method,
        "missing": unset(secrets),
    }


def _brevo(settings: Settings) -> dict[str, Any]:
    brevo = settings.brevo
    return {
        "name": "brevo",
        "enabled": brevo.enabled,
        "where": brevo.base_url,
        "signs_in_by": "oauth_client_credentials" if brevo.oauth else "api_key",
        "missing": unset([brevo.api_key, *(value for _, value in brevo.oauth or ())]),
    }


@app.command("test")
def prove(name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Prove credentials, rights and network by harmless calls, one line for each finding."""
    settings = workspace.load(config)
    loaded = catalog.load(settings)
    match name:
        case "snowflake":
            from tajo_sf_pipeline.sources.snowflake.probe import findings

            report = list(findings(settings.snowflake, settings.path.parent, loaded))
        case "brevo":
            from tajo_sf_pipeline.brevo import probe

            report = list(probe.findings(settings.brevo, loaded, state_of(settings).budget))
        case _:
            raise no_such_connector(name)
    print_findings(report, as_json=as_json, connector=name)


@app.command()
def sync(
    name: NameArgument,
    audience: Annotated[str | None, typer.Option(help="One audience; default: all.")] = None,
    day: DateOption = None,
    first: FromOption = None,
    last: ToOption = None,
    full: FullOption = False,
    query: Annotated[str | None, typer.Option(help="A one-off: the SELECT itself.")] = None,
    list_id: Annotated[int | None, typer.Option(help="A one-off: its Brevo list.")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="A one-off: column=ATTRIBUTE, repeated.")
    ] = None,
    accept: AcceptOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Stop after the plan, as `tajo plan` shows it.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sync audiences from Snowflake to Brevo, one Dagster run for each audience and date.

    Ctrl-C and SIGTERM stop it in an orderly way, with 130 and 143; what was sent is told.
    """
    if name != "snowflake":
        raise ConfigurationError(
            "TAJO-108", f"{name!r} is not a source of audiences", "Run `... sync snowflake`."
        )
    guards = tuple(sorted(accepted(accept or ())))
    settings = workspace.load(config)
    if query is not None:
        chosen = [_one_off(settings, query, list_id, mapping or [])]
    elif list_id is not None or mapping:
        raise ConfigurationError(
            "TAJO-109", "--list-id and --map belong to --query", "Give the query too."
        )
    else:
        loaded = catalog.load(settings)
        chosen = [loaded.named(audience)] if audience else list(loaded)
    days = chosen_days(settings, day, first, last)
    if dry_run:
        plans = plan.dry_runs(settings, chosen, days, full=full, accept=guards)
        plan.show(plans, as_json=as_json)
        raise typer.Exit(plan.exit_code(plans))
    outcomes = list(run_all(settings, chosen, days, full=full, accept=guards))
    if as_json:
        print_json([outcome.as_json() for outcome in outcomes])
    else:
        show_outcomes(outcomes)
    raise typer.Exit(exit_code(outcomes))


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
    return catalog.one_off(settings, Statement(query, "--query"), mapping, list_id)
