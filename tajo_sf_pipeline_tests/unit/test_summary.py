"""A run in numbers."""

from dataclasses import replace

import pytest

from tajo_sf_pipeline.state.run_summary import Planned, Summary

RUN = Summary(
    audience="vips",
    sync_date="2026-03-01",
    run_id="run",
    extracted=100,
    rejected=5,
    created=20,
    updated=10,
    stale=3,
    unchanged=60,
    confirmed=25,
    failed=4,
    pending=1,
    api_calls=7,
    seconds=1.5,
    skipped_by_mode=2,
)


def test_s01_a_run_whose_rows_are_all_somewhere() -> None:
    """Every extracted row is judged once, and every planned one is settled once."""
    assert RUN.conserved


@pytest.mark.parametrize(
    "count",
    [
        "extracted",
        "rejected",
        "created",
        "updated",
        "stale",
        "unchanged",
        "confirmed",
        "failed",
        "pending",
        "skipped_by_mode",
    ],
)
def test_s01_a_row_that_is_lost_or_counted_twice(count: str) -> None:
    """Any count that is off by one breaks the sum."""
    assert not replace(RUN, **{count: getattr(RUN, count) + 1}).conserved


def test_json_has_the_names_that_scripts_rely_on() -> None:
    """The keys of `tajo connectors sync --json` are a contract."""
    contract = {
        "audience": "vips",
        "sync_date": "2026-03-01",
        "run_id": "run",
        "extracted": 100,
        "rejected": 5,
        "stale": 3,
        "unchanged": 60,
        "skipped_by_mode": 2,
        "planned": 30,
        "confirmed": 25,
        "failed": 4,
        "pending": 1,
        "removed": 0,
        "api_calls": 7,
        "seconds": 1.5,
    }
    assert contract == {name: RUN.as_json().get(name) for name in contract}


def test_counts_are_the_whole_numbers() -> None:
    """Names, seconds and what is told in words are not counts."""
    assert {
        "audience",
        "sync_date",
        "run_id",
        "seconds",
        "path",
        "outcome",
        "accepted_guards",
        "differences",
    } == RUN.as_json().keys() - RUN.counts.keys()


def test_writes_are_creates_and_updates() -> None:
    """Unchanged and stale rows are not written."""
    assert 5 == Planned(create=2, update=3, unchanged=7, stale=11).writes
