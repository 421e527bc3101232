"""A source, the engine and a local Brevo behind a faulty wire, and what must be true of them."""

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from tajo_sf_pipeline.audience import Audience
from tajo_sf_pipeline.brevo import budget
from tajo_sf_pipeline.errors import VendorOutageError
from tajo_sf_pipeline.settings import Settings
from tajo_sf_pipeline.sync import plan, steps
from tajo_sf_pipeline.sync.summary import Summary
from tajo_sf_pipeline.window import SyncPath
from tajo_sf_pipeline_tests.engine import Engine
from tajo_sf_pipeline_tests.forwarder import Fault, Forwarder, faultless
from tajo_sf_pipeline_tests.workspaces import BrevoAccount

FIRST_DAY = date(2026, 11, 1)
SCHEMA = pa.schema(
    {"email": pa.string(), "points": pa.float64(), "updated_at": pa.timestamp("us", "UTC")}
)
MAPPING = {"email": "email", "points": "POINTS"}
# Enough for a few plans that could not be settled because of what came before them.
_RUNS_TO_REST = 6


@dataclass(frozen=True, slots=True)
class Row:
    """What the source says of a contact, and since when."""

    points: float
    updated_at: datetime


@dataclass(slots=True)
class World:
    """One audience and its account; `engine` goes through `wire`, the test looks past it."""

    engine: Engine
    brevo: BrevoAccount
    wire: Forwarder
    source: dict[str, Row] = field(default_factory=dict)
    said: dict[str, set[float]] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    days: int = 0
    ticks: int = 0
    snapshots: dict[int, dict[str, Row]] = field(default_factory=dict)

    @property
    def mode(self) -> str:
        return self.engine.audience.mode

    def change(self, key: str, points: float) -> None:
        """Have the source say something, maybe what it said before, at a later moment."""
        self.ticks += 1
        moment = datetime.combine(self._day(self.days), datetime.min.time(), UTC)
        self.source[key] = Row(points, moment + timedelta(seconds=self.ticks))
        self.said.setdefault(key, set()).add(points)

    def stranger(self, key: str) -> None:
        """Let somebody else create a contact, or put it on the audience's list."""
        lists = [self.list_id] if self.mode == "mirror" and self.list_id else []
        self.brevo.contact(key, listIds=lists)
        if lists or self.mode != "mirror":
            self.strangers.add(key)

    def run(self, faults: dict[int, Fault] | None = None) -> Summary | None:
        """Run today; give nothing where the wire's faults ended the run."""
        self.snapshots[self.days] = dict(self.source)
        return self._run(self.days, "incremental", faults)

    def backfill(self, days_ago: int) -> None:
        """Run an older day as the source was on it: no contact of a newer run may change."""
        day = self.days - days_ago
        if day not in self.snapshots or not self.at_rest():
            return
        before = self.contacts()
        source, self.source = self.source, self.snapshots[day]
        try:
            assert self._run(day, "backfill", None) is not None
        finally:
            self.source = source
        after = self.contacts()
        assert before == {key: after.get(key) for key in before}

    def killed_at(self, step: str, times: int) -> None:
        """Run today in a process of its own that dies when it reaches a step for the nth time."""
        self.snapshots[self.days] = dict(self.source)
        child = os.fork()
        if not child:
            _die_at(lambda: self._run(self.days, "incremental", None), step, times)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "see the child's traceback"

    def at_rest(self) -> bool:
        """Run until a run has nothing to do; then Brevo must be as the source says."""
        for _ in range(_RUNS_TO_REST):
            summary = self.run()
            assert summary is not None
            if not summary.planned + summary.removed + summary.retried:
                self._is_as_the_source_says()
                return True
        raise AssertionError(f"after {_RUNS_TO_REST} runs there is still something to do")

    @property
    def list_id(self) -> int | None:
        lists = httpx.get(f"{self.brevo.url}/v3/contacts/lists", headers=self._key).json()
        return next((item["id"] for item in lists.get("lists") or []), None)

    def contacts(self) -> dict[str, float | None]:
        """Give POINTS of every contact, as Brevo has them."""
        return {
            key: contact["attributes"].get("POINTS")
            for key, contact in self.brevo.contacts().items()
        }

    def members(self) -> set[str]:
        return {key for key, contact in self.brevo.contacts().items() if contact["listIds"]}

    def _run(self, day: int, path: SyncPath, faults: dict[int, Fault] | None) -> Summary | None:
        rows = [
            {"email": key, "points": row.points, "updated_at": row.updated_at}
            for key, row in self.source.items()
        ]
        partition = self.engine.extracted(rows, self._day(day), path)
        try:
            with self._faulty(faults or {}):
                summary = partition.sync()
        except VendorOutageError:
            assert faults, "Brevo failed although the wire did not"
            return None
        assert summary.conserved, summary
        return summary

    @contextmanager
    def _faulty(self, faults: dict[int, Fault]) -> Iterator[None]:
        before = len(self.wire.paths)
        self.wire.behaviour = lambda number, _method, _path: faults.get(number - before)
        try:
            yield
        finally:
            self.wire.behaviour = faultless

    def _is_as_the_source_says(self) -> None:
        contacts = self.contacts()
        for key, points in contacts.items():
            assert points is None or points in self.said[key], f"{key}: nobody said {points}"
        wanted = {key: row.points for key, row in self.source.items()}
        match self.mode:
            case "upsert" | "mirror":
                assert wanted == {key: contacts.get(key) for key in wanted}
            case "update":
                there = {key: points for key, points in wanted.items() if key in self.strangers}
                assert there == {key: contacts.get(key) for key in there}
                assert set(contacts) <= self.strangers
            case "insert":
                assert set(wanted) <= set(contacts)
        if self.mode == "mirror":
            assert set(wanted) | self.strangers == self.members()

    def _day(self, number: int) -> date:
        return FIRST_DAY + timedelta(days=number)

    @property
    def _key(self) -> dict[str, str]:
        return {"api-key": self.brevo.key}


def new_world(
    settings: Settings, audience: Audience, brevo: BrevoAccount, wire: Forwarder, home: Path
) -> World:
    """Make a world without rows, with an account and a home of its own."""
    engine = Engine(replace(settings, home=home), audience, SCHEMA)
    brevo.attributes(POINTS="float")
    return World(engine.with_brevo(f"{wire.url}/v3", brevo.key), brevo, wire)


@contextmanager
def hurried(*, imports: bool) -> Iterator[None]:
    """Have few rows go by import too, if wanted, and let no budget slow the calls down."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "FEW", 0 if imports else 100)
        patch.setattr(budget, "_LIMITS", dict.fromkeys(budget._LIMITS, (1_000_000, 1_000)))  # noqa: SLF001
        yield


def _die_at(run: object, step: str, times: int) -> None:
    """Kill this process there; a run that does not come there ends it in an orderly way."""
    seen = 0

    def watch(reached: str) -> None:
        nonlocal seen
        seen += reached == step
        if seen == times:
            os.kill(os.getpid(), signal.SIGKILL)

    steps.watcher = watch
    code = 0
    try:
        run()
    except BaseException:  # noqa: BLE001 - the parent must not go on in here
        traceback.print_exc(file=sys.stderr)
        code = 1
    os._exit(code)
