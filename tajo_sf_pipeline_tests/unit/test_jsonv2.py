"""The SQL REST API's rows as Arrow: every type, every form of a partition, every way to be bad."""

import json
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from snowflake.connector.constants import FIELD_ID_TO_NAME
from snowflake.connector.cursor import ResultMetadata

from tajo_sf_pipeline.errors import IncompleteError
from tajo_sf_pipeline.sources.snowflake import types
from tajo_sf_pipeline.sources.snowflake.jsonv2 import RowType, arrow_schema, record_batch, row_types

Column = dict[str, Any]

TEXT: Column = {"name": "C", "type": "text"}
MONEY: Column = {"name": "C", "type": "fixed", "precision": 12, "scale": 2}
SHORT: Column = {"name": "C", "type": "fixed", "precision": 18, "scale": 0}
LONG: Column = {"name": "C", "type": "fixed", "precision": 38, "scale": 0}
TINY: Column = {"name": "C", "type": "fixed", "precision": 38, "scale": 38}
REAL: Column = {"name": "C", "type": "real"}
BINARY: Column = {"name": "C", "type": "binary"}
BOOLEAN: Column = {"name": "C", "type": "boolean"}
DATE: Column = {"name": "C", "type": "date"}
TIME: Column = {"name": "C", "type": "time", "scale": 9}
NTZ: Column = {"name": "C", "type": "timestamp_ntz", "precision": 0, "scale": 9}
LTZ: Column = NTZ | {"type": "timestamp_ltz"}
TZ: Column = NTZ | {"type": "timestamp_tz"}

MOMENTS = {
    text: datetime.fromisoformat(moment)
    for text, moment in {
        "1616173619.000000000": "2021-03-19 17:06:59",
        "0.000000000": "1970-01-01",
        # Sub-microseconds are dropped towards the past.
        "0.000001999": "1970-01-01 00:00:00.000001",
        "-0.000000001": "1969-12-31 23:59:59.999999",
        # Whole seconds and fraction have one sign.
        "-1.500000000": "1969-12-31 23:59:58.500",
        "-0.250000000": "1969-12-31 23:59:59.750",
        "253402300799.999999000": "9999-12-31 23:59:59.999999",
        "253402300799.999999999": "9999-12-31 23:59:59.999999",
        "-62135596800.000000000": "0001-01-01",
        # 16 digits and more without a point are nanoseconds, fewer are seconds.
        "1611871777123456789": "2021-01-28 22:09:37.123456",
        "-1500000000000000000": "1922-06-20 21:20:00",
        "1000000000000000": "1970-01-12 13:46:40",
        "1611871777": "2021-01-28 22:09:37",
    }.items()
}
GOLDEN: list[tuple[Column, pa.DataType, dict[str, Any]]] = [
    (
        MONEY,
        pa.decimal128(38, 2),
        {
            "1.0": Decimal("1.00"),
            "-0.5": Decimal("-0.50"),
            "7": Decimal("7.00"),
            "0.00": Decimal("0.00"),
            "9999999999.99": Decimal("9999999999.99"),
        },
    ),
    (SHORT, pa.int64(), {"5": 5, "-0": 0, "-999999999999999999": -(10**18 - 1)}),
    (SHORT | {"type": "NUMBER"}, pa.int64(), {"5": 5}),
    (
        LONG,
        pa.decimal128(38, 0),
        {"9" * 38: Decimal("9" * 38), "-" + "9" * 38: Decimal("-" + "9" * 38), "12": Decimal(12)},
    ),
    (
        TINY,
        pa.decimal128(38, 38),
        {
            "-0." + "9" * 38: Decimal("-0." + "9" * 38),
            "0." + "0" * 37 + "1": Decimal("0." + "0" * 37 + "1"),
        },
    ),
    ({"name": "C", "type": "fixed"}, pa.decimal128(38, 0), {"1": Decimal(1)}),
    (
        REAL,
        pa.float64(),
        {
            "1.5e300": 1.5e300,
            "inf": math.inf,
            "-inf": -math.inf,
            "Infinity": math.inf,
            "5": 5.0,
            "-0.1": -0.1,
            "1E-7": 1e-7,
        },
    ),
    (REAL | {"type": "FLOAT"}, pa.float64(), {"2": 2.0}),
    (TEXT | {"type": "DECFLOAT"}, pa.string(), {"1.5": "1.5", "1.5E+16000": "1.5E+16000"}),
    (
        TEXT,
        pa.string(),
        {
            "": "",
            "null": "null",
            " a\n\t": " a\n\t",
            'é😀 "quoted" \\ /': 'é😀 "quoted" \\ /',
            "\x00": "\x00",
            "],[": "],[",
        },
    ),
    (TEXT | {"type": "VARCHAR"}, pa.string(), {"x": "x"}),
    (BINARY, pa.binary(), {"00FF": b"\x00\xff", "": b"", "deadbeef": b"\xde\xad\xbe\xef"}),
    (BOOLEAN, pa.bool_(), {"true": True, "false": False}),
    (
        DATE,
        pa.date32(),
        {
            "18262": date(2020, 1, 1),
            "0": date(1970, 1, 1),
            "-1": date(1969, 12, 31),
            "2932896": date(9999, 12, 31),
            "-719162": date(1, 1, 1),
        },
    ),
    (
        TIME,
        pa.time64("us"),
        {
            "82919.000000000": time(23, 1, 59),
            "0.000000000": time(0),
            "86399.999999999": time(23, 59, 59, 999_999),
        },
    ),
    (NTZ, pa.timestamp("us"), MOMENTS),
    (
        LTZ,
        pa.timestamp("us", "UTC"),
        {text: moment.replace(tzinfo=UTC) for text, moment in MOMENTS.items()},
    ),
    (
        TZ,
        pa.timestamp("us", "UTC"),
        {
            f"{text} {offset}": moment.replace(tzinfo=UTC)
            # UTC, UTC+1, the ends of the documented range, and UTC+14 beyond it.
            for offset in (1440, 1500, 720, 2160, 2280)
            for text, moment in MOMENTS.items()
        },
    ),
    (TEXT | {"type": "variant"}, pa.string(), {'{"a": [1, "ü"]}': '{"a": [1, "ü"]}'}),
    (TEXT | {"type": "object"}, pa.string(), {"{}": "{}"}),
    (TEXT | {"type": "array"}, pa.string(), {"[\n  1\n]": "[\n  1\n]"}),
]


