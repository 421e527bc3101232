"""The benchmark against the peers, small: it works, and we are not half as fast as we were."""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import NOT_INSTALLABLE

_ROOT = Path(__file__).parents[2]
# How many times the processor seconds of ours a peer took when docs/benchmarks.json was written.
# Seconds of a clock say nothing on a machine that does other things too.
_WRITTEN = _ROOT / "docs" / "benchmarks.json"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_ours_is_not_half_as_fast_beside_the_peers_as_it_was(tmp_path: Path) -> None:
    """A ratio of the processor's time that halves fails, and so does a row that is lost."""
    results = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks", "--scenarios", "s", "--runs", "2"]
    command += ["--only", "tajo,drt,ten-threads", "--results", str(results), "--no-around"]
    ran = subprocess.run(command, cwd=_ROOT, check=False, capture_output=True, text=True)
    if ran.returncode == NOT_INSTALLABLE:
        pytest.skip(ran.stderr.strip().splitlines()[-1])
    assert 0 == ran.returncode, ran.stderr

    found = json.loads(results.read_text())
    written = json.loads(_WRITTEN.read_text())

    assert [] == [one for one in found["results"] if not one["proven"]]
    before, now = _ratios(written), _ratios(found)
    assert set(before) == set(now)
    assert {} == {
        what: (before[what], ratio) for what, ratio in now.items() if ratio < before[what] / 2
    }


def _ratios(document: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Give, by scenario and peer, its processor seconds over ours."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for one in document["results"]:
        if one["scenario"].startswith("smoke"):
            key = (one["scenario"], one["contender"])
            seconds.setdefault(key, []).append(one["processor_seconds"])
    medians = {key: statistics.median(values) for key, values in seconds.items()}
    return {
        (scenario, name): spent / medians[scenario, "tajo"]
        for (scenario, name), spent in medians.items()
        if name != "tajo"
    }
