"""The local Snowflake, driven by the real connector over real HTTP."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jwt
import pyarrow as pa
import pytest
import snowflake.connector
from cryptography.hazmat.primitives.asymmetric import rsa
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import DatabaseError, ProgrammingError

from tajo_sf_pipeline.sandbox import Sandbox, SandboxError, load_csv, serve
from tajo_sf_pipeline.sandbox.servers import free_ports, running_servers
from tajo_sf_pipeline_tests.ports import two_ports

Connect = Callable[..., SnowflakeConnection]

ADDRESS = {"host": "127.0.0.1", "protocol": "http", "network_timeout": 5, "login_timeout": 5}
LARGE = "SELECT seq4() AS n, n::NUMBER(12,2) AS amount FROM TABLE(GENERATOR(ROWCOUNT => 120000))"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    home = tmp_path_factory.mktemp("sandbox")
    ports = free_ports()
    with running_servers(home, {"snowflake": ports[0]}):
        yield Sandbox(home, *ports)


@pytest.fixture
def connect(sandbox: Sandbox) -> Connect:
    """Open a connection that raises after seconds instead of retrying for ever."""
    return connector_to(sandbox)


def connector_to(sandbox: Sandbox) -> Connect:
    def connect(**arguments: Any) -> SnowflakeConnection:
        defaults = ADDRESS | {
            "port": sandbox.snowflake_port,
            "account": sandbox.account,
            "user": sandbox.user,
            "database": sandbox.database,
            "schema": sandbox.schema,
            "arrow_number_to_decimal": True,
        }
        if not {"authenticator", "private_key", "private_key_file"} & set(arguments):
            defaults["password"] = sandbox.password
        return snowflake.connector.connect(**(defaults | arguments))

    return connect


def admin(sandbox: Sandbox, path: str) -> Any:
    return httpx.get(f"{sandbox.snowflake_url}/admin/{path}").raise_for_status().json()


def plan_fault(sandbox: Sandbox, **fault: Any) -> None:
    httpx.post(f"{sandbox.snowflake_url}/admin/faults", json=fault).raise_for_status()


def failed_sign_in(connect: Connect, **arguments: Any) -> DatabaseError:
    with pytest.raises(DatabaseError) as raised:
        connect(**arguments)
    return raised.value


def failed_statement(connect: Connect, statement: str) -> ProgrammingError:
    with connect() as connection, pytest.raises(ProgrammingError) as raised:
        connection.cursor().execute(statement)
    return raised.value


@pytest.mark.parametrize(
    "arguments",
    [
        {"password": "sandbox-password"},
        {"password": "sandbox-password", "user": "tajo_integration"},
        {"authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token": "sandbox-pat"},
        {"authenticator": "oauth", "token": "sandbox-oauth-token"},
    ],
)
def test_a_right_secret_opens_a_session(connect: Connect, arguments: dict[str, str]) -> None:
    """Password, PAT and OAuth token each sign the one user in."""
    with connect(**arguments) as connection:
        assert connection.cursor().execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("account", ["SANDBOX", "my-org_account", "xy12345.eu-central-1.aws"])
def test_a_registered_key_opens_a_session(sandbox: Sandbox, connect: Connect, account: str) -> None:
    """A key pair signs in whatever the account is called, locators included."""
    with connect(account=account, private_key_file=str(sandbox.private_key_path)) as connection:
        assert not connection.is_closed()


@pytest.mark.parametrize(
    ("arguments", "errno", "message"),
    [
        ({"password": "wrong"}, 390100, "Incorrect username or password was specified."),
        ({"user": "SOMEONE"}, 390100, "Incorrect username or password was specified."),
        (
            {"authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token": "wrong"},
            394400,
            "Programmatic access token is invalid.",
        ),
        ({"authenticator": "oauth", "token": "wrong"}, 390303, "Invalid OAuth access token. ["),
    ],
)
def test_a_wrong_secret_is_refused(
    connect: Connect, arguments: dict[str, str], errno: int, message: str
) -> None:
    """The driver raises Snowflake's own code and sentence."""
    error = failed_sign_in(connect, **arguments)
    assert errno == error.errno
    assert message in str(error)


