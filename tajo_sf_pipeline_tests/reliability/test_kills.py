"""S05: a sync is killed at each of its steps and at random instants, and run again."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline_tests.reliability import kills
from tajo_sf_pipeline_tests.reliability.kills import ONCE, STEPS_OF, Outcome, Scene

_SECONDS = 25  # for the random instants of each kind


@pytest.fixture(scope="module")
def contacts(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Map as many contacts as go by import."""
    with kills.scene(sandbox, tmp_path_factory.mktemp("contacts"), "contacts", 1_000) as played:
        yield played


@pytest.fixture(scope="module")
def events(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Map a few batches of events."""
    with kills.scene(sandbox, tmp_path_factory.mktemp("events"), "events", 250) as played:
        yield played


@pytest.mark.parametrize("step", STEPS_OF["contacts"])
def test_s05_no_contact_is_lost(contacts: Scene, step: str) -> None:
    """What is sent twice is at most the window in flight, and only where nobody knew its number."""
    outcome = contacts.trial(kills.nobody, kills.at_step(step, 1))
    assert (True, 0) == (outcome.died, outcome.lost)
    assert (outcome.window if step == "call.sent" else 0) == outcome.repeated


@pytest.mark.parametrize("step", STEPS_OF["events"])
def test_s05_no_event_is_lost_or_sent_twice(events: Scene, step: str) -> None:
    """With `hold`, at most the window in flight waits for a person."""
    outcome = events.trial(kills.nobody, kills.at_step(step, 1 if step in ONCE else 2))
    assert (True, 0, 0) == (outcome.died, outcome.lost, outcome.repeated)
    assert (outcome.window if step == "journal.written" else 0) == outcome.held


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_s05_at_any_instant(sandbox: Sandbox, tmp_path: Path) -> None:
    """Every step, and as many random instants as there is time for, at most KILLS=<number>."""
    lines = kills.matrix(
        sandbox,
        tmp_path,
        rows=kills.ROWS,
        instants=int(os.environ.get("KILLS", "100")),
        seed=1,
        reached=(1,),
        seconds=_SECONDS,
    )
    for line in lines:
        print(line)  # noqa: T201 - shown with the build's output
        assert all(_holds(outcome) for outcome in line.outcomes), line


def _holds(outcome: Outcome) -> bool:
    return outcome.lost == 0 and outcome.repeated + outcome.held <= outcome.window
