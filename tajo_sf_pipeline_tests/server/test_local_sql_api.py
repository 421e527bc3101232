"""The local Snowflake's SQL API: statements in, results out, over plain HTTP."""

import gzip
import json
import re
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import snowflake.connector

from tajo_sf_pipeline.sandbox.servers import SECONDS_TO_END
from tajo_sf_pipeline_tests.sql_api_calls import SqlApi, error, serving_sql_api

NUMBERS = "SELECT seq4() AS n FROM TABLE(GENERATOR(ROWCOUNT => {})) ORDER BY n"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlApi]:
    with serving_sql_api(tmp_path_factory.mktemp("sandbox"), "--partition-rows", "40") as api:
        yield api


@pytest.fixture
def table(api: SqlApi) -> str:
    """Make an empty table of one number and one text."""
    name = f"t_{uuid.uuid4().hex}"
    api.rows(f"CREATE TABLE {name} (n NUMBER, word VARCHAR)")
    return name


def test_a_short_statement_is_answered_at_once(api: SqlApi) -> None:
    """The answer to the POST has the metadata and all rows."""
    answer = api.submit("SELECT 1 AS one, NULL AS nothing")
    body = answer.json()
    handle, address = body["statementHandle"], body["statementStatusUrl"]
    assert (answer.status_code, body["data"]) == (200, [["1", None]])
    assert (body["code"], body["sqlState"]) == ("090001", "00000")
    assert re.fullmatch(rf"/api/v2/statements/{handle}\?requestId=[0-9a-f-]{{36}}", address)
    metadata = body["resultSetMetaData"]
    assert (metadata["format"], metadata["numRows"]) == ("jsonv2", 1)
    assert [part["rowCount"] for part in metadata["partitionInfo"]] == [1]


def test_columns_are_described(api: SqlApi) -> None:
    """Every column has its name, type, precision, scale, length and nullability."""
    body = api.submit("SELECT 1.50::NUMBER(12,2) AS amount, 'x' AS \"a word\"").json()
    keys = ("name", "type", "precision", "scale", "length", "nullable")
    assert [[column[key] for key in keys] for column in body["resultSetMetaData"]["rowType"]] == [
        ["AMOUNT", "fixed", 12, 2, None, True],
        ["a word", "text", None, None, 16_777_216, True],
    ]


@pytest.mark.parametrize(
    ("expression", "type_", "value"),
    [
        ("7", "fixed", "7"),
        ("-0.0000000001::NUMBER(38,10)", "fixed", "-0.0000000001"),
        ("0.25::NUMBER(2,2)", "fixed", "0.25"),
        (
            "12345678901234567890123456789012345678",
            "fixed",
            "12345678901234567890123456789012345678",
        ),
        ("0.5::FLOAT", "real", "0.5"),
        ("'nan'::FLOAT", "real", "NaN"),
        ("TRUE", "boolean", "true"),
        ("'a \"quoted\" word, é\\n'", "text", 'a "quoted" word, é\n'),
        ("TO_BINARY('00ff', 'HEX')", "binary", "00FF"),
        ("'2020-01-01'::DATE", "date", "18262"),
        ("'1969-12-31'::DATE", "date", "-1"),
        ("'23:01:59.5'::TIME", "time", "82919.500000000"),
        ("'2021-03-19 17:06:59'::TIMESTAMP_NTZ", "timestamp_ntz", "1616173619.000000000"),
        ("'1969-12-31 23:59:58.5'::TIMESTAMP_NTZ", "timestamp_ntz", "-1.500000000"),
        ("'1969-12-31 23:59:59.5'::TIMESTAMP_NTZ", "timestamp_ntz", "-0.500000000"),
        ("'9999-12-31'::TIMESTAMP_NTZ", "timestamp_ntz", "253402214400.000000000"),
        ("'2021-03-19 17:06:59'::TIMESTAMP_LTZ", "timestamp_ltz", "1616173619.000000000"),
        ("'2021-03-19 17:06:59 +0000'::TIMESTAMP_TZ", "timestamp_tz", "1616173619.000000000 1440"),
        ("PARSE_JSON('{\"a\": [1, null]}')", "variant", '{"a":[1,null]}'),
        ("NULL::TIMESTAMP_TZ", "timestamp_tz", None),
    ],
)
def test_every_value_is_a_string_of_its_type(
    api: SqlApi, expression: str, type_: str, value: str | None
) -> None:
    """The spellings are those of Snowflake's table of result values."""
    body = api.submit(f"SELECT {expression} AS a").json()
    assert [[value]] == body["data"]
    assert type_ == body["resultSetMetaData"]["rowType"][0]["type"]