def test_a_key_that_is_not_registered_is_refused(connect: Connect) -> None:
    """Another private key makes an invalid JWT."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    error = failed_sign_in(connect, private_key=key)
    assert error.errno == 390144
    assert "JWT token is invalid. [" in str(error)


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "OTHER.TAJO_INTEGRATION.SHA256:x"},
        {"sub": "OTHER.TAJO_INTEGRATION"},
        {"exp": int(time.time()) - 3600},
        {"iat": int(time.time()) - 7200},
    ],
)
def test_each_claim_of_a_jwt_is_checked(
    sandbox: Sandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    """A right signature under a wrong issuer, subject or time does not sign in."""
    encode = jwt.encode
    monkeypatch.setattr(
        "snowflake.connector.auth.keypair.jwt.encode",
        lambda claims, *arguments, **options: encode(claims | change, *arguments, **options),
    )
    error = failed_sign_in(connect, private_key_file=str(sandbox.private_key_path))
    assert error.errno == 390144


def test_secrets_are_readable_by_their_owner_only(sandbox: Sandbox) -> None:
    """The key and the credentials are files of mode 0600."""
    files = [sandbox.private_key_path, sandbox.home / "snowflake_credentials.json"]
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]


def test_close_ends_the_session_on_the_server(sandbox: Sandbox, connect: Connect) -> None:
    """A closed connection leaves no session behind."""
    connection = connect()
    assert connection.session_id in admin(sandbox, "sessions")["ids"]
    connection.close()
    assert connection.is_closed()
    assert connection.session_id not in admin(sandbox, "sessions")["ids"]


def test_statements_are_remembered_with_their_tag(sandbox: Sandbox, connect: Connect) -> None:
    """The session's query tag, a statement's own and the use of bindings are seen."""
    with connect(paramstyle="qmark", session_parameters={"QUERY_TAG": "of the session"}) as session:
        session.cursor().execute("SELECT ? AS a", ("x",))
        session.cursor().execute("SELECT 2 AS b", _statement_params={"QUERY_TAG": "of its own"})
    seen = admin(sandbox, "statements")["statements"][-2:]
    assert [{key: one[key] for key in ("sql", "query_tag", "bound", "rows")} for one in seen] == [
        {"sql": "SELECT ? AS a", "query_tag": "of the session", "bound": True, "rows": 1},
        {"sql": "SELECT 2 AS b", "query_tag": "of its own", "bound": False, "rows": 1},
    ]


def test_dagsters_resource_works_as_it_is(sandbox: Sandbox) -> None:
    """dagster-snowflake's SnowflakeResource connects with a key pair and no changes."""
    from dagster_snowflake import SnowflakeResource  # 4 s that other workers do not pay

    resource = SnowflakeResource(
        account=sandbox.account,
        user=sandbox.user,
        private_key_path=str(sandbox.private_key_path),
        database=sandbox.database,
        schema=sandbox.schema,
        additional_snowflake_connection_args=ADDRESS | {"port": sandbox.snowflake_port},
    )
    with resource.get_connection() as connection:
        found = connection.cursor().execute("SELECT CURRENT_DATABASE(), CURRENT_SCHEMA()")
        assert found.fetchone() == ("MARKETING_DB", "PUBLIC")


def test_a_large_result_arrives_in_several_batches(connect: Connect) -> None:
    """The first rows come with the answer, the rest in chunks of one schema, none missing."""
    with connect() as connection:
        cursor = connection.cursor().execute(LARGE)
        batches = list(cursor.fetch_arrow_batches(force_microsecond_precision=True))
    assert [batch.num_rows for batch in batches] == [10_000, 50_000, 50_000, 10_000]
    assert list(range(120_000)) == pa.concat_tables(batches)["N"].to_pylist()


