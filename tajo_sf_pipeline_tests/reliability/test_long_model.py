"""The model's longer lives, in every mode.

Each of twelve defects that were planted in the engine was found within 250 steps of a mode that it
is about. MODEL_STEPS=<number> divides so many among the modes: `make reliability` takes 10,000.
"""

import os

import pytest

from tajo_sf_pipeline_tests.reliability import lives
from tajo_sf_pipeline_tests.reliability.lives import Place

_STEPS = 300
# Of ten thousand steps; the modes in which more can happen have more.
_SHARES = {
    "upsert": 2_000,
    "mirror": 2_000,
    "insert": 900,
    "update": 900,
    "incremental": 1_700,
    "hold": 1_500,
    "resend": 1_000,
}


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", lives.MODES)
def test_long_lives(place: Place, mode: str) -> None:
    """The steps are counted as they are taken: hypothesis may stop before its maximum."""
    total = int(os.environ.get("MODEL_STEPS", "0"))
    steps = total * _SHARES[mode] // sum(_SHARES.values()) or _STEPS
    lives.live(place, mode, steps)
    assert steps <= place.steps[mode]
