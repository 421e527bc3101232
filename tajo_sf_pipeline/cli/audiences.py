"""`tajo audiences`: what is configured, and what it would bring, with nothing written."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.audience.check_rules import RULES, applied
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.cli.output import ConfigOption, JsonOption, console, plain_table, print_json
from tajo_sf_pipeline.config import settings as workspace
from tajo_sf_pipeline.config.settings import Settings

if TYPE_CHECKING:
    from tajo_sf_pipeline.engine.preview import Previewed

app = typer.Typer(no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(metavar="AUDIENCE", help="The audience's name.")]


@app.command("list")
def list_all(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the audiences with their modes, destinations and schedules."""
    loaded = catalog.load(workspace.load(config))
    if as_json:
        print_json([_summary(one) for one in loaded])
        return
    table = plain_table()
    columns = ("name", "mode", "key", "destination", "schedule", "description")
    for name in columns:
        table.add_column("audience" if name == "name" else name)
    for one in loaded:
        table.add_row(*(escape(str(_summary(one)[name])) for name in columns))
    console.print(table)
    for note in loaded.notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def show(name: NameArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one audience: its query, field mapping, guards and checks."""
    settings = workspace.load(config)
    audience = catalog.load(settings).named(name)
    document = _whole(settings, audience)
    if as_json:
        print_json(document)
        return
    for key in ("description", "mode", "destination", "schedule", "sources", "guards", "query"):
        value = document[key]
        console.print(f"{key}: {_as_text(value)}", markup=False, highlight=False, soft_wrap=True)
    _print_rows("Field mapping", ("source", "to", "options"), document["field_mapping"])
    _print_rows("Checks", ("check", "severity", "blocking"), document["checks"])
    console.print(audience.statement.text.strip(), markup=False, highlight=False, soft_wrap=True)


@app.command("preview")
def preview_one(
    name: NameArgument,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many rows.")] = 10,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="The sync date; default: today."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show rows as the source has them, as Brevo would get them, and why not; nothing is written.

    The query runs with a LIMIT, as it would for an audience that has never synced.
    """
    # What runs a query costs half a second to import; to list audiences takes none of it.
    from tajo_sf_pipeline.engine.preview import preview
    from tajo_sf_pipeline.engine.run import SyncRun

    settings = workspace.load(config)
    chosen = day.date() if day else settings.today()
    partition = SyncRun(
        settings=settings,
        audience=catalog.load(settings).named(name),
        day=chosen,
        lane="incremental" if chosen >= settings.today() else "backfill",
        run_id="preview",
    )
    rows = preview(partition, limit)
    if as_json:
        listed = [row.as_json() for row in rows]
        print_json({"audience": name, "sync_date": chosen.isoformat(), "rows": listed})
        return
    for row in rows:
        _print_row(row)
    rejected = sum(row.mapped is None for row in rows)
    console.print(f"{len(rows)} rows, of which {rejected} would be rejected; nothing was written.")


def _print_row(row: "Previewed") -> None:
    console.print(f"row {row.row}", style="bold", highlight=False)
    lines = {"source": _line(row.source), "mapped": _line(row.mapped or {})}
    if row.reasons:
        lines["rejected" if row.mapped is None else "changed"] = "; ".join(row.reasons)
    for name, text in lines.items():
        if text:
            console.print(f"  {name}  {text}", markup=False, highlight=False, soft_wrap=True)


def _line(values: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items() if value is not None)


def _print_rows(title: str, head: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> None:
    table = plain_table(title)
    for name in head:
        table.add_column(name)
    for row in rows:
        table.add_row(*(escape(_as_text(row[name])) for name in head))
    console.print(table)


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {item}" for name, item in value.items())
    return str(value)


def _summary(audience: Audience) -> dict[str, Any]:
    return {
        "name": audience.name,
        "description": audience.description,
        "mode": audience.mode,
        "key": audience.key,
        "destination": audience.destination.as_text(),
        "schedule": audience.schedule,
        "attributes": list(audience.attributes),
        "shipped": audience.shipped,
    }


def _whole(settings: Settings, audience: Audience) -> dict[str, Any]:
    snowflake = settings.snowflake
    tables = audience.sources(snowflake.database, snowflake.schema_)
    rules = [applied(rule, audience.checks) for rule in RULES.values()]
    return {
        **_summary(audience),
        "query": audience.statement.origin,
        "statement": audience.statement.text,
        "binds": sorted(audience.statement.binds()),
        "sources": [".".join(table) for table in tables],
        "cursor": audience.cursor,
        "owners": list(audience.owners),
        "guards": audience.guards.model_dump(mode="json", exclude_none=True),
        "field_mapping": [
            {
                "source": source,
                "to": field.to,
                "options": field.model_dump(mode="json", exclude={"to"}, exclude_unset=True),
            }
            for source, field in audience.fields.items()
        ],
        "checks": [
            {"check": rule.name, "severity": rule.severity, "blocking": rule.blocking}
            for rule in rules
        ],
    }
