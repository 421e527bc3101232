"""Source rows to contacts and rejects, case by case (cases/mapping.yaml)."""

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tajo_sf_pipeline.audience.destination import Destination
from tajo_sf_pipeline.audience.field_mapping import Field, FieldMapping, fitted
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.audience.specification import Consent
from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.errors import MappingError
from tajo_sf_pipeline.mapping.mapper import Mapper
from tajo_sf_pipeline_tests import case_files
from tajo_sf_pipeline_tests.columns import COLUMNS
from tajo_sf_pipeline_tests.strategies import addresses, cut, nullable_texts

CASES = case_files.read("mapping")
WINDOW_END = datetime(2026, 3, 2, tzinfo=UTC)


def _audience(case: dict[str, Any]) -> Audience:
    return Audience(
        name="vips",
        statement=Statement("SELECT 1", "sql/vips.sql"),
        fields=_fields(case),
        optional=case.get("optional", False),
        cursor=case.get("cursor"),
        destination=_destination(case),
        nulls=case.get("nulls", "skip"),
        schedule="0 6 * * *",
        key=case.get("key", "email"),
        consent=Consent(resubscribe=case.get("resubscribe", False)),
        phone_region=case.get("phone_region"),
    )


FIELDS = TypeAdapter(FieldMapping)
DESTINATION: TypeAdapter[Destination] = TypeAdapter(Destination)


def _fields(case: dict[str, Any]) -> dict[str, Field]:
    mapping = FIELDS.validate_python(case["field_mapping"])
    destination = _destination(case)
    return fitted(mapping, destination, case.get("key", "email"), dated="cursor" in case)


def _destination(case: dict[str, Any]) -> Destination:
    return DESTINATION.validate_python(case.get("destination", {"list": "VIPs"}))


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
    mapped, rejected, suspicions = mapper.map(rows, 0)
    assert case.get("suspicions", {}) == suspicions
    assert case["mapped"] == [json.loads(payload) for payload in mapped["_payload"].to_pylist()]
    wanted = case.get("rejected", [])
    told = list(wanted[0]) if wanted else ["row"]
    assert wanted == rejected.select(told).to_pylist()
    for name, column in (("keys", "_key"), ("lists", "_list")):
        if name in case:
            assert case[name] == mapped[column].to_pylist()
    if "flags" in case:
        flags = mapped.select(["_email_blacklisted", "_sms_blacklisted"]).to_pylist()
        assert case["flags"] == [list(row.values()) for row in flags]
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


@pytest.mark.parametrize("case", case_files.each(CASES["wire"]))
def test_s15_on_the_wire(case: dict[str, Any]) -> None:
    """A column's value becomes these bytes of the payload, or its row is rejected."""
    options = {name: value for name, value in case.items() if name in Field.model_fields}
    lines = [line if isinstance(line, list) else [line["given"], None] for line in case["values"]]
    audience = {
        "columns": {"EMAIL": "text", "X": case["column"]},
        "field_mapping": {"email": "email", "x": {"to": "X", **options}},
        "rows": [["a@example.com", given] for given, _ in lines],
    }
    rows = _rows(audience)
    mapped, rejected, _ = _mapper(audience, rows).map(rows, 0)
    wanted = {
        n: line["problem"] if isinstance(line, dict) else line[1] and f'"X":{line[1]}'
        for n, line in enumerate(case["values"])
    }
    payloads = zip(mapped["_row"].to_pylist(), mapped["_payload"].to_pylist(), strict=True)
    found = {n: _attributes(payload) or None for n, payload in payloads}
    assert wanted == found | {line["row"]: line["reason"] for line in rejected.to_pylist()}


def _attributes(payload: str) -> str:
    return payload.removeprefix('{"email":"a@example.com","attributes":{').removesuffix("}}")


PEOPLE: dict[str, Any] = {
    "columns": {"EMAIL": "text", "NAME": "text", "LTV": "double", "UPDATED_AT": "moment"},
    "field_mapping": {"email": "email", "name": "NAME", "ltv": "LTV"},
    "cursor": "updated_at",
}
JANE = ["jane@example.com", "Jane", 1.5, "2026-03-01T10:00:00+00:00"]


FINGERPRINT = 16365769301926150637


def _fingerprint(**changes: Any) -> int:
    """Give the fingerprint of Jane's row under a changed audience."""
    case = {**PEOPLE, "rows": [JANE], **changes}
    rows = _rows(case)
    mapped, _, _ = _mapper(case, rows).map(rows, 0)
    [fingerprint] = mapped["_fingerprint"].to_pylist()
    return int(fingerprint)


