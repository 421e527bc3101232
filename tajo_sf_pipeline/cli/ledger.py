"""`tajo ledger`: what Brevo has accepted, copied and put back; and what is known of one row."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.cli.output import ConfigOption, JsonOption, console, print_json
from tajo_sf_pipeline.config import settings as workspace
from tajo_sf_pipeline.state.ledger_file import LedgerFile
from tajo_sf_pipeline.state.selection import state_of
from tajo_sf_pipeline.state.writer_lock import one_writer
from tajo_sf_pipeline.storage.paths import Paths

app = typer.Typer(no_args_is_help=True)
AudienceArgument = Annotated[str, typer.Argument(help="The audience")]


@app.command()
def backup(
    name: AudienceArgument,
    copy: Annotated[Path, typer.Argument(help="The file to write")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy an audience's ledger; what it has in flight is settled by its next run, not copied."""
    with _locked(name, config) as ledger:
        LedgerFile(ledger).backup(copy)
    _print(f"{ledger} -> {copy}", {"audience": name, "copy": str(copy)}, as_json=as_json)


@app.command()
def restore(
    name: AudienceArgument,
    copy: Annotated[Path, typer.Argument(help="A file that `backup` wrote")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a copy in the place of an audience's ledger, which is kept beside it."""
    with _locked(name, config) as ledger:
        LedgerFile(ledger).restore(copy)
    _print(f"{copy} -> {ledger}", {"audience": name, "copy": str(copy)}, as_json=as_json)


@app.command()
def show(
    name: AudienceArgument,
    key: Annotated[str, typer.Argument(help="The row's key, for example an e-mail address")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what Brevo accepted of one row, last and before, and which source row it came from."""
    settings = workspace.load(config)
    known = state_of(settings).ledger(catalog.load(settings).named(name).name).history(key)
    values = asdict(known) if known else {}
    if as_json:
        print_json(values)
        return
    for what, value in values.items():
        console.print(f"{what:<16} {value}", highlight=False, markup=False, soft_wrap=True)
    if not values:
        console.print("Brevo has accepted no row of that key from this audience.")


@contextmanager
def _locked(name: str, config: Path | None) -> Iterator[Path]:
    """Keep other writers from an audience's ledger; yield its path."""
    settings = workspace.load(config)
    ledger = Paths(settings.home, catalog.load(settings).named(name).name).ledger
    with one_writer(ledger):
        yield ledger


def _print(text: str, document: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        console.print(text, highlight=False, markup=False, soft_wrap=True)
