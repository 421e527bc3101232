"""Every error's code has its row in the runbook, and every row its error (S17)."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_s17_the_runbook_has_a_row_for_each_code() -> None:
    """Who looks a code up finds it; nobody reads of a code that is never raised."""
    product = (ROOT / "tajo_sf_pipeline").rglob("*.py")
    raised = {code for file in product for code in re.findall(r"TAJO-\d{3}", file.read_text())}
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    assert raised == set(re.findall(r"^\| (TAJO-\d{3}) \|", runbook, re.MULTILINE))
