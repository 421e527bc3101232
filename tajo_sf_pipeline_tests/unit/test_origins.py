"""Where each column of a query comes from."""

from pathlib import Path

import pytest
import yaml

from tajo_sf_pipeline.audience.lineage import origins
from tajo_sf_pipeline.audience.statement import Statement

ROOT = Path(__file__).parents[2]


def found(sql: str, *columns: str) -> dict[str, list[str]]:
    told = origins(Statement(sql, "a test"), "db", "pub", columns)
    return {
        column: [".".join((*origin.table, origin.column)) for origin in those]
        for column, those in told.items()
    }


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT email FROM people", {"EMAIL": ["DB.PUB.PEOPLE.EMAIL"]}),
        ("SELECT p.email AS mail FROM people p", {"MAIL": ["DB.PUB.PEOPLE.EMAIL"]}),
        ("SELECT a + b AS c FROM x.y.z", {"C": ["X.Y.Z.A", "X.Y.Z.B"]}),
        ("SELECT * FROM people", {"EMAIL": ["DB.PUB.PEOPLE.EMAIL"]}),
        ("SELECT *, a + b AS c FROM t", {"A": ["DB.PUB.T.A"], "C": ["DB.PUB.T.A", "DB.PUB.T.B"]}),
        (
            "WITH o AS (SELECT * FROM orders), p AS (SELECT * FROM o) SELECT * FROM p",
            {"TOTAL": ["DB.PUB.ORDERS.TOTAL"]},
        ),
        (
            "WITH orders AS (SELECT * FROM orders) SELECT x AS y FROM orders",
            {"Y": ["DB.PUB.ORDERS.X"]},
        ),
        (
            "SELECT o.*, c.email FROM orders o JOIN customers c ON c.id = o.id",
            {"TOTAL": ["DB.PUB.ORDERS.TOTAL"], "EMAIL": ["DB.PUB.CUSTOMERS.EMAIL"]},
        ),
        ("SELECT * FROM orders o JOIN customers c ON c.id = o.id", {"EMAIL": []}),
        ("SELECT email FROM orders o JOIN customers c ON c.id = o.id", {"EMAIL": []}),
        ("SELECT a FROM x UNION ALL SELECT b FROM y", {"A": ["DB.PUB.X.A", "DB.PUB.Y.B"]}),
        ("SELECT payload:city::string AS city FROM raw", {"CITY": ["DB.PUB.RAW.PAYLOAD"]}),
        (
            "SELECT f.value:x AS x FROM raw, LATERAL FLATTEN(input => raw.payload) f",
            {"X": ["DB.PUB.RAW.PAYLOAD"]},
        ),
        ("SELECT (SELECT max(x) FROM y) AS m FROM z", {"M": ["DB.PUB.Y.X"]}),
        ('SELECT email AS "Mail" FROM "People"', {"Mail": ["DB.PUB.People.EMAIL"]}),
        ("SELECT count(*) AS n, :window_end AS w, 1 AS one FROM t", {"N": [], "W": [], "ONE": []}),
        ("SELECT * FROM TABLE(f(1))", {"X": []}),
        ("SELECT FROM WHERE nonsense ((", {"X": []}),
    ],
    ids=[
        *("a column", "an alias", "an expression", "a star", "a star and an expression"),
        *("a star behind stars", "a CTE of its table's name", "a star of one table of two"),
        *("a star of two tables", "a column of one of two tables", "a union", "a VARIANT"),
        *("FLATTEN", "a subquery", "quoted names", "no columns", "a table function", "not SQL"),
    ],
)
def test_a_column_is_followed_to_its_tables(sql: str, expected: dict[str, list[str]]) -> None:
    """As far as the statement says; where it does not, the column is left out, never guessed."""
    told = found(sql, *expected)
    assert expected == {column: told.get(column, []) for column in expected}


@pytest.mark.parametrize("name", ["customers", "segments", "analytics"])
def test_the_queries_that_ship_are_followed(name: str) -> None:
    """All that they send but counts of rows has its source."""
    mapping = yaml.safe_load((ROOT / "sql" / f"{name}.yaml").read_text())["field_mapping"]
    columns = [source.upper() for source in mapping if source != "total_orders"]
    assert set(columns) == found((ROOT / "sql" / f"{name}.sql").read_text(), *columns).keys()
