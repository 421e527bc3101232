"""What must hold of rows and columns, judged on small files: each check passes and fails."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tajo_sf_pipeline.audience.check_rules import RULES, CheckSetting, Rule, applied
from tajo_sf_pipeline.checks import choices, personal, rows, schema
from tajo_sf_pipeline.config.limit import Limit
from tajo_sf_pipeline.telemetry.personal import anonymous, shown

TENTH = Limit(10, percent=True)


def file(folder: Path, name: str, columns: Mapping[str, Any]) -> Path:
    path = folder / f"{name}.parquet"
    pq.write_table(pa.table(dict(columns)), path)
    return path


def test_a_row_that_is_neither_mapped_nor_rejected_is_missed(tmp_path: Path) -> None:
    """S01: the three files must add up."""
    extract = file(tmp_path, "extract", {"a": [1, 2, 3]})
    mapped = file(tmp_path, "mapped", {"a": [1, 2]})
    rejected = file(tmp_path, "rejected", {"a": [3]})
    nothing = file(tmp_path, "nothing", {"a": pa.array([], pa.int64())})
    assert rows.accounted_for(extract, mapped, rejected).passed
    lost = rows.accounted_for(extract, mapped, nothing)
    assert (False, ("1 rows are neither mapped nor rejected",)) == (lost.passed, lost.problems)


@pytest.mark.parametrize(
    ("keys", "passed", "examples"),
    [
        (["a@x.example", "b@x.example"], True, ()),
        (["a@x.example", "a@x.example"], False, ({"key": "a***@x.example", "rows": 2},)),
        (["a@x.example", None], False, ()),
        ([], True, ()),
    ],
    ids=["fine", "twice", "null", "no rows"],
)
def test_a_key_is_there_and_there_once(
    tmp_path: Path, keys: list[str | None], passed: bool, examples: tuple[object, ...]
) -> None:
    """The examples name the keys that stand twice, masked."""
    mapped = file(tmp_path, "mapped", {"_key": pa.array(keys, pa.string())})
    found = rows.keys_unique(mapped, show=False)
    assert (passed, examples) == (found.passed, found.examples)


KNOWN = {"email": "string", "points": "decimal128(38, 0)", "seen": "timestamp[us, tz=UTC]"}


@pytest.mark.parametrize(
    ("known", "found", "problems"),
    [
        (None, KNOWN, ()),
        (KNOWN, KNOWN, ()),
        (KNOWN, KNOWN | {"points": "int64"}, ()),
        (KNOWN, KNOWN | {"points": "decimal128(9, 2)", "more": "string"}, ()),
        (KNOWN | {"unread": "string"}, KNOWN, ()),
        (KNOWN, KNOWN | {"points": "string"}, ("`points` was decimal128(38, 0) and is string",)),
        (KNOWN, {"email": "string", "points": "int64"}, ("`seen` is gone",)),
        (
            KNOWN,
            {"email": "string", "seen": KNOWN["seen"], "point_s": "int64"},
            ("`points` is gone; is it `point_s` now?",),
        ),
        (
            KNOWN,
            {"email": "string", "points": "int64", "last_visit": KNOWN["seen"]},
            ("`seen` is gone; is it `last_visit` now?",),
        ),
    ],
    ids=[
        "first run",
        "the same",
        "another width of a number",
        "other digits, a new column",
        "a column that nobody reads is gone",
        "another type",
        "gone",
        "renamed, by its name",
        "renamed, by its type",
    ],
)
def test_drift_is_what_the_mapping_would_feel(
    known: Mapping[str, str] | None, found: Mapping[str, str], problems: tuple[str, ...]
) -> None:
    """A column that is gone or of another type; the near name is suggested."""
    verdict = schema.drift(known, found, set(KNOWN))
    assert (not problems, problems) == (verdict.passed, verdict.problems)


@pytest.mark.parametrize(
    ("limit", "passed"),
    [
        (None, True),
        (TENTH, False),
        (Limit(50, percent=True), True),
        (Limit(1, percent=False), False),
    ],
    ids=["no guard", "a tenth", "half", "one row"],
)
def test_rejects_are_measured_by_the_guard(
    tmp_path: Path, limit: Limit | None, passed: bool
) -> None:
    """Two rejects of four rows; up to five are shown, with the person masked."""
    rejected = file(
        tmp_path,
        "rejected",
        {
            "row": [0, 1],
            "key": ["ada@x.example", None],
            "column": ["EMAIL"] * 2,
            "reason": ["is not an e-mail address"] * 2,
        },
    )
    found = rows.rejects(4, rejected, limit, show=False)
    assert (passed, 0.5) == (found.passed, found.counts["rejected_share"])
    if not passed:
        assert ["a***@x.example", ""] == [example["key"] for example in found.examples]


def test_rejects_of_an_empty_extract_are_no_part_of_it(tmp_path: Path) -> None:
    """Nothing came, nothing is rejected, and nothing is divided by it."""
    rejected = file(tmp_path, "rejected", {"row": pa.array([], pa.int64())})
    assert rows.rejects(0, rejected, TENTH, show=False).passed


@pytest.mark.parametrize(
    ("planned", "failed", "limit", "passed"),
    [(10, 1, TENTH, True), (10, 2, TENTH, False), (10, 10, None, True), (0, 0, TENTH, True)],
)
def test_refusals_are_measured_by_the_guard(
    planned: int, failed: int, limit: Limit | None, passed: bool
) -> None:
    """What Brevo refused, of what was sent to it."""
    assert passed == rows.refusals(planned, failed, limit).passed


@pytest.mark.parametrize(
    ("extracted", "before", "limit", "incremental", "outcome"),
    [
        (10, [100, 100], None, False, "passed"),
        (60, [100] * 3, None, False, "passed"),
        (10, [100] * 3, None, False, "mild"),
        (10, [100] * 3, None, True, "passed"),
        (10, [100] * 3, TENTH, True, "failed"),
        (95, [100] * 3, TENTH, False, "passed"),
        (0, [0, 0, 0], TENTH, False, "passed"),
        (5, [0, 0, 0], TENTH, False, "failed"),
    ],
    ids=[
        "two runs say nothing",
        "near the mean",
        "far from it without a guard",
        "only what is new",
        "only what is new, with a guard",
        "inside the guard",
        "always empty",
        "no longer empty",
    ],
)
def test_volume_is_measured_by_the_last_runs(
    extracted: int, before: list[int], limit: Limit | None, incremental: bool, outcome: str
) -> None:
    """A guard stops; without one a large change is told; three runs are needed for a mean."""
    found = rows.volume(extracted, before, limit, incremental=incremental)
    told = "passed" if found.passed else "mild" if found.mild else "failed"
    assert outcome == told


PHONES = ["+33 6 12 34 56 78", "0033612345678", "(555) 123-4567", "06.12.34.56.78", "+15551234567"]
NOT_PERSONAL = [
    *("2026-11-21", "20231112345", "1.2.3.4", "10-20", "A-1234-5678", "4.99", "@home", "a@b"),
    *("C++ 2026 1234", "€ 12 000 000"),
]


@pytest.mark.parametrize("value", ["ada@x.example", " ada@x.example ", *PHONES])
def test_personal_data_in_an_unmarked_attribute_is_found(value: str) -> None:
    """By its look, and the example is masked; marking the field lets it through."""
    batch = pa.record_batch({"NOTE": [value, *["text"] * 9], "EMAIL_2": ["b@x.example"] * 10})
    found = personal.unmarked(batch, ())
    assert (False, ["NOTE"]) == (found.passed, [example["attribute"] for example in found.examples])
    assert value.strip() not in str(found)
    assert personal.unmarked(batch, {"NOTE"}).passed


@pytest.mark.parametrize("value", NOT_PERSONAL)
def test_what_only_resembles_personal_data_passes(value: str) -> None:
    """Dates, order numbers, addresses of machines and prices are nobody's."""
    batch = pa.record_batch({"NOTE": [value] * 10})
    assert personal.unmarked(batch, ()).passed


