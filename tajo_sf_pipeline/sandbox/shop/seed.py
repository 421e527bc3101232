"""Fill the shop's tables: the same number of customers and day give the same content."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

from fakesnow.instance import FakeSnow

MAX_CUSTOMERS = 5_000_000

# Orders are the sums of their lines, so the lines come first.
TABLES = ("CUSTOMERS", "ORDER_LINES", "ORDERS", "CARTS")


@dataclass(frozen=True, slots=True)
class SeededTable:
    table: str
    rows: int
    seconds: float


def seed_shop(warehouse: FakeSnow, customers: int, as_of: date) -> Iterator[SeededTable]:
    """Replace the shop, telling of each table when it is filled."""
    # Created by fakesnow's SQL, so that it knows the columns; filled by DuckDB, which is fast.
    definitions = warehouse.connect()
    for statement in _sql("tables").split(";\n"):
        if statement.strip():
            definitions.cursor().execute(statement)
    filling = warehouse.duck_conn.cursor()
    filling.execute("SET VARIABLE rows = ?", [customers])
    filling.execute("SET VARIABLE as_of = ?", [as_of])
    for name in ("dice", "people"):
        filling.execute(_sql(name))
    for table in TABLES:
        started = time.monotonic()
        filling.execute(_sql(table.lower()))
        counted = filling.execute(f"SELECT count(*) FROM MARKETING_DB.PUBLIC.{table}").fetchone()
        assert counted
        yield SeededTable(table, counted[0], round(time.monotonic() - started, 2))
    filling.close()


def _sql(name: str) -> str:
    return files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
