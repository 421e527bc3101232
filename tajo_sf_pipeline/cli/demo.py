"""`tajo demo`: a shop's audiences from the local Snowflake to the local Brevo, to be seen."""

import os
import shutil
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.cli import sandbox as local
from tajo_sf_pipeline.cli.outcomes import Outcome, show_outcomes
from tajo_sf_pipeline.cli.output import (
    ConfigOption,
    JsonOption,
    console,
    errors,
    plain_table,
    print_json,
)
from tajo_sf_pipeline.cli.runs import run_all
from tajo_sf_pipeline.config import settings as workspace
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.engine.mapped_files import reasons
from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.state.selection import state_of
from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline.storage.paths import Paths

_DAYS_TO_BACKFILL = 90
_SHOWN_CONTACTS = 3


def demo(
    rows: local.RowsOption = local.CUSTOMERS,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the two servers running, until Ctrl-C.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a shop's audiences from a local Snowflake to a local Brevo through Dagster.

    Starts both servers, runs every shipped audience for today, twice, and shows what arrived.
    """
    folder = workspace.home(config) / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    with local.serving(folder / "sandbox", None) as sandbox:
        tables = _seeded(sandbox, rows)
        settings = _workspace(folder, sandbox)
        chosen = list(catalog.load(settings))
        today: list[tuple[date, Lane]] = [(settings.today(), "incremental")]
        first = list(run_all(settings, chosen, today))
        second = list(run_all(settings, chosen, today))
        contacts = _contacts(settings)
        if as_json:
            runs = {"first": first, "second": second}
            documents = {name: [one.as_json() for one in run] for name, run in runs.items()}
            print_json({"tables": tables, **documents, "contacts": contacts})
        else:
            _show(settings, tables, first, second, contacts)
            _show_next(settings, sandbox, keep=keep)
        code = max(outcome.exit_code for outcome in (*first, *second))
        if keep and not code:
            local.wait_until_stopped()
    raise typer.Exit(code)


def _seeded(sandbox: Sandbox, rows: int) -> dict[str, int]:
    tables: dict[str, int] = {}
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(
        *columns, console=errors, transient=True, disable=not errors.is_terminal
    ) as progress:
        task = progress.add_task(f"a shop with {rows:,} customers")
        for table, filled in local.fill(sandbox, rows):
            tables[table] = filled
            progress.update(task, description=f"{table}: {filled:,} rows")
    return tables


def _workspace(folder: Path, sandbox: Sandbox) -> Settings:
    """Write a workspace that points at the sandbox; its state stays in its own folder."""
    path = folder / "tajo.yaml"
    start = datetime.now(UTC).date() - timedelta(days=_DAYS_TO_BACKFILL)
    path.write_text(
        f"""# Made by `tajo demo`; the servers are `tajo sandbox up --home {folder / "sandbox"}`.
workspace: demo
start_date: {start}
connectors:
  snowflake:
    account: {sandbox.account}
    user: {sandbox.user}
    auth: {{method: key_pair, private_key_path: sandbox/{sandbox.private_key_path.name}}}
    host: 127.0.0.1
    port: {sandbox.snowflake_port}
    protocol: http
    database: {sandbox.database}
    schema: {sandbox.schema}
    sync: {{customers: true, segments: true, analytics: true}}
  brevo:
    api_key: {sandbox.brevo_api_key}
    base_url: {sandbox.brevo_url}
""",
        encoding="utf-8",
    )
    settings = workspace.load(path)
    # The demo keeps to its folder, also where the shell says where a real workspace lives.
    home = folder / ".tajo"
    instance = {"DAGSTER_HOME": str(home / "dagster")}
    return replace(settings, home=home, environment={**settings.environment, **instance})


def _contacts(settings: Settings) -> list[dict[str, Any]]:
    """Ask Brevo for a few contacts that the analytics audience has written."""
    mapped = Paths(settings.home, "analytics").mapped(settings.today())
    first = next(parquet.batches(mapped, ["_key"]), None)
    if first is None:
        return []
    step = max(first.num_rows // _SHOWN_CONTACTS, 1)
    keys = first["_key"].to_pylist()[::step][:_SHOWN_CONTACTS]
    with Client(settings.brevo, budget=state_of(settings).budget) as client:
        return [client.get(f"/contacts/{quote(key, safe='')}") for key in keys]


def _show(
    settings: Settings,
    tables: dict[str, int],
    first: list[Outcome],
    second: list[Outcome],
    contacts: list[dict[str, Any]],
) -> None:
    shop = ", ".join(f"{rows:,} {name.lower().replace('_', ' ')}" for name, rows in tables.items())
    console.print(f"[bold]A shop in the local Snowflake[/]: {shop}\n", highlight=False)
    show_outcomes(first, title="Today's partition of every audience, through Dagster")
    console.print()
    console.print(_rejects_table(settings, [outcome.audience for outcome in first]))
    console.print()
    console.print(_contacts_table(contacts))
    console.print()
    show_outcomes(second, title="The same again: nothing changed, so nothing is sent")


def _rejects_table(settings: Settings, names: list[str]) -> Table:
    table = plain_table("What was rejected, and why")
    table.add_column("audience")
    table.add_column("rows", justify="right")
    table.add_column("reason")
    for name in names:
        rejected = Paths(settings.home, name).rejected(settings.today())
        for reason, rows in reasons(rejected).items():
            table.add_row(name, f"{rows:,}", reason)
    return table


def _contacts_table(contacts: list[dict[str, Any]]) -> Table:
    table = plain_table("Three contacts, as Brevo has them now")
    table.add_column("attribute")
    for contact in contacts:
        table.add_column(contact["email"])
    names = sorted({name for contact in contacts for name in contact["attributes"]})
    for name in names:
        table.add_row(name, *(str(contact["attributes"].get(name, "")) for contact in contacts))
    table.add_row("lists", *(", ".join(map(str, contact["listIds"])) for contact in contacts))
    return table


def _show_next(settings: Settings, sandbox: Sandbox, *, keep: bool) -> None:
    dagster = Path(sys.executable).parent / "dagster"
    program = os.path.relpath(dagster) if dagster.is_relative_to(Path.cwd()) else dagster
    home = f"--home {os.path.relpath(sandbox.home)} --port {sandbox.snowflake_port}"
    console.print("\n[bold]Next[/]")
    if keep:
        console.print("  The two servers stay up until Ctrl-C. Dagster's UI on this data:")
    else:
        console.print(
            "  Dagster's UI on this data (the servers, for new runs, in a second terminal:"
        )
        console.print(f"  tajo sandbox up {home})", highlight=False, soft_wrap=True)
    console.print(
        f"  TAJO_CONFIG=$PWD/{os.path.relpath(settings.path)} "
        f"DAGSTER_HOME=$PWD/{os.path.relpath(settings.dagster_home)} "
        f"{program} dev -m tajo_sf_pipeline.definitions",
        highlight=False,
        soft_wrap=True,
    )
    console.print("  The same on a real account: docs/connect.md", highlight=False)