@pytest.mark.parametrize("name", ["email", "Phone", "EMAIL", "contact.SMS"])
def test_a_column_that_is_named_for_it_may_hold_an_address(name: str) -> None:
    """In any case: events and contacts by ext_id have their e-mail in a column `email`."""
    batch = pa.record_batch({name: ["ada@x.example"] * 10})
    assert personal.unmarked(batch, ()).passed


def test_one_address_among_many_notes_passes() -> None:
    """An accident in free text is not a column of addresses."""
    batch = pa.record_batch({"NOTE": ["ada@x.example", *["text"] * 99]})
    assert personal.unmarked(batch, ()).passed


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("CITY", "Lyon", "Lyon"),
        ("POINTS", 7, 7),
        ("FIRSTNAME", "Ada", "A***"),
        ("BIRTHDAY", "1990-05-17", "1***"),
        ("NOTE", "ada@x.example", "a***@x.example"),
        ("NOTE", "+33612345678", "+***"),
        ("NEWSLETTER", True, True),
        ("NOTE", "call ada@x.example today", "call a***@x.example today"),
        ("LIKES", ["tea", "ada@x.example"], ["tea", "a***@x.example"]),
        ("PROFILE", {"email": "ada", "tier": 1}, {"email": "a***", "tier": 1}),
        ("PROFILE", '{"phone": "0612", "tier": 1}', '{"phone": "0***", "tier": 1}'),
        ("PROFILE", '{"phone": ', "{***"),
        ("CITY", None, None),
        ("CODE", "abc", "a***"),
    ],
)
def test_a_preview_shows_nobody(name: str, value: object, expected: object) -> None:
    """What names or reaches a person is masked, whether by its name, its look or its mark."""
    assert expected == shown(name, value, show=False, personal={"CODE"})
    assert value == shown(name, value, show=True, personal={"CODE"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ada@x.example is blocked", "a***@x.example is blocked"),
        ("'+33612345678' is taken", "'+***' is taken"),
        ("Contact already exist", "Contact already exist"),
        ("list 42 is gone", "list 42 is gone"),
    ],
)
def test_a_reason_names_nobody(text: str, told: str) -> None:
    """What Brevo says of a row is kept, without the person."""
    assert told == anonymous(text)


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        (["gold", "Silver", None], ()),
        (["gold", "bronze", "bronze"], ("TIER has no option 'bronze', which 2 rows want",)),
    ],
    ids=["all known", "one unknown"],
)
def test_choices_are_those_that_brevo_has(
    tmp_path: Path, values: list[str | None], problems: tuple[str, ...]
) -> None:
    """Letter case makes no difference; an attribute without options is not asked."""
    mapped = file(tmp_path, "mapped", {"TIER": values, "CITY": ["x"] * 3})
    found = choices.unknown(mapped, {"TIER": ("Gold", "Silver"), "GONE": ("x",)})
    assert (not problems, problems) == (found.passed, found.problems)


