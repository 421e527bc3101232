"""A virtual environment for each peer, made by pip once and kept in a cache folder."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tajo-benchmarks"


class NotInstallableError(Exception):
    """pip could not install a peer; the message is its own last line."""


def environment(cache: Path, packages: Sequence[str]) -> Path:
    """Give the interpreter of an environment that has the packages; the first names it."""
    folder = cache / "environments" / _named(packages[0])
    python, wanted = folder / "bin" / "python", json.dumps([sys.version, *packages])
    made_for = folder / "packages.json"
    if made_for.exists() and made_for.read_text() == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    # Ours has a pip: another one in each of them would only cost time.
    _do(sys.executable, "-m", "venv", "--without-pip", str(folder))
    _do(*_pip(python), "install", "--quiet", *packages)
    made_for.write_text(wanted)
    return python


def versions(python: Path, packages: Sequence[str]) -> list[str]:
    """Give name and version of what was installed under the names that were asked for."""
    listed = json.loads(_do(*_pip(python), "list", "--format", "json"))
    asked = set(map(_named, packages))
    return [f"{one['name']} {one['version']}" for one in listed if one["name"] in asked]


def _pip(python: Path) -> list[str]:
    of_ours = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    return [*of_ours, "--python", str(python)]


def _named(package: str) -> str:
    return package.partition("=")[0].partition("[")[0]


def _do(*command: str) -> str:
    ran = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own
    if ran.returncode:
        lines = (ran.stderr or ran.stdout).strip().splitlines()
        raise NotInstallableError(lines[-1] if lines else f"{command[0]} failed")
    return ran.stdout
