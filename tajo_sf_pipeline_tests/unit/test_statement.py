"""What a statement says of itself, case by case (cases/statements.yaml)."""

from typing import Any

import pytest

from tajo_sf_pipeline.audience.statement import BINDS, Statement
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline_tests import case_files

CASES = case_files.read("statements")


@pytest.mark.parametrize("case", case_files.each(CASES["binds"]))
def test_binds(case: dict[str, Any]) -> None:
    """Each bind becomes a `?` with its value beside it; what only looks like one stays."""
    statement = Statement(case["sql"], "sql/vips.sql")
    sent, values = statement.positional({name: f"value of {name}" for name in BINDS})
    assert frozenset(case["binds"]) == statement.binds()
    assert [f"value of {name}" for name in case["binds"]] == values
    assert case.get("sent", case["sql"]) == sent


@pytest.mark.parametrize("case", case_files.each(CASES["unknown_binds"]))
def test_unknown_bind(case: dict[str, Any]) -> None:
    """A bind that nobody knows is told with its line, and the one that was meant."""
    with pytest.raises(ConfigurationError) as refused:
        Statement(case["sql"], "sql/vips.sql").binds()
    assert ("TAJO-122", case["happened"]) == (refused.value.code, refused.value.happened)
    assert case["hint"] in refused.value.next_step


@pytest.mark.parametrize("case", case_files.each(CASES["sources"]))
def test_sources(case: dict[str, Any]) -> None:
    """The tables that a query reads, by their full names as Snowflake stores them."""
    tables = Statement(case["sql"], "sql/vips.sql").sources("db", "public")
    assert case["tables"] == [".".join(table) for table in tables]


@pytest.mark.parametrize("case", case_files.each(CASES["columns"]))
def test_columns(case: dict[str, Any]) -> None:
    """The columns that a query returns, as far as the query itself says."""
    columns = Statement(case["sql"], "sql/vips.sql").columns()
    assert case["columns"] == (None if columns is None else sorted(columns))
