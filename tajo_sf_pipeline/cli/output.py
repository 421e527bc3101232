"""What the terminal shows: tables on standard output, progress and errors on the other one."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.state.run_summary import Summary

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The workspace file; default tajo.yaml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

# Rich takes 80 columns where there is no terminal; a log or a file has room for a table.
console = Console(width=None if sys.stdout.isatty() else 110)
errors = Console(stderr=True)


def print_json(document: Any) -> None:
    """Print at once: a command that goes on, as `sandbox up` does, has somebody waiting for it."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def local_time(moment: datetime, settings: Settings) -> str:
    """Write a moment as the workspace's own clock showed it."""
    return f"{moment.astimezone(ZoneInfo(settings.file.timezone)):%Y-%m-%d %H:%M}"


def plain_table(title: str | None = None) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)


def runs_table(title: str | None, summaries: list[Summary]) -> Table:
    """Show runs as a person reads them: what came in, what went out, what it cost."""
    table = plain_table(title)
    rows = [
        summary.as_json() | {"mapped": summary.extracted - summary.rejected}
        for summary in summaries
    ]
    columns = [
        name for name in _COLUMNS if name not in _SHOWN_IF_ANY or any(row[name] for row in rows)
    ]
    table.add_column("audience", no_wrap=True)
    table.add_column("sync date", no_wrap=True)
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    for row in rows:
        numbers = (_number(row[name]) for name in columns)
        table.add_row(row["audience"], row["sync_date"], *numbers)
    return table


_COLUMNS = (
    *("extracted", "rejected", "mapped", "created", "updated", "unchanged"),
    *("stale", "skipped_by_mode", "removed", "retried", "failed", "pending"),
    *("api_calls", "seconds"),
)
_SHOWN_IF_ANY = frozenset({"stale", "skipped_by_mode", "removed", "retried", "failed", "pending"})


def _number(value: float) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


class Bars:
    """Progress bars of steps that report how many rows of how many they have done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def of(self, audience: str, step: str, done: int, total: int) -> None:
        name = f"{audience} {step}"
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=done, total=total)


@contextmanager
def bars() -> Iterator[Bars]:
    """Draw progress bars while the body runs: on a terminal only, and on standard error."""
    progress = Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    with progress:
        yield Bars(progress)
