"""Several rows for one contact."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tajo_sf_pipeline.mapping.duplicates import greatest_version, losers

MOMENT = pa.timestamp("us", tz="UTC")
Row = tuple[str, int, str]  # key, hour of its version, payload


def _write(path: Path, rows: list[Row]) -> Path:
    keys, hours, payloads = zip(*rows, strict=True) if rows else ((), (), ())
    versions = [datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in hours]
    table = {
        "_row": pa.array(range(len(rows)), pa.int64()),
        "_key": pa.array(keys, pa.string()),
        "_version": pa.array(versions, MOMENT),
        "_payload": pa.array(payloads, pa.string()),
    }
    pq.write_table(pa.table(table), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give one folder for all generated examples."""
    return tmp_path_factory.mktemp("duplicates")


def _winners(folder: Path, rows: list[Row]) -> list[Row]:
    lost = {row for row, _ in _losers(folder, *rows)}
    return sorted(row for number, row in enumerate(rows) if number not in lost)


def _losers(folder: Path, *rows: Row) -> list[tuple[int, str]]:
    found = losers(_write(folder / "mapped.parquet", list(rows))).to_pylist()
    return [(row["_row"], row["_key"]) for row in found]


def test_keys_of_their_own_lose_nothing(tmp_path: Path) -> None:
    """Rows of different contacts all stay."""
    assert [] == _losers(tmp_path, ("a@example.com", 1, "{}"), ("b@example.com", 1, "{}"))


def test_no_rows(tmp_path: Path) -> None:
    """An empty extract has no duplicates."""
    assert [] == _losers(tmp_path)


def test_the_greatest_version_wins(tmp_path: Path) -> None:
    """The newest row of a contact stays, wherever it stands."""
    assert [(0, "a@example.com"), (2, "a@example.com")] == _losers(
        tmp_path,
        ("a@example.com", 1, "z"),
        ("a@example.com", 3, "a"),
        ("a@example.com", 2, "z"),
        ("b@example.com", 1, "z"),
    )


def test_s15_ties_are_settled_by_the_payload(tmp_path: Path) -> None:
    """Between rows of one version the contents decide, not their order."""
    first, second = ("a@example.com", 1, "a"), ("a@example.com", 1, "b")
    assert [(0, "a@example.com")] == _losers(tmp_path, first, second)
    assert [(1, "a@example.com")] == _losers(tmp_path, second, first)


ROWS = st.lists(
    st.tuples(st.sampled_from(["a@b.co", "c@d.co"]), st.integers(0, 2), st.sampled_from("xyz")),
    max_size=8,
)


@settings(max_examples=25)
@given(st.data())
def test_s15_the_order_of_rows_does_not_matter(folder: Path, data: st.DataObject) -> None:
    """The same rows in any order leave the same winners."""
    rows = data.draw(ROWS)
    others = data.draw(st.permutations(rows))
    assert _winners(folder, rows) == _winners(folder, others)


def test_greatest_version(tmp_path: Path) -> None:
    """The newest version says how far the extract came; nothing mapped, nothing said."""
    rows = [("a@example.com", 1, "{}"), ("b@example.com", 3, "{}"), ("c@example.com", 2, "{}")]
    newest = greatest_version(_write(tmp_path / "some.parquet", rows))
    nothing = greatest_version(_write(tmp_path / "none.parquet", []))
    assert ("2026-03-01T03:00:00+00:00", None) == (newest, nothing)
