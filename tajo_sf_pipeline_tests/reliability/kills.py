"""A sync is killed, and run again: what was lost, what was sent twice.

``python -m tajo_sf_pipeline_tests.reliability.kills`` measures it and writes the table of
docs/reliability.md; the tests beside hold its bounds.
"""

import argparse
import math
import os
import random
import re
import shutil
import signal
import statistics
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tajo_sf_pipeline.brevo import budget
from tajo_sf_pipeline.sandbox import Sandbox, serve
from tajo_sf_pipeline.state import failpoints
from tajo_sf_pipeline.state.ledger import Ledger
from tajo_sf_pipeline_tests.engine import Engine
from tajo_sf_pipeline_tests.forwarder import Forwarder, forwarding_to
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

DAY = date(2026, 11, 1)
_SOMEBODY = "somebody@example.com"
_MOMENT = datetime(2026, 11, 1, tzinfo=UTC)
ROWS = {"contacts": 200_000, "events": 1_000}
# The points that a run of the kind comes by, and those that it comes by once.
STEPS_OF = {
    "contacts": failpoints.STEPS,
    "events": tuple(step for step in failpoints.STEPS if step != "process.known"),
}
ONCE = frozenset({"plan.written", "run.finished"})
# Of an import's body or of a batch of events: one for each row.
_ROW = {"contacts": re.compile(rb'"email":"'), "events": re.compile(rb'"email_id":"')}
_WRITES = re.compile(r"^/v3/(contacts/import|contacts|events/batch|events)$")
_START, _END = "<!-- kills: written by the command above -->", "<!-- end of kills -->"
Killer = Callable[[int], None]


