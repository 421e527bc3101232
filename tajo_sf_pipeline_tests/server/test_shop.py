"""The demo shop: the same every time, dirty as documented, and adding up."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector.cursor import SnowflakeCursor

from tajo_sf_pipeline.sandbox import Sandbox, SandboxError, seed
from tajo_sf_pipeline.sandbox.servers import free_ports, running_servers

CUSTOMERS = 20_000
AS_OF = date(2026, 11, 20)
TABLES = ("CUSTOMERS", "ORDER_LINES", "ORDERS", "CARTS")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    home = tmp_path_factory.mktemp("shop")
    ports = free_ports()
    with running_servers(home, {"snowflake": ports[0]}):
        sandbox = Sandbox(home, *ports)
        list(seed(sandbox, CUSTOMERS, AS_OF))
        yield sandbox


@pytest.fixture(scope="module")
def cursor(sandbox: Sandbox) -> Iterator[SnowflakeCursor]:
    with snowflake.connector.connect(
        account=sandbox.account,
        user=sandbox.user,
        password=sandbox.password,
        database=sandbox.database,
        schema=sandbox.schema,
        host="127.0.0.1",
        port=sandbox.snowflake_port,
        protocol="http",
        network_timeout=5,
    ) as connection:
        yield connection.cursor()


def one(cursor: SnowflakeCursor, statement: str) -> Any:
    row = cursor.execute(statement).fetchone()
    assert isinstance(row, tuple)
    return row[0] if len(row) == 1 else row


def fingerprints(cursor: SnowflakeCursor) -> list[str]:
    return [
        one(
            cursor,
            f"SELECT MD5(LISTAGG(TO_JSON(OBJECT_CONSTRUCT_KEEP_NULL(*)), ',')) "
            f"FROM (SELECT * FROM {table} ORDER BY 1, 2)",
        )
        for table in TABLES
    ]


def test_the_same_seed_gives_the_same_shop(sandbox: Sandbox, cursor: SnowflakeCursor) -> None:
    """Rows and day decide every value; another number of rows or day gives another shop."""
    first = fingerprints(cursor)
    list(seed(sandbox, 100, AS_OF + timedelta(days=1)))
    other = fingerprints(cursor)
    list(seed(sandbox, CUSTOMERS, AS_OF))
    assert first == fingerprints(cursor)
    assert not set(first) & set(other)


def test_seeding_tells_of_each_table(sandbox: Sandbox, cursor: SnowflakeCursor) -> None:
    """Progress names the tables in the order in which they are filled, with their rows."""
    progress = list(seed(sandbox, CUSTOMERS, AS_OF))
    assert list(TABLES) == [table.table for table in progress]
    counts = [one(cursor, f"SELECT COUNT(*) FROM {table}") for table in TABLES]
    assert counts == [table.rows for table in progress]


@pytest.mark.parametrize("rows", [0, 5_000_001])
def test_too_few_or_too_many_rows_are_refused(sandbox: Sandbox, rows: int) -> None:
    """From one customer to five million."""
    with pytest.raises(SandboxError, match="rows is a number from 1 to 5000000"):
        list(seed(sandbox, rows, AS_OF))


def test_columns_have_the_documented_types(cursor: SnowflakeCursor) -> None:
    """What the driver's description and Snowflake's DESCRIBE TABLE say agrees with tables.sql."""
    described = cursor.execute("DESCRIBE TABLE customers").fetchall()
    assert {column[0]: column[1] for column in described} == {
        "CUSTOMER_ID": "NUMBER(38,0)",
        "EMAIL": "VARCHAR(16777216)",
        "FIRST_NAME": "VARCHAR(16777216)",
        "LAST_NAME": "VARCHAR(16777216)",
        "CITY": "VARCHAR(16777216)",
        "COUNTRY_CODE": "VARCHAR(16777216)",
        "BIRTH_DATE": "DATE",
        "NEWSLETTER_OPT_IN": "BOOLEAN",
        "LOYALTY_POINTS": "NUMBER(10,0)",
        "CREATED_AT": "TIMESTAMP_NTZ(9)",
        "UPDATED_AT": "TIMESTAMP_NTZ(9)",
    }


@pytest.mark.parametrize(
    ("condition", "share"),
    [
        ("email LIKE ' %'", 0.30),
        ("email = UPPER(email) AND email <> ''", 0.60),
        ("email <> '' AND email NOT LIKE '%@%'", 0.40),
        ("email LIKE '%@%@%'", 0.20),
        ("TRIM(email) LIKE '% %'", 0.30),
        ("email IS NULL", 0.40),
        ("email = ''", 0.20),
        ("TRIM(first_name) = ''", 0.25),
        ("birth_date IS NULL", 0.25),
        ("created_at < '2000-01-01' OR updated_at < created_at", 0.10),
    ],
)
def test_customers_are_dirty_as_documented(
    cursor: SnowflakeCursor, condition: str, share: float
) -> None:
    """Each kind of dirt has its documented share of the customers, within chance."""
    found = one(cursor, f"SELECT COUNT(*) FROM customers WHERE {condition}")
    expected = CUSTOMERS * share / 100
    assert found == pytest.approx(expected, abs=4 * expected**0.5)


def test_some_customers_share_an_address(cursor: SnowflakeCursor) -> None:
    """About 0.3 % repeat the address of another customer in another case."""
    repeated = one(
        cursor,
        "SELECT COUNT(email) - COUNT(DISTINCT LOWER(TRIM(email))) FROM customers WHERE email <> ''",
    )
    assert 30 <= repeated <= 90


def test_addresses_are_of_reserved_domains(cursor: SnowflakeCursor) -> None:
    """No address could be anybody's (RFC 2606)."""
    assert (
        one(
            cursor,
            "SELECT COUNT(*) FROM customers "
            "WHERE email <> '' AND NOT LOWER(REPLACE(email, ' ', '')) LIKE ANY "
            "('%example.com', '%example.org', '%example.net')",
        )
        == 0
    )


