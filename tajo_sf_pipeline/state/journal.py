"""What is in flight, on disk before it is sent (S05): one line of JSON for each thing that happens.

A line is complete or it did not happen: the call that it announces goes out only when it is on
the disk. Who writes holds the audience's lock. A line names its plan from the home on, so that
state may be moved with its folder.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.state import base, failpoints
from tajo_sf_pipeline.state.base import InFlightBatch
from tajo_sf_pipeline.storage.paths import Paths
from tajo_sf_pipeline.storage.write_errors import storage_error

# Of a line that says what was sent. Those of 0.1 have none, and name their plan by an absolute
# path: that release refuses a line of this one, where it would take the plan for gone.
VERSION = 2


class Journal(base.Journal):
    """The batches of one audience that are not settled yet, as lines of a file."""

    def __init__(self, paths: Paths) -> None:
        self._path = paths.journal
        self._home = paths.home
        # Also who plans somewhere apart (`scratch`) reads of plans that are kept.
        self._plans = replace(paths, scratch=None).plans
        self._open = {batch.number: batch for batch in self._read()}
        self._next = max(self._open, default=0) + 1

    @property
    def unsettled(self) -> tuple[InFlightBatch, ...]:
        return tuple(self._open.values())

    def begin(self, batch: InFlightBatch) -> int:
        numbered = replace(batch, number=self._next)
        self._next += 1
        self._write({"sent": self._as_line(numbered)})
        self._open[numbered.number] = numbered
        failpoints.reached("journal.written")
        return numbered.number

    def started(self, number: int, *processes: int) -> None:
        self._write({"started": number, "processes": processes})
        self._open[number] = replace(self._open[number], processes=processes)
        failpoints.reached("process.known")

    def settled(self, number: int) -> None:
        """Write it down; with the last one the file goes."""
        del self._open[number]
        if self._open:
            self._write({"settled": number})
        else:
            self._path.unlink(missing_ok=True)
        failpoints.reached("journal.settled")

    def _write(self, line: dict[str, Any]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            with os.fdopen(os.open(self._path, flags, 0o600), "ab") as file:
                file.write(json.dumps(line).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise storage_error(
                "TAJO-150",
                f"the journal {self._path}",
                error,
                "then run the date again: nothing was sent that is not in it.",
            ) from error

    def _read(self) -> Iterator[InFlightBatch]:
        """Return what a journal leaves open; a last line that was cut off announces nothing."""
        unsettled: dict[int, InFlightBatch] = {}
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        for position, line in enumerate(lines[:-1], 1):
            try:
                self._apply(json.loads(line), unsettled)
            except (ValueError, KeyError, TypeError) as error:
                raise ConfigurationError(
                    "TAJO-128",
                    f"line {position} of the journal {self._path} is damaged: {error!r}",
                    "Restore it, or remove it: rows that were in flight are then sent again.",
                ) from error
        if lines[-1]:
            # Else the next line would be written behind the half one.
            with self._path.open("ab") as file:
                file.truncate(self._path.stat().st_size - len(lines[-1]))
        yield from unsettled.values()

    def _apply(self, line: dict[str, Any], unsettled: dict[int, InFlightBatch]) -> None:
        if "sent" in line:
            batch = self._of_line(line["sent"])
            unsettled[batch.number] = batch
        elif "started" in line:
            processes = tuple(line["processes"])
            unsettled[line["started"]] = replace(unsettled[line["started"]], processes=processes)
        else:
            del unsettled[line["settled"]]

    def _as_line(self, batch: InFlightBatch) -> dict[str, Any]:
        """Return a batch as its line says it: the route is named `way` since 0.1."""
        line = asdict(batch) | {"plan": self._from_home(Path(batch.plan))}
        named = {("way" if name == "route" else name): value for name, value in line.items()}
        return {"version": VERSION, **named}

    def _of_line(self, line: dict[str, Any]) -> InFlightBatch:
        if (version := line.pop("version", 1)) > VERSION:
            raise ConfigurationError(
                "TAJO-158",
                f"the journal {self._path} has lines of version {version}; this version of tajo "
                f"knows {VERSION}",
                "Use the version of tajo that wrote them; nothing was changed.",
            )
        plan, route = self._place_of(Path(line.pop("plan"))), line.pop("way")
        processes = tuple(line.pop("processes"))
        return InFlightBatch(**line, plan=str(plan), route=route, processes=processes)

    def _from_home(self, plan: Path) -> str:
        inside = plan.is_relative_to(self._home)
        return (plan.relative_to(self._home) if inside else plan).as_posix()

    def _place_of(self, plan: Path) -> Path:
        """Return where a plan is that a line names, of which 0.1 wrote where it was."""
        moved = self._plans / plan.name
        return moved if plan.is_absolute() and moved.exists() else self._home / plan
