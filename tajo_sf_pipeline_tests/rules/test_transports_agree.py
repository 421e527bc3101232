"""Whichever transport is set, an extract is the same: every type, every value, every cut."""

import filecmp
import math
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.sources.base import Keys, Question, Source
from tajo_sf_pipeline.sources.snowflake.source import SnowflakeSource
from tajo_sf_pipeline.storage import parquet
from tajo_sf_pipeline_tests.sql_api_calls import PAT, SqlApi
from tajo_sf_pipeline_tests.workspaces import Workspace

NAIVE, IN_UTC = pa.timestamp("us"), pa.timestamp("us", "UTC")
MOMENTS = {
    f"'{text}'": datetime.fromisoformat(f"{text}+00:00")
    for text in (
        "2024-02-29 12:34:56.789012",
        "1970-01-01 00:00:00",
        "1969-12-31 23:59:59.999999",
        "1969-12-31 23:59:58.500000",
        "1900-01-01 00:00:00.000001",
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59.999999",
    )
}
# A type, what Arrow has for it, and values: as SQL, and as they have to arrive.
TYPES: dict[str, tuple[pa.DataType, dict[str, Any]]] = {
    "NUMBER(38,0)": (
        pa.decimal128(38, 0),
        {
            "0": Decimal(0),
            "9223372036854775807": Decimal(2**63 - 1),
            "-9223372036854775807": Decimal(1 - 2**63),
        },
    ),
    "NUMBER(37,0)": (
        pa.decimal128(38, 0),
        {"9" * 37: Decimal("9" * 37), "-" + "9" * 37: Decimal("-" + "9" * 37)},
    ),
    "NUMBER(38,9)": (
        pa.decimal128(38, 9),
        {
            f"{'9' * 29}.{'9' * 9}": Decimal(f"{'9' * 29}.{'9' * 9}"),
            f"-{'9' * 29}.{'9' * 9}": Decimal(f"-{'9' * 29}.{'9' * 9}"),
            "'-0.000000001'": Decimal("-0.000000001"),
        },
    ),
    "NUMBER(38,38)": (
        pa.decimal128(38, 38),
        {f"'0.{'9' * 38}'": Decimal(f"0.{'9' * 38}"), f"'-0.{'0' * 37}1'": -Decimal(1).scaleb(-38)},
    ),
    "NUMBER(18,0)": (pa.int64(), {"9" * 18: 10**18 - 1, "-" + "9" * 18: 1 - 10**18}),
    "NUMBER(12,2)": (
        pa.decimal128(38, 2),
        {"9999999999.99": Decimal("9999999999.99"), "-0.01": Decimal("-0.01"), "0": Decimal(0)},
    ),
    "FLOAT": (
        pa.float64(),
        {
            "'-0.0'": -0.0,
            "0.1": 0.1,
            "1e308": 1e308,
            "-1.7976931348623157e308": -1.7976931348623157e308,
            "5e-324": 5e-324,
            "9007199254740993": 9007199254740992.0,
            "'inf'": math.inf,
            "'-inf'": -math.inf,
            "'nan'": math.nan,
        },
    ),
    "VARCHAR": (
        pa.string(),
        {
            "''": "",
            "'null'": "null",
            "' NULL '": " NULL ",
            "'Zoë 😀👩‍👩‍👧'": "Zoë 😀👩‍👩‍👧",
            "'שלום مرحبا'": "שלום مرحبا",
            "CHR(8238) || 'abc'": "\u202eabc",
            "'\"'' \\\\ /'": "\"' \\ /",
            "'\\n\\r\\n\\t'": "\n\r\n\t",
            "CHR(0)": "\0",
            "'],[\"x\"'": '],["x"',
            "REPEAT('é', 100000)": "é" * 100_000,
        },
    ),
    "BINARY": (
        pa.binary(),
        {"TO_BINARY('', 'HEX')": b"", "TO_BINARY('00FF0A', 'HEX')": b"\x00\xff\x0a"},
    ),
    "BOOLEAN": (pa.bool_(), {"TRUE": True, "FALSE": False}),
    "DATE": (
        pa.date32(),
        {
            "'9999-12-31'": date(9999, 12, 31),
            "'1900-01-01'": date(1900, 1, 1),
            "'1969-12-31'": date(1969, 12, 31),
            "'2024-02-29'": date(2024, 2, 29),
            "'0001-01-01'": date(1, 1, 1),
        },
    ),
    "TIME": (
        pa.time64("us"),
        {
            "'00:00:00'": time(0),
            "'00:00:00.000001'": time(0, 0, 0, 1),
            "'23:59:59.999999'": time(23, 59, 59, 999_999),
        },
    ),
    "TIMESTAMP_NTZ": (NAIVE, MOMENTS),
    "TIMESTAMP_LTZ": (IN_UTC, MOMENTS),
    "TIMESTAMP_TZ": (
        IN_UTC,
        {
            f"'{text}'": datetime.fromisoformat(text)
            for text in (
                "1970-01-01 05:29:59.500000+05:30",
                "2024-02-29 12:34:56.789012+14:00",
                "1900-01-01 00:00:00.000001-12:00",
                "9999-12-31 23:59:59.999999+00:00",
            )
        },
    ),
    "VARIANT": (
        pa.string(),
        {
            "PARSE_JSON('[1, null, \"é😀\"]')": '[1,null,"é😀"]',
            "PARSE_JSON('null')": "null",
            "TO_VARIANT('x')": '"x"',
            "PARSE_JSON('123456789012345678901234567890')": "123456789012345678901234567890",
        },
    ),
    "OBJECT": (
        pa.string(),
        {"OBJECT_CONSTRUCT('a', 1, 'b', 'é\"', 'c', NULL)": '{"a":1,"b":"é\\""}'},
    ),
    "ARRAY": (pa.string(), {"ARRAY_CONSTRUCT(1, 2)": "[1,2]"}),
}
# What Snowflake has and the local one cannot hold: both transports tell that they were refused.
NOT_HELD = {
    f"{'9' * 38}::NUMBER(38,0)": "a DuckDB BIGINT stands for NUMBER(38,0): 19 digits",
    "'POINT(1 1)'::GEOGRAPHY": "DuckDB has no such type, nor GEOMETRY",
    "[1, 2]::VECTOR(INT, 2)": "fakesnow does not translate the type",
    "ARRAY_CONSTRUCT(1, 2)": "an array of no type; cast ::ARRAY it is held",
}
# What it holds otherwise than Snowflake, though for both transports alike.
HELD_OTHERWISE = {
    # Microseconds, not nanoseconds.
    "'2024-02-29 12:34:56.789012345'::TIMESTAMP_NTZ": datetime.fromisoformat(
        "2024-02-29 12:34:56.789012"
    ),
    # A number of fixed scale; the SQL API gives text for it, and the driver has no case for it.
    "1.5::DECFLOAT": Decimal("1.50000"),
    "PARSE_JSON('1.50')": "1.5",
}
# As many types, for as many rows as are wanted.
MANY = """
CREATE OR REPLACE TABLE {table} AS
WITH numbers AS (SELECT SEQ8() AS n FROM TABLE(GENERATOR(ROWCOUNT => {rows}))),
mixed AS (SELECT n, MOD(n * 2654435761, 4294967296) - 2147483648 AS m FROM numbers)
SELECT
    n,
    (m / 100)::NUMBER(12, 2) AS money,
    (m * 1234567890123)::NUMBER(37, 9) AS exact,
    (m / 3)::FLOAT AS approximate,
    IFF(MOD(n, 7) = 0, NULL, CONCAT('Zoë 😀 ', MOD(m, 1000))) AS text,
    MD5_BINARY(n::VARCHAR) AS bytes,
    IFF(MOD(n, 5) = 0, NULL, MOD(n, 2) = 0) AS truth,
    DATEADD('day', MOD(m, 40000), '1970-01-01'::DATE) AS day,
    DATEADD('microsecond', ABS(m) * 20, '1970-01-01'::TIMESTAMP_NTZ)::TIME AS clock,
    DATEADD('microsecond', m * 1000003, '1970-01-01'::TIMESTAMP_NTZ) AS naive,
    DATEADD('microsecond', m * 1000003, '1970-01-01'::TIMESTAMP_NTZ)::TIMESTAMP_TZ AS zoned,
    OBJECT_CONSTRUCT('n', n, 'text', MD5(m::VARCHAR)) AS object
FROM mixed
"""
SOME_ROWS = 60_001  # the driver gets 10,000, 50,000 and one
NOTES = {"path": "daily", "started_at": "2026-11-01T00:00:00+00:00"}


