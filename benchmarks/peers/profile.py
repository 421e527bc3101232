"""Where the time of ours goes: py-spy's stacks of one first sync, summed by stage."""

import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from benchmarks.peers import environments, process
from benchmarks.peers.contenders import TAJO, Job

_HERTZ = 100
_FRAME = re.compile(r" \((?:.*/)?tajo_sf_pipeline/([\w/]+)\.py:\d+\)$")
# The innermost frame of ours names the stage, by its module; a folder stands for what is in it.
STAGES: Mapping[str, str] = {
    "mapping/duplicates": "mapping: rows with the same key",
    "mapping": "mapping: rows to payloads",
    "parquet": "Parquet: the extract read, the mapped rows written",
    "sync/plan": "plan: read back and cut into parts",
    "sync/plan_file": "plan: read back and cut into parts",
    "sync/diff": "plan: compared with the ledger",
    "sync/ledger": "ledger: what was accepted",
    "sync/ledger_file": "ledger: what was accepted",
    "sync/dead_letters": "dead letters",
    "brevo/bodies": "bodies: payloads cut and joined",
    "brevo": "HTTP: requests and their answers",
}
START, _OTHERS = "start-up: Python and its imports", "everything else"


class NotAllowedError(Exception):
    """This machine does not let one process look at another."""


def shares(cache: Path, job: Job) -> dict[str, float]:
    """Run ours under py-spy; give each stage's share of the main thread's time, largest first."""
    python = environments.environment(cache, ("py-spy",))
    stacks = job.folder / "stacks.txt"
    command = [str(python.parent / "py-spy"), "record", "--format", "raw", "--output", str(stacks)]
    command += ["--rate", str(_HERTZ), "--idle", "--threads"]
    TAJO.prepare(job)
    ran = process.run(
        [*command, "--", *TAJO.command(Path(sys.executable), job)],
        folder=job.folder,
        environment={"HOME": str(job.folder)},
    )
    if ran.code or not stacks.exists():
        raise NotAllowedError(ran.output.strip().splitlines()[-1])
    return summed(stacks.read_text())


def summed(stacks: str) -> dict[str, float]:
    """Sum py-spy's raw lines, ``frame;frame;frame count``, by stage."""
    counted: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        if "MainThread" in thread:
            counted[_stage(frames)] += int(count)
    total = counted.total()
    return {stage: count / total for stage, count in counted.most_common()}


def _stage(frames: list[str]) -> str:
    if any("importlib" in frame for frame in frames):
        return START
    for frame in reversed(frames):
        if found := _FRAME.search(frame):
            module = found[1]
            return STAGES.get(module) or STAGES.get(module.partition("/")[0]) or _OTHERS
    return START
