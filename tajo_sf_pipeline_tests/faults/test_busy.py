"""Somebody else has it, or this machine takes no more: a command's exit code says which."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tajo_sf_pipeline.defs import one_run
from tajo_sf_pipeline.state import writer_lock
from tajo_sf_pipeline_tests.workspaces import Ran, Workspace

_HOLD = """
import sys
from pathlib import Path
from tajo_sf_pipeline.state.writer_lock import one_writer

with one_writer(Path(sys.argv[1]), "run-of-another"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def people(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Give a workspace of one audience, whose syncs wait for others only a moment."""
    monkeypatch.setattr(writer_lock, "_PATIENCE", 0.2)
    table = workspace.table("people", "email", [["ada@example.com"]])
    workspace.audience("people", f"SELECT email FROM {table}", {"email": "email"})
    return workspace


@contextmanager
def _writing(ledger: Path) -> Iterator["subprocess.Popen[str]"]:
    """Let another process be the audience's writer until it reads a line."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, ledger],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            assert child.stdout is not None
            assert "held\n" == child.stdout.readline()
            yield child
        finally:
            child.kill()


def _sync(workspace: Workspace, *options: str) -> Ran:
    return workspace.tajo("connectors", "sync", "snowflake", *options)


def test_s17_a_second_writer_ends_with_5_and_says_who_holds_it(people: Workspace) -> None:
    """It has waited; it names process and run, writes nothing, and goes well later."""
    with _writing(people.paths("people").ledger) as child:
        ran = _sync(people)
        assert (5, True) == (ran.code, "TAJO-145" in ran.err), ran.err
        assert f"syncing people: process {child.pid} on " in ran.err
        assert "run run-of-another" in ran.err
        [told] = _sync(people, "--json").json()
        assert ("busy", "TAJO-145") == (told["error"]["kind"], told["error"]["code"])
        assert {} == people.brevo.contacts()
    assert [1] == [run["confirmed"] for run in people.sync()]


def test_s17_a_writer_that_was_killed_holds_nothing(people: Workspace) -> None:
    """The lock went with it, whatever it left written beside it."""
    ledger = people.paths("people").ledger
    with _writing(ledger) as child:
        child.kill()
        child.wait()
    assert ledger.with_suffix(".holder").exists()
    assert 0 == _sync(people).code
    assert not ledger.with_suffix(".holder").exists()


def test_s17_a_ledger_command_waits_for_the_writer_too(people: Workspace, tmp_path: Path) -> None:
    """A copy of a ledger that is being written is not made: 5, and who writes it."""
    assert 0 == _sync(people).code
    with _writing(people.paths("people").ledger) as child:
        ran = people.tajo("ledger", "backup", "people", str(tmp_path / "copy"))
    assert (5, True) == (ran.code, f"process {child.pid} on " in ran.err), ran.err


def test_s17_a_second_run_of_a_date_ends_with_5(
    people: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever started the first one; it is named."""
    monkeypatch.setattr(one_run.OneRun.hold, "__defaults__", (0.2,))
    lock = people.home / "locks" / "people" / f"{people.settings().today()}.lock"
    with _writing(lock) as child:
        ran = _sync(people)
    assert (5, True) == (ran.code, "TAJO-162" in ran.err), ran.err
    assert f"process {child.pid} on " in ran.err


def test_s17_a_home_that_cannot_be_made_ends_with_6(people: Workspace) -> None:
    """The person mends this machine's folders, and not the configuration."""
    people.home.write_text("a file where the folder should be")
    ran = _sync(people)
    assert (6, True) == (ran.code, "TAJO-141" in ran.err), ran.err
    assert "Traceback" not in ran.err


def test_s17_a_copy_that_cannot_be_written_ends_with_6(people: Workspace, tmp_path: Path) -> None:
    """The ledger is well; the place of its copy is not."""
    assert 0 == _sync(people).code
    (tmp_path / "file").write_text("")
    ran = people.tajo("ledger", "backup", "people", str(tmp_path / "file" / "copy"))
    assert (6, True) == (ran.code, "TAJO-149" in ran.err), ran.err
