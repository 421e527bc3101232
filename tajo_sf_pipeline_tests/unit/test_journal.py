"""The journal of what is in flight: what a later run finds of what an earlier one wrote (S05)."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from tajo_sf_pipeline.engine import recovery
from tajo_sf_pipeline.state.journal import InFlightBatch, Journal
from tajo_sf_pipeline.storage import arrow_file

WINDOW = InFlightBatch(
    number=0,
    run_id="run",
    plan="plan.arrow",
    route="import",
    category="plain",
    list_id=7,
    first=0,
    rows=2,
    digest="0f",
    at=1_700_000_000.5,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the place of a journal that does not exist yet."""
    return tmp_path / "ledger" / "vips.journal"


def test_s05_a_later_run_finds_what_an_earlier_one_left_open(path: Path) -> None:
    """Each window with all that is needed to settle it, and the processes that Brevo gave."""
    journal = Journal(path)
    numbers = [journal.begin(WINDOW) for _ in range(3)]
    journal.started(numbers[1], 41, 42)
    journal.settled(numbers[0])
    found = [(window.number, window.processes) for window in Journal(path).unsettled]
    assert [(2, (41, 42)), (3, ())] == found
    [_, last] = Journal(path).unsettled
    assert (WINDOW.run_id, WINDOW.plan, WINDOW.list_id, WINDOW.first, WINDOW.rows, WINDOW.at) == (
        *(last.run_id, last.plan, last.list_id, last.first, last.rows, last.at),
    )


def test_s05_a_later_run_writes_over_no_window(path: Path) -> None:
    """Its numbers begin behind those that are still open."""
    Journal(path).begin(WINDOW)
    later = Journal(path)
    assert 2 == later.begin(WINDOW)
    assert [1, 2] == [window.number for window in Journal(path).unsettled]


def test_s05_a_journal_goes_with_its_last_window(path: Path) -> None:
    """What is settled stays settled for the next run; a file without windows is no file."""
    journal = Journal(path)
    for number in [journal.begin(WINDOW), journal.begin(WINDOW)]:
        assert path.exists()
        journal.settled(number)
    assert not path.exists()
    assert () == Journal(path).unsettled


def _plan(folder: Path, name: str) -> Path:
    keys = [f"{name}{number}@example.com" for number in range(3)]
    rows = pa.record_batch({"_key": pa.array(keys)})
    arrow_file.write(folder / name, rows.schema, [rows])
    return folder / name


def test_rows_of_open_windows_are_in_flight(path: Path, tmp_path: Path) -> None:
    """Those rows of the plan, and no others; a plan that is gone holds nothing back."""
    journal = Journal(path)
    for plan in (_plan(tmp_path, "a"), tmp_path / "gone"):
        journal.begin(replace(WINDOW, plan=str(plan), first=1))
    assert [
        {"key": f"a{number}@example.com", "fingerprint": None, "why": "pending"}
        for number in (1, 2)
    ] == recovery.still_in_flight(journal).to_pylist()


def test_s14_only_plans_that_are_waited_for_stay(path: Path, tmp_path: Path) -> None:
    """A plan holds personal data: that of a run that was killed goes with the next run."""
    journal, folder = Journal(path), tmp_path / "plans"
    folder.mkdir()
    for name in ("kept", "left"):
        _plan(folder, name)
    journal.begin(replace(WINDOW, plan=str(folder / "kept")))
    recovery.clear(folder, journal)
    assert ["kept"] == [file.name for file in folder.iterdir()]
