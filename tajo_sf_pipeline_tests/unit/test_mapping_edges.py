"""Edges of the mapping that the case files do not reach."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from tajo_sf_pipeline.audience.destination import ObjectsDestination
from tajo_sf_pipeline.audience.field_mapping import Field
from tajo_sf_pipeline.errors import MappingError
from tajo_sf_pipeline.mapping import text_bytes
from tajo_sf_pipeline.mapping.choice import FieldDefaults
from tajo_sf_pipeline.mapping.fields import prepare
from tajo_sf_pipeline.mapping.json_payload import fingerprints, json_text
from tajo_sf_pipeline.mapping.mapper import Mapper
from tajo_sf_pipeline.mapping.payload_builders import wrong_names
from tajo_sf_pipeline.mapping.source_columns import SourceValues
from tajo_sf_pipeline_tests.mapped_rows import audience

WINDOW_END = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "good"),
    [("a" * 255, True), ("a" * 256, False), ("", False), ("a b", False), ("order-paid_2", True)],
)
def test_s16_a_name_that_brevo_does_not_take_for_an_event(name: str, *, good: bool) -> None:
    """It costs its row, and not the batch in which it would have been sent."""
    assert [good] == [problem is None for problem in wrong_names(pa.array([name])).to_pylist()]


@pytest.mark.parametrize(("start", "count"), [(0, 1), (1, 1), (0, 2), (1, 2), (2, 1)])
def test_s15_a_part_of_a_column_is_looked_at_where_it_is(start: int, count: int) -> None:
    """A slice is escaped for what stands in it, wherever that begins."""
    texts = pa.array(["plain", 'a "quote"', "\x01"])
    part = texts.slice(start, count)
    values = part.to_pylist()
    assert (any(value != "plain" for value in values), "\x01" in values) == (
        text_bytes.must_escape(part),
        text_bytes.may_have_controls(part),
    )
    written = {"plain": '"plain"', 'a "quote"': '"a \\"quote\\""', "\x01": '"\\u0001"'}
    assert [written[value] for value in values] == json_text(part).to_pylist()


@pytest.mark.parametrize("mask", ["sha256", "redact"])
def test_s14_a_default_is_masked_as_values_are(mask: Any) -> None:
    """Else the one value of a masked field that everybody can read would be its default."""
    field = Field(to="X", mask=mask, default="Jane")
    prepared = prepare("x", "X", field, pa.string(), FieldDefaults("UTC"))
    [value, default] = prepared.make(
        SourceValues(pa.array(["Jane", None])), None
    ).values.to_pylist()
    assert value == default != "Jane"


def test_s16_two_columns_of_one_name_are_refused() -> None:
    """A warehouse may return both; which of them is meant nobody can tell."""
    fields = {"email": Field(to="email"), "x": Field(to="X")}
    schema = pa.schema({"EMAIL": pa.string(), "X": pa.string(), "x": pa.string()})
    with pytest.raises(MappingError, match="X, x") as refused:
        Mapper(audience(fields=fields), schema, timezone="UTC", window_end=WINDOW_END)
    assert "TAJO-604" == refused.value.code
    other = pa.schema([*schema, ("y", pa.string()), ("Y", pa.string())]).remove(2)
    mapper = Mapper(audience(fields=fields), other, timezone="UTC", window_end=WINDOW_END)
    assert ("y", "Y") == mapper.unmapped


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"_email_blacklisted": True}, {"_sms_blacklisted": True}),
        ({"_email_blacklisted": None}, {"_email_blacklisted": False}),
        ({"_email_blacklisted": None}, {}),
        (
            {"_email_blacklisted": True, "_sms_blacklisted": None},
            {"_email_blacklisted": None, "_sms_blacklisted": True},
        ),
    ],
)
def test_s03_what_is_sent_beside_a_payload_is_told_apart(
    one: dict[str, bool | None], other: dict[str, bool | None]
) -> None:
    """Another flag is another row, also where the value is the same."""
    payload = pa.array(['{"email":"jane@example.com"}'])
    found = [
        fingerprints(payload, b"version", {n: pa.array([v], pa.bool_()) for n, v in told.items()})
        for told in (one, other)
    ]
    assert found[0] != found[1]


def test_s03_records_of_another_type_are_sent_though_they_say_the_same() -> None:
    """The type of an object changes its request, and so the fingerprint of its rows."""
    fields = {"id": Field(to="ext_id")}
    rows = pa.record_batch({"ID": pa.array(["c-1"])})
    made = audience(fields=fields, destination=ObjectsDestination(object="car"))
    found = [
        Mapper(
            made.model_copy(update={"destination": ObjectsDestination(object=name)}),
            rows.schema,
            timezone="UTC",
            window_end=WINDOW_END,
        )
        .map(rows, 0)
        .mapped["_fingerprint"]
        .to_pylist()
        for name in ("car", "boat", "car")
    ]
    assert found[0] == found[2] != found[1]