@pytest.fixture(scope="module")
def sql(sandbox: Sandbox) -> Iterator[SqlApi]:
    """Give the local Snowflake with a table of every type, and one of many rows."""
    with httpx.Client(base_url=sandbox.snowflake_url, headers=PAT, timeout=60) as client:
        api = SqlApi(sandbox, client)
        api.rows(f"CREATE TABLE every_type (n NUMBER(18,0), {_columns()})")
        api.rows(f"INSERT INTO every_type {' UNION ALL '.join(_selects())}")
        api.rows(MANY.format(table="many", rows=SOME_ROWS))
        yield api


def _columns() -> str:
    return ", ".join(f"c{position} {name}" for position, name in enumerate(TYPES))


def _selects() -> Iterator[str]:
    """Select each row of values; columns with fewer end in NULL, and so does the last row."""
    columns = [[f"{sql}::{name}" for sql in values] for name, (_, values) in TYPES.items()]
    for n, row in enumerate([*zip_longest(*columns, fillvalue="NULL"), ["NULL"] * len(TYPES)]):
        yield f"SELECT {n}, {', '.join(row)}"


@pytest.fixture
def transports(workspace: Workspace) -> tuple[Source, Source]:
    """Give the driver's and the SQL API's."""
    settings = workspace.settings().snowflake
    driver, sql_api = (
        SnowflakeSource(settings.model_copy(update={"transport": name}), workspace.folder)
        for name in ("connector", "sql_api")
    )
    return driver, sql_api