@pytest.mark.parametrize(
    ("moment", "offset"), [("2021-01-19 12:00:00 +0000", 1500), ("2021-07-19 12:00:00 +0000", 1560)]
)
def test_a_timestamp_with_zone_has_the_offset_of_the_statements_time_zone(
    api: SqlApi, moment: str, offset: int
) -> None:
    """Minutes counted from a day before UTC, summer time included."""
    ((value,),) = api.rows(
        f"SELECT '{moment}'::TIMESTAMP_TZ AS a", parameters={"timezone": "Europe/Paris"}
    )
    assert str(offset) == value.split()[1]


def test_timestamps_may_be_spelt_in_nanoseconds(api: SqlApi) -> None:
    """The other reading of Snowflake's documentation can be switched on."""
    with api.changed(timestamp_spelling="nanoseconds"):
        rows = api.rows(
            "SELECT '2021-01-28 22:09:37.123456'::TIMESTAMP_NTZ AS a, "
            "'1969-12-31 23:59:58.5 +0000'::TIMESTAMP_TZ AS b, '00:00:01'::TIME AS c"
        )
    assert rows == [["1611871777123456000", "-1500000000 1440", "1.000000000"]]


def test_null_may_be_spelt_as_a_word(api: SqlApi) -> None:
    """`nullable=false` of the POST, as documented; a GET does not take it."""
    answer = api.submit("SELECT NULL AS a", {"nullable": "false"})
    assert [["null"]] == answer.json()["data"]
    assert error(api.get(answer.json()["statementHandle"], nullable="false")) == (400, "390142")


def test_a_large_result_comes_in_partitions(api: SqlApi) -> None:
    """The first with the metadata; the others alone, compressed, and at any time at once."""
    body = api.submit(NUMBERS.format(100)).json()
    handle = body["statementHandle"]
    counts = [part["rowCount"] for part in body["resultSetMetaData"]["partitionInfo"]]
    with ThreadPoolExecutor(2) as pool:
        later = list(pool.map(lambda number: api.get(handle, partition=number), [1, 2]))
    assert counts == [40, 40, 20]
    assert ["gzip", "gzip"] == [answer.headers["Content-Encoding"] for answer in later]
    assert [["data"], ["data"]] == [list(answer.json()) for answer in later]
    rows = [*body["data"], *(row for answer in later for row in answer.json()["data"])]
    assert [[str(n)] for n in range(100)] == rows


def test_partition_0_is_the_first_answer_again(api: SqlApi) -> None:
    """With its metadata, however often it is asked for."""
    body = api.submit(NUMBERS.format(50)).json()
    handle = body["statementHandle"]
    assert [body, body] == [api.get(handle).json(), api.get(handle, partition=0).json()]


def test_partitions_are_linked(api: SqlApi) -> None:
    """The header Link names the first, the last and the partitions beside this one."""
    handle = api.submit(NUMBERS.format(100)).json()["statementHandle"]
    link = api.get(handle, partition=1).headers["Link"]
    found = re.findall(r'</api/v2/statements/[^>]+&partition=(\d)>;rel="(\w+)"', link)
    assert {"first": "0", "prev": "0", "next": "2", "last": "2"} == {rel: n for n, rel in found}


