"""Contacts as JSON, and their fingerprints."""

import json
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo_sf_pipeline.audience.field_mapping import Nulls
from tajo_sf_pipeline.mapping.json_payload import fingerprints, json_text
from tajo_sf_pipeline.mapping.payload_builders import ContactPayloads, FieldValues
from tajo_sf_pipeline_tests.strategies import nullable_texts, texts

PAYLOAD = '{"email":"jane@example.com","attributes":{"LTV_SCORE":603.31}}'
FINGERPRINT = 18012570801021843045
ONE_OF_EACH = {
    "TEXT": pa.string(),
    "NUMBER": pa.float64(),
    "YES": pa.bool_(),
    "DAY": pa.date32(),
}


def contacts_json(keys: pa.Array, attributes: dict[str, pa.Array], nulls: Nulls) -> pa.Array:
    fields = [FieldValues(name, values, nulls) for name, values in attributes.items()]
    return ContactPayloads("email").payloads(keys, [FieldValues("email", keys), *fields], {})


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


WIRE: list[tuple[pa.Array, str]] = [
    (pa.array(["O'Neil"]), '"O\'Neil"'),
    (pa.array(["🌞"]), '"🌞"'),
    (pa.array(["שלום"]), '"שלום"'),
    (pa.array(["a\u200f\u202eb"]), '"a\u200f\u202eb"'),
    (pa.array(['say "hi" \\ bye\n']), '"say \\"hi\\" \\\\ bye\\n"'),
    (pa.array(["\x01\x7f"]), '"\\u0001\x7f"'),
    (pa.array(["NULL"]), '"NULL"'),
    (pa.array([0.0]), "0"),
    (pa.array([603.31]), "603.31"),
    (pa.array([1e308]), "1e+308"),
    (pa.array([5e-324]), "5e-324"),
    (pa.array([False]), "false"),
    (pa.array([date(9999, 12, 31)]), '"9999-12-31"'),
    (pa.array([date(1900, 1, 1)]), '"1900-01-01"'),
    (pa.array([date(2024, 2, 29)]), '"2024-02-29"'),
    (pa.array([["a", 'b"']]), '["a","b\\""]'),
]


@pytest.mark.parametrize(("values", "written"), WIRE, ids=[written for _, written in WIRE])
def test_s15_on_the_wire(values: pa.Array, written: str) -> None:
    """These are the bytes that Brevo gets, and a JSON reader makes the value of them again."""
    [payload] = contacts_json(pa.array(["a@b.co"]), {"X": values}, "skip").to_pylist()
    assert f'{{"email":"a@b.co","attributes":{{"X":{written}}}}}' == payload
    [value] = values.to_pylist()
    wanted = value.isoformat() if isinstance(value, date) else value
    assert wanted == json.loads(payload)["attributes"]["X"]


LISTS = st.lists(st.none() | st.lists(texts, max_size=3), min_size=1, max_size=6)


@given(LISTS, st.integers(0, 3))
def test_lists_come_back_from_json(rows: list[list[str] | None], skipped: int) -> None:
    """Lists of any length beside each other, and those of a part of a column, stay apart."""
    column = pa.array([None, ["x"], [], *rows], pa.list_(pa.string())).slice(skipped)
    keys = pa.array(["a@b.co"] * len(column))
    written = contacts_json(keys, {"X": column}, "skip").to_pylist()
    assert column.to_pylist() == [json.loads(text)["attributes"].get("X") for text in written]


def test_what_is_sent_beside_the_payload_is_in_the_fingerprint() -> None:
    """A flag or a list that changes is a change; without any the fingerprint is the payload's."""
    payloads = pa.array([PAYLOAD] * 3)
    flags = pa.array([None, True, False])
    found = fingerprints(payloads, b"version", {"_email_blacklisted": flags}).to_pylist()
    assert [FINGERPRINT] * 3 == fingerprints(payloads, b"version", {}).to_pylist()
    assert 4 == len({*found, FINGERPRINT})
