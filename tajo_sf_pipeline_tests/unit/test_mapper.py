"""Source rows to contacts and rejects, case by case (cases/mapping.yaml)."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo_sf_pipeline.audience import Audience, Destination
from tajo_sf_pipeline.errors import MappingError
from tajo_sf_pipeline.mapping.mapper import Mapper
from tajo_sf_pipeline.statement import Statement
from tajo_sf_pipeline_tests import case_files
from tajo_sf_pipeline_tests.strategies import addresses, cut, nullable_texts

CASES = case_files.read("mapping")
WINDOW_END = datetime(2026, 3, 2, tzinfo=UTC)
COLUMNS: dict[str, tuple[pa.DataType, Callable[[Any], Any]]] = {
    "text": (pa.string(), str),
    "integer": (pa.int64(), int),
    "decimal": (pa.decimal128(38, 2), Decimal),
    "double": (pa.float64(), float),
    "boolean": (pa.bool_(), bool),
    "date": (pa.date32(), date.fromisoformat),
    "timestamp": (pa.timestamp("us"), datetime.fromisoformat),
    "moment": (pa.timestamp("us", tz="UTC"), datetime.fromisoformat),
    "time": (pa.time64("us"), time.fromisoformat),
    "binary": (pa.binary(), bytes.fromhex),
}


def _audience(case: dict[str, Any]) -> Audience:
    return Audience(
        name="vips",
        description="",
        statement=Statement("SELECT 1", "sql/vips.sql"),
        fields=case["field_mapping"],
        optional=case.get("optional", False),
        cursor=case.get("cursor"),
        lookback=timedelta(hours=1),
        destination=case.get("destination", Destination(list="VIPs")),
        nulls=case.get("nulls", "skip"),
        shared=False,
        schedule="0 6 * * *",
        owners=(),
    )


def _rows(case: dict[str, Any]) -> pa.RecordBatch:
    kinds = [COLUMNS[kind] for kind in case["columns"].values()]
    given = case.get("rows") or []
    arrays = [
        pa.array([None if row[n] is None else read(row[n]) for row in given], kind)
        for n, (kind, read) in enumerate(kinds)
    ]
    return pa.record_batch(arrays, names=list(case["columns"]))


def _mapper(case: dict[str, Any], rows: pa.RecordBatch) -> Mapper:
    timezone = case.get("timezone", "UTC")
    return Mapper(_audience(case), rows.schema, timezone=timezone, window_end=WINDOW_END)


@pytest.mark.parametrize("case", case_files.each(CASES["maps"]))
def test_maps(case: dict[str, Any]) -> None:
    """Each row becomes the contact of the case, or its reject."""
    rows = _rows(case)
    mapper = _mapper(case, rows)
    mapped, rejected = mapper.map(rows, 0)
    assert case["mapped"] == [json.loads(payload) for payload in mapped["_payload"].to_pylist()]
    assert case.get("rejected", []) == rejected.to_pylist()
    if "versions" in case:
        assert case["versions"] == [v.isoformat() for v in mapped["_version"].to_pylist()]
    if "unmapped" in case:
        assert case["unmapped"] == list(mapper.unmapped)


@pytest.mark.parametrize("case", case_files.each(CASES["refuses"]))
def test_s16_refuses(case: dict[str, Any]) -> None:
    """Columns that do not fit the mapping are told before a row is mapped."""
    rows = _rows(case)
    with pytest.raises(MappingError) as refused:
        _mapper(case, rows).map(rows, 0)
    assert case["code"] == refused.value.code
    assert case["happened"] in refused.value.happened


PEOPLE: dict[str, Any] = {
    "columns": {"EMAIL": "text", "NAME": "text", "LTV": "double", "UPDATED_AT": "moment"},
    "field_mapping": {"email": "email", "name": "NAME", "ltv": "LTV"},
    "cursor": "updated_at",
}
JANE = ["jane@example.com", "Jane", 1.5, "2026-03-01T10:00:00+00:00"]


FINGERPRINT = 14650172454746627165


def _fingerprint(**changes: Any) -> int:
    """Give the fingerprint of Jane's row under a changed audience."""
    case = {**PEOPLE, "rows": [JANE], **changes}
    rows = _rows(case)
    mapped, _ = _mapper(case, rows).map(rows, 0)
    [fingerprint] = mapped["_fingerprint"].to_pylist()
    return int(fingerprint)


def test_s03_fingerprint_is_the_same_for_ever() -> None:
    """What a ledger holds of a mapped row must never change, or every contact is sent again."""
    assert FINGERPRINT == _fingerprint()


@pytest.mark.parametrize(
    "changes",
    [
        {"nulls": "clear"},
        {"destination": Destination(list="Others")},
        {"destination": Destination(list="VIPs", folder="Others")},
        {"destination": Destination(list_id=42)},
        {"field_mapping": {"email": "email", "name": "FIRSTNAME", "ltv": "LTV"}},
        {"rows": [["jane@example.com", "Jane", 1.6, None]]},
    ],
    ids=["nulls", "list", "folder", "list id", "attribute", "value"],
)
def test_s03_what_changes_the_request_changes_the_fingerprint(changes: dict[str, Any]) -> None:
    """A row that would be sent otherwise than before is sent again."""
    assert _fingerprint() != _fingerprint(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": [[" JANE@example.com", "Jane ", 1.5, "2026-03-01T11:11:11+00:00"]]},
        {"cursor": None},
        {"timezone": "Asia/Tokyo"},
    ],
    ids=["spelling and version", "no cursor", "zone"],
)
def test_s03_what_does_not_change_the_request_keeps_the_fingerprint(
    changes: dict[str, Any],
) -> None:
    """A row that would be sent as before is not sent again."""
    assert _fingerprint() == _fingerprint(**changes)


PERSON = st.tuples(
    st.none() | addresses,
    nullable_texts,
    st.none() | st.floats(),
    st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds the zone
)


@given(st.data())
def test_s15_batch_boundaries_do_not_matter(data: st.DataObject) -> None:
    """However the warehouse cuts its answer, the same rows are mapped and rejected alike."""
    people = data.draw(st.lists(PERSON, min_size=1, max_size=12))
    kinds = [COLUMNS[kind][0] for kind in PEOPLE["columns"].values()]
    arrays = [pa.array(c, kind) for c, kind in zip(zip(*people, strict=True), kinds, strict=True)]
    whole = pa.record_batch(arrays, names=list(PEOPLE["columns"]))
    mapper = _mapper(PEOPLE, whole)
    seen, parts = 0, []
    for batch in data.draw(cut(whole)):
        parts.append(mapper.map(batch, seen))
        seen += batch.num_rows
    assert [part.to_pylist() for part in mapper.map(whole, 0)] == [
        pa.Table.from_batches(batches).to_pylist() for batches in zip(*parts, strict=True)
    ]