def test_the_size_of_partitions_can_be_changed(api: SqlApi) -> None:
    """Results of statements that ended before keep theirs."""
    handle = api.submit(NUMBERS.format(100)).json()["statementHandle"]
    with api.changed(partition_rows=70):
        now = api.submit(NUMBERS.format(100)).json()
        before = api.get(handle).json()
    counts = [
        [p["rowCount"] for p in b["resultSetMetaData"]["partitionInfo"]] for b in (before, now)
    ]
    assert counts == [[40, 40, 20], [70, 30]]


def test_an_empty_result_has_one_empty_partition(api: SqlApi) -> None:
    """And keeps the types of its columns."""
    body = api.submit("SELECT 1 AS n WHERE FALSE").json()
    metadata = body["resultSetMetaData"]
    assert ([], 0) == (body["data"], metadata["numRows"])
    assert [0] == [part["rowCount"] for part in metadata["partitionInfo"]]
    assert ["fixed"] == [column["type"] for column in metadata["rowType"]]


def test_an_asynchronous_statement_is_polled(api: SqlApi) -> None:
    """202 with a handle first, 202 while it runs, then the result."""
    with api.changed(statement_seconds=0.2):
        submitted = api.submit("SELECT 1 AS a", {"async": "true"})
        handle = submitted.json()["statementHandle"]
        running = api.get(handle)
    assert (202, "333334") == error(submitted) == error(running)
    assert [["1"]] == api.ended(handle).json()["data"]


def test_a_long_statement_becomes_asynchronous(api: SqlApi) -> None:
    """Without `async`, the answer is 202 after 45 s, or however long the server waits."""
    with api.changed(statement_seconds=0.2, synchronous_seconds=0.02):
        submitted = api.submit("SELECT 1 AS a")
    assert submitted.status_code == 202
    assert [["1"]] == api.ended(submitted.json()["statementHandle"]).json()["data"]


def test_a_statement_that_fails_says_why(api: SqlApi) -> None:
    """At once as well as after polling, with code, state, sentence and handle."""
    at_once = api.submit("SELECT * FROM nope")
    handle = api.submit("SELECT * FROM nope", {"async": "true"}).json()["statementHandle"]
    polled = api.ended(handle)
    said = ("002003", "42S02", "Object 'NOPE' does not exist or not authorized.")
    for answer in (at_once, polled):
        body = answer.json()
        assert answer.status_code == 422
        assert said == (body["code"], body["sqlState"], body["message"].splitlines()[-1])
        assert uuid.UUID(body["statementHandle"])


@pytest.mark.parametrize(
    ("statement", "code", "sql_state"),
    [
        ("SELECT foo FROM (SELECT 1 AS a)", "000904", "42000"),
        ("SELECT nofunc(1)", "002139", "42601"),
        ("SELEC 1", "001003", "42000"),
        ("SELECT 'a", "001003", "42000"),
        (" -- nothing", "000900", "42601"),
        ("SELECT 1; SELECT 2", "000008", "0A000"),
        ("PUT file:///tmp/x @s", "391911", "0A000"),
        ("USE SCHEMA PUBLIC", "391911", "0A000"),
        ("ALTER SESSION SET TIMEZONE = 'UTC'", "391911", "0A000"),
        ("SELECT [1, 2] AS a", "009999", "99999"),
    ],
)
def test_errors_have_snowflakes_codes(
    api: SqlApi, statement: str, code: str, sql_state: str
) -> None:
    """What the local Snowflake itself cannot do has a code of its own."""
    body = api.submit(statement).json()
    assert (code, sql_state) == (body["code"], body["sqlState"])


def test_names_of_database_and_schema_are_case_sensitive(api: SqlApi, table: str) -> None:
    """A database in lower case is none, and the user has no default one."""
    assert (422, "090105") == error(api.submit(f"SELECT * FROM {table}", database="marketing_db"))
    assert (422, "090106") == error(api.submit(f"SELECT * FROM {table}", schema=None))


