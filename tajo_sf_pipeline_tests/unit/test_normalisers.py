"""Values as warehouses hold them to values as Brevo takes them (cases/normalisers.yaml)."""

from datetime import UTC, date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tajo_sf_pipeline.audience.field_mapping import Field
from tajo_sf_pipeline.mapping.choice import FieldDefaults
from tajo_sf_pipeline.mapping.fields import Prepared, prepare
from tajo_sf_pipeline.mapping.normalised import Normalised
from tajo_sf_pipeline.mapping.normalisers import emails
from tajo_sf_pipeline.mapping.source_columns import SourceValues
from tajo_sf_pipeline.mapping.types import LIST, TYPES, Family, family
from tajo_sf_pipeline_tests import case_files
from tajo_sf_pipeline_tests.columns import COLUMNS
from tajo_sf_pipeline_tests.strategies import addresses, decimals, texts

CASES = case_files.read("normalisers")
OPTIONS = Field.model_fields.keys() - {"to"}
OPTIONS_BESIDE = {"region_from", "currency_from"}


def _lines(case: dict[str, Any]) -> list[tuple[Any, Any, str | None]]:
    """Give each value of a case, what it becomes, and the problem that it has."""
    found: list[tuple[Any, Any, str | None]] = []
    for line in case["values"]:
        if isinstance(line, list):
            found.append((line[0], line[1], line[2] if line[2:] else None))
        else:
            given = line["each"] if "each" in line else [line["given"]]
            found += [(value, None, line["problem"]) for value in given]
    return found


def _prepared(case: dict[str, Any]) -> Prepared:
    options = {name: value for name, value in case.items() if name in OPTIONS}
    field = Field(to="TARGET", **options)
    column, _ = COLUMNS[case.get("column", "text")]
    return prepare(
        "column", "COLUMN", field, column, FieldDefaults("UTC", case.get("phone_region"))
    )


def _column(case: dict[str, Any], values: list[Any]) -> pa.Array:
    kind, read = COLUMNS[case.get("column", "text")]
    return pa.array([None if value is None else read(value) for value in values], kind)


def _made(case: dict[str, Any], values: list[Any]) -> Normalised:
    """Make a column of values; where the case has a column beside, each value is a pair."""
    prepared, beside = _prepared(case), None
    if prepared.field.columns:
        beside = pa.array([other for _, other in values], pa.string())
        values = [value for value, _ in values]
    return prepared.make(SourceValues(_column(case, values)), beside)


def _problems(made: Normalised) -> list[str | None]:
    found = made.problems.to_pylist() if made.problems is not None else None
    return found or [None] * len(made.values)


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize("case", case_files.each(CASES))
def test_value_becomes(case: dict[str, Any]) -> None:
    """Each value of the table becomes the one beside it, or is refused for the reason beside it."""
    wanted = _lines(case)
    values = [value for value, _, _ in wanted]
    made = _made(case, values)
    found = zip(values, map(_written, made.values.to_pylist()), _problems(made), strict=True)
    assert wanted == list(found)


@pytest.mark.parametrize("case", case_files.each(CASES))
def test_value_becomes_the_same_alone_and_in_any_order(case: dict[str, Any]) -> None:
    """Neighbours, and their order, change nothing."""
    values = [value for value, _, _ in _lines(case)]
    together = _made(case, values[::-1])
    alone = [_made(case, [value]) for value in values[::-1]]
    assert [one.values[0] for one in alone] == list(together.values)
    assert [_problems(one)[0] for one in alone] == _problems(together)


