"""The contacts that everybody brings, in Parquet, and what has to arrive of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.storage import parquet

# The columns that travel, and the attributes that they become; two of the twelve stay behind.
ATTRIBUTES = {
    "first_name": "FIRSTNAME",
    "last_name": "LASTNAME",
    "city": "CITY",
    "ltv_score": "LTV_SCORE",
    "rfm_class": "RFM_SEGMENT",
    "total_orders": "ORDER_COUNT",
    "last_purchase_date": "LAST_ORDER_DATE",
    "predicted_churn": "CHURN_RISK",
    "customer_segment": "SEGMENT_NAME",
}
TYPES = {"LTV_SCORE": "float", "ORDER_COUNT": "float", "CHURN_RISK": "float"} | {
    "LAST_ORDER_DATE": "date"
}
# What an e-mail must look like once it is trimmed; the same for everybody.
VALID = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
# Of a thousand addresses these have no @, blanks around, capitals.
_WITHOUT_AT, _BLANKS, _CAPITALS = 2, 10, 10
_CHANGED = 100  # one in a hundred
_FIRST_NAMES = ("Ana", "Zoë", "Jean-Luc", "Mariana", "Bob", "Łukasz", "سارة", "Siobhán")
_CITIES = ("Lisboa", "Kraków", "'s-Gravenhage", "München", "Coeur d'Alene")
_CLASSES = ("champion", "loyal", "promising", "at_risk", "lost", None)


@dataclass(frozen=True, slots=True)
class DataSet:
    """A Parquet file of `rows` contacts, of which `expected` have an address that can arrive."""

    file: Path
    rows: int
    changed: bool = False

    @property
    def expected(self) -> int:
        return int(np.count_nonzero(self.arriving()))

    def arriving(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Tell of each number whether its row has to arrive."""
        return np.arange(self.rows) % 1_000 >= _WITHOUT_AT

    def due(self, *, first: bool) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Tell whose rows have to arrive, the first time or after a sync of the other file."""
        if first:
            return self.arriving()
        return self.arriving() & _moved(np.arange(self.rows)) & self.changed

    def attributes(self, numbers: list[int]) -> dict[int, dict[str, Any]]:
        """Give what has to arrive of some rows; what is null need not."""
        rows = _batch(np.array(numbers), changed=self.changed).to_pylist()
        return {
            number: {
                attribute: value.isoformat() if isinstance(value, date) else value
                for column, attribute in ATTRIBUTES.items()
                if (value := row[column]) is not None
            }
            for number, row in zip(numbers, rows, strict=True)
        }


def make(folder: Path, rows: int, *, changed: bool = False) -> DataSet:
    """Write a data set once; with `changed`, one row in a hundred says something else."""
    name = f"contacts-{rows}{'-changed' if changed else ''}.parquet"
    data = DataSet(folder / name, rows, changed)
    if data.file.exists():
        return data
    batches = _batches(data)
    first = next(batches)
    with parquet.writing(data.file, first.schema) as out:
        out.write(first)
        for batch in batches:
            out.write(batch)
        # What the product's own extract notes about a file of its own.
        out.finish(
            {"path": "incremental", "started_at": datetime(2026, 11, 20, tzinfo=UTC).isoformat()}
        )
    return data


def _batches(data: DataSet) -> Iterator[pa.RecordBatch]:
    for first in range(0, data.rows, parquet.ROWS_PER_GROUP):
        numbers = np.arange(first, min(first + parquet.ROWS_PER_GROUP, data.rows))
        yield _batch(numbers, changed=data.changed)


def _batch(numbers: np.ndarray[Any, Any], *, changed: bool) -> pa.RecordBatch:
    mixed = (numbers.astype(np.uint64) * np.uint64(2_654_435_761)) & np.uint64(2**31 - 1)
    mixed = mixed.astype(np.int64)
    moved = _moved(numbers) & changed
    text = pa.array(numbers).cast(pa.string())
    updated = np.datetime64("2026-11-01", "us") + numbers.astype("m8[us]")
    return pa.record_batch(
        {
            "customer_id": pa.array(numbers, pa.int64()),
            "email": _emails(numbers, text),
            "first_name": pa.array(_FIRST_NAMES).take(pa.array(mixed % len(_FIRST_NAMES))),
            "last_name": pc.binary_join_element_wise("O'Neil ", text, ""),
            "city": pa.array(_CITIES).take(pa.array(mixed % len(_CITIES))),
            "ltv_score": pa.array(mixed % 1_000_000 / 100),
            "rfm_class": pa.array(_CLASSES).take(pa.array(mixed % len(_CLASSES))),
            "total_orders": pa.array(mixed % 60 + moved, pa.int64()),
            "last_purchase_date": pa.array((mixed % 4_000 + 16_000).astype(np.int32)).cast(
                pa.date32()
            ),
            "predicted_churn": pa.array(mixed / 2**31),
            "customer_segment": pc.binary_join_element_wise(
                "Segment ", pa.array(mixed % 12).cast(pa.string()), ""
            ),
            "updated_at": pa.array(
                updated + np.where(moved, np.timedelta64(40, "D"), np.timedelta64(0, "D"))
            ),
        }
    )


def _moved(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    moved: np.ndarray[Any, np.dtype[np.bool_]] = numbers % _CHANGED == _CHANGED // 2
    return moved


def _emails(numbers: np.ndarray[Any, Any], text: pa.Array) -> pa.Array:
    address = pc.binary_join_element_wise("customer.", text, "@mail.example.com", "")
    kind = numbers % 1_000
    return pc.case_when(
        pa.StructArray.from_arrays(
            [
                pa.array(kind < bound)
                for bound in (
                    _WITHOUT_AT,
                    _WITHOUT_AT + _BLANKS,
                    _WITHOUT_AT + _BLANKS + _CAPITALS,
                )
            ],
            names=["without_at", "blanks", "capitals"],
        ),
        pc.replace_substring(address, "@", "."),
        pc.binary_join_element_wise("  ", address, " ", ""),
        pc.utf8_upper(address),
        address,
    )
