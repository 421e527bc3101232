"""docs/sandbox.md against what the local servers can be told."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from tajo_sf_pipeline.sandbox.brevo import faults as brevo_faults
from tajo_sf_pipeline.sandbox.brevo import settings as brevo_settings
from tajo_sf_pipeline.sandbox.brevo.people import DEEDS
from tajo_sf_pipeline.sandbox.brevo.report_bodies import BODIES
from tajo_sf_pipeline.sandbox.brevo.shapes import SHAPES
from tajo_sf_pipeline.sandbox.snowflake import faults as snowflake_faults
from tajo_sf_pipeline.sandbox.snowflake import settings as snowflake_settings

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)))
SWITCHES = {
    "settings of Brevo": [field.name for field in fields(brevo_settings.Settings)],
    "faults of Brevo": list(brevo_faults.FAULTS),
    "shapes": list(SHAPES),
    "reports": list(BODIES),
    "deeds": list(DEEDS),
    "settings of Snowflake": [field.name for field in fields(snowflake_settings.Settings)],
    "faults of Snowflake": list(snowflake_faults.FAULTS),
}


@pytest.mark.parametrize("kind", SWITCHES)
def test_every_switch_stands_on_the_page(kind: str) -> None:
    """Whoever writes a test finds what there is without reading the servers."""
    assert [] == [name for name in SWITCHES[kind] if name not in NAMED]
