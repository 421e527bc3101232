"""The files of a partition: whole or not at all."""

import errno
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tajo_sf_pipeline.errors import DiskFullError, LocalStorageError
from tajo_sf_pipeline.storage import parquet

SCHEMA = pa.schema({"n": pa.int64()})


def _numbers(count: int) -> pa.RecordBatch:
    return pa.record_batch([pa.array(range(count), pa.int64())], schema=SCHEMA)


def _write(path: Path, *batches: pa.RecordBatch) -> None:
    with parquet.writing(path, SCHEMA) as out:
        for batch in batches:
            out.write(batch)
        out.finish({})


def _write_and_fail(path: Path, error: Exception) -> None:
    with parquet.writing(path, SCHEMA) as out:
        out.write(_numbers(100_000))
        raise error


def test_rows_come_back_in_order(tmp_path: Path) -> None:
    """Batches of any size are read back as the rows that they were."""
    path = tmp_path / "some" / "folder" / "file.parquet"
    _write(path, _numbers(3), _numbers(0), _numbers(2))
    read = pa.Table.from_batches(parquet.batches(path))
    assert [0, 1, 2, 0, 1] == read["n"].to_pylist()
    assert (5, SCHEMA) == (parquet.rows(path), parquet.schema(path))


def test_file_without_rows(tmp_path: Path) -> None:
    """An empty answer is a file too, with its columns."""
    path = tmp_path / "file.parquet"
    _write(path)
    assert (0, SCHEMA) == (parquet.rows(path), parquet.schema(path))


@pytest.mark.parametrize(
    ("batches", "groups"),
    [
        ([65_536], [65_536]),
        ([40_000, 40_000], [65_536, 14_464]),
        ([200_000, 1], [65_536, 65_536, 65_536, 3_393]),
    ],
    ids=["exactly one", "small batches", "a large batch"],
)
def test_row_groups_have_one_size(tmp_path: Path, batches: list[int], groups: list[int]) -> None:
    """A reader's memory does not depend on the sizes in which rows came in."""
    path = tmp_path / "file.parquet"
    _write(path, *map(_numbers, batches))
    found = pq.read_metadata(path)
    assert groups == [found.row_group(n).num_rows for n in range(found.num_row_groups)]


def test_s15_the_cut_of_the_batches_does_not_matter(tmp_path: Path) -> None:
    """The same rows make the same file, however they came in."""
    whole, cut = tmp_path / "whole.parquet", tmp_path / "cut.parquet"
    numbers = _numbers(100_000)
    _write(whole, numbers)
    _write(cut, numbers[:777], numbers[777:777], numbers[777:90_001], numbers[90_001:])
    assert whole.read_bytes() == cut.read_bytes()


def test_notes_come_back(tmp_path: Path) -> None:
    """What is noted with a file is read back as it was."""
    notes = {"path": "backfill", "columns": [["LTV", "LTV_SCORE", "float"]], "reached": None}
    path = tmp_path / "file.parquet"
    with parquet.writing(path, SCHEMA) as out:
        out.finish(notes)
    assert notes == parquet.notes(path)


def test_s14_only_the_owner_may_read(tmp_path: Path) -> None:
    """A file of people is nobody else's."""
    path = tmp_path / "file.parquet"
    _write(path, _numbers(1))
    assert 0o600 == path.stat().st_mode & 0o777


@pytest.mark.parametrize("error", [RuntimeError("defect"), TimeoutError("network"), KeyError("x")])
def test_s05_an_error_leaves_the_earlier_file(tmp_path: Path, error: Exception) -> None:
    """A writer that fails changes nothing, leaves nothing behind and tells its own error."""
    path = tmp_path / "file.parquet"
    _write(path, _numbers(3))
    before = path.read_bytes()
    with pytest.raises(type(error)) as raised:
        _write_and_fail(path, error)
    assert error is raised.value
    assert (before, [path]) == (path.read_bytes(), list(tmp_path.iterdir()))


def test_s05_an_error_leaves_no_new_file(tmp_path: Path) -> None:
    """Where there was no file there is none after a failure."""
    with pytest.raises(RuntimeError):
        _write_and_fail(tmp_path / "file.parquet", RuntimeError("defect"))
    assert [] == list(tmp_path.iterdir())


def test_full_disk_is_told(tmp_path: Path) -> None:
    """A disk that takes no more is told with the file and what to do."""
    path = tmp_path / "file.parquet"
    with pytest.raises(DiskFullError) as refused:
        _write_and_fail(path, OSError(errno.ENOSPC, "No space left on device"))
    assert "TAJO-141" == refused.value.code
    assert f"{path} could not be written: No space left on device" == refused.value.happened


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Where a disk is not mounted, a link leads nowhere: that is the machine's, no defect."""
    (tmp_path / "extracts").symlink_to(tmp_path / "not mounted")
    with pytest.raises(LocalStorageError, match="TAJO-141"):
        _write(tmp_path / "extracts" / "file.parquet", _numbers(1))
