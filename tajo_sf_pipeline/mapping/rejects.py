"""Rows that cannot be mapped: which, why, and with whom."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.telemetry.masking import masked

_TEXT = pa.string()
REQUIRED = "required"
REJECTED = pa.schema(
    {
        "row": pa.int64(),  # its number in the extract
        "key": _TEXT,  # as the source has it
        "column": _TEXT,
        "reason": _TEXT,
        "rule": _TEXT,  # the type that the value could not be, or `required` or `unique`
        "value": _TEXT,  # masked
        "kept_row": pa.int64(),  # of a duplicate: the row of the same key that was kept
    }
)


class Reasons:
    """Why the rows of a batch are rejected: the first reason of each row counts."""

    def __init__(self, rows: pa.Array, keys: pa.Array) -> None:
        self._rows = rows
        self._keys = keys
        self._texts = pa.nulls(len(rows), _TEXT)
        self._parts: list[tuple[str, str, pa.Array, pa.Array]] = []

    def add(self, column: str, rule: str, problems: pa.Array, values: pa.Array) -> None:
        new = pc.and_(pc.is_valid(problems), pc.is_null(self._texts))
        if pc.any(new).as_py():
            self._texts = pc.coalesce(self._texts, problems)
            self._parts.append((column, rule, new, values))

    def none(self) -> pa.Array | None:
        """Tell which rows are good, or None where all are."""
        return pc.is_null(self._texts) if self._parts else None

    def rejected(self) -> pa.RecordBatch:
        """Return the rejects in the order of the rows."""
        if not self._parts:
            return pa.RecordBatch.from_pylist([], schema=REJECTED)
        parts = [self._part(*part) for part in self._parts]
        table = pa.Table.from_batches(parts).sort_by("row").combine_chunks()
        return table.to_batches()[0]

    def _part(self, column: str, rule: str, new: pa.Array, values: pa.Array) -> pa.RecordBatch:
        rows = self._rows.filter(new)
        return pa.record_batch(
            [
                rows,
                self._keys.filter(new),
                pa.repeat(column, len(rows)),
                self._texts.filter(new),
                pa.repeat(rule, len(rows)),
                _rendered(values.filter(new)),
                pa.nulls(len(rows), pa.int64()),
            ],
            schema=REJECTED,
        )


def missing(values: pa.Array, reason: str) -> pa.Array:
    """Return the reason for each row without a value, and a null for every other."""
    return pc.if_else(pc.is_null(values), reason, pa.scalar(None, _TEXT))


def duplicates(losers: pa.Table, column: str, reason: str) -> pa.Table:
    """Return the rejects of rows (`_row`, `_key`, `kept_row`) whose key another row has too."""
    rows = losers.num_rows
    return pa.table(
        [
            losers["_row"],
            losers["_key"],
            pa.repeat(column, rows),
            pa.repeat(reason, rows),
            pa.repeat("unique", rows),
            _rendered(losers["_key"]),
            losers["kept_row"],
        ],
        schema=REJECTED,
    )


def _rendered(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    texts: Sequence[object] = values.to_pylist()
    return pa.array([None if text is None else masked(str(text)) for text in texts], _TEXT)
