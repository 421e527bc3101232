"""Values as warehouses hold them to values as Brevo takes them (cases/normalisers.yaml)."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tajo_sf_pipeline.field_mapping import Field
from tajo_sf_pipeline.mapping.choice import Ways
from tajo_sf_pipeline.mapping.fields import Prepared, prepare
from tajo_sf_pipeline.mapping.normalised import Normalised
from tajo_sf_pipeline.mapping.normalisers import emails
from tajo_sf_pipeline.mapping.sources import Given
from tajo_sf_pipeline_tests import case_files
from tajo_sf_pipeline_tests.columns import COLUMNS
from tajo_sf_pipeline_tests.strategies import addresses, texts

CASES = case_files.read("normalisers")
OPTIONS = Field.model_fields.keys() - {"to"}


def _prepared(case: dict[str, Any]) -> Prepared:
    options = {name: value for name, value in case.items() if name in OPTIONS}
    field = Field(to="TARGET", **options)
    column, _ = COLUMNS[case.get("column", "text")]
    return prepare("column", "COLUMN", field, column, Ways("UTC", case.get("phone_region")))


def _column(case: dict[str, Any], values: list[Any]) -> pa.Array:
    kind, read = COLUMNS[case.get("column", "text")]
    return pa.array([None if value is None else read(value) for value in values], kind)


def _made(case: dict[str, Any], values: list[Any]) -> Normalised:
    """Make a column of values; where the case has a column beside, each value is a pair."""
    prepared, beside = _prepared(case), None
    if prepared.field.columns:
        beside = pa.array([other for _, other in values], pa.string())
        values = [value for value, _ in values]
    return prepared.make(Given(_column(case, values)), beside)


def _problems(made: Normalised) -> list[str | None]:
    found = made.problems.to_pylist() if made.problems is not None else None
    return found or [None] * len(made.values)


def _written(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize("case", case_files.each(CASES))
def test_value_becomes(case: dict[str, Any]) -> None:
    """Each value of the table becomes the one beside it, or is refused for the reason beside it."""
    pairs = [line for line in case["values"] if isinstance(line, list)]
    refused = [line for line in case["values"] if isinstance(line, dict)]
    values = [*(pair[0] for pair in pairs), *(line["given"] for line in refused)]
    made = _made(case, values)
    wanted = [(value, expected, None) for value, expected in pairs]
    wanted += [(line["given"], None, line["problem"]) for line in refused]
    found = zip(values, map(_written, made.values.to_pylist()), _problems(made), strict=True)
    assert wanted == list(found)


@pytest.mark.parametrize("case", case_files.each(CASES))
def test_value_becomes_the_same_alone_and_in_any_order(case: dict[str, Any]) -> None:
    """Neighbours, and their order, change nothing."""
    values = [line[0] if isinstance(line, list) else line["given"] for line in case["values"]]
    together = _made(case, values[::-1])
    alone = [_made(case, [value]) for value in values[::-1]]
    assert [one.values[0] for one in alone] == list(together.values)
    assert [_problems(one)[0] for one in alone] == _problems(together)


TYPES = ["text", "email", "phone", "number", "boolean", "date", "country", "currency", "language"]
GIVEN = texts | addresses | st.sampled_from(
    [str(value) for case in CASES if "column" not in case for value in case["values"][0]]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([*TYPES, "timestamp", "json"]), st.lists(st.none() | GIVEN, max_size=8))
def test_any_text_is_made_or_refused(kind: str, values: list[str | None]) -> None:
    """Nothing that a column may hold raises, and no value has both a result and a problem."""
    made = _made({"type": kind}, values)
    pairs = zip(made.values.to_pylist(), _problems(made), strict=True)
    assert [] == [pair for pair in pairs if None not in pair]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TYPES), st.lists(GIVEN, max_size=8))
def test_what_is_normalised_stays_as_it_is(kind: str, values: list[str]) -> None:
    """A value that has been through it once comes out of it unchanged the second time."""
    once = _made({"type": kind}, values).values.cast(pa.string()).to_pylist()
    twice = _made({"type": kind}, once).values.cast(pa.string()).to_pylist()
    assert once == twice


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
        assert "+33612345678" == prepared.make(Given(column), None).values[0].as_py()
    assert ["0612345678", "0712345678"] == parsed
