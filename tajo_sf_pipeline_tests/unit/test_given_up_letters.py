"""Letters that a person ended, and those that were refused again: what runs learn of them."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from tajo_sf_pipeline.state.dead_letter import Filter
from tajo_sf_pipeline.state.dead_letters import MAPPING, UNCERTAIN, VALIDATION, DeadLetters

DAY = date(2026, 11, 21)
JANE, LATER = "jane@example.com", datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def dead_letters(tmp_path: Path) -> DeadLetters:
    """Give a store whose file does not exist yet."""
    return DeadLetters(tmp_path / "letters.sqlite")


def _add(dead_letters: DeadLetters, run: str, kind: str, fingerprint: int, payload: str) -> None:
    rows = pa.table(
        {
            "key": [JANE],
            "reason": ["no"],
            "payload": [payload],
            "fingerprint": pa.array([fingerprint], pa.uint64()),
        }
    )
    dead_letters.add(rows, audience="vip", sync_date=DAY, run_id=run, kind=kind)


def _end(dead_letters: DeadLetters) -> int:
    return dead_letters.end(
        [dead_letter.id for dead_letter in dead_letters.find(Filter())], "discarded"
    )


def test_a_letter_tells_what_was_refused_last(dead_letters: DeadLetters) -> None:
    """Its payload and its kind are those of the last attempt."""
    _add(dead_letters, "r1", MAPPING, 1, "first")
    _add(dead_letters, "r2", VALIDATION, 2, "second")
    [dead_letter] = dead_letters.find(Filter())
    assert ("second", VALIDATION, "TAJO-822", 2) == (
        *(dead_letter.payload, dead_letter.kind, dead_letter.code, dead_letter.attempts),
    )


def test_a_row_is_given_up_as_it_was_refused_last(dead_letters: DeadLetters) -> None:
    """Else the next run would send what a person has just discarded."""
    _add(dead_letters, "r1", VALIDATION, 1, "first")
    _add(dead_letters, "r2", VALIDATION, 2**64 - 1, "second")
    _end(dead_letters)
    assert [{"key": JANE, "fingerprint": 2**64 - 1}] == dead_letters.discarded("vip").to_pylist()


def test_what_may_have_arrived_is_given_up_whatever_it_says(dead_letters: DeadLetters) -> None:
    """Other values are the same event: it would be there twice."""
    _add(dead_letters, "r1", UNCERTAIN, 1, "event")
    _end(dead_letters)
    assert [{"key": JANE, "fingerprint": None}] == dead_letters.discarded("vip").to_pylist()


@pytest.mark.parametrize(("kind", "kept"), [(UNCERTAIN, [(JANE, None)]), (VALIDATION, [])])
def test_s14_of_what_may_have_arrived_only_the_key_is_kept(
    dead_letters: DeadLetters, kind: str, kept: list[tuple[str, None]]
) -> None:
    """The key must stay, or it would be sent again; the values of a person go."""
    _add(dead_letters, "r1", kind, 1, "of a person")
    _end(dead_letters)
    dead_letters.prune(LATER)
    assert kept == [
        (dead_letter.key, dead_letter.payload) for dead_letter in dead_letters.find(Filter())
    ]
    assert len(kept) == dead_letters.discarded("vip").num_rows


def test_only_open_letters_are_given_up(dead_letters: DeadLetters) -> None:
    """One that was accepted meanwhile stays accepted."""
    _add(dead_letters, "r1", VALIDATION, 1, "first")
    dead_letters.close([JANE], audience="vip", run_id="r2")
    assert (0, ["accepted"]) == (
        _end(dead_letters),
        [each.state for each in dead_letters.find(Filter())],
    )


def test_a_run_closes_no_letter_that_it_wrote(dead_letters: DeadLetters) -> None:
    """A row that it brought in one part and was refused in another needs somebody."""
    _add(dead_letters, "r1", VALIDATION, 1, "first")
    dead_letters.close([JANE], audience="vip", run_id="r1")
    dead_letters.close([JANE], audience="other", run_id="r2")
    assert ["open"] == [dead_letter.state for dead_letter in dead_letters.find(Filter())]
