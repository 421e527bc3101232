"""One value, two ways: the driver's Arrow from the local Snowflake, and the SQL API's text."""

import json

import pyarrow as pa
import snowflake.connector

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.sources.snowflake import types
from tajo_sf_pipeline.sources.snowflake.jsonv2 import RowType, arrow_schema, record_batch

# An expression, and its column and text as Snowflake's documentation has them.
VALUES = [
    ("1.50::NUMBER(12,2)", ("FIXED", 12, 2), "1.50"),
    ("-7::NUMBER(18,0)", ("FIXED", 18, 0), "-7"),
    ("7::NUMBER(38,0)", ("FIXED", 38, 0), "7"),
    ("1.5e300::FLOAT", ("REAL", None, None), "1.5e300"),
    ("'inf'::FLOAT", ("REAL", None, None), "inf"),
    ("'-inf'::FLOAT", ("REAL", None, None), "-inf"),
    ("'Zoë 😀'", ("TEXT", None, None), "Zoë 😀"),
    ("TO_BINARY('00FF', 'HEX')", ("BINARY", None, None), "00FF"),
    ("TRUE", ("BOOLEAN", None, None), "true"),
    ("'1969-12-31'::DATE", ("DATE", None, None), "-1"),
    ("'9999-12-31'::DATE", ("DATE", None, None), "2932896"),
    ("'0001-01-01'::DATE", ("DATE", None, None), "-719162"),
    ("'23:01:59.123456'::TIME", ("TIME", 0, 9), "82919.123456000"),
    *(
        (f"'{moment}'::TIMESTAMP_NTZ", ("TIMESTAMP_NTZ", 0, 9), text)
        for moment, text in {
            "2021-03-19 17:06:59.123456": "1616173619.123456000",
            "1969-12-31 23:59:58.5": "-1.500000000",
            "1969-12-31 23:59:59.999999": "-0.000001000",
            "9999-12-31 23:59:59.999999": "253402300799.999999000",
            "0001-01-01": "-62135596800.000000000",
        }.items()
    ),
    (
        "'2021-03-19 18:06:59 +01:00'::TIMESTAMP_TZ",
        ("TIMESTAMP_TZ", 0, 9),
        "1616173619.000000000 1500",
    ),
    ("'2021-03-19 17:06:59'::TIMESTAMP_LTZ", ("TIMESTAMP_LTZ", 0, 9), "1616173619.000000000"),
    ("NULL::TIMESTAMP_NTZ", ("TIMESTAMP_NTZ", 0, 9), None),
    ("NULL::NUMBER(12,2)", ("FIXED", 12, 2), None),
]


def test_both_ways_give_the_same_batch(sandbox: Sandbox) -> None:
    """Schema and values of one statement are equal to the last bit."""
    selected = ", ".join(f"{value} AS C{n}" for n, (value, _, _) in enumerate(VALUES))
    table = driver_answer(sandbox, f"SELECT {selected}")
    columns = [RowType(f"C{n}", *kind, nullable=True) for n, (_, kind, _) in enumerate(VALUES)]
    row = [text for _, _, text in VALUES]
    found = record_batch(json.dumps([row]).encode(), columns, arrow_schema(columns))
    assert table.schema == found.schema
    assert table.to_pylist() == found.to_pylist()


def driver_answer(sandbox: Sandbox, statement: str) -> pa.Table:
    """Fetch as `snowflake/driver.py` does."""
    with snowflake.connector.connect(
        account=sandbox.account,
        user=sandbox.user,
        password=sandbox.password,
        host="127.0.0.1",
        port=sandbox.snowflake_port,
        protocol="http",
        network_timeout=5,
        login_timeout=5,
        database=sandbox.database,
        schema=sandbox.schema,
        timezone="UTC",
        arrow_number_to_decimal=True,
    ) as connection:
        cursor = connection.cursor().execute(statement)
        assert cursor is not None
        schema = types.arrow_schema(cursor.description)
        tables = list(cursor.fetch_arrow_batches(force_microsecond_precision=True))
        return pa.concat_tables(tables).cast(schema)
