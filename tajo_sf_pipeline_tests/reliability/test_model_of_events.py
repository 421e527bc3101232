"""The model's longer lives, the other half: events, and contacts since the last sync."""

import pytest

from tajo_sf_pipeline_tests.reliability import lives
from tajo_sf_pipeline_tests.reliability.lives import Place

STEPS = {"incremental": 1_700, "hold": 1_500, "resend": 1_000}


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", STEPS)
def test_long_lives(place: Place, mode: str) -> None:
    """The steps are counted as they are taken: hypothesis may stop before its maximum."""
    lives.live(place, mode, STEPS[mode])
    assert STEPS[mode] <= place.steps[mode]