def _extract(source: Source, query: str, path: Path) -> tuple[pa.Table, int]:
    """Write an extract as the stage does; give its rows, and in how many parts they came."""
    with (
        source.extract(Question(Statement(query, "the test"), {}, "")) as extract,
        parquet.writing(path, extract.schema) as out,
    ):
        batches = list(extract.batches)
        for batch in batches:
            out.write(batch)
        out.finish(NOTES)
    return pa.Table.from_batches(batches, extract.schema), extract.partitions


def _assert_agreement(
    transports: tuple[Source, Source], query: str, folder: Path
) -> tuple[pa.Table, tuple[int, int]]:
    """Hold both extracts against each other; give the rows, and the number of parts of each."""
    paths = folder / "driver.parquet", folder / "sql_api.parquet"
    (by_driver, parts), (by_sql_api, other_parts) = (
        _extract(source, query, path) for source, path in zip(transports, paths, strict=True)
    )
    _assert_same(by_driver, by_sql_api)
    assert filecmp.cmp(*paths, shallow=False)
    return by_driver, (parts, other_parts)


def _assert_same(expected: pa.Table, actual: pa.Table) -> None:
    assert expected.schema == actual.schema
    for name in expected.column_names:
        assert _bits(expected[name]) == _bits(actual[name]), name


