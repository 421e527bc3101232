"""The store of refused rows: what opens a letter, what closes it, and who may read meanwhile."""

import sqlite3
import stat
import threading
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.sync.dead_letters import MAPPING, VALIDATION, DeadLetters
from tajo_sf_pipeline.sync.letter import Filter

DAY = date(2026, 11, 21)
OPEN = Filter(state="open")


@pytest.fixture
def letters(tmp_path: Path) -> DeadLetters:
    """Give a store whose file does not exist yet."""
    return DeadLetters(tmp_path / "dead_letters" / "letters.sqlite")


def _add(
    letters: DeadLetters,
    run: str,
    *keys: str | None,
    reason: str = "is not a number",
    audience: str = "vip",
    kind: str = MAPPING,
    day: date = DAY,
) -> None:
    count = len(keys)
    rows = pa.table(
        {
            "row": pa.array(range(count), pa.int64()),
            "key": pa.array(keys, pa.string()),
            "column": pa.array(["LTV"] * count, pa.string()),
            "reason": pa.array([reason] * count, pa.string()),
            "fingerprint": pa.array(range(2**64 - count, 2**64), pa.uint64()),
        }
    )
    letters.add(rows, audience=audience, sync_date=day, run_id=run, kind=kind, query_id=f"q-{run}")


def _mapped(tmp_path: Path, *keys: str) -> Path:
    path = tmp_path / "mapped.parquet"
    pq.write_table(pa.table({"_key": pa.array(keys, pa.string())}), path)
    return path


def _states(letters: DeadLetters) -> dict[str | None, str]:
    return {letter.key: letter.state for letter in letters.find(Filter())}


def test_store_that_does_not_exist_is_empty_and_stays_away(
    letters: DeadLetters, tmp_path: Path
) -> None:
    """Who only looks leaves no file."""
    assert ([], 0, {}, []) == (
        letters.find(OPEN),
        letters.count(OPEN),
        letters.reasons(OPEN),
        letters.keys("vip").to_pylist(),
    )
    assert 0 == letters.discarded("vip").num_rows
    assert 0 == letters.prune(datetime.now(UTC))
    assert [] == list(tmp_path.iterdir())


def test_letter_tells_where_its_row_came_from(letters: DeadLetters) -> None:
    """Audience, date, column, code, the row and the query of its extract stand in the letter."""
    _add(letters, "r1", "jane@example.com")
    [letter] = letters.find(OPEN)
    assert ("vip", DAY, "jane@example.com", "LTV", "is not a number", "mapping", "TAJO-821") == (
        *(letter.audience, letter.sync_date, letter.key, letter.column, letter.reason),
        *(letter.kind, letter.code),
    )
    assert (0, 0, "q-r1", "r1", 1) == (
        *(letter.row, letter.row_group, letter.query_id, letter.run_id, letter.attempts),
    )


def test_only_the_owner_may_read(letters: DeadLetters, tmp_path: Path) -> None:
    """The file holds personal data."""
    _add(letters, "r1", "jane@example.com")
    file = tmp_path / "dead_letters" / "letters.sqlite"
    assert "-rw-------" == stat.filemode(file.stat().st_mode)


def test_same_refusal_again_is_one_letter_with_one_attempt_more(letters: DeadLetters) -> None:
    """A later run counts; the same run that adds a row twice (it was resumed) does not."""
    _add(letters, "r1", "jane@example.com")
    _add(letters, "r1", " Jane@Example.com")
    [first] = letters.find(OPEN)
    _add(letters, "r2", "jane@example.com", day=DAY + timedelta(days=1))
    [second] = letters.find(OPEN)
    assert (1, 2, first.id) == (first.attempts, second.attempts, second.id)
    assert (first.first_at, "r2", DAY + timedelta(days=1)) == (
        second.first_at,
        second.run_id,
        second.sync_date,
    )
    assert second.last_at >= first.last_at


def test_another_reason_is_another_letter(letters: DeadLetters) -> None:
    """Each thing to be corrected stands for itself."""
    _add(letters, "r1", "jane@example.com")
    _add(letters, "r1", "jane@example.com", reason="is too large")
    assert {("LTV", "is not a number"): 1, ("LTV", "is too large"): 1} == letters.reasons(OPEN)


def test_rows_without_a_key_are_told_apart_by_date_and_row(letters: DeadLetters) -> None:
    """Each row without an e-mail has its letter, and the same run again does not double them."""
    for run in ("r1", "r2"):
        _add(letters, run, None, None, reason="has no e-mail address")
    assert [2, 2] == [letter.attempts for letter in letters.find(OPEN)]


def test_row_that_is_mapped_later_closes_its_letter_by_itself(
    letters: DeadLetters, tmp_path: Path
) -> None:
    """A run closes the letters of rows that it mapped and did not refuse again."""
    _add(letters, "r1", "Fixed@example.com", "bad@example.com", "absent@example.com")
    _add(letters, "r1", "fixed@example.com", audience="other")
    _add(letters, "r2", "bad@example.com")
    mapped = _mapped(tmp_path, "bad@example.com", "fixed@example.com", "new@example.com")
    letters.settle(audience="vip", run_id="r2", mapped=mapped)
    assert ["absent@example.com", "bad@example.com"] == letters.keys("vip").to_pylist()
    assert ["fixed@example.com"] == letters.keys("other").to_pylist()
    [closed] = letters.find(Filter(state="accepted"))
    assert ("fixed@example.com", "vip") == (closed.key, closed.audience)
    assert closed.closed_at is not None


