"""`tajo ledger`: what Brevo has accepted is copied, put back and shown by commands."""

import stat
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tajo_sf_pipeline_tests.engine import Engine
from tajo_sf_pipeline_tests.workspaces import Ran, Workspace

DAY = date(2026, 11, 20)
SCHEMA = pa.schema({"email": pa.string(), "points": pa.int64()})


def _engine(workspace: Workspace) -> Engine:
    mapping = {"email": "email", "points": "POINTS"}
    workspace.audience("people", "SELECT email, points FROM people", mapping)
    return Engine.of(workspace, "people", SCHEMA)


def _rows(points: int) -> list[dict[str, object]]:
    return [{"email": "ann@example.com", "points": points}, {"email": "bob@example.com"}]


@pytest.fixture
def people(workspace: Workspace) -> Workspace:
    """Give a workspace whose audience has synced twice."""
    workspace.brevo.attributes(POINTS="float")
    for points in (7, 1):
        _engine(workspace).run(_rows(points), DAY)
    return workspace


def _ledger(workspace: Workspace, *arguments: object) -> Ran:
    return workspace.tajo("ledger", *map(str, arguments))


def test_a_backup_that_is_restored_sends_nothing_again(people: Workspace, tmp_path: Path) -> None:
    """Though the ledger was lost meanwhile; what stood in its place is kept beside it."""
    copy, ledger = tmp_path / "backups" / "people.duckdb", people.paths("people").ledger
    ran = _ledger(people, "backup", "people", copy, "--json")
    assert (0, {"audience": "people", "copy": str(copy)}) == (ran.code, ran.json())
    assert "-rw-------" == _mode(copy)
    ledger.unlink()
    assert "Brevo has accepted no row" in _ledger(people, "show", "people", "ann@example.com").out
    ran = _ledger(people, "restore", "people", copy)
    assert (0, f"{copy} -> {ledger}\n") == (ran.code, ran.out)
    assert ledger.with_suffix(".before-restore").exists()
    before = people.brevo.writes()
    run = _engine(people).run(_rows(1), DAY)
    assert (2, 0, before) == (run.unchanged, run.planned, people.brevo.writes())


def _mode(path: Path) -> str:
    return stat.filemode(path.stat().st_mode)


def test_show_tells_the_last_two_payloads_of_a_row(people: Workspace) -> None:
    """And the run, the moment and the source row that they came from."""
    told = _ledger(people, "show", "people", "ann@example.com", "--json").json()
    assert ("ann@example.com", True, "update") == (told["key"], told["present"], told["action"])
    assert '"POINTS":1' in told["payload"]
    assert '"POINTS":7' in told["payload_before"]
    assert DAY.isoformat() == told["sync_date"]
    shown = _ledger(people, "show", "people", "ann@example.com")
    assert (0, True) == (shown.code, "payload_before" in shown.out)
    nobody = _ledger(people, "show", "people", "eve@example.com", "--json")
    assert (0, {}) == (nobody.code, nobody.json())


def _newer(path: Path) -> None:
    with duckdb.connect(path) as database:
        database.execute("UPDATE schema_version SET version = 99")


def _corrupt(path: Path) -> None:
    path.write_bytes(b"not a ledger" * 1000)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("damage", "code"), [(_newer, "TAJO-143"), (_corrupt, "TAJO-144"), (_cut, "TAJO-144")]
)
def test_a_file_that_cannot_be_read_is_refused_by_name(
    people: Workspace, tmp_path: Path, damage: Callable[[Path], None], code: str
) -> None:
    """As a copy it replaces nothing; as the ledger it is neither begun anew nor written over."""
    copy, ledger = tmp_path / "copy.duckdb", people.paths("people").ledger
    _ledger(people, "backup", "people", copy)
    good = ledger.read_bytes()
    damage(copy)
    refused = _ledger(people, "restore", "people", copy)
    assert (2, True, True) == (refused.code, code in refused.err, str(copy) in _flat(refused.err))
    assert good == ledger.read_bytes()
    damage(ledger)
    bad = ledger.read_bytes()
    for arguments in (("show", "people", "ann@example.com"), ("backup", "people", tmp_path / "b")):
        refused = _ledger(people, *arguments)
        assert (2, True) == (refused.code, code in refused.err)
        assert str(ledger) in _flat(refused.err)
    assert bad == ledger.read_bytes()
    assert not (tmp_path / "b").exists()


def _flat(text: str) -> str:
    """Undo the line breaks of a message."""
    return "".join(text.split())


def test_what_is_not_there_is_told(workspace: Workspace, tmp_path: Path) -> None:
    """No audience of that name, no ledger yet, no such copy."""
    _engine(workspace)
    assert [(2, "TAJO-111"), (2, "TAJO-147"), (2, "TAJO-148")] == [
        (ran.code, ran.err[:8])
        for ran in (
            _ledger(workspace, "backup", "nobody", tmp_path / "a"),
            _ledger(workspace, "backup", "people", tmp_path / "a"),
            _ledger(workspace, "restore", "people", tmp_path / "a"),
        )
    ]
    assert not (tmp_path / "a").exists()
