"""Random lives of an audience: changes, runs, faults, kills and backfills, and a rest at the end.

MODEL_SEED=<number> draws other lives.
"""

import math
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.state.failpoints import STEPS
from tajo_sf_pipeline_tests.engine import Engine
from tajo_sf_pipeline_tests.forwarder import Fault, Forwarder, forwarding_to
from tajo_sf_pipeline_tests.reliability import contacts_world, events_world
from tajo_sf_pipeline_tests.reliability.contacts_world import LOOKBACK, ContactsWorld
from tajo_sf_pipeline_tests.reliability.events_world import EventsWorld
from tajo_sf_pipeline_tests.reliability.hurry import hurried
from tajo_sf_pipeline_tests.reliability.world import TICK, World
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

CONTACTS = ("upsert", "mirror", "insert", "update", "incremental")
EVENTS = ("hold", "resend")
MODES = CONTACTS + EVENTS
_STEPS_OF_A_LIFE = 50
_MEMORY = Path("/dev/shm")  # where it exists, files there cost no time of the disk

keys = st.sampled_from([f"p{number}@example.com" for number in range(6)])
points = st.integers(0, 3).map(float)
# A drip or a delay costs time and tells nothing that the tests of the wire do not.
faults = st.dictionaries(
    st.integers(1, 12),
    st.sampled_from([Fault.RESET, Fault.CUT, Fault.HALF, Fault.SERVER_ERROR, Fault.TOO_MANY]),
    min_size=1,
    max_size=3,
)


class Life(RuleBasedStateMachine):
    """What may happen to any audience; `mode` and `place` come with the subclass."""

    mode: str
    place: "Place"
    world: World

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.world = self._stack.enter_context(self.place.world(self.mode))
        self._taken = -1

    @initialize(by_import=st.booleans())
    def begin(self, by_import: bool) -> None:
        self._stack.enter_context(hurried(by_import=by_import))

    @rule()
    def run(self) -> None:
        self.world.run()

    @rule()
    def next_day(self) -> None:
        self.world.days += 1

    @rule(misbehaviour=faults)
    def run_on_a_faulty_wire(self, misbehaviour: dict[int, Fault]) -> None:
        self.world.run(misbehaviour)

    @rule(step=st.sampled_from(STEPS), times=st.integers(1, 3))
    def killed(self, step: str, times: int) -> None:
        self.world.killed_at(step, times)

    @rule(back=st.integers(0, 3))
    def backfill(self, back: int) -> None:
        self.world.backfill(back)

    @rule()
    def heal(self) -> None:
        self.world.heal()

    @invariant()
    def counted(self) -> None:
        self._taken += 1

    def teardown(self) -> None:
        try:
            self.world.rest()
            # The first life that hypothesis draws is the simplest one, in which nothing happens.
            if self.world.ticks:
                self.place.steps[self.mode] += self._taken
        finally:
            self._stack.close()


class ContactsLife(Life):
    """What may happen to contacts."""

    world: ContactsWorld

    @initialize(keys=st.sets(keys))
    def others_were_first(self, keys: set[str]) -> None:
        self.world.preexisting(keys)

    @rule(key=keys, value=points)
    def change(self, key: str, value: float) -> None:
        self.world.change(key, value)

    @rule(changed=st.dictionaries(keys, points, min_size=1))
    def change_several(self, changed: dict[str, float]) -> None:
        for key, value in changed.items():
            self.world.change(key, value)

    @rule(first=st.dictionaries(keys, points, min_size=1), next_=st.dictionaries(keys, points))
    def two_days(self, first: dict[str, float], next_: dict[str, float]) -> None:
        """Have a day to be backfilled that is not as today."""
        self.change_several(first)
        self.run()
        self.next_day()
        self.change_several({**first, **next_})

    @rule(key=keys)
    def leave(self, key: str) -> None:
        self.world.source.pop(key, None)

    @rule()
    def everybody_leaves(self) -> None:
        self.world.source.clear()

    @rule(key=keys)
    def somebody_else(self, key: str) -> None:
        self.world.stranger(f"other.{key}" if self.mode == "mirror" else key)

    @rule(key=keys)
    def poison(self, key: str) -> None:
        self.world.poison(key)