def test_each_of_several_choices_must_be_one(tmp_path: Path) -> None:
    """A multiple choice is a list; the option that lacks is named with its rows."""
    mapped = file(tmp_path, "mapped", {"LIKES": [["tea"], ["tea", "rum"], []]})
    found = choices.unknown(mapped, {"LIKES": ("tea", "coffee")})
    assert ("LIKES has no option 'rum', which 1 rows want",) == found.problems


@pytest.mark.parametrize(
    ("setting", "severity", "blocking"),
    [
        ({}, "error", True),
        ({"severity": "warn"}, "warn", False),
        ({"blocking": False}, "error", False),
    ],
    ids=["as it is", "a warning", "an error that lets pass"],
)
def test_an_audience_softens_a_check(
    setting: dict[str, Any], severity: str, blocking: bool
) -> None:
    """Only an error can block."""
    rule = applied(RULES["schema_stable"], {"schema_stable": CheckSetting(**setting)})
    assert (severity, blocking) == (rule.severity, rule.blocking)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_the_documentation_says_what_the_check_says(rule: Rule) -> None:
    """One source for Dagster's page and docs/checks.md."""
    text = (Path(__file__).parents[2] / "docs" / "checks.md").read_text()
    marks = (rule.severity, "blocks" if rule.blocking else "", "always" if rule.fixed else "")
    default = ", ".join(mark for mark in marks if mark)
    assert f"| `{rule.name}` | {rule.description} | {default} |" in text