def test_a_statement_past_its_timeout_is_canceled(api: SqlApi) -> None:
    """408 for who waits, 422 for who polls."""
    endless = "SELECT COUNT(*) AS n FROM TABLE(GENERATOR(ROWCOUNT => 900000000000))"
    waited = api.submit(endless, timeout=1)
    polled = api.get(waited.json()["statementHandle"])
    assert (408, "000630") == error(waited)
    assert (422, "000630") == error(polled)


def test_a_statement_can_be_canceled(api: SqlApi, table: str) -> None:
    """It stops, whether it had begun or not; canceling an ended one is an error."""
    with api.changed(statement_seconds=30):
        handle = api.submit(f"INSERT INTO {table} VALUES (1, 'a')", {"async": "true"}).json()[
            "statementHandle"
        ]
    canceled = api.cancel(handle)
    assert (200, "000604") == error(canceled)
    assert (422, "000604") == error(api.get(handle))
    assert [["0"]] == api.rows(f"SELECT COUNT(*) AS n FROM {table}")
    done = api.submit("SELECT 1 AS a").json()["statementHandle"]
    assert (422, "000605") == error(api.cancel(done))


def test_a_running_statement_can_be_canceled(api: SqlApi) -> None:
    """The engine itself is interrupted."""
    endless = "SELECT COUNT(*) AS n FROM TABLE(GENERATOR(ROWCOUNT => 900000000000))"
    handle = api.submit(endless, {"async": "true"}).json()["statementHandle"]
    assert (200, "000604") == error(api.cancel(handle))


def test_the_server_ends_while_a_statement_runs(tmp_path: Path) -> None:
    """In an orderly way, without waiting for it."""
    with serving_sql_api(tmp_path) as api:
        endless = "SELECT COUNT(*) AS n FROM TABLE(GENERATOR(ROWCOUNT => 900000000000))"
        api.submit(endless, {"async": "true"})
        began = time.monotonic()
    assert time.monotonic() - began < SECONDS_TO_END  # after them it is killed
    assert "Traceback" not in (tmp_path / "logs" / "snowflake.log").read_text()


def test_unknown_handles_are_refused(api: SqlApi) -> None:
    """422 for a statement that is not there, 404 for what is no handle."""
    handle = str(uuid.uuid4())
    assert (422, "000709") == error(api.get(handle)) == error(api.cancel(handle))
    assert [404, 404] == [api.get("x").status_code, api.cancel("x").status_code]


def test_a_result_makes_room_for_later_ones(api: SqlApi) -> None:
    """An old result is gone, its handle is not."""
    first = api.submit("SELECT 1 AS a").json()["statementHandle"]
    for _ in range(130):
        api.submit("SELECT 2 AS a")
    assert (422, "000710") == error(api.get(first))


def test_a_repeated_request_is_executed_once(api: SqlApi, table: str) -> None:
    """The same requestId with retry=true gets the first execution's result."""
    insert = f"INSERT INTO {table} VALUES (1, 'a')"
    request = {"requestId": str(uuid.uuid4())}
    first, again = api.submit(insert, request), api.submit(insert, request | {"retry": "true"})
    assert first.json() == again.json()
    assert [["1"]] == api.rows(f"SELECT COUNT(*) AS n FROM {table}")
    (executed,) = api.executions(insert)
    assert request["requestId"] == executed["request_id"]


def test_a_repeated_request_joins_the_execution_that_still_runs(api: SqlApi, table: str) -> None:
    """No second one is started beside it."""
    insert = f"INSERT INTO {table} VALUES (1, 'a')"
    request = {"requestId": str(uuid.uuid4()), "async": "true"}
    with api.changed(statement_seconds=0.2):
        first, again = api.submit(insert, request), api.submit(insert, request | {"retry": "true"})
    handle = first.json()["statementHandle"]
    assert handle == again.json()["statementHandle"]
    assert api.ended(handle).status_code == 200
    assert len(api.executions(insert)) == 1


