"""The Parquet files of a partition: written as a stream, and whole or not at all."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from tajo_sf_pipeline.storage import write_errors

ROWS_PER_GROUP = 65_536
# One a row. Columns with many values outgrow it early; at Arrow's megabyte each of their groups
# begins with a dictionary that is in vain, which costs a third more time and a tenth more disk.
DICTIONARY_BYTES = ROWS_PER_GROUP
_NOTES = "tajo"


@contextmanager
def writing(path: Path, schema: pa.Schema, *, quick: bool = False) -> Iterator["Writer"]:
    """Write `path` as `whole` does; `quick` is read in half the time, and half as large again."""
    with (
        whole(path) as file,
        pq.ParquetWriter(
            file,
            schema,
            compression="lz4" if quick else "zstd",
            dictionary_pagesize_limit=DICTIONARY_BYTES,
        ) as parquet,
    ):
        yield Writer(parquet)


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """Write `path` atomically, readable by its owner only; an error leaves what was there before.

    Raises `LocalStorageError` when this machine cannot make the folder or take the bytes.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    with write_errors.made(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with open(unfinished, "wb", opener=_private) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        if not write_errors.is_of_storage(error):
            raise  # the caller's own: a connection that broke is an OSError too
        raise write_errors.storage_error(
            write_errors.CODE, path, error, "then run the same date again."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


class Writer:
    """Takes batches of any size; the same rows make the same bytes, however they were cut."""

    def __init__(self, parquet: pq.ParquetWriter) -> None:
        self._parquet = parquet
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        if self._waiting_rows >= ROWS_PER_GROUP:
            self._write_groups()

    def finish(self, notes: Mapping[str, Any]) -> None:
        """Write what is left, and `notes`, as JSON, into the file's own metadata."""
        if self._waiting_rows:
            self._write(pa.Table.from_batches(self._waiting))
        self._parquet.add_key_value_metadata({_NOTES: json.dumps(notes)})

    def _write_groups(self) -> None:
        table = pa.Table.from_batches(self._waiting)
        whole = table.num_rows - table.num_rows % ROWS_PER_GROUP
        self._write(table.slice(0, whole))
        self._waiting = table.slice(whole).to_batches()
        self._waiting_rows = table.num_rows - whole

    def _write(self, table: pa.Table) -> None:
        # Uncombined, a page would end where a batch did.
        self._parquet.write_table(table.combine_chunks(), row_group_size=ROWS_PER_GROUP)


def batches(path: Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Read a file batch by batch, never whole."""
    with pq.ParquetFile(path) as parquet:
        yield from parquet.iter_batches(ROWS_PER_GROUP, columns=columns)


def schema(path: Path) -> pa.Schema:
    return pq.read_schema(path)


def rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def row(path: Path, number: int) -> dict[str, Any]:
    """Read one row, and no more than its row group."""
    group, at = divmod(number, ROWS_PER_GROUP)
    with pq.ParquetFile(path) as parquet:
        rows: list[dict[str, Any]] = parquet.read_row_group(group).slice(at, 1).to_pylist()
    return rows[0]


def notes(path: Path) -> dict[str, Any]:
    """Return the notes that `Writer.finish` wrote into the file."""
    metadata: dict[str, Any] = json.loads(pq.read_metadata(path).metadata[_NOTES.encode()])
    return metadata


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
