"""Letters that a person ended, and those that were refused again: what runs learn of them."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from tajo_sf_pipeline.sync.dead_letters import MAPPING, UNCERTAIN, VALIDATION, DeadLetters
from tajo_sf_pipeline.sync.letter import Filter

DAY = date(2026, 11, 21)
JANE, LATER = "jane@example.com", datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def letters(tmp_path: Path) -> DeadLetters:
    """Give a store whose file does not exist yet."""
    return DeadLetters(tmp_path / "letters.sqlite")


def _add(letters: DeadLetters, run: str, kind: str, fingerprint: int, payload: str) -> None:
    rows = pa.table(
        {
            "key": [JANE],
            "reason": ["no"],
            "payload": [payload],
            "fingerprint": pa.array([fingerprint], pa.uint64()),
        }
    )
    letters.add(rows, audience="vip", sync_date=DAY, run_id=run, kind=kind)


def _end(letters: DeadLetters) -> int:
    return letters.end([letter.id for letter in letters.find(Filter())], "discarded")


def test_a_letter_tells_what_was_refused_last(letters: DeadLetters) -> None:
    """Its payload and its kind are those of the last attempt."""
    _add(letters, "r1", MAPPING, 1, "first")
    _add(letters, "r2", VALIDATION, 2, "second")
    [letter] = letters.find(Filter())
    assert ("second", VALIDATION, "TAJO-822", 2) == (
        *(letter.payload, letter.kind, letter.code, letter.attempts),
    )


def test_a_row_is_given_up_as_it_was_refused_last(letters: DeadLetters) -> None:
    """Else the next run would send what a person has just discarded."""
    _add(letters, "r1", VALIDATION, 1, "first")
    _add(letters, "r2", VALIDATION, 2**64 - 1, "second")
    _end(letters)
    assert [{"key": JANE, "fingerprint": 2**64 - 1}] == letters.discarded("vip").to_pylist()


def test_what_may_have_arrived_is_given_up_whatever_it_says(letters: DeadLetters) -> None:
    """Other values are the same event: it would be there twice."""
    _add(letters, "r1", UNCERTAIN, 1, "event")
    _end(letters)
    assert [{"key": JANE, "fingerprint": None}] == letters.discarded("vip").to_pylist()


@pytest.mark.parametrize(("kind", "kept"), [(UNCERTAIN, [(JANE, None)]), (VALIDATION, [])])
def test_s14_of_what_may_have_arrived_only_the_key_is_kept(
    letters: DeadLetters, kind: str, kept: list[tuple[str, None]]
) -> None:
    """The key must stay, or it would be sent again; the values of a person go."""
    _add(letters, "r1", kind, 1, "of a person")
    _end(letters)
    letters.prune(LATER)
    assert kept == [(letter.key, letter.payload) for letter in letters.find(Filter())]
    assert len(kept) == letters.discarded("vip").num_rows


def test_only_open_letters_are_given_up(letters: DeadLetters) -> None:
    """One that was accepted meanwhile stays accepted."""
    _add(letters, "r1", VALIDATION, 1, "first")
    letters.close([JANE], audience="vip", run_id="r2")
    assert (0, ["accepted"]) == (_end(letters), [each.state for each in letters.find(Filter())])


def test_a_run_closes_no_letter_that_it_wrote(letters: DeadLetters) -> None:
    """A row that it brought in one part and was refused in another needs somebody."""
    _add(letters, "r1", VALIDATION, 1, "first")
    letters.close([JANE], audience="vip", run_id="r1")
    letters.close([JANE], audience="other", run_id="r2")
    assert ["open"] == [letter.state for letter in letters.find(Filter())]