def test_a_repeated_request_without_retry_is_executed_again(api: SqlApi, table: str) -> None:
    """As is a repetition of a request that failed."""
    insert = f"INSERT INTO {table} VALUES (1, 'a')"
    request = {"requestId": str(uuid.uuid4())}
    for _ in range(2):
        api.submit(insert, request)
    assert len(api.executions(insert)) == 2
    broken, request = f"INSERT INTO {table} VALUES (nope)", {"requestId": str(uuid.uuid4())}
    failed = [api.submit(broken, request | {"retry": "true"}) for _ in range(2)]
    assert [422, 422] == [answer.status_code for answer in failed]
    assert len(api.executions(broken)) == 2


@pytest.mark.parametrize("name", ["multi_statement_count", "MULTI_STATEMENT_COUNT"])
@pytest.mark.parametrize("count", [4, "4", 0])
def test_several_statements_share_a_session(
    api: SqlApi, table: str, name: str, count: int | str
) -> None:
    """A transaction, among them; each has a handle with its own result."""
    body = api.submit(
        f"BEGIN; INSERT INTO {table} VALUES (1, 'a;b'); -- now;\nCOMMIT; SELECT word FROM {table};",
        parameters={name: count},
    ).json()
    assert [["Multiple statements executed successfully."]] == body["data"]
    *_, inserted, _, selected = [api.get(handle).json() for handle in body["statementHandles"]]
    assert ([["1"]], [["a;b"]]) == (inserted["data"], selected["data"])


def test_changed_rows_are_counted(api: SqlApi, table: str) -> None:
    """By kind of change, for MERGE in several kinds at once."""
    api.rows(f"INSERT INTO {table} VALUES (1, 'a'), (2, 'b')")
    update = f"UPDATE {table} SET word = 'c' WHERE n = 1"
    merge = (
        f"MERGE INTO {table} t USING (SELECT 2 AS n UNION ALL SELECT 3) s ON t.n = s.n "
        "WHEN MATCHED THEN UPDATE SET word = 'd' WHEN NOT MATCHED THEN INSERT (n) VALUES (s.n)"
    )
    delete = f"DELETE FROM {table}"
    stats = [api.submit(statement).json()["stats"] for statement in (update, merge, delete)]
    names = ("numRowsInserted", "numRowsUpdated", "numRowsDeleted")
    assert [[0, 1, 0], [1, 1, 0], [0, 0, 3]] == [[one[name] for name in names] for one in stats]
    assert "stats" not in api.submit("SELECT 1 AS a").json()


def test_a_wrong_count_of_statements_executes_none(api: SqlApi) -> None:
    """The sentence is Snowflake's."""
    answer = api.submit("SELECT 1 AS a; SELECT 2 AS a", parameters={"multi_statement_count": 3})
    sentence = "Actual statement count 2 did not match the desired statement count 3."
    assert (422, sentence) == (answer.status_code, answer.json()["message"])


def test_statements_before_the_one_that_fails_stay(api: SqlApi, table: str) -> None:
    """The error names the statement and where it begins."""
    answer = api.submit(
        f"INSERT INTO {table} VALUES (1, 'a'); SELECT nope FROM {table}",
        parameters={"multi_statement_count": 0},
    )
    body = answer.json()
    assert (422, "100132", "P0000") == (answer.status_code, body["code"], body["sqlState"])
    assert (
        f'failed on statement "SELECT nope FROM {table}" (at line 1, position ' in body["message"]
    )
    assert [["1"]] == api.rows(f"SELECT COUNT(*) AS n FROM {table}")


