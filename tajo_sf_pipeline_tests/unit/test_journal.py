"""The journal of what is in flight: what a later run finds of what an earlier one wrote (S05)."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tajo_sf_pipeline.engine import recovery
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.state.base import InFlightBatch
from tajo_sf_pipeline.state.journal import VERSION, Journal
from tajo_sf_pipeline.storage import arrow_file
from tajo_sf_pipeline.storage.paths import Paths

WINDOW = InFlightBatch(
    number=0,
    run_id="run",
    plan="/home/plans/vips/plan.arrow",
    route="import",
    category="plain",
    list_id=7,
    first=0,
    rows=2,
    digest="0f",
    at=1_700_000_000.5,
)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Return the places of an audience that has never synced."""
    return Paths(tmp_path / "home", "vips")


def test_s05_a_later_run_finds_what_an_earlier_one_left_open(paths: Paths) -> None:
    """Each window with all that is needed to settle it, and the processes that Brevo gave."""
    journal = Journal(paths)
    numbers = [journal.begin(WINDOW) for _ in range(3)]
    journal.started(numbers[1], 41, 42)
    journal.settled(numbers[0])
    found = [(window.number, window.processes) for window in Journal(paths).unsettled]
    assert [(2, (41, 42)), (3, ())] == found
    [_, last] = Journal(paths).unsettled
    assert (WINDOW.run_id, WINDOW.plan, WINDOW.list_id, WINDOW.first, WINDOW.rows, WINDOW.at) == (
        *(last.run_id, last.plan, last.list_id, last.first, last.rows, last.at),
    )


def test_s05_a_later_run_writes_over_no_window(paths: Paths) -> None:
    """Its numbers begin behind those that are still open."""
    Journal(paths).begin(WINDOW)
    later = Journal(paths)
    assert 2 == later.begin(WINDOW)
    assert [1, 2] == [window.number for window in Journal(paths).unsettled]


def test_s05_a_journal_goes_with_its_last_window(paths: Paths) -> None:
    """What is settled stays settled for the next run; a file without windows is no file."""
    journal = Journal(paths)
    for number in [journal.begin(WINDOW), journal.begin(WINDOW)]:
        assert paths.journal.exists()
        journal.settled(number)
    assert not paths.journal.exists()
    assert () == Journal(paths).unsettled


def _plan(folder: Path, name: str) -> Path:
    keys = [f"{name}{number}@example.com" for number in range(3)]
    rows = pa.record_batch({"_key": pa.array(keys)})
    arrow_file.write(folder / name, rows.schema, [rows])
    return folder / name


def test_rows_of_open_windows_are_in_flight(paths: Paths, tmp_path: Path) -> None:
    """Those rows of the plan, and no others; a plan that is gone holds nothing back."""
    journal = Journal(paths)
    for plan in (_plan(tmp_path, "a"), tmp_path / "gone"):
        journal.begin(replace(WINDOW, plan=str(plan), first=1))
    assert [
        {"key": f"a{number}@example.com", "fingerprint": None, "why": "pending"}
        for number in (1, 2)
    ] == recovery.still_in_flight(journal).to_pylist()


def test_s14_only_plans_that_are_waited_for_stay(paths: Paths) -> None:
    """A plan holds personal data: that of a run that was killed goes with the next run."""
    journal, folder = Journal(paths), paths.plans
    folder.mkdir(parents=True)
    for name in ("kept", "left"):
        _plan(folder, name)
    journal.begin(replace(WINDOW, plan=str(folder / "kept")))
    recovery.clear(folder, journal)
    assert ["kept"] == [file.name for file in folder.iterdir()]


# -- Where a plan is


def _lines(paths: Paths) -> list[dict[str, Any]]:
    return [json.loads(line) for line in paths.journal.read_text().splitlines()]


def _place_of_plan(paths: Paths) -> str:
    [window] = Journal(paths).unsettled
    return window.plan


def _written_by_0_1(paths: Paths, plan: Path) -> None:
    """Put a line there in which a plan has its absolute path."""
    Journal(paths).begin(WINDOW)
    [line] = _lines(paths)
    del line["sent"]["version"]
    line["sent"]["plan"] = str(plan)
    paths.journal.write_text(f"{json.dumps(line)}\n")


def test_s05_a_journal_moves_with_its_folder(paths: Paths, tmp_path: Path) -> None:
    """Its line names the plan from the home on; who reads it has it where the home is now."""
    Journal(paths).begin(replace(WINDOW, plan=str(paths.plans / "a.arrow")))
    [line] = _lines(paths)
    assert (VERSION, "plans/vips/a.arrow") == (line["sent"]["version"], line["sent"]["plan"])
    moved = Paths(paths.home.rename(tmp_path / "moved"), "vips")
    assert str(moved.plans / "a.arrow") == _place_of_plan(moved)


def test_s05_a_plan_that_0_1_named_is_looked_for_where_the_folder_is(
    paths: Paths, tmp_path: Path
) -> None:
    """Under the audience's plans, also where the absolute path still leads to one."""
    paths.plans.mkdir(parents=True)
    _written_by_0_1(paths, _plan(tmp_path, "a"))
    _plan(paths.plans, "a")
    assert str(paths.plans / "a") == _place_of_plan(paths)


def test_s05_a_plan_that_0_1_named_may_be_where_it_was(paths: Paths, tmp_path: Path) -> None:
    """Nothing of that name is in the folder: the line is taken at its word."""
    _written_by_0_1(paths, _plan(tmp_path, "a"))
    assert str(tmp_path / "a") == _place_of_plan(paths)


def test_rows_in_flight_are_known_to_who_plans_apart(paths: Paths, tmp_path: Path) -> None:
    """A dry run has a folder of its own, and the plans that are waited for are not in it."""
    paths.plans.mkdir(parents=True)
    _plan(paths.plans, "a")
    _written_by_0_1(paths, tmp_path / "gone" / "a")
    Journal(paths).begin(replace(WINDOW, plan=str(_plan(paths.plans, "b"))))
    apart = replace(paths, scratch=tmp_path / "scratch")
    assert 4 == recovery.still_in_flight(Journal(apart)).num_rows


def test_a_journal_of_a_later_version_is_refused(paths: Paths) -> None:
    """As other stores are; it stays as it is."""
    Journal(paths).begin(WINDOW)
    text = re.sub(r'"version": \d+', '"version": 99', paths.journal.read_text())
    paths.journal.write_text(text)
    with pytest.raises(ConfigurationError, match="version 99") as refused:
        Journal(paths)
    assert ("TAJO-158", text) == (refused.value.code, paths.journal.read_text())
