"""A PostgreSQL server of Debian's packages, for a test module, in a temporary folder."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tajo_sf_pipeline.sandbox.servers import free_ports

INSTANCE_FILE = Path(__file__).parents[1] / "deploy" / "dagster.postgres.yaml"
MISSING = "there is no PostgreSQL here: apt-get install postgresql"
_ATTEMPTS = 5  # another process may take the port between its choice and its use
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # Nothing here outlives the test.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


def _binaries() -> Path | None:
    """Find the newest PostgreSQL: Debian keeps its servers off the PATH."""
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(debian, key=lambda path: float(path.parts[4]))[-1:]
    found = newest or [Path(path) for path in [shutil.which("initdb")] if path]
    return found[0].resolve().parent if found else None


BINARIES = _binaries()


@contextmanager
def serving() -> Iterator[str]:
    """Run a server on a free port of 127.0.0.1, and give the address of its database."""
    assert BINARIES is not None
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if user:
        shutil.chown(folder, user)
    data, log = folder / "data", folder / "log"
    try:
        _run("initdb", "-D", data, "-U", "dagster", "-A", "trust", "-E", "UTF8", "--no-sync")
        port = _started(data, log)
        try:
            yield f"postgresql+psycopg2://dagster@127.0.0.1:{port}/postgres"
        finally:
            _run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def _started(data: Path, log: Path) -> int:
    for attempt in range(_ATTEMPTS):
        port, _ = free_ports()
        settings = " ".join(f"-c {name}={value or repr('')}" for name, value in _SETTINGS.items())
        options = f"-p {port} {settings}"
        try:
            _run("pg_ctl", "-D", data, "-l", log, "-t", "60", "-w", "-o", options, "start")
        except subprocess.CalledProcessError:
            if attempt + 1 == _ATTEMPTS:
                raise RuntimeError(log.read_text()) from None
        else:
            return port
    raise AssertionError


def _run(program: str, *arguments: str | Path) -> None:
    assert BINARIES is not None
    subprocess.run(
        [BINARIES / program, *arguments],
        user=_user(),
        cwd="/",
        check=True,
        stdout=subprocess.DEVNULL,  # a pipe would stay open as long as the server
        stderr=subprocess.DEVNULL,
    )


def _user() -> str | None:
    """PostgreSQL does not run as root: its package's user does, else whoever we are."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