def test_several_statements_take_no_binds(api: SqlApi) -> None:
    """As documented."""
    binds = {"1": {"type": "FIXED", "value": "1"}}
    answer = api.submit(
        "SELECT ? AS a; SELECT 2 AS a", bindings=binds, parameters={"multi_statement_count": 2}
    )
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("type_", "value", "returned"),
    [
        ("FIXED", "123", "123"),
        ("FIXED", "-1.25", "-1.25"),
        (
            "FIXED",
            "12345678901234567890123456789012345678",
            "12345678901234567890123456789012345678",
        ),
        ("REAL", "1.5", "1.5"),
        ("DECFLOAT", "0.125", "0.125"),
        ("TEXT", 'it\'s "é"', 'it\'s "é"'),
        ("BINARY", "00ff", "00FF"),
        ("BOOLEAN", "true", "true"),
        ("DATE", "1577836800000", "18262"),
        ("DATE", "-86400000", "-1"),
        ("TIME", "82919500000000", "82919.500000000"),
        ("TIMESTAMP_NTZ", "-1500000000", "-1.500000000"),
        ("TIMESTAMP_LTZ", "1616173619000000000", "1616173619.000000000"),
        ("TIMESTAMP_TZ", "1616173619000000000 960", "1616173619.000000000"),
        ("TEXT", None, None),
    ],
)
def test_values_are_bound_by_type(
    api: SqlApi, type_: str, value: str | None, returned: str | None
) -> None:
    """Every documented type of a bind variable comes back as the same value."""
    ((found,),) = api.rows("SELECT ? AS a", bindings={"1": {"type": type_, "value": value}})
    assert returned == (found and found.split(" 1440")[0])


def test_values_are_bound_by_number(api: SqlApi, table: str) -> None:
    """In their order, to question marks and to :1, :2; text finds the type of its column."""
    binds = {"2": {"type": "TEXT", "value": "b"}, "1": {"type": "TEXT", "value": "17"}}
    body = api.submit(f"INSERT INTO {table} VALUES (?, ?)", bindings=binds).json()
    stats = {"numRowsInserted": 1, "numRowsUpdated": 0, "numRowsDeleted": 0}
    assert body["stats"] == {**stats, "numDuplicateRowsUpdated": 0}
    assert [["17", "b"]] == api.rows(
        f"SELECT * FROM {table} WHERE n = :1 AND word = :2", bindings=binds
    )


@pytest.mark.parametrize(
    ("type_", "value"),
    [("FIXED", "abc"), ("DATE", "2020-01-01"), ("TIME", ""), ("BINARY", "0"), ("FOO", "1")],
)
def test_a_value_that_is_not_of_its_type_is_refused(api: SqlApi, type_: str, value: str) -> None:
    """With Snowflake's sentence about it."""
    body = api.submit("SELECT ? AS a", bindings={"1": {"type": type_, "value": value}}).json()
    assert ("100037", "22018") == (body["code"], body["sqlState"])
    assert f"{type_} value '{value}' is not recognized" == body["message"]


def test_statements_are_remembered_with_what_they_ran_under(api: SqlApi) -> None:
    """Query tag, role, warehouse and the use of bindings show in the log."""
    api.submit(
        "SELECT ? AS logged",
        role="LOADER",
        warehouse="SMALL",
        bindings={"1": {"type": "FIXED", "value": "1"}},
        parameters={"QUERY_TAG": "nightly"},
    )
    (one,) = api.executions("SELECT ? AS logged")
    seen = [one[key] for key in ("query_tag", "role", "warehouse", "bound", "rows", "error")]
    assert seen == ["nightly", "LOADER", "SMALL", True, 1, None]


