"""Who may come in to the local servers, and what of this machine they show: nothing."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import snowflake.connector
from snowflake.connector.errors import ProgrammingError

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.sandbox.servers import free_ports, running_servers
from tajo_sf_pipeline_tests.brevo_calls import started
from tajo_sf_pipeline_tests.sql_api_calls import PAT, SqlApi

EVIL = "http://evil.example"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    home, ports = tmp_path_factory.mktemp("doors"), free_ports()
    with running_servers(home, dict(zip(("snowflake", "brevo"), ports, strict=True))):
        yield Sandbox(home, *ports)


@pytest.fixture(params=["snowflake", "brevo"])
def server(sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """Call one server and then the other."""
    ports = {"snowflake": sandbox.snowflake_port, "brevo": sandbox.brevo_port}
    with httpx.Client(base_url=f"http://127.0.0.1:{ports[request.param]}") as client:
        yield client


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[SqlApi]:
    with httpx.Client(base_url=sandbox.snowflake_url, headers=PAT, timeout=30) as client:
        yield SqlApi(sandbox, client)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("LOCALHOST:{port}", 200),
        ("[::1]:{port}", 200),
        ("evil.example:{port}", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost@evil.example", 403),
        ("[evil", 403),
    ],
)
def test_only_names_of_this_machine_open(server: httpx.Client, host: str, status: int) -> None:
    """A name that leads here by a trick of DNS is refused, and told what is right."""
    host = host.format(port=server.base_url.port)
    answer = server.get("/admin/health", headers={"Host": host})
    assert status == answer.status_code
    assert (status == 403) == ("--allowed-host" in answer.text)


def test_a_configured_name_opens(tmp_path: Path) -> None:
    """--allowed-host adds a name, as of a container's service."""
    process, address = started(tmp_path, "--allowed-host", "Brevo.test")
    assert process.stdin
    try:
        statuses = [
            httpx.get(f"{address}/admin/health", headers={"Host": name}).status_code
            for name in ("brevo.test:80", "127.0.0.1", "other.test")
        ]
    finally:
        process.terminate()
        process.stdin.close()
        process.wait(20)
    assert [200, 200, 403] == statuses


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(
    "path", ["/admin/faults", "/admin/accounts", "/api/v2/statements", "/v3/contacts"]
)
def test_pages_of_other_origins_may_not_write(
    server: httpx.Client, path: str, headers: dict[str, str]
) -> None:
    """A form or script of another page sends text/plain without asking; nothing is done."""
    headers = headers | {"Content-Type": "text/plain"}
    refused = server.post(path, content=b'{"key": "stolen"}', headers=headers)
    assert (403, "permission_denied") == (refused.status_code, refused.json()["code"])
    assert server.get("/admin/accounts/stolen/summary").status_code == 404


def test_pages_of_other_origins_may_not_read(server: httpx.Client) -> None:
    """A script's GET names its origin and is refused; the server's own page is not."""
    own = str(server.base_url).rstrip("/")
    assert [403, 200] == [
        server.get("/admin/health", headers={"Origin": origin}).status_code
        for origin in (EVIL, own)
    ]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT * FROM read_csv('{file}')", "002139"),
        ("SELECT * FROM read_text('{file}')", "002139"),
        ("SELECT 1 FROM t, read_blob('{file}')", "002139"),
        ("SELECT * FROM TABLE(read_csv_auto('{file}'))", "002139"),
        ("WITH a AS (SELECT * FROM sniff_csv('{file}')) SELECT * FROM a", "002139"),
        ("SELECT * FROM query('SELECT * FROM read_text(''{file}'')')", "002139"),
        ("SELECT * FROM glob('/etc/*')", "001003"),
        ("SELECT * FROM '{file}'", "002003"),
        ('SELECT * FROM "{file}"', "002003"),
        ('SELECT * FROM "{folder}/../{name}"', "002003"),
        ("COPY INTO t FROM '{file}'", "002003"),
        ("EXPLAIN SELECT * FROM read_text('{file}')", "002139"),
        ("CALL read_text('{file}')", "002139"),
        ("COPY (SELECT 1) TO '{file}'", "001003"),
        ("ATTACH '{file}' AS x", "001003"),
        ("INSTALL httpfs", "001003"),
        ("LOAD httpfs", "001003"),
        ("EXPORT DATABASE '{file}'", "001003"),
        ("PRAGMA database_list", "001003"),
    ],
)
def test_no_statement_reaches_a_file(
    api: SqlApi, sandbox: Sandbox, tmp_path: Path, statement: str, code: str
) -> None:
    """DuckDB's words for files are unknown here, by SQL API and driver, and nothing is written."""
    api.rows("CREATE TABLE IF NOT EXISTS t (a VARCHAR)")
    file = tmp_path / "secret.csv"
    file.write_text("a\nhidden\n")
    statement = statement.format(file=file, folder=sandbox.home / "snowflake", name=file.name)
    answer = api.submit(statement)
    assert (422, code) == (answer.status_code, answer.json()["code"]), answer.text
    assert "hidden" not in answer.text
    with _connected(sandbox) as connection, pytest.raises(ProgrammingError) as raised:
        connection.cursor().execute(statement)
    assert int(code) == raised.value.errno
    assert "a\nhidden\n" == file.read_text()


