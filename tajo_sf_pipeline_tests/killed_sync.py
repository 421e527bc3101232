"""A sync in a process of its own, which ends itself by SIGKILL at a named step.

``python -m tajo_sf_pipeline_tests.killed_sync '{"home": ..., "url": ..., "key": ..., ...}'``
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tajo_sf_pipeline.audience.destination import Destination
from tajo_sf_pipeline.state import failpoints
from tajo_sf_pipeline_tests.mapped_rows import Engine, audience
from tajo_sf_pipeline_tests.workspaces import BrevoAccount


def killed(engine: Engine, step: str, times: int = 1) -> None:
    """Sync what is mapped, until the step is reached for the n-th time; there the process dies."""
    told: dict[str, Any] = {
        "home": str(engine.home),
        "url": engine.account.url,
        "key": engine.account.key,
        "name": engine.audience.name,
        "mode": engine.audience.mode,
        "on_uncertain": engine.audience.on_uncertain,
        "destination": engine.audience.destination.model_dump(exclude_none=True),
        "step": step,
        "times": times,
    }
    done = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(told)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert -signal.SIGKILL == done.returncode, done.stderr


def main() -> None:
    """Run the sync that the argument describes."""
    told = json.loads(sys.argv[1])
    left = told["times"]

    def watch(step: str) -> None:
        nonlocal left
        if step == told["step"]:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    failpoints.watcher = watch
    settings = {"mode": told["mode"], "on_uncertain": told["on_uncertain"], "verify": "off"}
    to = TypeAdapter(Destination).validate_python(told["destination"])
    account = BrevoAccount(told["url"], told["key"])
    people = audience(told["name"], destination=to, **settings)
    Engine(Path(told["home"]), account, people).sync(run_id="killed").sync()


if __name__ == "__main__":
    main()
