"""Whether source tables changed, asked of a warehouse that answers from a table of texts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from tajo_sf_pipeline.audience.statement import Table
from tajo_sf_pipeline.errors import (
    AuthenticationError,
    ConfigurationError,
    TajoError,
    VendorOutageError,
)
from tajo_sf_pipeline.sources.base import Altered, Extract, Question
from tajo_sf_pipeline.sources.snowflake import table_changes

MONDAY, TUESDAY = datetime(2026, 11, 9, 8), datetime(2026, 11, 10, 8)  # noqa: DTZ001 - as it is told
VIEW, MONDAYS, TUESDAYS = (Table("DB", "PUBLIC", name) for name in ("V", "A", "B"))
GONE = ConfigurationError("TAJO-123", "no such table", "")


@dataclass(slots=True)
class Told:
    """Knows tables by their types, moments and texts; notes what it is asked."""

    tables: Mapping[str, tuple[str, datetime | None]] = field(default_factory=dict)
    texts: Mapping[str, str | None] = field(default_factory=dict)
    error: TajoError | None = None
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def extract(self, question: Question) -> Iterator[Extract]:
        text = question.statement.text
        self.asked.append(text)
        if "LAST_CHANGE_COMMIT_TIME" in text and self.error:
            raise self.error
        rows = pa.Table.from_pylist(self._rows(text))
        yield Extract("id", rows.schema, rows.num_rows, 1, TUESDAY, 0.0, iter(rows.to_batches()))

    def _rows(self, text: str) -> list[dict[str, Any]]:
        if "LAST_CHANGE_COMMIT_TIME" in text:
            return [{"t0": "a-token"}]
        name = text.rpartition("table_name = '")[2].removesuffix("'")
        if ".VIEWS" in text:
            return [{"text": self.texts[name]}] if name in self.texts else []
        if name not in self.tables:
            return []
        kind, altered = self.tables[name]
        return [{"type": kind, "altered": altered}]


def test_a_view_changed_when_the_last_of_its_tables_did() -> None:
    """It is followed to every table below it, whose names are told."""
    source = Told(
        {"V": ("VIEW", None), "A": ("BASE TABLE", MONDAY), "B": ("BASE TABLE", TUESDAY)},
        {"V": "CREATE VIEW v AS SELECT * FROM a JOIN b USING (id)"},
    )
    found = table_changes.altered(source, [VIEW])[VIEW]
    assert Altered(TUESDAY.replace(tzinfo=UTC), (MONDAYS, TUESDAYS)) == found


def test_a_view_above_a_table_that_is_hidden_is_unknown() -> None:
    """What only one of its tables tells is not said of the whole."""
    source = Told(
        {"V": ("VIEW", None), "A": ("BASE TABLE", MONDAY)},
        {"V": "CREATE VIEW v AS SELECT * FROM a JOIN b USING (id)"},
    )
    found = table_changes.altered(source, [VIEW])[VIEW]
    assert (None, "DB.PUBLIC.B is not shown to the role") == (found.at, found.unknown)


def test_a_materialized_view_has_a_moment_of_its_own() -> None:
    """It is kept as a table is, and its text need not be shown."""
    found = table_changes.altered(Told({"V": ("MATERIALIZED VIEW", MONDAY)}), [VIEW])[VIEW]
    assert Altered(MONDAY.replace(tzinfo=UTC)) == found


@pytest.mark.parametrize(
    "error",
    [AuthenticationError("TAJO-201", "no", ""), VendorOutageError("TAJO-501", "away", "")],
    ids=["credentials", "outage"],
)
def test_a_warehouse_that_cannot_be_asked_is_no_table_that_cannot_be_told_of(
    error: TajoError,
) -> None:
    """The question ends with the error after one statement, and the sensor says why."""
    source = Told(error=error)
    with pytest.raises(type(error)):
        table_changes.change_tokens(source, [MONDAYS, TUESDAYS])
    assert 1 == len(source.asked)


def test_where_the_token_is_refused_the_last_alteration_stands_in() -> None:
    """Of one table it is told, of another that it is hidden; neither hides the other."""
    source = Told({"A": ("BASE TABLE", MONDAY)}, error=GONE)
    found = table_changes.change_tokens(source, [MONDAYS, TUESDAYS])
    assert {MONDAYS: "altered 2026-11-09T08:00:00+00:00"} == found.known
    assert {TUESDAYS: "DB.PUBLIC.B is not shown to the role"} == found.unknown


@pytest.mark.parametrize(
    ("name", "literal"),
    [
        ("PLAIN", """'"DB"."PUBLIC"."PLAIN"'"""),
        ("it's", """'"DB"."PUBLIC"."it''s"'"""),
        ('a"b', """'"DB"."PUBLIC"."a""b"'"""),
        ("a\\b", """'"DB"."PUBLIC"."a\\\\b"'"""),
    ],
)
def test_s14_a_tables_name_stays_a_name(name: str, literal: str) -> None:
    """Quotes and backslashes of a name end neither the identifier nor the text around it."""
    source = Told()
    table_changes.change_tokens(source, [Table("DB", "PUBLIC", name)])
    assert [f'SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME({literal}) AS "t0"'] == source.asked