def test_s03_fingerprint_is_the_same_for_ever() -> None:
    """What a ledger holds of a mapped row must never change, or every contact is sent again."""
    assert FINGERPRINT == _fingerprint()


@pytest.mark.parametrize(
    "changes",
    [
        {"nulls": "clear"},
        {"destination": {"list": "Others"}},
        {"destination": {"list": "VIPs", "folder": "Others"}},
        {"destination": {"list_id": 42}},
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


@settings(max_examples=50, deadline=None)
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
        parts.append(mapper.map(batch, seen)[:2])
        seen += batch.num_rows
    assert [part.to_pylist() for part in mapper.map(whole, 0)[:2]] == [
        pa.Table.from_batches(batches).to_pylist() for batches in zip(*parts, strict=True)
    ]


RICH: dict[str, Any] = {
    "columns": {
        "EMAIL": "text",
        "PHONE": "text",
        "AMOUNT": "text",
        "OPT_IN": "text",
        "MORE": "text",
    },
    "field_mapping": {
        "email": "email",
        "phone": {"to": "sms", "region": "FR", "on_invalid": None},
        "amount": {"to": "LTV", "type": "number", "default": 0},
        "opt_in": "consent.email",
        "more.name": {"to": "NAME", "on_invalid": None},
        "tags": {
            "to": "TAGS",
            "type": "list",
            "separator": ",",
            "expression": "phone || ',' || amount",
        },
    },
}
RICH_ROW = st.tuples(
    st.sampled_from(["a@example.com", " B@example.com", "jane@bücher.com", "no", None]),
    st.sampled_from(["0612345678", "+12125550100", "12", "", None]) | nullable_texts,
    st.sampled_from(["1.5", "-0.0", "1e309", "x", "", None]),
    st.sampled_from(["Y", "no", "perhaps", "", None]),
    st.sampled_from(['{"name": "a"}', "{}", "{", None]),
)


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_s15_neither_batches_nor_neighbours_matter(data: st.DataObject) -> None:
    """Rows with every kind of normaliser are mapped alike in any batches, and each as if alone."""
    people = data.draw(st.lists(RICH_ROW, min_size=1, max_size=8))
    whole = _rows({**RICH, "rows": people})
    mapper = _mapper(RICH, whole)
    at_once = [part.to_pylist() for part in mapper.map(whole, 0)[:2]]
    for batches in (data.draw(cut(whole)), [whole.slice(n, 1) for n in range(len(people))]):
        seen, parts = 0, []
        for batch in batches:
            parts.append(mapper.map(batch, seen)[:2])
            seen += batch.num_rows
        assert at_once == [
            pa.Table.from_batches(made).to_pylist() for made in zip(*parts, strict=True)
        ]
    mapped, rejected = at_once
    assert [*range(len(people))] == sorted(
        [*(row["_row"] for row in mapped), *(row["row"] for row in rejected)]
    )


def _generated(rows: int) -> pa.RecordBatch:
    """Make rows of which some have each of the things that are refused, kept or left out."""
    numbers = range(rows)
    return pa.record_batch(
        {
            "EMAIL": [f"Person{n}@Example.com" if n % 97 else "no address" for n in numbers],
            "PHONE": [f"06{n % 100_000:08}" if n % 13 else None for n in numbers],
            "AMOUNT": [f"{n / 4}" if n % 101 else "x" for n in numbers],
            "OPT_IN": [("Y", "no", None)[n % 3] for n in numbers],
            "MORE": [f'{{"name": "O\'Neil {n % 10}"}}' if n % 103 else "{" for n in numbers],
        },
        schema=pa.schema({name: pa.string() for name in RICH["columns"]}),
    )


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("rows", "size"), [(1_000_000, 65_536), (7_000, 7), (500, 1)])
def test_s15_a_million_rows_at_once_are_those_of_many_batches(rows: int, size: int) -> None:
    """One batch of all rows gives what batches of any size give; small ones on a sample."""
    whole = _generated(rows)
    mapper = _mapper(RICH, whole)
    at_once = mapper.map(whole, 0)[:2]
    parts = [mapper.map(whole.slice(n, size), n)[:2] for n in range(0, rows, size)]
    for one, many in zip(at_once, zip(*parts, strict=True), strict=True):
        assert pa.Table.from_batches([one]).equals(pa.Table.from_batches(many).combine_chunks())