def test_rows_of_a_large_result_arrive_as_tuples(connect: Connect) -> None:
    """The row path reads the same chunks."""
    with connect() as connection:
        rows = connection.cursor().execute(LARGE).fetchall()
    assert (120_000, (119_999, Decimal("119999.00"))) == (len(rows), rows[-1])


def test_declared_rows_that_never_come_show_in_the_rowcount(
    sandbox: Sandbox, connect: Connect
) -> None:
    """The Arrow path of the driver does not notice; comparing with the rowcount does."""
    plan_fault(sandbox, fault="declare_extra_rows", rows=5)
    with connect() as connection:
        cursor = connection.cursor().execute(LARGE)
        delivered = sum(batch.num_rows for batch in cursor.fetch_arrow_batches())
        assert (delivered, cursor.rowcount) == (120_000, 120_005)
        cursor.execute(LARGE)
        assert cursor.rowcount == 120_000


@pytest.mark.parametrize(
    ("to_decimal", "expected"), [(True, "decimal128(38, 2)"), (False, "double")]
)
def test_numbers_are_floats_unless_decimals_are_asked_for(
    connect: Connect, to_decimal: bool, expected: str
) -> None:
    """As with a real account, which sends scaled integers."""
    with connect(arrow_number_to_decimal=to_decimal) as connection:
        cursor = connection.cursor().execute("SELECT 12.34::NUMBER(12,2) AS amount")
        assert expected == str(cursor.fetch_arrow_all().schema.field("AMOUNT").type)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'2026-02-28 23:59:59.123456'::TIMESTAMP_NTZ", "2026-02-28 23:59:59.123456"),
        ("'1969-12-31 23:59:58.250'::TIMESTAMP_NTZ", "1969-12-31 23:59:58.250000"),
        ("'9999-12-31'::TIMESTAMP_NTZ", "9999-12-31 00:00:00"),
        ("'2026-02-28 12:00:00 +00:00'::TIMESTAMP_TZ", "2026-02-28 12:00:00+00:00"),
        ("NULL::TIMESTAMP_NTZ", "None"),
        ("NULL::TIMESTAMP_TZ", "None"),
    ],
)
def test_timestamps_arrive_as_they_are(connect: Connect, expression: str, expected: str) -> None:
    """By rows and by Arrow, with no NULL that becomes 1970."""
    with connect() as connection:
        cursor = connection.cursor()
        (by_row,) = cursor.execute(f"SELECT {expression} AS moment").fetchone()
        cursor.execute(f"SELECT {expression} AS moment")
        table = cursor.fetch_arrow_all(force_microsecond_precision=True)
    assert [expected, expected] == [str(by_row), str(table["MOMENT"][0].as_py())]


def test_sums_of_money_are_exact(connect: Connect) -> None:
    """SUM of a NUMBER is a NUMBER, not a float."""
    with connect() as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE OR REPLACE TEMPORARY TABLE cents (amount NUMBER(12,2))")
        cursor.execute("INSERT INTO cents SELECT 0.1 FROM TABLE(GENERATOR(ROWCOUNT => 30))")
        assert (Decimal("3.00"),) == cursor.execute("SELECT SUM(amount) FROM cents").fetchone()


