"""The file of a plan: Arrow's own, for it is written once, read once and thrown away."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from tajo_sf_pipeline.storage import parquet

# Each batch but the last has as many, so that a row's number says in which one it is. It is little
# to read for a window of a few rows.
ROWS = 8_192
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


def write(path: Path, schema: pa.Schema, rows: Iterable[pa.RecordBatch]) -> None:
    """Write rows as they come; the file is there whole or not at all."""
    with parquet.whole(path) as file, pa.ipc.new_file(file, schema, options=_OPTIONS) as plan:
        for batch in _even(schema, rows):
            plan.write_batch(batch)


def rows_of(path: Path, first: int, count: int) -> Iterator[pa.RecordBatch]:
    """Return rows by number, reading only the batches that hold them."""
    with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as plan:
        end = first + count
        for number in range(first // ROWS, min(-(-end // ROWS), plan.num_record_batches)):
            start = number * ROWS
            skip = max(first - start, 0)
            yield plan.get_batch(number).slice(skip, end - start - skip)


def table(path: Path) -> ds.Dataset:
    """Return all of it for DuckDB to read, column by column."""
    return ds.dataset(path, format="ipc")


def _even(schema: pa.Schema, rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    waiting = schema.empty_table()
    for batch in rows:
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
        even = waiting.num_rows // ROWS * ROWS
        yield from waiting.slice(0, even).combine_chunks().to_batches(ROWS)
        waiting = waiting.slice(even)
    yield from waiting.combine_chunks().to_batches()
