"""What is kept, and what goes: files by their age, closed letters by theirs."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from tajo_sf_pipeline.config.settings import Retention
from tajo_sf_pipeline.engine.retention import prune
from tajo_sf_pipeline.state.dead_letter import Filter
from tajo_sf_pipeline.state.dead_letters import VALIDATION, DeadLetters
from tajo_sf_pipeline.storage.paths import Paths

DAY = date(2026, 11, 20)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
KEPT = Retention(extracts=timedelta(days=10), dead_letters=timedelta(days=30))


def _files(paths: Paths, *, age: timedelta) -> list[Path]:
    files = [
        paths.extract(DAY),
        paths.mapped(DAY),
        paths.rejected(DAY),
        paths.plan(DAY, "run"),
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.utime(file, ((NOW - age).timestamp(),) * 2)
    return files


def test_s14_files_of_people_go_when_they_are_old(tmp_path: Path) -> None:
    """Extract, mapping, rejects and plans alike; by when they were written, not by their date."""
    old = _files(paths := Paths(tmp_path, "vips"), age=timedelta(days=11))
    ledger = paths.ledger
    ledger.parent.mkdir()
    ledger.touch()
    os.utime(ledger, (0, 0))
    assert sorted(old) == sorted(prune(paths, DeadLetters(paths.dead_letters), KEPT, NOW))
    assert [ledger] == [file for file in tmp_path.rglob("*") if file.is_file()]


def test_young_files_and_those_of_other_audiences_stay(tmp_path: Path) -> None:
    """Another audience's run removes its own."""
    young = _files(Paths(tmp_path, "vips"), age=timedelta(days=9))
    others = _files(Paths(tmp_path, "others"), age=timedelta(days=11))
    paths = Paths(tmp_path, "vips")
    assert [] == prune(paths, DeadLetters(paths.dead_letters), KEPT, NOW)
    assert [True] * 8 == [file.exists() for file in (*young, *others)]


def test_s14_closed_letters_go_when_they_are_old(tmp_path: Path) -> None:
    """Those of the whole workspace; open ones stay however old they are."""
    paths = Paths(tmp_path, "vips")
    dead_letters = DeadLetters(paths.dead_letters)
    rows = pa.table({"key": ["a@example.com", "b@example.com"], "reason": ["no", "no"]})
    dead_letters.add(rows, audience="others", sync_date=DAY, run_id="run", kind=VALIDATION)
    dead_letters.close(["a@example.com"], audience="others", run_id="later")
    soon, late = (datetime.now(UTC) + timedelta(days=days) for days in (29, 31))
    prune(paths, DeadLetters(paths.dead_letters), KEPT, soon)
    assert 2 == dead_letters.count(Filter())
    prune(paths, DeadLetters(paths.dead_letters), KEPT, late)
    assert ["b@example.com"] == [dead_letter.key for dead_letter in dead_letters.find(Filter())]