@pytest.mark.parametrize(
    ("statement", "errno", "sqlstate", "message"),
    [
        ("SELECT * FROM nope", 2003, "42S02", "Object 'NOPE' does not exist or not authorized."),
        ("SELECT * FROM no.such.t", 2003, "02000", "Schema 'NO.SUCH' does not exist"),
        ("SELECT foo FROM (SELECT 1 AS a)", 904, "42000", "invalid identifier 'FOO'"),
        ("SELECT nofunc(1)", 2139, "42601", "Unknown function NOFUNC"),
        ("SELEC 1", 1003, "42000", "Unexpected token"),
        ("SELECT [1, 2] AS a", 9999, "99999", "cannot answer this statement"),
        ("ALTER SESSION SET QUERY_TAG = 'x'", 9999, "99999", "not implemented"),
    ],
)
def test_a_statement_that_fails_raises_at_once(
    connect: Connect, statement: str, errno: int, sqlstate: str, message: str
) -> None:
    """Codes and states are Snowflake's, and nothing becomes an HTTP 500 to be retried."""
    error = failed_statement(connect, statement)
    assert (errno, sqlstate) == (error.errno, error.sqlstate)
    assert message in str(error)


def test_a_short_outage_is_ridden_out_by_the_driver(sandbox: Sandbox, connect: Connect) -> None:
    """Two answers of 503 and a slow one delay a statement without failing it."""
    with connect(network_timeout=30) as connection:
        plan_fault(sandbox, fault="unavailable", times=1)
        plan_fault(sandbox, fault="slow", seconds=0.1, times=1)
        assert connection.cursor().execute("SELECT 1").fetchone() == (1,)


def test_an_unknown_fault_is_refused(sandbox: Sandbox) -> None:
    """The answer lists the faults there are."""
    answer = httpx.post(f"{sandbox.snowflake_url}/admin/faults", json={"fault": "gremlin"})
    assert answer.status_code == 400
    assert "unknown fault 'gremlin'" in answer.json()["message"]


CSV = """\
id,Postcode,amount,born,seen_at,vip,ratio,note,phone,empty
1,00001,12.50,1990-02-28,2026-11-20 10:15:00,true,1e3,"He said ""hi"", twice",+33612345678,
2,75011,-3.125,2000-01-01,2026-11-20T23:59:59.5,FALSE,2.5,"two
lines",+441632960000,
3,,,,,,,"",,
"""


def test_csv_types_hold_for_the_whole_file(
    sandbox: Sandbox, connect: Connect, tmp_path: Path
) -> None:
    """Numbers are exact, leading zeros and phone numbers stay text, quotes and blanks survive."""
    file = tmp_path / "people.csv"
    file.write_text(CSV)
    loaded = load_csv(sandbox, "people", file)
    assert (loaded.table, loaded.rows) == ("MARKETING_DB.PUBLIC.PEOPLE", 3)
    assert loaded.columns == {
        "ID": "NUMBER(38,0)",
        "POSTCODE": "VARCHAR",
        "AMOUNT": "NUMBER(5,3)",
        "BORN": "DATE",
        "SEEN_AT": "TIMESTAMP_NTZ",
        "VIP": "BOOLEAN",
        "RATIO": "FLOAT",
        "NOTE": "VARCHAR",
        "PHONE": "VARCHAR",
        "EMPTY": "VARCHAR",
    }
    with connect() as connection:
        first, second, third = connection.cursor().execute("SELECT * FROM people ORDER BY id")
    assert first == (
        *(1, "00001", Decimal("12.500"), date(1990, 2, 28)),
        *(datetime.fromisoformat("2026-11-20 10:15:00"), True, 1000.0),
        *('He said "hi", twice', "+33612345678", None),
    )
    assert ("two\nlines", Decimal("-3.125")) == (second[7], second[2])
    assert third == (3, None, None, None, None, None, None, "", None, None)


