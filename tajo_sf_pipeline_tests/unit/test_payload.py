"""Contacts as JSON, and their fingerprints."""

import json
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo_sf_pipeline.mapping.payload import Nulls, contacts_json, fingerprints, json_text
from tajo_sf_pipeline_tests.strategies import nullable_texts, texts

PAYLOAD = '{"email":"jane@example.com","attributes":{"LTV_SCORE":603.31}}'
FINGERPRINT = 14878848680308495505
ONE_OF_EACH = {
    "TEXT": pa.string(),
    "NUMBER": pa.float64(),
    "YES": pa.bool_(),
    "DAY": pa.date32(),
}


def _attributes_of(rows: list[tuple[Any, ...]], nulls: Nulls) -> list[dict[str, Any]]:
    """Write rows of one value of each type; read their attributes back."""
    columns = zip(*rows, strict=True)
    attributes = {
        name: pa.array(column, kind)
        for (name, kind), column in zip(ONE_OF_EACH.items(), columns, strict=True)
    }
    keys = pa.array(["jane@example.com"] * len(rows))
    payloads = contacts_json(keys, attributes, nulls).to_pylist()
    return [json.loads(payload)["attributes"] for payload in payloads]


@given(st.lists(texts, min_size=1))
def test_any_text_comes_back_from_json(given: list[str]) -> None:
    """Whatever a text has in it, a JSON reader finds it again."""
    written = json_text(pa.array(given)).to_pylist()
    assert given == [json.loads(text) for text in written]


@given(st.lists(st.tuples(nullable_texts, nullable_texts), min_size=1, max_size=8))
def test_s10_nulls_are_left_out(rows: list[tuple[str | None, str | None]]) -> None:
    """With `skip` a contact has those attributes that have a value, down to none."""
    names = ("FIRSTNAME", "LASTNAME")
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    attributes = dict(zip(names, columns, strict=True))
    keys = pa.array([f"{n}@example.com" for n in range(len(rows))])
    assert [
        {
            "email": f"{n}@example.com",
            "attributes": {
                name: text for name, text in zip(names, row, strict=True) if text is not None
            },
        }
        for n, row in enumerate(rows)
    ] == [json.loads(text) for text in contacts_json(keys, attributes, "skip").to_pylist()]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_come_back_from_json(numbers: list[float]) -> None:
    """No digit of a number is lost."""
    keys = pa.array(["jane@example.com"] * len(numbers))
    written = contacts_json(keys, {"N": pa.array(numbers)}, "skip").to_pylist()
    assert numbers == [json.loads(text)["attributes"]["N"] for text in written]


def test_one_attribute_that_is_null() -> None:
    """Where the only attribute of some contact is null, it and its neighbours stay whole."""
    keys = pa.array(["a@example.com", "b@example.com"])
    written = contacts_json(keys, {"LTV": pa.array([None, 1.5])}, "skip").to_pylist()
    assert [
        '{"email":"a@example.com","attributes":{}}',
        '{"email":"b@example.com","attributes":{"LTV":1.5}}',
    ] == written


def test_contact_without_attributes() -> None:
    """A mapping of the key alone writes a contact all the same."""
    assert ['{"email":"a@example.com","attributes":{}}'] == contacts_json(
        pa.array(["a@example.com"]), {}, "skip"
    ).to_pylist()


def test_s15_attributes_keep_their_order() -> None:
    """The same row has the same bytes; attributes stand as the mapping has them."""
    attributes = {"B": pa.array(["x"]), "A": pa.array([True]), "C": pa.array([date(2026, 1, 2)])}
    assert [
        '{"email":"a@example.com","attributes":{"B":"x","A":true,"C":"2026-01-02"}}'
    ] == contacts_json(pa.array(["a@example.com"]), attributes, "skip").to_pylist()


@pytest.mark.parametrize(
    ("nulls", "expected"),
    [("skip", {}), ("clear", {"TEXT": "", "NUMBER": "", "YES": "", "DAY": ""})],
    ids=["skip", "clear"],
)
def test_s10_nulls_of_every_type(nulls: Nulls, expected: dict[str, str]) -> None:
    """`skip` leaves Brevo's value alone, `clear` empties it, whatever the type."""
    assert [expected] == _attributes_of([(None, None, None, None)], nulls)


@pytest.mark.parametrize("nulls", ["skip", "clear"])
def test_s10_falsy_values_are_values(nulls: Nulls) -> None:
    """Zero and false are sent like any other value."""
    expected = {"TEXT": "0", "NUMBER": 0, "YES": False, "DAY": "1970-01-01"}
    assert [expected] == _attributes_of([("0", 0.0, False, date(1970, 1, 1))], nulls)


def test_s03_fingerprint_is_the_same_for_ever() -> None:
    """A ledger written today still knows the row in years: this value must never change."""
    [fingerprint] = fingerprints(pa.array([PAYLOAD]), b"version").to_pylist()
    assert FINGERPRINT == fingerprint


def test_s03_fingerprint_is_of_payload_and_version() -> None:
    """Another payload or another version of the mapping has another fingerprint."""
    other = PAYLOAD.replace("603.31", "603.32")
    found = [
        *fingerprints(pa.array([PAYLOAD, other, PAYLOAD]), b"version").to_pylist(),
        *fingerprints(pa.array([PAYLOAD]), b"other version").to_pylist(),
    ]
    assert found[0] == found[2]
    assert 3 == len(set(found))
