"""`tajo`: its commands, and the one place where an error becomes two lines and an exit code."""

import sys
import traceback
from collections.abc import Sequence

import typer

from tajo_sf_pipeline import __version__
from tajo_sf_pipeline.cli import (
    alerts,
    audiences,
    config,
    connectors,
    dead_letters,
    demo,
    ledger,
    plan,
    sandbox,
    status,
)
from tajo_sf_pipeline.cli.output import errors, print_json
from tajo_sf_pipeline.config import settings as workspace
from tajo_sf_pipeline.errors import TajoError
from tajo_sf_pipeline.storage.write_errors import beneath
from tajo_sf_pipeline.telemetry import logs

DEFECT = 70

app = typer.Typer(
    name="tajo",
    help="Bring audiences from a Snowflake warehouse into Brevo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(alerts.app, name="alerts", help="Whether those who are to be told can be reached.")
app.add_typer(audiences.app, name="audiences", help="Show audiences and preview their rows.")
app.add_typer(config.app, name="config", help="Check the workspace file.")
app.add_typer(connectors.app, name="connectors", help="Test the connectors and run syncs.")
app.add_typer(dead_letters.app, name="dead-letters", help="Rows that were refused, and why.")
app.add_typer(ledger.app, name="ledger", help="What Brevo has accepted: copies of it, and rows.")
app.add_typer(sandbox.app, name="sandbox", help="A local Snowflake and a local Brevo.")
app.command("plan")(plan.plan)
app.command("status")(status.status)
app.command("demo")(demo.demo)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"tajo {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with a code that says what happened.

    0 done, 1 rows failed, 2 usage or configuration, 3 authentication or permission, 4 a guard,
    5 an outage or somebody else at work, 6 this machine's storage, 70 a defect of ours.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with logs.instead_of_text(workspace.log_format()):
            _run(words)
    except TajoError as error:  # TAJO_LOG itself
        sys.exit(_print_error(error, as_json="--json" in words))


def _run(words: list[str]) -> None:
    try:
        app(words)  # ends by itself, with 2 where the command line is wrong
    except TajoError as error:
        sys.exit(_print_error(error, as_json="--json" in words))
    except Exception as error:  # noqa: BLE001 - the boundary: everything else is our defect
        if (storage := beneath(error)) is not None:
            sys.exit(_print_error(storage, as_json="--json" in words))
        sys.exit(_print_defect(error))


def _print_error(error: TajoError, *, as_json: bool) -> int:
    if as_json:
        print_json({"error": error.as_json()})
    errors.print(f"{error}", style="red", markup=False, highlight=False, soft_wrap=True)
    return error.exit_code


def _print_defect(error: Exception) -> int:
    log = workspace.home() / "logs" / "defect.log"
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    errors.print(
        f"TAJO-900 this is a defect of tajo: {type(error).__name__}: {error}\n"
        f"Report it with {log}.",
        style="red",
        markup=False,
        soft_wrap=True,
    )
    return DEFECT


if __name__ == "__main__":
    main()
