"""`tajo sandbox`: the local Snowflake and Brevo."""

import importlib.util
import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from tajo_sf_pipeline import sandbox as local
from tajo_sf_pipeline.cli.output import ConfigOption, JsonOption, console, errors, print_json
from tajo_sf_pipeline.config import settings as workspace
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.sandbox.shop.brevo_account import create_attributes

app = typer.Typer(no_args_is_help=True)
CUSTOMERS = 20_000
PortOption = Annotated[int, typer.Option("--port", help="Snowflake's port; Brevo has the next.")]
RowsOption = Annotated[int, typer.Option("--rows", min=1, max=5_000_000, help="Customers.")]


@app.command()
def up(
    port: PortOption = local.DEFAULT_PORT,
    home: Annotated[
        Path | None, typer.Option("--home", help="Their data; default: sandbox/ in TAJO_HOME.")
    ] = None,
    rows: RowsOption = CUSTOMERS,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            help="Let the local Snowflake misbehave: NAME[=AMOUNT][xTIMES][@CALL], repeated.",
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve both until stopped; an empty sandbox gets a shop. Prints the settings for .env."""
    home = home or workspace.home(config) / "sandbox"
    with until_stopped(), serving(home, port, fault or []) as sandbox:
        if not (home / "shop.json").exists():
            errors.print(f"filling the shop with {rows:,} customers")
            for table, filled in fill(sandbox, rows):
                errors.print(f"  {table}: {filled:,} rows")
        settings = environment(sandbox)
        if as_json:
            print_json(settings)
        else:
            for name, value in settings.items():
                console.print(f"{name}={value}", highlight=False, markup=False, soft_wrap=True)
        errors.print("Both serve until Ctrl-C. Put the lines into the .env beside tajo.yaml.")
        wait_until_stopped()


@app.command()
def load(
    table: Annotated[str, typer.Argument(help="TABLE, SCHEMA.TABLE or DATABASE.SCHEMA.TABLE")],
    file: Annotated[Path, typer.Argument(help="A CSV file with a header line")],
    port: Annotated[
        int | None,
        typer.Option("--port", help="Its port; default: the workspace's, if it is local."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create or replace a table of the running local Snowflake from a CSV file."""
    if not file.is_file():
        raise ConfigurationError("TAJO-152", f"{file} does not exist", "Name a CSV file.")
    with _translate_errors():
        port = port or _local_port(config)
        running = Sandbox(workspace.home(config) / "sandbox", port, port + 1)
        loaded = local.load_csv(running, table, file)
    if as_json:
        print_json({"table": loaded.table, "rows": loaded.rows, "columns": loaded.columns})
        return
    console.print(f"{loaded.table}: {loaded.rows:,} rows")
    for name, kind in loaded.columns.items():
        console.print(f"  {name} {kind}")


def _local_port(config: Path | None) -> int:
    """Return the port of the workspace's local Snowflake; without one, the usual port."""
    try:
        snowflake = workspace.load(config).snowflake
    except ConfigurationError:
        return local.DEFAULT_PORT
    is_local = snowflake.host in ("127.0.0.1", "localhost") and snowflake.port
    return snowflake.port if is_local and snowflake.port else local.DEFAULT_PORT


@contextmanager
def serving(home: Path, port: int | None, faults: Sequence[str] = ()) -> Iterator[Sandbox]:
    """Run both servers; raise `ConfigurationError` if they are not installed or a port is taken."""
    if importlib.util.find_spec("fakesnow") is None:
        raise ConfigurationError(
            "TAJO-153",
            "the local servers are not installed",
            "Install the extra: pip install 'tajo-sf-pipeline[sandbox]'.",
        )
    with _translate_errors(), local.serve(home, port=port, snowflake_faults=faults) as sandbox:
        yield sandbox


def fill(sandbox: Sandbox, rows: int) -> Iterator[tuple[str, int]]:
    """Seed the shop as of today and give the Brevo account its attributes; yield table and rows."""
    today: date = datetime.now(UTC).date()
    for table in local.seed(sandbox, rows, today):
        yield table.table, table.rows
    create_attributes(sandbox.brevo_url, sandbox.brevo_api_key)
    shop = {"customers": rows, "as_of": today.isoformat()}
    (sandbox.home / "shop.json").write_text(json.dumps(shop), encoding="utf-8")


@contextmanager
def until_stopped() -> Iterator[None]:
    """End what runs inside in an orderly way at Ctrl-C or SIGTERM.

    Even where both are ignored: a shell has its background jobs ignore Ctrl-C, and this one is
    meant to go on until somebody stops it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        yield


def wait_until_stopped() -> None:
    """Return at Ctrl-C or SIGTERM."""
    with until_stopped():
        while True:
            signal.pause()


def environment(sandbox: Sandbox) -> dict[str, str]:
    """Return the variables with which the repository's tajo.yaml speaks to the local servers."""
    return {
        "SNOWFLAKE_ACCOUNT": sandbox.account,
        "SNOWFLAKE_USER": sandbox.user,
        "SNOWFLAKE_PRIVATE_KEY_PATH": str(sandbox.private_key_path),
        "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_PORT": str(sandbox.snowflake_port),
        "SNOWFLAKE_PROTOCOL": "http",
        "BREVO_API_KEY": sandbox.brevo_api_key,
        "BREVO_BASE_URL": sandbox.brevo_url,
    }


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except local.SandboxError as error:
        raise ConfigurationError(
            "TAJO-151", str(error), "`tajo sandbox up` starts both servers; --port moves them."
        ) from error