def _bits(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give doubles as integers: a NaN equals itself then, and 0.0 is not -0.0."""
    return column.combine_chunks().view(pa.int64()) if column.type == pa.float64() else column


def test_s15_every_type_and_value(
    sql: SqlApi, transports: tuple[Source, Source], tmp_path: Path
) -> None:
    """Both give the values that were written, and the same file of them."""
    found, _ = _assert_agreement(transports, "SELECT * FROM every_type ORDER BY n", tmp_path)
    rows = 1 + max(len(values) for _, values in TYPES.values())
    expected = {
        f"C{position}": pa.array([*values.values(), *[None] * (rows - len(values))], kind)
        for position, (kind, values) in enumerate(TYPES.values())
    }
    _assert_same(pa.table(expected), found.drop_columns("N"))


@pytest.mark.parametrize("value", HELD_OTHERWISE)
def test_s15_what_the_local_one_holds_otherwise(
    transports: tuple[Source, Source], tmp_path: Path, value: str
) -> None:
    """Where the local Snowflake is not like the real one, both transports show it."""
    found, _ = _assert_agreement(transports, f"SELECT {value} AS c", tmp_path)
    assert [HELD_OTHERWISE[value]] == found["C"].to_pylist()


@pytest.mark.parametrize("value", NOT_HELD, ids=NOT_HELD.values())
def test_what_the_local_one_cannot_hold(
    transports: tuple[Source, Source], tmp_path: Path, value: str
) -> None:
    """Such a value ends the extract over both with one error; who finds it held, adds it above."""
    refusals = set()
    for source in transports:
        with pytest.raises(ConfigurationError) as refused:
            _extract(source, f"SELECT {value} AS c", tmp_path / "file.parquet")
        refusals.add(refused.value.code)
    assert 1 == len(refusals)


@pytest.mark.parametrize(
    ("rows", "parts"),
    [(0, (1, 1)), (1, (1, 1)), (10_000, (1, 1)), (10_001, (2, 2)), (SOME_ROWS, (3, 7))],
    ids=["none", "one", "a whole part", "one more", "several parts"],
)
def test_s15_any_number_of_rows(
    sql: SqlApi,
    transports: tuple[Source, Source],
    tmp_path: Path,
    rows: int,
    parts: tuple[int, int],
) -> None:
    """An empty answer has its columns, and no row is lost where a part ends."""
    query = f"SELECT * FROM many WHERE n < {rows} ORDER BY n"
    found, found_parts = _assert_agreement(transports, query, tmp_path)
    assert (rows, parts) == (found.num_rows, found_parts)
    assert list(range(rows)) == [int(n) for n in found["N"].to_pylist()]


def test_s15_the_cut_does_not_matter(
    sql: SqlApi, transports: tuple[Source, Source], tmp_path: Path
) -> None:
    """Snowflake chooses how many rows a partition has; the file does not show it."""
    with sql.changed(partition_rows=777):
        query = "SELECT * FROM many WHERE n < 10001 ORDER BY n"
        assert (2, 13) == _assert_agreement(transports, query, tmp_path)[1]


@pytest.mark.long
def test_s15_a_million_rows(sql: SqlApi, transports: tuple[Source, Source], tmp_path: Path) -> None:
    """It holds for an extract of the size that people have."""
    sql.rows(MANY.format(table="a_million", rows=1_000_000))
    found, _ = _assert_agreement(transports, "SELECT * FROM a_million ORDER BY n", tmp_path)
    assert 1_000_000 == found.num_rows


def test_both_answer_for_a_few_keys(sql: SqlApi, transports: tuple[Source, Source]) -> None:
    """The rows of these keys alone, of the whole query as it is written, with its binds."""
    query = Statement(
        "SELECT email, n FROM people_asked WHERE n < :window_end QUALIFY 1 = ROW_NUMBER() "
        "OVER (PARTITION BY email ORDER BY n DESC) -- the newest;\n;",
        "the test",
    )
    sql.rows(
        "CREATE OR REPLACE TABLE people_asked AS SELECT * FROM (VALUES "
        "('ann@x.example', '2026-01-01'::DATE), ('ann@x.example', '2026-01-02'::DATE), "
        "('it''s@x.example', '2026-01-01'::DATE), ('bob@x.example', '2026-01-01'::DATE)) "
        "t(email, n)"
    )
    keys = Keys("email", ("ann@x.example", "it's@x.example", "nobody@x.example"))
    question = Question(query, {"window_end": date(2026, 1, 9)}, "a-tag", keys)
    for source in transports:
        with source.extract(question) as extract:
            rows = [tuple(row.values()) for batch in extract.batches for row in batch.to_pylist()]
        assert {("ann@x.example", date(2026, 1, 2)), ("it's@x.example", date(2026, 1, 1))} == set(
            rows
        )