def test_row_without_an_answer_keeps_its_letter(letters: DeadLetters, tmp_path: Path) -> None:
    """What is pending may still be refused."""
    _add(letters, "r1", "slow@example.com")
    letters.settle(
        audience="vip",
        run_id="r2",
        mapped=_mapped(tmp_path, "slow@example.com"),
        pending=["slow@example.com"],
        whole=True,
    )
    assert {"slow@example.com": "open"} == _states(letters)


def test_row_that_left_a_whole_source_closes_its_letter(
    letters: DeadLetters, tmp_path: Path
) -> None:
    """Where the extract is everything there is, a row that is not in it needs nobody any more."""
    _add(letters, "r1", "gone@example.com", None)
    _add(letters, "r2", "bad@example.com")
    letters.settle(audience="vip", run_id="r2", mapped=_mapped(tmp_path), whole=True)
    assert {"gone@example.com": "left", None: "left", "bad@example.com": "open"} == _states(letters)


def test_accepted_row_that_is_refused_again_opens_a_new_letter(
    letters: DeadLetters, tmp_path: Path
) -> None:
    """The old letter stays as it ended."""
    _add(letters, "r1", "jane@example.com")
    letters.settle(audience="vip", run_id="r2", mapped=_mapped(tmp_path, "jane@example.com"))
    _add(letters, "r3", "jane@example.com")
    assert ["open", "accepted"] == [letter.state for letter in letters.find(Filter())]


def test_discarded_row_stays_discarded_for_the_same_reason(letters: DeadLetters) -> None:
    """A person's word holds; it is known to the engine by key and fingerprint."""
    _add(letters, "r1", "jane@example.com", kind=VALIDATION)
    [letter] = letters.find(OPEN)
    assert (1, 0) == (
        letters.end([letter.id], "discarded"),
        letters.end([letter.id], "discarded"),
    )
    assert [{"key": "jane@example.com", "fingerprint": 2**64 - 1}] == letters.discarded(
        "vip"
    ).to_pylist()
    _add(letters, "r2", "jane@example.com", kind=VALIDATION)
    assert {"jane@example.com": "discarded"} == _states(letters)
    _add(letters, "r3", "jane@example.com", kind=VALIDATION, reason="is too large")
    assert ["jane@example.com"] == letters.keys("vip").to_pylist()


def test_filters(letters: DeadLetters) -> None:
    """By number, audience, date, kind, state and a part of the reason; all that is given holds."""
    _add(letters, "r1", "a@example.com", "b@example.com")
    _add(letters, "r1", "c@example.com", audience="other", kind=VALIDATION, reason="Duplicate SMS")
    _add(letters, "r1", "d@example.com", day=DAY - timedelta(days=1))
    found = {
        name: sorted(letter.key or "" for letter in letters.find(wanted))
        for name, wanted in {
            "ids": Filter(ids=(1, 3)),
            "audience": Filter(audience="other"),
            "date": Filter(sync_date=DAY, audience="vip"),
            "kind": Filter(kind=VALIDATION),
            "reason": Filter(reason="duplicate"),
            "none": Filter(reason="duplicate", audience="vip"),
        }.items()
    }
    assert {
        "ids": ["a@example.com", "c@example.com"],
        "audience": ["c@example.com"],
        "date": ["a@example.com", "b@example.com"],
        "kind": ["c@example.com"],
        "reason": ["c@example.com"],
        "none": [],
    } == found
    assert (2, 4) == (len(letters.find(OPEN, limit=2)), letters.count(OPEN))


def test_closed_letters_are_pruned_and_open_ones_never(
    letters: DeadLetters, tmp_path: Path
) -> None:
    """Retention counts from the end of a letter."""
    _add(letters, "r1", "old@example.com", "open@example.com")
    letters.settle(audience="vip", run_id="r2", mapped=_mapped(tmp_path, "old@example.com"))
    assert 0 == letters.prune(datetime.now(UTC) - timedelta(days=1))
    assert 1 == letters.prune(datetime.now(UTC) + timedelta(seconds=1))
    assert {"open@example.com": "open"} == _states(letters)


def test_many_read_while_one_writes(letters: DeadLetters, tmp_path: Path) -> None:
    """A reader neither waits for the writer nor sees half of what it writes."""
    _add(letters, "r1", "jane@example.com")
    path = tmp_path / "dead_letters" / "letters.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE letters SET state = 'discarded'")
        assert 1 == letters.count(OPEN)
        writer.execute("COMMIT")
    assert 0 == letters.count(OPEN)


def test_writers_at_once_lose_nothing(letters: DeadLetters) -> None:
    """Threads that write together, the first of them making the file, wait for each other."""
    threads = [
        threading.Thread(target=_add, args=(letters, f"r{number}", f"{number}@example.com"))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 8 == letters.count(OPEN)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"this is no database at all, as anybody can see" * 100, "TAJO-155"), (None, "TAJO-154")],
)
def test_corrupt_or_newer_file_is_refused_by_name(
    letters: DeadLetters, tmp_path: Path, content: bytes | None, code: str
) -> None:
    """It is never overwritten."""
    path = tmp_path / "dead_letters" / "letters.sqlite"
    path.parent.mkdir()
    if content:
        path.write_bytes(content)
    else:
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE letters (id)")
            database.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    for use in (lambda: letters.count(OPEN), lambda: _add(letters, "r1", "jane@example.com")):
        with pytest.raises(ConfigurationError, match=str(path)) as raised:
            use()
        assert code == raised.value.code
    assert before == path.read_bytes()