def decoded(columns: Sequence[Column], data: bytes) -> pa.RecordBatch:
    found = row_types(columns)
    batch = record_batch(data, found, arrow_schema(found))
    batch.validate(full=True)
    return batch


def partition(rows: Sequence[Sequence[str | None]]) -> bytes:
    return json.dumps({"data": rows}).encode()


def cells(column: Column, texts: Sequence[str | None]) -> pa.Array:
    return decoded([column], partition([[text] for text in texts])).column(0)


@pytest.mark.parametrize(
    ("column", "kind", "golden"), GOLDEN, ids=[column["type"] for column, _, _ in GOLDEN]
)
def test_every_type_is_read(column: Column, kind: pa.DataType, golden: dict[str, Any]) -> None:
    """Each text becomes its value in the column's Arrow type, and nulls between them stay null."""
    texts = [text for cell in golden for text in (cell, None)]
    found = cells(column, texts)
    assert kind == found.type
    assert [value for cell in golden.values() for value in (cell, None)] == found.to_pylist()
    assert [None, None] == cells(column, [None, None]).to_pylist()


def test_not_a_number_is_a_float() -> None:
    """Snowflake's floats know NaN."""
    assert math.isnan(cells(REAL, ["NaN"])[0].as_py())


@pytest.mark.parametrize(("precision", "scale"), [(9, 0), (18, 0), (19, 0), (12, 2), (38, 37)])
def test_the_driver_gives_the_same_types(precision: int, scale: int) -> None:
    """A statement has one schema, whichever way its rows come."""
    names = dict(FIELD_ID_TO_NAME)
    described = types.arrow_schema(
        ResultMetadata(name, code, None, None, precision, scale, is_nullable=True)
        for code, name in names.items()
    )
    columns = [
        {"name": name, "type": name.lower(), "precision": precision, "scale": scale}
        for name in names.values()
    ]
    assert described == arrow_schema(row_types(columns))


def test_a_columns_description_is_read_in_any_case() -> None:
    """Types are upper-cased; what a description leaves out, or says as null, is unknown."""
    described = [{"name": "Id", "type": "fixed", "precision": 5, "scale": 0, "nullable": False}]
    described += [{"name": "T", "type": "TEXT", "precision": None, "length": 9}]
    expected = (
        RowType("Id", "FIXED", 5, 0, nullable=False),
        RowType("T", "TEXT", None, None, True),
    )
    assert expected == row_types(described)


ROWS = '[["1", "a"], ["2", null]]'


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        f" \n{ROWS}\n",
        f'{{"data": {ROWS}}}',
        json.dumps({"data": json.loads(ROWS)}, indent=2),
        f'{{"resultSetMetaData": {{"rowType": [{{"a": 1}}]}}, "data": {ROWS}, "z": []}}',
    ],
)
def test_rows_come_alone_or_in_an_answer(data: str) -> None:
    """The first partition has all the rest of the answer around it, and white space is free."""
    expected = {"N": [1, 2], "T": ["a", None]}
    columns = [SHORT | {"name": "N"}, TEXT | {"name": "T"}]
    assert expected == decoded(columns, data.encode()).to_pydict()


