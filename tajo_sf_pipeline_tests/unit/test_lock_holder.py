"""Who waits for a lock in vain is told who has it, and nothing that is not so."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tajo_sf_pipeline.state.lock_holder import read_holder, remove_holder, write_holder


def test_a_holder_is_named_while_it_holds(tmp_path: Path) -> None:
    """By process, machine and run; afterwards nobody is."""
    lock = tmp_path / "people.lock"
    write_holder(lock, "a-run")
    holder = read_holder(lock)
    assert holder is not None
    assert (os.getpid(), socket.gethostname(), "a-run") == (
        holder.pid,
        holder.host,
        holder.run_id,
    )
    assert f"process {os.getpid()} on " in str(holder)
    assert 0o600 == (tmp_path / "people.holder").stat().st_mode & 0o777
    remove_holder(lock)
    assert None is read_holder(lock)


def test_who_was_killed_is_not_named(tmp_path: Path) -> None:
    """What a killed holder has left is not taken for the one that came after it."""
    lock = tmp_path / "people.lock"
    write_holder(lock)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = json.loads((tmp_path / "people.holder").read_text())
    (tmp_path / "people.holder").write_text(json.dumps({**left, "pid": gone.pid}))
    assert None is read_holder(lock)


@pytest.mark.parametrize("text", ["", "{", "{}", "[1]", '{"who": 1}'])
def test_what_cannot_be_read_names_nobody(tmp_path: Path, text: str) -> None:
    """A holder of another version, or one that is just writing, is not an error of who waits."""
    (tmp_path / "people.holder").write_text(text)
    assert None is read_holder(tmp_path / "people.lock")


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (
            ["/bin/tajo", "connectors", "sync", "snowflake", "--json"],
            "tajo connectors sync snowflake",
        ),
        (["/bin/tajo", "connectors", "--store", "secret"], "tajo connectors"),
        (["/bin/tajo", "store", "postgresql://u:secret@h/d"], "tajo store"),
        (
            ["/lib/dagster/__main__.py", "api", "execute_run", '{"run": 1}'],
            "dagster api execute_run",
        ),
        (["/bin/tajo", "a", "b", "c", "d", "e"], "tajo a b c"),
    ],
)
def test_a_command_is_told_up_to_its_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], command: str
) -> None:
    """What follows may be an address or a password."""
    monkeypatch.setattr(sys, "argv", arguments)
    write_holder(tmp_path / "people.lock")
    holder = read_holder(tmp_path / "people.lock")
    assert holder is not None
    assert command == holder.command


def test_a_full_disk_keeps_nobody_from_the_work(tmp_path: Path) -> None:
    """Where the name cannot be written, the lock is held all the same."""
    (tmp_path / "file").write_text("")
    write_holder(tmp_path / "file" / "people.lock")
    remove_holder(tmp_path / "file" / "people.lock")
    assert None is read_holder(tmp_path / "file" / "people.lock")