def test_names_that_look_like_a_readers_are_free(api: SqlApi) -> None:
    """A table or a column may be called so."""
    api.rows("CREATE OR REPLACE TABLE read_me (query VARCHAR, a_scan VARCHAR)")
    api.rows("INSERT INTO read_me (query, a_scan) VALUES ('read_csv(''/etc/passwd'')', '*')")
    assert [["read_csv('/etc/passwd')", "*"]] == api.rows("SELECT query, a_scan FROM read_me")


def test_databases_are_still_made(api: SqlApi) -> None:
    """A new database is a file in the server's own folder."""
    api.rows("CREATE DATABASE IF NOT EXISTS other")
    assert (api.sandbox.home / "snowflake" / "OTHER.db").exists()


MOMENTS = [
    ("0001-01-01 00:00:00 +00:00", "-62135596800.000000000 1440", "0001-01-01 00:00:00+00:00"),
    (
        *("9999-12-31 23:59:59.999999 +00:00", "253402300799.999999000 1440"),
        "9999-12-31 23:59:59.999999+00:00",
    ),
    ("0001-01-01 10:00:00 +10:00", "-62135596800.000000000 1440", "0001-01-01 00:00:00+00:00"),
]


@pytest.mark.parametrize(("text", "sent", "read"), MOMENTS)
def test_the_first_and_the_last_moment_survive(
    api: SqlApi, sandbox: Sandbox, text: str, sent: str, read: str
) -> None:
    """Years 0001 and 9999 come out of a table as they went in, by SQL API, rows and Arrow."""
    api.rows("CREATE OR REPLACE TABLE moments (m TIMESTAMP_TZ)")
    api.rows(f"INSERT INTO moments SELECT '{text}'::TIMESTAMP_TZ UNION ALL SELECT NULL")
    query = "SELECT m FROM moments ORDER BY m"
    assert [[sent], [None]] == api.rows(query)
    with _connected(sandbox) as connection:
        cursor = connection.cursor()
        by_row = [value for (value,) in cursor.execute(query)]
        cursor.execute(query)
        by_arrow = cursor.fetch_arrow_all(force_microsecond_precision=True)["M"].to_pylist()
    assert [read, "None"] == [str(value) for value in by_row]
    assert [read, "None"] == [str(value) for value in by_arrow]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo"])
def test_a_session_elsewhere_has_the_same_moments(api: SqlApi, zone: str) -> None:
    """The session's zone changes the offset that is sent, and never the second."""
    text = "'0001-01-01 00:00:00 +00:00'::TIMESTAMP_TZ, '9999-12-31 23:59:59 +00:00'::TIMESTAMP_TZ"
    (row,) = api.rows(f"SELECT {text}", parameters={"timezone": zone})
    assert ["-62135596800.000000000", "253402300799.000000000"] == [v.split()[0] for v in row]


def _connected(sandbox: Sandbox) -> snowflake.connector.SnowflakeConnection:
    return snowflake.connector.connect(
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
    )
