"""The model's longer lives, one half: audiences whose query gives every contact."""

import pytest

from tajo_sf_pipeline_tests.reliability import lives
from tajo_sf_pipeline_tests.reliability.lives import Place

STEPS = {"upsert": 2_000, "mirror": 2_000, "insert": 900, "update": 900}


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", STEPS)
def test_long_lives(place: Place, mode: str) -> None:
    """The steps are counted as they are taken: hypothesis may stop before its maximum."""
    lives.live(place, mode, STEPS[mode])
    assert STEPS[mode] <= place.steps[mode]