@pytest.mark.parametrize("data", [b"[]", b'{"data": []}', b'{"data": [], "code": "090001"}'])
def test_an_empty_result_has_its_schema(data: bytes) -> None:
    """No rows are no error, whatever the columns are."""
    columns = [column | {"name": str(n)} for n, (column, _, _) in enumerate(GOLDEN)]
    batch = decoded(columns, data)
    assert (0, arrow_schema(row_types(columns))) == (batch.num_rows, batch.schema)


def test_no_columns() -> None:
    """An answer without columns has no rows to tell of."""
    assert (0, 0) == decoded([], b'{"data": []}').shape


def test_names_are_kept() -> None:
    """Columns go by position: names may repeat, be empty, and hold anything."""
    names = ["A", "A", 'say "hi"', "😀", ""]
    batch = decoded(
        [TEXT | {"name": name} for name in names], partition([["1", "2", "3", "4", "5"]])
    )
    assert (names, ["1", "2", "3", "4", "5"]) == (
        batch.schema.names,
        [column[0].as_py() for column in batch.columns],
    )


def test_ten_thousand_columns() -> None:
    """Width costs time in proportion, not more."""
    columns = [SHORT | {"name": f"C{n}"} for n in range(10_000)]
    batch = decoded(columns, partition([[str(n + row) for n in range(10_000)] for row in range(3)]))
    assert [9_999, 10_000, 10_001] == batch.column(9_999).to_pylist()


BAD = [
    *((MONEY, text) for text in ("secret", "", "1.234", "1,5", "NaN", "9" * 39, "9" * 60, "1e40")),
    *((SHORT, text) for text in ("secret", "", "1.5", "9223372036854775808")),
    *((LONG, text) for text in ("9" * 39, "-" + "1" * 45, "0.5")),
    *((TINY, text) for text in ("1", "0." + "9" * 39)),
    *((REAL, text) for text in ("secret", "", "1_000", "0x10")),
    *((BINARY, text) for text in ("secret", "abc", "zz", "00 ff ")),
    *((BOOLEAN, text) for text in ("secret", "", "yes")),
    *((DATE, text) for text in ("secret", "", "2020-01-01", "1.5", "99999999999")),
    *((TIME, text) for text in ("secret", "", "12:00:00", "86400.000000000", "-1.000000000")),
    *((NTZ, text) for text in ("secret", "", "2020-01-01", "1.0000000001", "9" * 25 + ".0")),
    *((TZ, text) for text in ("secret", "", "1.000000000", "1.000000000 ", "1.0 +01:00", "x 1440")),
]


@pytest.mark.parametrize(("column", "text"), BAD)
@pytest.mark.parametrize("row", [1, 2, 5])
def test_bad_text_is_named_and_not_shown(column: Column, text: str, row: int) -> None:
    """Column, row and type find it; the value may be personal, so nothing of it is in the error."""
    texts: list[str | None] = [None] * 5
    texts[row - 1] = text
    with pytest.raises(IncompleteError) as raised:
        cells(column | {"name": "SPENT"}, texts)
    expected = f'Column "SPENT", row {row} of a partition: the text is no {column["type"].upper()}'
    assert ("TAJO-702", expected) == (raised.value.code, raised.value.happened)
    assert (None, None) == (raised.value.__cause__, raised.value.__context__)


def test_the_first_of_several_bad_cells_is_named() -> None:
    """Rows count from 1."""
    with pytest.raises(IncompleteError, match=r'Column "C", row 700 of'):
        cells(SHORT, ["x" if n in {700, 701, 999} else str(n) for n in range(1, 1000)])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"null",
        b"[null",
        b'"secret"',
        b"<html>",
        b"{}",
        b'{"data": null}',
        b'{"data": {"secret": 1}}',
        b'{"data": ["secret"]}',
        b'{"data": [[{"secret": 1}]]}',
        b'{"data": [[5]]}',
        b'{"data": [[true]]}',
        b'{"data": [["secret"',
        b'{"data": [["secret"]]',
        b'{"data": [["secret"]]} {"data": [["secret"]]}',
        b'{"data": [["secret"]]} and more',
        b'[["secret"]] and more',
        b'{"data": [["\\ud83d"]]}',
        b'{"data": [["\xff"]]}',
    ],
)
def test_what_is_not_the_documented_json_is_refused(data: bytes) -> None:
    """A partition that was cut off, or is something else, is no partition with fewer rows."""
    with pytest.raises(
        IncompleteError, match="TAJO-702 A partition of Snowflake's answer"
    ) as raised:
        decoded([TEXT], data)
    assert "secret" not in str(raised.value)
    assert raised.value.__context__ is None


