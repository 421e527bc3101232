"""What is kept, and what goes: files by their age, closed letters by theirs."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from tajo_sf_pipeline.places import Places
from tajo_sf_pipeline.settings import Retention
from tajo_sf_pipeline.sync.dead_letters import VALIDATION, DeadLetters
from tajo_sf_pipeline.sync.letter import Filter
from tajo_sf_pipeline.sync.retention import prune

DAY = date(2026, 11, 20)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
KEPT = Retention(extracts=timedelta(days=10), dead_letters=timedelta(days=30))


def _files(places: Places, *, age: timedelta) -> list[Path]:
    files = [
        places.extract(DAY),
        places.mapped(DAY),
        places.rejected(DAY),
        places.plan(DAY, "run"),
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.utime(file, ((NOW - age).timestamp(),) * 2)
    return files


def test_s14_files_of_people_go_when_they_are_old(tmp_path: Path) -> None:
    """Extract, mapping, rejects and plans alike; by when they were written, not by their date."""
    old = _files(places := Places(tmp_path, "vips"), age=timedelta(days=11))
    ledger = places.ledger
    ledger.parent.mkdir()
    ledger.touch()
    os.utime(ledger, (0, 0))
    assert sorted(old) == sorted(prune(places, KEPT, NOW))
    assert [ledger] == [file for file in tmp_path.rglob("*") if file.is_file()]


def test_young_files_and_those_of_other_audiences_stay(tmp_path: Path) -> None:
    """Another audience's run removes its own."""
    young = _files(Places(tmp_path, "vips"), age=timedelta(days=9))
    others = _files(Places(tmp_path, "others"), age=timedelta(days=11))
    assert [] == prune(Places(tmp_path, "vips"), KEPT, NOW)
    assert [True] * 8 == [file.exists() for file in (*young, *others)]


def test_s14_closed_letters_go_when_they_are_old(tmp_path: Path) -> None:
    """Those of the whole workspace; open ones stay however old they are."""
    places = Places(tmp_path, "vips")
    letters = DeadLetters(places.letters)
    rows = pa.table({"key": ["a@example.com", "b@example.com"], "reason": ["no", "no"]})
    letters.add(rows, audience="others", sync_date=DAY, run_id="run", kind=VALIDATION)
    letters.close(["a@example.com"], audience="others", run_id="later")
    soon, late = (datetime.now(UTC) + timedelta(days=days) for days in (29, 31))
    prune(places, KEPT, soon)
    assert 2 == letters.count(Filter())
    prune(places, KEPT, late)
    assert ["b@example.com"] == [letter.key for letter in letters.find(Filter())]