GOLDEN = [
    value
    for case in CASES
    if case.get("column", "text") == "text" and not OPTIONS_BESIDE & case.keys()
    for value, _, _ in _lines(case)
]
TEXTS = texts | addresses | st.sampled_from([value for value in GOLDEN if value is not None])
# Options without which a type has no meaning, or refuses nearly all.
NEEDED: dict[str, dict[str, Any]] = {
    "phone": {"region": "FR"},
    "money": {"currency": "EUR"},
    "category": {"options": ["Gold", "Silver"]},
}
VALUES: dict[Family, list[tuple[pa.DataType, st.SearchStrategy[Any]]]] = {
    "text": [(pa.string(), TEXTS), (pa.large_string(), TEXTS)],
    "number": [
        (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        (pa.float64(), st.floats()),
        (pa.decimal128(38, 6), decimals),
    ],
    "boolean": [(pa.bool_(), st.booleans())],
    "date": [(pa.date32(), st.dates())],
    "timestamp": [
        (pa.timestamp("us"), st.datetimes()),
        (pa.timestamp("us", tz="UTC"), st.datetimes(timezones=st.just(UTC))),
    ],
    "list": [(LIST, st.lists(st.none() | TEXTS, max_size=4))],
}
COLUMNS_OF_TYPES = [
    pytest.param(kind.name, column, values, id=f"{kind.name} of {column}")
    for kind in TYPES.values()
    for family in kind.takes
    for column, values in VALUES[family]
]


def _field(kind: str, column: pa.DataType) -> Prepared:
    options = dict(NEEDED.get(kind, {}))
    if kind in {"date", "timestamp"} and family(column) == "number":
        options["format"] = "epoch ms"
    field = Field(to="TARGET", type=kind, **options)
    return prepare("column", "COLUMN", field, column, FieldDefaults("Europe/Paris"))


@settings(max_examples=15, deadline=None)
@given(st.data())
@pytest.mark.parametrize(("kind", "column", "values"), COLUMNS_OF_TYPES)
def test_any_value_is_made_or_refused(
    kind: str, column: pa.DataType, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    """Nothing that a column may hold raises; no value has both a result and a problem.

    In any order and cut into any batches, each value becomes the same.
    """
    given = data.draw(st.lists(st.none() | values, max_size=8))
    prepared = _field(kind, column)
    whole = prepared.make(SourceValues(pa.array(given, column)), None)
    found = list(zip(whole.values.to_pylist(), _problems(whole), strict=True))
    assert [] == [pair for pair in found if None not in pair]
    order = data.draw(st.permutations(range(len(given))))
    cut = data.draw(st.integers(0, len(given)))
    parts = [
        prepared.make(SourceValues(pa.array([given[n] for n in part], column)), None)
        for part in (order[:cut], order[cut:])
    ]
    assert [found[n] for n in order] == [
        pair
        for part in parts
        for pair in zip(part.values.to_pylist(), _problems(part), strict=True)
    ]


@settings(max_examples=15, deadline=None)
@given(st.data())
@pytest.mark.parametrize(("kind", "column", "values"), COLUMNS_OF_TYPES)
def test_what_is_normalised_stays_as_it_is(
    kind: str, column: pa.DataType, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    """A value that has been through it once comes out of it unchanged the second time."""
    given = data.draw(st.lists(st.none() | values, max_size=8))
    once = _field(kind, column).make(SourceValues(pa.array(given, column)), None).values
    twice = _field(kind, once.type).make(SourceValues(once), None)
    assert (once.to_pylist(), None) == (twice.values.to_pylist(), twice.problems)


def test_misspelt_domains_are_told() -> None:
    """Likely slips are counted by domain; real domains that look like one are not."""
    given = ["a@gmial.com", "b@gmial.com", "c@gmail.con", "d@mail.com", "e@gmail.com", None]
    told = list(emails.misspelt(pa.array(given)))
    assert [("gmail.con", "gmail.com", 1), ("gmial.com", "gmail.com", 2)] == told


def test_each_distinct_number_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand rows of two numbers, in two batches, cost two parses."""
    import phonenumbers

    parsed: list[str] = []
    parse = phonenumbers.parse
    monkeypatch.setattr(phonenumbers, "parse", lambda n, r: parsed.append(n) or parse(n, r))
    prepared = _prepared({"type": "phone", "region": "FR"})
    column = pa.array(["0612345678", "0712345678"] * 250)
    for _ in range(2):
        assert "+33612345678" == prepared.make(SourceValues(column), None).values[0].as_py()
    assert ["0612345678", "0712345678"] == parsed