@pytest.mark.parametrize("row", [[], ["1"], ["1", "2", "3"], None])
def test_a_row_of_another_width_is_named(row: list[str] | None) -> None:
    """Cells would change their columns otherwise."""
    with pytest.raises(IncompleteError, match="TAJO-702 Row 2 of a partition does not have"):
        decoded([TEXT, TEXT], json.dumps([["1", "2"], row, ["1", "2"]]).encode())


EPOCH = datetime.fromisoformat("1970-01-01")


def seconds_text(nanoseconds: int) -> str:
    """Write seconds since the epoch as the documentation does: a sign, and nine decimals."""
    whole, fraction = divmod(abs(nanoseconds), 10**9)
    return f"{'-' if nanoseconds < 0 else ''}{whole}.{fraction:09d}"


def nanoseconds_of(moment: datetime, beyond: int) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000 + beyond


def decimals(scale: int) -> st.SearchStrategy[Decimal]:
    exact = Context(prec=38)
    most = 10**38 - 1
    return st.integers(-most, most).map(lambda digits: exact.scaleb(Decimal(digits), -scale))


NANOSECONDS = st.integers(0, 999)
MOMENT = st.tuples(st.datetimes(), NANOSECONDS)
# The text that Snowflake's documentation gives a value, beside the value.
ENCODED: list[tuple[Column, st.SearchStrategy[tuple[str, Any]]]] = [
    (TEXT, st.text().map(lambda value: (value, value))),
    (SHORT, st.integers(-(10**18) + 1, 10**18 - 1).map(lambda value: (str(value), value))),
    (LONG, decimals(0).map(lambda value: (f"{value:f}", value))),
    (MONEY, decimals(2).map(lambda value: (f"{value:f}", value))),
    (TINY, decimals(38).map(lambda value: (f"{value:f}", value))),
    (REAL, st.floats(allow_nan=False).map(lambda value: (repr(value), value))),
    (BINARY, st.binary().map(lambda value: (value.hex().upper(), value))),
    (BOOLEAN, st.booleans().map(lambda value: (str(value).lower(), value))),
    (DATE, st.dates().map(lambda value: (str((value - EPOCH.date()).days), value))),
    (
        TIME,
        st.tuples(st.times(), NANOSECONDS).map(
            lambda both: (
                seconds_text(nanoseconds_of(datetime.combine(EPOCH, both[0]), both[1])),
                both[0],
            )
        ),
    ),
    (NTZ, MOMENT.map(lambda both: (seconds_text(nanoseconds_of(*both)), both[0]))),
    (
        LTZ,
        MOMENT.map(lambda both: (seconds_text(nanoseconds_of(*both)), both[0].replace(tzinfo=UTC))),
    ),
    (
        TZ,
        st.tuples(st.datetimes(), NANOSECONDS, st.integers(540, 2340)).map(
            lambda three: (
                f"{seconds_text(nanoseconds_of(three[0], three[1]))} {three[2]}",
                three[0].replace(tzinfo=UTC),
            )
        ),
    ),
]
COLUMNS = [column | {"name": str(n)} for n, (column, _) in enumerate(ENCODED)]
ROW = st.tuples(*(st.none() | cell for _, cell in ENCODED))


@given(st.lists(ROW, max_size=8))
def test_what_is_encoded_as_documented_comes_back(
    rows: list[tuple[tuple[str, Any] | None, ...]],
) -> None:
    """Every value of every type, null or not, in tables of all types."""
    batch = decoded(COLUMNS, partition([[cell and cell[0] for cell in row] for row in rows]))
    expected = [tuple(cell and cell[1] for cell in row) for row in rows]
    assert expected == [tuple(row.values()) for row in batch.to_pylist()]


@given(st.lists(ROW, max_size=8), st.data())
def test_where_a_partition_ends_does_not_matter(
    rows: list[tuple[tuple[str, Any] | None, ...]], data: st.DataObject
) -> None:
    """Two partitions make the table that one makes."""
    texts = [[cell and cell[0] for cell in row] for row in rows]
    end = data.draw(st.integers(0, len(rows)))
    parts = [decoded(COLUMNS, partition(part)) for part in (texts[:end], texts[end:])]
    assert pa.Table.from_batches([decoded(COLUMNS, partition(texts))]) == pa.Table.from_batches(
        parts
    )


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_exactly_or_refused(number: Decimal) -> None:
    """No text becomes another number: Arrow alone would wrap one of 39 digits round."""
    try:
        found = cells(MONEY, [f"{number:f}"])[0].as_py()
    except IncompleteError:
        return
    assert number == found