@dataclass(slots=True)
class Sent:
    """The rows of each body that went out, seen on the wire."""

    kind: str
    bodies: list[int] = field(default_factory=list)

    def see(self, method: str, path: str, body: bytes) -> None:
        if method == "POST" and _WRITES.match(path):
            self.bodies.append(len(_ROW[self.kind].findall(body)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One kill: `died` is false where the run was faster; `window` is the largest body's rows.

    `held` rows wait for a person as dead letters; `lost` ones are neither there nor held.
    `seconds` are those of the run up to its end, whichever it was.
    """

    died: bool
    seconds: float
    lost: int
    held: int
    repeated: int
    window: int


@dataclass(frozen=True, slots=True)
class Scene:
    """An audience whose rows are mapped once; each trial has an account and a home of its own."""

    sandbox: Sandbox
    engine: Engine
    wire: Forwarder
    kind: str
    rows: int

    def trial(self, kill: Killer, prepare: Callable[[], None] = lambda: None) -> Outcome:
        """Run in a process that `kill` ends, then run again to the end, and compare."""
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            shutil.copytree(self.engine.settings.home, home)
            account = BrevoAccount.new(self.sandbox)
            account.attributes(POINTS="float")
            if self.kind == "events":
                account.contact(_SOMEBODY)
            engine = replace(self.engine, settings=replace(self.engine.settings, home=home))
            engine = engine.with_brevo(f"{self.wire.url}/v3", account.key)
            sent = Sent(self.kind)
            self.wire.seen = sent.see
            began = time.monotonic()
            died = _killed(lambda: engine.partition(DAY).sync(), kill, prepare)
            seconds = time.monotonic() - began
            summary = engine.partition(DAY).sync()
            assert summary.conserved, summary
            return self._compared(sent, account, engine, died, seconds)

    def at_instants(
        self, count: int, chosen: random.Random, seconds: float = math.inf
    ) -> Iterator[Outcome]:
        """Kill runs at `count` instants, or at as many as `seconds` are enough for."""
        whole, began = self.trial(nobody), time.monotonic()
        assert (0, 0) == (whole.lost, whole.repeated)
        left = count
        while left and time.monotonic() - began < seconds:
            outcome = self.trial(after(chosen.uniform(0, whole.seconds)))
            left -= outcome.died  # one that was faster than the first was not killed
            yield outcome

    def _compared(
        self, sent: Sent, account: BrevoAccount, engine: Engine, died: bool, seconds: float
    ) -> Outcome:
        there = account.count(self.kind)
        failed = Ledger(engine.paths.ledger).failed()
        held = int(pc.sum(failed["held"]).as_py() or 0)
        twice = sum(sent.bodies) - self.rows if self.kind == "contacts" else there - self.rows
        return Outcome(
            died=died,
            seconds=seconds,
            lost=max(self.rows - there - held, 0),
            held=held,
            repeated=max(twice, 0),
            window=max(sent.bodies, default=0),
        )


_SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "email": pa.string(),
        "points": pa.float64(),
        "moment": pa.timestamp("us", "UTC"),
    }
)


def _table(kind: str, rows: int) -> pa.Table:
    numbers = range(rows)
    return pa.table(
        [
            pa.array([f"p{number}" for number in numbers]),
            pa.array(
                [
                    f"p{number}@example.com" if kind == "contacts" else _SOMEBODY
                    for number in numbers
                ]
            ),
            pa.array(numbers, pa.float64()),
            pa.array([_MOMENT] * rows, pa.timestamp("us", "UTC")),
        ],
        schema=_SCHEMA,
    )


@contextmanager
def scene(sandbox: Sandbox, folder: Path, kind: str, rows: int) -> Iterator[Scene]:
    """Map `rows` rows of contacts or events, and put a wire before the local Brevo."""
    workspace = Workspace.new(folder, sandbox, BrevoAccount.new(sandbox))
    name = f"killed_{kind}"
    if kind == "contacts":
        workspace.audience(
            name,
            "SELECT email, points FROM t",
            {"email": "email", "points": "POINTS"},
            verify="off",
        )
    else:
        workspace.audience(
            name,
            "SELECT id, email, points, moment FROM t",
            {"id": "event_id", "email": "email", "points": "points", "moment": "event_date"},
            destination={"event": "scored"},
            on_uncertain="hold",
        )
    with forwarding_to(sandbox.brevo_url.removesuffix("/v3")) as wire, _without_budget():
        engine = Engine.of(workspace, name, _SCHEMA)
        engine.extracted(_table(kind, rows), DAY)
        yield Scene(sandbox, engine, wire, kind, rows)


def at_step(step: str, times: int) -> Callable[[], None]:
    """Have the process that calls this die when it reaches a step for the nth time."""

    def watch_from_now_on() -> None:
        seen = Counter[str]()

        def watch(reached: str) -> None:
            seen[reached] += 1
            if reached == step and seen[step] == times:
                os.kill(os.getpid(), signal.SIGKILL)

        failpoints.watcher = watch

    return watch_from_now_on


def nobody(_child: int) -> None:
    """Leave the process alone: it dies at a step, or not at all."""


def after(seconds: float) -> Killer:
    """Kill a process from outside at an instant."""

    def kill(child: int) -> None:
        time.sleep(seconds)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    return kill


def _killed(run: Callable[[], object], kill: Killer, prepare: Callable[[], None]) -> bool:
    child = os.fork()
    if not child:
        code = 0
        try:
            prepare()
            run()
        except BaseException:  # noqa: BLE001 - the parent's code must not go on in here
            traceback.print_exc(file=sys.stderr)
            code = 1
        os._exit(code)
    kill(child)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "see its traceback above"
    return os.WIFSIGNALED(status)


@contextmanager
def _without_budget() -> Iterator[None]:
    """Let no budget slow the calls down: it is not what is measured here."""
    with pytest.MonkeyPatch.context() as patch:
        every = dict.fromkeys(budget._LIMITS, (1_000_000, 1_000))  # noqa: SLF001
        patch.setattr(budget, "_LIMITS", every)
        yield


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    what: str
    outcomes: list[Outcome]

    def __str__(self) -> str:
        died = [outcome for outcome in self.outcomes if outcome.died]
        repeated = [outcome.repeated for outcome in died] or [0]
        return (
            f"| {self.what} | {len(died)} | {sum(outcome.lost for outcome in died)} "
            f"| {sum(outcome.held for outcome in died)} "
            f"| {statistics.median(repeated):,.0f} | {max(repeated):,} "
            f"| {max((outcome.window for outcome in died), default=0):,} |"
        )


def matrix(
    sandbox: Sandbox,
    folder: Path,
    *,
    rows: Mapping[str, int],
    instants: int,
    seed: int,
    reached: Sequence[int] = (1, 2),
    seconds: float = math.inf,
) -> Iterator[Line]:
    """Kill at each step of so many `contacts` and `events`, and at random instants of them.

    A step that a run comes by more than once is `reached` for the first time, and the second.
    For the instants of each kind there are so many `seconds`.
    """
    for kind, count in rows.items():
        (folder / kind).mkdir()
        with scene(sandbox, folder / kind, kind, count) as played:
            for step in STEPS_OF[kind]:
                times = (1,) if step in ONCE else reached
                yield Line(
                    f"{kind}: `{step}`",
                    [played.trial(nobody, at_step(step, time)) for time in times],
                )
            outcomes = played.at_instants(instants, random.Random(seed), seconds)
            yield Line(f"{kind}: random instants", list(outcomes))


def main() -> None:
    """Print the table, and write it into the paper that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instants", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="a Markdown file with the two marks")
    arguments = parser.parse_args()
    head = ("killed at", "kills", "lost", "held", "sent twice, median", "most", "largest window")
    told = (
        f"Measured {datetime.now(UTC):%Y-%m-%d}, in rows: {ROWS['contacts']:,} contacts by "
        f"import, and {ROWS['events']:,} events with `on_uncertain: hold`.\n"
    )
    lines = [
        told,
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
    ]
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder) / "sandbox") as sandbox:
        for line in matrix(
            sandbox, Path(folder), rows=ROWS, instants=arguments.instants, seed=arguments.seed
        ):
            print(line, flush=True)  # noqa: T201 - what the command is for
            lines.append(str(line))
    if arguments.write:
        _write(arguments.write, "\n".join(lines))


def _write(paper: Path, table: str) -> None:
    text = paper.read_text(encoding="utf-8")
    before, rest = text.split(_START)
    _, behind = rest.split(_END)
    paper.write_text(f"{before}{_START}\n{table}\n{_END}{behind}", encoding="utf-8")


if __name__ == "__main__":
    main()
