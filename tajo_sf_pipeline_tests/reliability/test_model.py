"""Random lives, short ones, and what long ones have shown, in few words; those are beside."""

import pytest

from tajo_sf_pipeline_tests.reliability import lives
from tajo_sf_pipeline_tests.reliability.contacts_world import ContactsWorld
from tajo_sf_pipeline_tests.reliability.lives import Place

# Where it strikes, hypothesis takes it for a defect of the life.
pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("mode", ["mirror", "hold"])
def test_a_short_life(place: Place, mode: str) -> None:
    """S01 to S08, as far as a few steps can tell; long lives are lived in every mode."""
    lives.live(place, mode, steps=20)


def test_who_left_a_mirror_comes_back_on_the_same_date(place: Place) -> None:
    """Such a row is older than the end of the date, and not stale."""
    with place.world("mirror") as world:
        assert isinstance(world, ContactsWorld)
        for key in ("p1@example.com", "p2@example.com"):
            world.change(key, 1.0)
        world.run()
        left = world.source.pop("p1@example.com")
        world.run()
        world.change("p1@example.com", left.points)
        world.rest()


def test_s05_what_a_killed_run_sent_is_taken_back_with_its_source(place: Place) -> None:
    """A value that went out, unknown to the ledger, and is again what the ledger has; a leaver."""
    with place.world("mirror") as world:
        assert isinstance(world, ContactsWorld)
        world.change("p1@example.com", 1.0)
        world.run()
        world.change("p1@example.com", 2.0)
        world.change("p2@example.com", 2.0)
        world.killed_at("call.sent", 2)
        assert {"p1@example.com": 2.0, "p2@example.com": 2.0} == world.held()
        world.change("p1@example.com", 1.0)
        del world.source["p2@example.com"]
        world.rest()


def test_a_run_killed_before_its_first_window_leaves_no_plan_for_ever(place: Place) -> None:
    """Its rows are personal data, and no journal knows of the file."""
    with place.world("upsert") as world:
        assert isinstance(world, ContactsWorld)
        world.change("p1@example.com", 1.0)
        world.killed_at("plan.written", 1)
        assert world.plans()
        world.rest()