@pytest.mark.parametrize(
    ("table", "content", "message"),
    [
        ("T", b"a,b\n1,2\n3\n", "line 3: Expected Number of Columns: 2 Found: 1"),
        ("T", b"a,b\n1,2\n3,4,5\n", "line 3: Expected Number of Columns: 2 Found: 3"),
        ("T", b'a,b\n1,"x\n', "line 2: Value with unterminated quote"),
        ("T", b"a,b\n1,caf\xe9\n", "not encoded in UTF-8"),
        ("T", b"a,,c\n1,2,3\n", "line 1: column 2 has no name"),
        ("T", b"a;b;A\n1;2;3\n", "line 1: column 3 repeats the name A"),
        ("T", b"", "line 1: the file has no header"),
        ("PUBLIC.T", b"a\n1\n", "'PUBLIC.T' is no table name"),
        ('T"; DROP TABLE x', b"a\n1\n", "is no table name"),
    ],
)
def test_a_csv_file_that_cannot_be_loaded_says_where(
    sandbox: Sandbox, tmp_path: Path, table: str, content: bytes, message: str
) -> None:
    """The refusal names the line or column."""
    file = tmp_path / "broken.csv"
    file.write_bytes(content)
    with pytest.raises(SandboxError) as raised:
        load_csv(sandbox, table, file)
    assert message in str(raised.value)


@pytest.mark.long
def test_tables_survive_a_restart(tmp_path: Path) -> None:
    """Rows, types and the private key are the same after the server ended and began again."""
    sandbox = Sandbox(tmp_path, *free_ports())
    servers = {"snowflake": sandbox.snowflake_port}
    with running_servers(tmp_path, servers), connector_to(sandbox)() as connection:
        connection.cursor().execute("CREATE TABLE kept AS SELECT 1.50::NUMBER(5,2) AS price")
        key = sandbox.private_key_path.read_bytes()
    with running_servers(tmp_path, servers), connector_to(sandbox)() as connection:
        rows = connection.cursor().execute("SELECT price FROM kept").fetchall()
    assert [(Decimal("1.50"),)] == rows
    assert key == sandbox.private_key_path.read_bytes()


def test_a_taken_port_is_one_line_and_exit_code_2(sandbox: Sandbox, tmp_path: Path) -> None:
    """Whoever starts a second server reads what to do, not a traceback."""
    command = [sys.executable, "-m", "tajo_sf_pipeline.sandbox.snowflake"]
    command += ["--home", str(tmp_path), "--port", str(sandbox.snowflake_port)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    advice = "stop the program that uses it or choose another --port."
    assert f"Port {sandbox.snowflake_port} is taken: {advice}\n" == ended.stderr


def test_a_folder_in_use_stops_the_launcher(sandbox: Sandbox) -> None:
    """The launcher repeats the last line that the server said."""
    port, _ = free_ports()
    with (
        pytest.raises(SandboxError, match="stop the other local Snowflake that uses this folder"),
        running_servers(sandbox.home, {"snowflake": port}),
    ):
        pass


def test_a_taken_port_stops_the_launcher(tmp_path: Path) -> None:
    """Nothing is started when one of the two ports is taken."""
    first = two_ports()
    with (
        socket.create_server(("127.0.0.1", first + 1)),
        pytest.raises(SandboxError, match=f"Port {first + 1} is taken"),
        serve(tmp_path, port=first),
    ):
        pass


def test_both_servers_answer_until_the_launcher_ends(tmp_path: Path) -> None:
    """The Snowflake and the Brevo of a sandbox are ready inside `serve` and gone after it."""
    with serve(tmp_path) as sandbox:
        ports = [sandbox.snowflake_port, sandbox.brevo_port]
        health = [httpx.get(f"http://127.0.0.1:{port}/admin/health").json() for port in ports]
    assert [answer["ready"] for answer in health] == [True, True]
    for port in ports:
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/admin/health")


def test_the_server_ends_with_its_standard_input(tmp_path: Path) -> None:
    """A launcher that dies takes its server along."""
    port, _ = free_ports()
    command = [sys.executable, "-m", "tajo_sf_pipeline.sandbox.snowflake", "--until-stdin-closes"]
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        [*command, "--home", str(tmp_path), "--port", str(port)], stdin=read_end
    )
    os.close(read_end)
    os.close(write_end)
    assert server.wait(timeout=20) == 0
