"""Plant each defect in a copy of the repository, and tell which of them the tests find.

python -m tajo_sf_pipeline_tests.defects [--list] [--jobs N] [TEXT]

`TEXT` chooses the defects whose file or description has it. Ends with 1 if one survives.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tajo_sf_pipeline_tests.defects import forked
from tajo_sf_pipeline_tests.defects.collection import DEFECTS, REPOSITORY
from tajo_sf_pipeline_tests.defects.defect import Defect

_PACKAGES = ("tajo_sf_pipeline", "tajo_sf_pipeline_tests")
# What no test of a defect reads, and what a repository's own tools leave behind.
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
_LEFT_BEHIND = {"dist", "history", "storage", "schedules", "ci-output"}  # at the root alone
# A `found_by` may be marked `long`.
_OPTIONS = ("-p", "no:xdist", "-p", "no:cacheprovider", "-q", "--tb=no", "-m", "long or not long")
_PASSED, _FAILED = 0, 1
_SURVIVED = "SURVIVED"


def _left_out(folder: str, names: list[str]) -> set[str]:
    """Name what is not copied; a package may be called as a folder that a tool leaves behind."""
    return _LEFT_OUT(folder, names) | (_LEFT_BEHIND if Path(folder) == REPOSITORY else set())


@dataclass(slots=True)
class Copy:
    """A copy of the repository, and the process that runs tests in it."""

    folder: Path
    process: "subprocess.Popen[str]"

    @classmethod
    def of_repository(cls, folder: Path) -> "Copy":
        """Copy, and make sure that the packages are imported from the copy, by children too."""
        shutil.copytree(REPOSITORY, folder, ignore=_left_out)
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for package in _PACKAGES:
            program = f"import {package}; print({package}.__file__)"
            command = [sys.executable, "-c", program]
            found = subprocess.check_output(command, cwd=folder, env=environment, text=True)
            if Path(found.strip()).parent != folder / package:
                raise SystemExit(f"{package} is imported from {found.strip()}")
        process = subprocess.Popen(
            [sys.executable, "-m", forked.__name__],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return cls(folder, process)

    def test(self, nodes: Sequence[str], *options: str) -> tuple[int, str]:
        """Run tests one after another; give pytest's exit code and what it printed."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([*_OPTIONS, *options, *nodes]) + "\n")
        self.process.stdin.flush()
        code, printed = json.loads(self.process.stdout.readline())
        return int(code), str(printed)

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    @contextmanager
    def planted(self, number: int, defect: Defect) -> Iterator[None]:
        """Let a defect stand in the copy."""
        path = self.folder / defect.file
        good, stat = path.read_text(encoding="utf-8"), path.stat()
        try:
            path.write_text(with_defect(good, defect), encoding="utf-8")
            # Compiled files are known by size and second: each defect has a second of its own.
            os.utime(path, (stat.st_atime, stat.st_mtime + number))
            yield
        finally:
            path.write_text(good, encoding="utf-8")
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def with_defect(text: str, defect: Defect) -> str:
    """Change the one place; raise where it is not there exactly once."""
    found = text.count(defect.before)
    if found != 1:
        raise SystemExit(f"{defect.file}: {found} times {defect.before!r} ({defect.what})")
    if defect.before == defect.after:
        raise SystemExit(f"{defect.file}: changes nothing ({defect.what})")
    return text.replace(defect.before, defect.after)


def verdict(code: int, printed: str) -> str:
    """Say which test found a defect, or that none did; `ERROR` is where no test ran to its end."""
    named = re.findall(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", printed, flags=re.MULTILINE)
    if code == _PASSED:
        return _SURVIVED
    if code == _FAILED:
        return f"found by {named[0] if named else f'a test that hangs for {forked.SECONDS} s'}"
    return f"ERROR: pytest ended with {code}: {' '.join(printed.split())[-300:]}"


def report(defects: Sequence[Defect], jobs: int) -> bool:
    """Plant all of them, a line for each; tell whether every one was found."""
    with tempfile.TemporaryDirectory(prefix="defects-") as folder, ExitStack() as stack:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(jobs):
            copy = Copy.of_repository(Path(folder) / str(number) / REPOSITORY.name)
            stack.callback(copy.close)
            copies.put(copy)

        def tried(number: int, defect: Defect) -> str:
            copy = copies.get()
            try:
                with copy.planted(number, defect):
                    return verdict(*copy.test(defect.found_by, "-x"))
            finally:
                copies.put(copy)

        nodes = sorted({node for defect in defects for node in defect.found_by})
        code, printed = copy.test(nodes)
        if code != _PASSED:
            raise SystemExit(f"without any defect the tests fail already:\n{printed}")
        _say(f"{len(nodes)} tests pass without a defect")
        found = 0
        with ThreadPoolExecutor(jobs) as pool:
            verdicts = pool.map(tried, range(1, len(defects) + 1), defects)
            for number, (defect, told) in enumerate(zip(defects, verdicts, strict=True), start=1):
                _say(f"{number:3} {defect.file}: {defect.what}: {told}")
                found += told.startswith("found")
    _say(f"{found} of {len(defects)} found")
    return found == len(defects)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tajo_sf_pipeline_tests.defects")
    parser.add_argument("text", nargs="?", default="", help="part of a file or a description")
    parser.add_argument("--list", action="store_true", help="only print what there is")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="copies side by side")
    options = parser.parse_args()
    chosen = [one for one in DEFECTS if options.text in one.file or options.text in one.what]
    if not chosen:
        parser.error(f"no defect has {options.text!r} in its file or description")
    if options.list:
        for number, defect in enumerate(chosen, start=1):
            _say(f"{number:3} {defect.file}: {defect.what}: {', '.join(defect.found_by)}")
        return
    began = time.monotonic()
    all_found = report(chosen, options.jobs)
    _say(f"{time.monotonic() - began:.0f} s")
    raise SystemExit(not all_found)


if __name__ == "__main__":
    main()