def test_lines_sum_to_the_total_of_their_order(cursor: SnowflakeCursor) -> None:
    """To the cent, for every order, and no line is without its order."""
    assert (
        one(
            cursor,
            "SELECT COUNT(*) FROM orders FULL JOIN ("
            "  SELECT order_id, SUM(quantity * unit_price) AS total"
            "  FROM order_lines GROUP BY order_id"
            ") AS summed ON orders.order_id = summed.order_id "
            "WHERE orders.total_amount IS DISTINCT FROM summed.total",
        )
        == 0
    )


def test_few_customers_buy_often(cursor: SnowflakeCursor) -> None:
    """About 2.4 orders per customer, a third of the customers without any, some refunds."""
    orders, refunds, customers = one(
        cursor,
        "SELECT COUNT(*), COUNT_IF(total_amount < 0), COUNT(DISTINCT customer_id) FROM orders",
    )
    assert 2.2 < orders / CUSTOMERS < 2.8
    assert 0.55 < customers / CUSTOMERS < 0.70
    assert 0.005 < refunds / orders < 0.015


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("customers", "created_at"),
        ("customers", "updated_at"),
        ("orders", "ordered_at"),
        ("orders", "updated_at"),
        ("carts", "updated_at"),
        ("carts", "abandoned_at"),
    ],
)
def test_nothing_happens_after_the_last_day(
    cursor: SnowflakeCursor, table: str, column: str
) -> None:
    """The last day is lived to its end, and no timestamp lies beyond it."""
    latest = one(cursor, f"SELECT MAX({column}) FROM {table}")
    assert latest.date() == AS_OF


def test_carts_are_bought_abandoned_or_open(cursor: SnowflakeCursor) -> None:
    """A cart that became an order was not abandoned, and its amount is the order's."""
    bought, abandoned, still_open, wrong = one(
        cursor,
        "SELECT COUNT_IF(carts.order_id IS NOT NULL), COUNT_IF(abandoned_at IS NOT NULL), "
        "COUNT_IF(carts.order_id IS NULL AND abandoned_at IS NULL), "
        "COUNT_IF(carts.order_id IS NOT NULL AND (abandoned_at IS NOT NULL"
        " OR carts.total_amount <> orders.total_amount)) "
        "FROM carts LEFT JOIN orders ON carts.order_id = orders.order_id",
    )
    assert min(bought, abandoned, still_open) > 0
    assert wrong == 0