class IncrementalLife(ContactsLife):
    """What may happen to contacts of which only the newer ones are asked for."""

    @rule(key=keys, value=points, seconds=st.integers(TICK, int(LOOKBACK.total_seconds()) - 1))
    def change_late(self, key: str, value: float, seconds: int) -> None:
        self.world.change(key, value, late=timedelta(seconds=seconds))


class EventsLife(Life):
    """What may happen to events."""

    world: EventsWorld

    @rule(count=st.integers(1, 5))
    def happen(self, count: int) -> None:
        self.world.happen(count)

    @rule()
    def go_blind(self) -> None:
        self.world.go_blind()

    @rule()
    def release(self) -> None:
        self.world.release()


class Place:
    """Where lives happen: the servers, and an audience for each mode; `steps` counts them."""

    def __init__(self, sandbox: Sandbox, wire: Forwarder, folder: Path) -> None:
        self.steps: Counter[str] = Counter()
        self._sandbox = sandbox
        self._wire = wire
        workspace = Workspace.new(folder, sandbox, BrevoAccount.new(sandbox))
        # A fault that lasts ends the run at once: the next one is what is tested.
        workspace.write(brevo={"patience": 0})
        for name in CONTACTS:
            _add_contacts(workspace, name)
        for name in EVENTS:
            workspace.audience(
                name,
                events_world.QUERY,
                events_world.MAPPING,
                destination={"event": events_world.EVENT},
                shared=True,
                on_uncertain=name,
            )
        schemas = dict.fromkeys(CONTACTS, contacts_world.SCHEMA)
        schemas |= dict.fromkeys(EVENTS, events_world.SCHEMA)
        self._engines = {name: Engine.of(workspace, name, schemas[name]) for name in MODES}

    @contextmanager
    def world(self, mode: str) -> Iterator[World]:
        """Make a world without rows, with an account and a home of its own."""
        home = Path(tempfile.mkdtemp(dir=_MEMORY if _MEMORY.is_dir() else None))
        try:
            brevo, engine = BrevoAccount.new(self._sandbox), self._engines[mode]
            engine = replace(engine, settings=replace(engine.settings, home=home))
            engine = engine.with_brevo(f"{self._wire.url}/v3", brevo.key)
            if mode in EVENTS:
                brevo.contact(events_world.WHO)
                yield EventsWorld(engine, brevo, self._wire)
            else:
                brevo.attributes(POINTS="float")
                yield ContactsWorld(engine, brevo, self._wire)
        finally:
            shutil.rmtree(home)


def _add_contacts(workspace: Workspace, name: str) -> None:
    more: dict[str, Any] = {}
    if name == "mirror":
        more = {"guards": {"max_removed": "100%"}, "allow_empty": True}
    if name == "incremental":
        more = {"lookback": f"{LOOKBACK.total_seconds():.0f}s"}
    workspace.audience(
        name,
        contacts_world.SINCE if name == "incremental" else contacts_world.QUERY,
        contacts_world.MAPPING,
        mode="upsert" if name == "incremental" else name,
        cursor="updated_at",
        destination={"list": name},
        shared=True,
        **more,
    )


@contextmanager
def placed(sandbox: Sandbox, folder: Path) -> Iterator[Place]:
    """Put a faulty wire before the local Brevo."""
    with forwarding_to(sandbox.brevo_url.removesuffix("/v3")) as wire:
        yield Place(sandbox, wire, folder)


def live(place: Place, mode: str, steps: int, seed: int | None = None) -> None:
    """Live lives of a mode until they have taken so many steps, the same ones for the same seed."""
    life = {"incremental": IncrementalLife, "hold": EventsLife, "resend": EventsLife}.get(
        mode, ContactsLife
    )
    machine = type(f"{mode.title()}Life", (life,), {"mode": mode, "place": place})
    number = int(os.environ.get("MODEL_SEED", "0")) if seed is None else seed
    before = place.steps[mode]
    while (left := steps - (place.steps[mode] - before)) > 0:
        run_state_machine_as_test(
            hypothesis.seed(number)(machine),
            settings=settings(
                max_examples=math.ceil(left / _STEPS_OF_A_LIFE) + 1,
                stateful_step_count=min(left, _STEPS_OF_A_LIFE) + 2,  # the first are how it begins
                database=None,
                deadline=None,
                # To shorten a life takes as many lives again: it is told as it was.
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            ),
        )
        number += 1
