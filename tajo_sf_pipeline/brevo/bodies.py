"""Rows cut into request bodies: as many in each as Brevo takes, to the byte."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc


def joined(rows: pa.Table, start: bytes, end: bytes) -> bytes:
    """Put the rows' `_payload`, each a JSON document, with commas between `start` and `end`."""
    payloads = rows["_payload"].combine_chunks()
    whole = pa.ListArray.from_arrays(pa.array([0, len(payloads)], pa.int32()), payloads)
    return b"".join((start, pc.binary_join(whole, ",")[0].as_buffer(), end))


def cut(rows: Iterable[pa.RecordBatch], room: int, most: int | None = None) -> Iterator[pa.Table]:
    """Cut at the last row that still fits into `room` bytes, and after `most` rows.

    Each row but the first costs a comma too.
    """
    waiting: list[pa.RecordBatch] = []
    used, count = 0, 0
    for batch in rows:
        left = batch
        while left.num_rows:
            sizes = pc.add(pc.binary_length(left.column("_payload")), 1)
            ends = pc.add(pc.cumulative_sum(sizes.cast(pa.int64())), used - 1)
            fitting = int(pc.sum(pc.less_equal(ends, room)).as_py() or 0)
            if most is not None:
                fitting = min(fitting, most - count)
            if fitting == left.num_rows:
                waiting.append(left)
                used, count = ends[-1].as_py() + 1, count + fitting
                break
            # A row larger than a body goes alone: Brevo's refusal will name it.
            taken = max(fitting, 0 if waiting else 1)
            yield pa.Table.from_batches([*waiting, left.slice(0, taken)])
            waiting, used, count, left = [], 0, 0, left.slice(taken)
    if waiting:
        yield pa.Table.from_batches(waiting)
