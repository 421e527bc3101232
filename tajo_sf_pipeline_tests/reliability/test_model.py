"""Random changes, runs, faults, kills and backfills; at rest Brevo is as the source says."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.sync.steps import STEPS
from tajo_sf_pipeline_tests.forwarder import Fault, Forwarder, forwarding_to
from tajo_sf_pipeline_tests.reliability.world import MAPPING, World, hurried, new_world
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

MODES = ("upsert", "mirror", "insert", "update")
keys = st.sampled_from([f"p{number}@example.com" for number in range(6)])
points = st.integers(0, 3).map(float)
# A drip or a delay costs time and tells nothing that the tests of the wire do not.
faults = st.dictionaries(
    st.integers(1, 12),
    st.sampled_from([Fault.RESET, Fault.CUT, Fault.HALF, Fault.SERVER_ERROR, Fault.TOO_MANY]),
    min_size=1,
    max_size=3,
)


class Machine(RuleBasedStateMachine):
    """What may happen to an audience; `mode` and the servers come with the subclass."""

    mode: str
    place: "Place"

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.world = self._stack.enter_context(self.place.world(self.mode))

    @initialize(imports=st.booleans())
    def how(self, imports: bool) -> None:
        self._stack.enter_context(hurried(imports=imports))

    @rule(key=keys, value=points)
    def change(self, key: str, value: float) -> None:
        self.world.change(key, value)

    @rule(changed=st.dictionaries(keys, points, min_size=1))
    def change_several(self, changed: dict[str, float]) -> None:
        for key, value in changed.items():
            self.world.change(key, value)

    @rule(key=keys)
    def leave(self, key: str) -> None:
        self.world.source.pop(key, None)

    @rule(key=keys)
    def somebody_else(self, key: str) -> None:
        self.world.stranger(f"other.{key}" if self.mode == "mirror" else key)

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

    @precondition(lambda self: self.world.days > 0)
    @rule(days_ago=st.integers(1, 3))
    def backfill(self, days_ago: int) -> None:
        self.world.backfill(days_ago)

    def teardown(self) -> None:
        try:
            self.world.at_rest()
        finally:
            self._stack.close()


class Place:
    """Where the examples of a test happen: the servers, and one audience for each mode."""

    def __init__(self, sandbox: Sandbox, wire: Forwarder, folder: Path) -> None:
        self._sandbox = sandbox
        self._wire = wire
        self._workspace = Workspace.new(folder, sandbox, BrevoAccount.new(sandbox))
        # A fault that lasts ends the run at once: the next one is what is tested.
        self._workspace.write(brevo={"patience": 0})
        for mode in MODES:
            guards = {"guards": {"max_removed": "100%"}, "allow_empty": True}
            self._workspace.audience(
                mode,
                "SELECT email, points, updated_at FROM people",
                MAPPING,
                mode=mode,
                cursor="updated_at",
                destination={"list": mode},
                shared=True,
                **(guards if mode == "mirror" else {}),
            )
        self._settings = self._workspace.settings()
        self._audiences = {mode: self._workspace.load(mode) for mode in MODES}

    def world(self, mode: str) -> "_Fresh":
        return _Fresh(self, mode)

    def make(self, mode: str, home: Path) -> World:
        brevo = BrevoAccount.new(self._sandbox)
        return new_world(self._settings, self._audiences[mode], brevo, self._wire, home)


class _Fresh(ExitStack):
    """A world in a folder that goes with it."""

    def __init__(self, place: Place, mode: str) -> None:
        super().__init__()
        self._place = place
        self._mode = mode

    def __enter__(self) -> World:  # type: ignore[override]
        home = Path(tempfile.mkdtemp())
        self.callback(shutil.rmtree, home)
        return self._place.make(self._mode, home)


@pytest.fixture(scope="module")
def place(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Put a faulty wire before the local Brevo."""
    with forwarding_to(sandbox.brevo_url.removesuffix("/v3")) as wire:
        yield Place(sandbox, wire, tmp_path_factory.mktemp("model"))


def _live(place: Place, mode: str, *, lives: int, steps: int) -> None:
    machine = type(f"{mode.title()}Machine", (Machine,), {"mode": mode, "place": place})
    seed = os.environ.get("MODEL_SEED")
    run_state_machine_as_test(
        hypothesis.seed(int(seed))(machine) if seed else machine,
        settings=settings(
            max_examples=lives,
            stateful_step_count=steps,
            # The same lives each time, so that a build does not fail by chance.
            derandomize=seed is None,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("mode", MODES)
def test_at_rest_brevo_is_as_the_source_says(place: Place, mode: str) -> None:
    """A short life of an audience; S01 holds in each of its runs."""
    _live(place, mode, lives=1, steps=20)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", MODES)
def test_at_rest_brevo_is_as_the_source_says_after_long_lives(place: Place, mode: str) -> None:
    """Other lives with MODEL_SEED=<number>; ten thousand steps with MODEL_LIVES=25."""
    _live(place, mode, lives=int(os.environ.get("MODEL_LIVES", "3")), steps=100)