def test_both_clients_see_the_same_tables(api: SqlApi, table: str) -> None:
    """What the SQL API writes the driver reads."""
    api.rows(f"INSERT INTO {table} VALUES (1, 'a')")
    with snowflake.connector.connect(
        host="127.0.0.1",
        port=api.sandbox.snowflake_port,
        protocol="http",
        account=api.sandbox.account,
        user=api.sandbox.user,
        password=api.sandbox.password,
        database=api.sandbox.database,
        schema=api.sandbox.schema,
    ) as connection:
        assert connection.cursor().execute(f"SELECT * FROM {table}").fetchall() == [(1, "a")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"statement": 1}',
        b'{"statement": "SELECT 1", "timeout": -1}',
        b'{"statement": "SELECT 1", "timeout": "10"}',
        b'{"statement": "SELECT 1", "bindings": {"name": {"type": "TEXT", "value": "x"}}}',
        b'{"statement": "SELECT 1", "bindings": {"1": {"type": "FIXED", "value": 1}}}',
        b'{"statement": "SELECT 1", "parameters": {"autocommit": "false"}}',
        b'{"statement": "SELECT 1", "parameters": {"multi_statement_count": -1}}',
        b'{"statement": "SELECT 1", "parameters": {"date_output_format": "YYYY"}}',
        b'{"statement": "\\ud800"}',
    ],
)
def test_a_payload_that_is_not_valid_is_refused(api: SqlApi, body: bytes) -> None:
    """400 with the documented code; no statement runs."""
    headers = {"Content-Type": "application/json"}
    answer = api.client.post("/api/v2/statements", content=body, headers=headers)
    assert (400, "390142") == error(answer)
    assert answer.json()["message"].startswith("Incoming request does not contain a valid payload.")


@pytest.mark.parametrize(
    "query", [{"requestId": "7"}, {"async": "perhaps"}, {"retry": "1"}, {"nullable": ""}]
)
def test_query_parameters_are_read_strictly(api: SqlApi, query: dict[str, str]) -> None:
    """A wrong one is refused, an unknown one ignored."""
    assert (400, "390142") == error(api.submit("SELECT 1 AS a", query))
    assert api.submit("SELECT 1 AS a", {"pageSize": "10"}).status_code == 200


@pytest.mark.parametrize("partition", ["-1", "x", "1"])
def test_a_partition_that_is_not_there_is_refused(api: SqlApi, partition: str) -> None:
    """They are numbered from 0 to their count less one."""
    handle = api.submit("SELECT 1 AS a").json()["statementHandle"]
    assert (400, "390142") == error(api.get(handle, partition=partition))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Accept": "text/html"}, 400),
        ({"Accept": "text/html, application/json;q=0.9"}, 200),
        ({"User-Agent": ""}, 400),
    ],
)
def test_headers_are_read_as_documented(api: SqlApi, headers: dict[str, str], status: int) -> None:
    """Content type, accepted type and user agent."""
    body = json.dumps({"statement": "SELECT 1 AS a"})
    answer = api.client.post("/api/v2/statements", content=body, headers=headers)
    assert status == answer.status_code


def test_a_wrong_method_is_answered_with_nothing(api: SqlApi) -> None:
    """405 without a body."""
    answer = api.client.get("/api/v2/statements")
    assert (405, b"", "0") == (answer.status_code, answer.content, answer.headers["Content-Length"])


def test_partitions_are_compressed_for_every_client(api: SqlApi) -> None:
    """Whatever it accepts."""
    handle = api.submit(NUMBERS.format(50)).json()["statementHandle"]
    address = f"/api/v2/statements/{handle}?partition=1"
    with api.client.stream("GET", address, headers={"Accept-Encoding": "identity"}) as answer:
        body: Any = json.loads(gzip.decompress(b"".join(answer.iter_raw())))
    assert [[str(n)] for n in range(40, 50)] == body["data"]


def test_unknown_settings_are_refused(api: SqlApi) -> None:
    """The answer lists those there are, and nothing is changed."""
    changes: list[dict[str, Any]] = [
        {"colour": 1},
        {"partition_rows": 0},
        {"timestamp_spelling": "x"},
    ]
    answers: list[httpx.Response] = [api.client.post("/admin/settings", json=c) for c in changes]
    assert [400, 400, 400] == [answer.status_code for answer in answers]
    assert "unknown setting 'colour', there are: partition_rows" in answers[0].json()["message"]
