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

from tajo_sf_pipeline.errors import BusyError, ConfigurationError, LocalStorageError
from tajo_sf_pipeline.state import dead_letters as module
from tajo_sf_pipeline.state.dead_letter import Filter
from tajo_sf_pipeline.state.dead_letters import MAPPING, VALIDATION, DeadLetters

DAY = date(2026, 11, 21)
OPEN = Filter(state="open")


@pytest.fixture
def dead_letters(tmp_path: Path) -> DeadLetters:
    """Give a store whose file does not exist yet."""
    return DeadLetters(tmp_path / "dead_letters" / "letters.sqlite")


def _add(
    dead_letters: DeadLetters,
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
    dead_letters.add(
        rows, audience=audience, sync_date=day, run_id=run, kind=kind, query_id=f"q-{run}"
    )


def _mapped(tmp_path: Path, *keys: str) -> Path:
    path = tmp_path / "mapped.parquet"
    pq.write_table(pa.table({"_key": pa.array(keys, pa.string())}), path)
    return path


def _states(dead_letters: DeadLetters) -> dict[str | None, str]:
    return {dead_letter.key: dead_letter.state for dead_letter in dead_letters.find(Filter())}


def test_store_that_does_not_exist_is_empty_and_stays_away(
    dead_letters: DeadLetters, tmp_path: Path
) -> None:
    """Who only looks leaves no file."""
    assert ([], 0, {}, []) == (
        dead_letters.find(OPEN),
        dead_letters.count(OPEN),
        dead_letters.reasons(OPEN),
        dead_letters.keys("vip").to_pylist(),
    )
    assert 0 == dead_letters.discarded("vip").num_rows
    assert 0 == dead_letters.prune(datetime.now(UTC))
    assert [] == list(tmp_path.iterdir())


def test_letter_tells_where_its_row_came_from(dead_letters: DeadLetters) -> None:
    """Audience, date, column, code, the row and the query of its extract stand in the letter."""
    _add(dead_letters, "r1", "jane@example.com")
    [dead_letter] = dead_letters.find(OPEN)
    assert ("vip", DAY, "jane@example.com", "LTV", "is not a number", "mapping", "TAJO-821") == (
        *(
            dead_letter.audience,
            dead_letter.sync_date,
            dead_letter.key,
            dead_letter.column,
            dead_letter.reason,
        ),
        *(dead_letter.kind, dead_letter.code),
    )
    assert (0, 0, "q-r1", "r1", 1) == (
        *(
            dead_letter.row,
            dead_letter.row_group,
            dead_letter.query_id,
            dead_letter.run_id,
            dead_letter.attempts,
        ),
    )


def test_only_the_owner_may_read(dead_letters: DeadLetters, tmp_path: Path) -> None:
    """The file holds personal data."""
    _add(dead_letters, "r1", "jane@example.com")
    file = tmp_path / "dead_letters" / "letters.sqlite"
    assert "-rw-------" == stat.filemode(file.stat().st_mode)


def test_same_refusal_again_is_one_letter_with_one_attempt_more(dead_letters: DeadLetters) -> None:
    """A later run counts; the same run that adds a row twice (it was resumed) does not."""
    _add(dead_letters, "r1", "jane@example.com")
    _add(dead_letters, "r1", " Jane@Example.com")
    [first] = dead_letters.find(OPEN)
    _add(dead_letters, "r2", "jane@example.com", day=DAY + timedelta(days=1))
    [second] = dead_letters.find(OPEN)
    assert (1, 2, first.id) == (first.attempts, second.attempts, second.id)
    assert (first.first_at, "r2", DAY + timedelta(days=1)) == (
        second.first_at,
        second.run_id,
        second.sync_date,
    )
    assert second.last_at >= first.last_at


def test_another_reason_is_another_letter(dead_letters: DeadLetters) -> None:
    """Each thing to be corrected stands for itself."""
    _add(dead_letters, "r1", "jane@example.com")
    _add(dead_letters, "r1", "jane@example.com", reason="is too large")
    assert {("LTV", "is not a number"): 1, ("LTV", "is too large"): 1} == dead_letters.reasons(OPEN)


def test_rows_without_a_key_are_told_apart_by_date_and_row(dead_letters: DeadLetters) -> None:
    """Each row without an e-mail has its letter, and the same run again does not double them."""
    for run in ("r1", "r2"):
        _add(dead_letters, run, None, None, reason="has no e-mail address")
    assert [2, 2] == [dead_letter.attempts for dead_letter in dead_letters.find(OPEN)]


def test_row_that_is_mapped_later_closes_its_letter_by_itself(
    dead_letters: DeadLetters, tmp_path: Path
) -> None:
    """A run closes the letters of rows that it mapped and did not refuse again."""
    _add(dead_letters, "r1", "Fixed@example.com", "bad@example.com", "absent@example.com")
    _add(dead_letters, "r1", "fixed@example.com", audience="other")
    _add(dead_letters, "r2", "bad@example.com")
    mapped = _mapped(tmp_path, "bad@example.com", "fixed@example.com", "new@example.com")
    dead_letters.settle(audience="vip", run_id="r2", mapped=mapped)
    assert ["absent@example.com", "bad@example.com"] == dead_letters.keys("vip").to_pylist()
    assert ["fixed@example.com"] == dead_letters.keys("other").to_pylist()
    [closed] = dead_letters.find(Filter(state="accepted"))
    assert ("fixed@example.com", "vip") == (closed.key, closed.audience)
    assert closed.closed_at is not None


def test_row_without_an_answer_keeps_its_letter(dead_letters: DeadLetters, tmp_path: Path) -> None:
    """What is pending may still be refused."""
    _add(dead_letters, "r1", "slow@example.com")
    dead_letters.settle(
        audience="vip",
        run_id="r2",
        mapped=_mapped(tmp_path, "slow@example.com"),
        pending=["slow@example.com"],
        whole=True,
    )
    assert {"slow@example.com": "open"} == _states(dead_letters)


def test_row_that_left_a_whole_source_closes_its_letter(
    dead_letters: DeadLetters, tmp_path: Path
) -> None:
    """Where the extract is everything there is, a row that is not in it needs nobody any more."""
    _add(dead_letters, "r1", "gone@example.com", None)
    _add(dead_letters, "r2", "bad@example.com")
    dead_letters.settle(audience="vip", run_id="r2", mapped=_mapped(tmp_path), whole=True)
    assert {"gone@example.com": "left", None: "left", "bad@example.com": "open"} == _states(
        dead_letters
    )


def test_accepted_row_that_is_refused_again_opens_a_new_letter(
    dead_letters: DeadLetters, tmp_path: Path
) -> None:
    """The old letter stays as it ended."""
    _add(dead_letters, "r1", "jane@example.com")
    dead_letters.settle(audience="vip", run_id="r2", mapped=_mapped(tmp_path, "jane@example.com"))
    _add(dead_letters, "r3", "jane@example.com")
    assert ["open", "accepted"] == [
        dead_letter.state for dead_letter in dead_letters.find(Filter())
    ]


def test_discarded_row_stays_discarded_for_the_same_reason(dead_letters: DeadLetters) -> None:
    """A person's word holds; it is known to the engine by key and fingerprint."""
    _add(dead_letters, "r1", "jane@example.com", kind=VALIDATION)
    [dead_letter] = dead_letters.find(OPEN)
    assert (1, 0) == (
        dead_letters.end([dead_letter.id], "discarded"),
        dead_letters.end([dead_letter.id], "discarded"),
    )
    assert [{"key": "jane@example.com", "fingerprint": 2**64 - 1}] == dead_letters.discarded(
        "vip"
    ).to_pylist()
    _add(dead_letters, "r2", "jane@example.com", kind=VALIDATION)
    assert {"jane@example.com": "discarded"} == _states(dead_letters)
    _add(dead_letters, "r3", "jane@example.com", kind=VALIDATION, reason="is too large")
    assert ["jane@example.com"] == dead_letters.keys("vip").to_pylist()


def test_filters(dead_letters: DeadLetters) -> None:
    """By number, audience, date, kind, state and a part of the reason; all that is given holds."""
    _add(dead_letters, "r1", "a@example.com", "b@example.com")
    _add(
        dead_letters,
        "r1",
        "c@example.com",
        audience="other",
        kind=VALIDATION,
        reason="Duplicate SMS",
    )
    _add(dead_letters, "r1", "d@example.com", day=DAY - timedelta(days=1))
    found = {
        name: sorted(dead_letter.key or "" for dead_letter in dead_letters.find(wanted))
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
    assert (2, 4) == (len(dead_letters.find(OPEN, limit=2)), dead_letters.count(OPEN))


def test_closed_letters_are_pruned_and_open_ones_never(
    dead_letters: DeadLetters, tmp_path: Path
) -> None:
    """Retention counts from the end of a letter."""
    _add(dead_letters, "r1", "old@example.com", "open@example.com")
    dead_letters.settle(audience="vip", run_id="r2", mapped=_mapped(tmp_path, "old@example.com"))
    assert 0 == dead_letters.prune(datetime.now(UTC) - timedelta(days=1))
    assert 1 == dead_letters.prune(datetime.now(UTC) + timedelta(seconds=1))
    assert {"open@example.com": "open"} == _states(dead_letters)


def test_many_read_while_one_writes(dead_letters: DeadLetters, tmp_path: Path) -> None:
    """A reader neither waits for the writer nor sees half of what it writes."""
    _add(dead_letters, "r1", "jane@example.com")
    path = tmp_path / "dead_letters" / "letters.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE letters SET state = 'discarded'")
        assert 1 == dead_letters.count(OPEN)
        writer.execute("COMMIT")
    assert 0 == dead_letters.count(OPEN)


def test_writers_at_once_lose_nothing(dead_letters: DeadLetters) -> None:
    """Threads that write together, the first of them making the file, wait for each other."""
    threads = [
        threading.Thread(target=_add, args=(dead_letters, f"r{number}", f"{number}@example.com"))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 8 == dead_letters.count(OPEN)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"this is no database at all, as anybody can see" * 100, "TAJO-155"), (None, "TAJO-154")],
)
def test_corrupt_or_newer_file_is_refused_by_name(
    dead_letters: DeadLetters, tmp_path: Path, content: bytes | None, code: str
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
    for use in (
        lambda: dead_letters.count(OPEN),
        lambda: _add(dead_letters, "r1", "jane@example.com"),
    ):
        with pytest.raises(ConfigurationError, match=str(path)) as raised:
            use()
        assert code == raised.value.code
    assert before == path.read_bytes()


def test_letters_that_another_process_writes_are_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for; then trying again helps, and nobody has to restore anything."""
    path = tmp_path / "letters.sqlite"
    dead_letters = DeadLetters(path)
    _add(dead_letters, "r1", "jane@example.com")
    monkeypatch.setattr(module, "_LOCK_PATIENCE", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusyError, match="TAJO-155"):
            _add(dead_letters, "r2", "john@example.com")
        other.rollback()
    _add(dead_letters, "r2", "john@example.com")


def test_letters_that_this_machine_cannot_open_are_of_its_storage(tmp_path: Path) -> None:
    """The file is not damaged: it is not one, or not for this user."""
    path = tmp_path / "letters.sqlite"
    path.mkdir()
    with pytest.raises(LocalStorageError, match="TAJO-155"):
        DeadLetters(path).count(OPEN)
