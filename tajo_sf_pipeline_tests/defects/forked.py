"""Runs tests in a fork of itself for each line of its input: libraries are imported only once.

python -m tajo_sf_pipeline_tests.defects.forked, in a copy of the repository. A line is a list of
pytest's arguments, as JSON; the answer is a line with the exit code and what pytest printed.
"""

import importlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

# What costs seconds; nothing of ours, which the fork imports with the defect in it.
_LIBRARIES = (
    "dagster",
    "duckdb",
    "httpx",
    "phonenumbers",
    "pyarrow.compute",
    "pyarrow.json",
    "pyarrow.parquet",
    "snowflake.connector",
    "sqlglot.optimizer.scope",
    "typer",
)
SECONDS = 300  # of the tests of one defect: one that lets them hang is found
TIMED_OUT = 1


def main() -> None:
    for name in _LIBRARIES:
        importlib.import_module(name)
    ours = [name for name in sys.modules if name.startswith("tajo_sf_pipeline.")]
    assert [] == ours, ours
    for line in sys.stdin:
        with tempfile.NamedTemporaryFile(suffix=".txt") as printed:
            child = os.fork()
            if not child:
                _test(json.loads(line), printed.fileno())
            code = _awaited(child)
            text = Path(printed.name).read_text(encoding="utf-8", errors="replace")
        sys.stdout.write(json.dumps([code, text]) + "\n")
        sys.stdout.flush()


def _test(arguments: list[str], output: int) -> NoReturn:
    """Become pytest, in a group of processes that can be ended together."""
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    import pytest

    code = int(pytest.main(arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _awaited(child: int) -> int:
    """Wait for pytest's exit code; what hangs is ended, with all that it started."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return TIMED_OUT


if __name__ == "__main__":
    main()
