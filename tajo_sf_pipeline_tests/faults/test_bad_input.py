"""Bad input, dead servers, a full disk: an exit code, one or two lines, nothing half-written."""

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tajo_sf_pipeline_tests.workspaces import Ran, Workspace

TAJO = Path(sys.executable).parent / "tajo"


@pytest.fixture
def people(workspace: Workspace) -> Workspace:
    """Give a workspace whose one audience would sync well."""
    table = workspace.table("people", "email,first_name", [("a@example.com", "Ada")])
    workspace.audience(
        "people", f"SELECT * FROM {table}", {"email": "email", "first_name": "FIRSTNAME"}
    )
    return workspace


def _failed(workspace: Workspace, ran: Ran, code: int, told: str) -> None:
    """Hold what every failure promises."""
    assert (code, True) == (ran.code, told in ran.err), ran.err
    assert "Traceback" not in ran.err + ran.out
    assert len(ran.err.strip().splitlines()) <= 3, ran.err
    unfinished = [path for path in workspace.home.rglob("*") if "unfinished" in path.name]
    assert [] == unfinished
    assert {} == workspace.brevo.contacts()


def _sync(workspace: Workspace) -> Ran:
    return workspace.tajo("connectors", "sync", "snowflake")


def test_missing_file(workspace: Workspace) -> None:
    """Without a workspace file the error names the path and the ways to give it."""
    workspace.file.unlink()
    _failed(workspace, _sync(workspace), 2, "tajo.yaml does not exist")


def test_bad_yaml(workspace: Workspace) -> None:
    """A file that is not YAML is told by its line."""
    workspace.file.write_text("workspace: x\n  connectors: [\n")
    _failed(workspace, _sync(workspace), 2, "tajo.yaml:2 is not valid YAML")


def test_unknown_key(workspace: Workspace) -> None:
    """A key that does not exist is told with the one that was meant."""
    workspace.write(snowflake={"warehose": "WH"})
    _failed(workspace, _sync(workspace), 2, "did you mean `warehouse`?")


def test_unset_variable(workspace: Workspace) -> None:
    """A variable that a key wants is named with the key."""
    workspace.write(snowflake={"warehouse": "${TAJO_TEST_WAREHOUSE}"})
    _failed(workspace, _sync(workspace), 2, "TAJO_TEST_WAREHOUSE is not set")


def test_a_missing_secret_fails_the_run_that_needs_it(people: Workspace) -> None:
    """The workspace is valid; the sync ends with the name of the variable."""
    people.write(brevo={"api_key": "${TAJO_TEST_KEY}"})
    validated = people.tajo("config", "validate")
    assert (0, True) == (validated.code, "TAJO_TEST_KEY" in validated.out)
    _failed(people, _sync(people), 2, "the environment variable TAJO_TEST_KEY is not set")


@pytest.mark.parametrize("method", ["password", "pat", "oauth_token"])
def test_wrong_snowflake_password_or_token(people: Workspace, method: str) -> None:
    """Snowflake's refusal is an authentication error, and does not repeat the secret."""
    field = "password" if method == "password" else "token"
    people.write(snowflake={"auth": {"method": method, field: "wr0ng-s3cret"}})
    ran = _sync(people)
    _failed(people, ran, 3, "does not accept the credentials")
    assert "wr0ng-s3cret" not in ran.err


def test_wrong_snowflake_key(people: Workspace) -> None:
    """A key whose public half is not registered is refused."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = people.folder / "other.p8"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    people.write(snowflake={"auth": {"method": "key_pair", "private_key_path": str(path)}})
    _failed(people, _sync(people), 3, "TAJO-201")


@pytest.mark.parametrize("text", ["", "not a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_file_that_is_no_key(people: Workspace, text: str) -> None:
    """What is not a PEM key is told before Snowflake is called."""
    path = people.folder / "other.p8"
    path.write_text(text)
    people.write(snowflake={"auth": {"method": "key_pair", "private_key_path": str(path)}})
    _failed(people, _sync(people), 2, "TAJO-131")


def test_unknown_table(workspace: Workspace) -> None:
    """Snowflake's answer names the table, ours the file and the role."""
    workspace.audience("people", "SELECT email FROM no_such_table", {"email": "email"})
    ran = _sync(workspace)
    _failed(workspace, ran, 2, "TAJO-123")
    assert "NO_SUCH_TABLE" in ran.err
    assert "people.sql" in ran.err


def test_sql_that_snowflake_cannot_compile(workspace: Workspace) -> None:
    """The statement's own error comes with Snowflake's number and the query's place."""
    workspace.audience("people", "SELECT email FORM people", {"email": "email"})
    _failed(workspace, _sync(workspace), 2, "people.sql")


def test_column_of_the_mapping_missing_in_the_result(people: Workspace) -> None:
    """The nearest column is suggested, and the columns that came are listed."""
    people.audience(
        "people",
        (people.folder / "sql" / "people.sql").read_text(),
        {"email": "email", "firstname": "FIRSTNAME"},
    )
    ran = _sync(people)
    _failed(people, ran, 2, "`firstname` (did you mean `first_name`?)")
    assert "The query returns: email, first_name." in ran.err


def test_brevo_key_refused(people: Workspace) -> None:
    """A wrong key is an authentication error, and is not printed."""
    people.write(brevo={"api_key": "wr0ng-k3y"})
    ran = _sync(people)
    _failed(people, ran, 3, "does not accept the credentials: Key not found")
    assert "wr0ng-k3y" not in ran.err


def test_brevo_does_not_know_this_address(people: Workspace) -> None:
    """The refused address is named, so that somebody can authorise it."""
    people.brevo.change(faults=[{"ip_blocked": "203.0.113.7"}])
    ran = _sync(people)
    people.brevo.change(faults=[])
    _failed(people, ran, 3, "this machine's address 203.0.113.7")


@pytest.mark.parametrize("status", [500, 503, 524])
def test_brevo_keeps_failing(people: Workspace, status: int) -> None:
    """After the workspace's patience the outage is told with Brevo's status."""
    fault = {"status": status, "method": "POST", "path": "/v3/contacts", "times": 100}
    people.brevo.change(faults=[fault])
    _failed(people, _sync(people), 5, f"with {status}")


def test_brevo_fails_for_a_moment(people: Workspace) -> None:
    """A short outage is waited out, and nobody sees it."""
    fault = {"status": 503, "method": "POST", "path": "/v3/contacts", "times": 2}
    people.brevo.change(faults=[fault])
    assert 0 == _sync(people).code
    assert ["a@example.com"] == list(people.brevo.contacts())


def test_a_rate_limit_is_waited_out(workspace: Workspace) -> None:
    """Thirty contacts at ten a second: Brevo's 429 is no error that a person sees (S13)."""
    rows = [(f"p{n}@example.com",) for n in range(30)]
    table = workspace.table("many", "email", rows)
    workspace.audience("many", f"SELECT * FROM {table}", {"email": "email"})
    workspace.brevo.change(rate_limits=True)
    assert 0 == _sync(workspace).code
    assert 30 == len(workspace.brevo.contacts())


@pytest.fixture
def closed_port() -> int:
    """Give a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_brevo_down(people: Workspace, closed_port: int) -> None:
    """A Brevo that does not answer is an outage, with its address."""
    people.write(brevo={"base_url": f"http://127.0.0.1:{closed_port}/v3", "patience": 0.5})
    _failed(people, _sync(people), 5, "TAJO-511")


def test_snowflake_down(people: Workspace, closed_port: int) -> None:
    """A Snowflake that does not answer is an outage, within the login time-out."""
    people.write(snowflake={"port": closed_port, "login_timeout": 1, "network_timeout": 2})
    _failed(people, _sync(people), 5, "TAJO-501")


def test_a_list_that_is_not_there(people: Workspace) -> None:
    """An id that Brevo does not know is told before anything is sent."""
    people.audience(
        "people",
        (people.folder / "sql" / "people.sql").read_text(),
        {"email": "email"},
        destination={"list_id": 424242},
    )
    _failed(people, _sync(people), 2, "Brevo has no list 424242")


def test_a_date_outside_the_partitions(people: Workspace) -> None:
    """A sync date before the first or after today is refused with the range."""
    ran = people.tajo("connectors", "sync", "snowflake", "--date", "2019-01-01")
    _failed(people, ran, 2, "2019-01-01 is not a sync date")


NEARLY_FULL = 900_000  # bytes that a file may have; Dagster's own files stay below


def _sync_on_a_full_disk(workspace: Workspace) -> subprocess.CompletedProcess[str]:
    """Sync in a process none of whose files may grow beyond a bound."""
    return subprocess.run(
        [TAJO, "connectors", "sync", "snowflake"],
        cwd=workspace.folder,
        env={**os.environ, "DAGSTER_HOME": str(workspace.folder / ".dagster")},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (NEARLY_FULL, NEARLY_FULL)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _noise(workspace: Workspace, rows: int) -> None:
    """Fill the audience's table with rows that do not compress."""
    workspace.table(
        "noise", "email,note", [(f"a{n}@example.com", os.urandom(16).hex()) for n in range(rows)]
    )


@pytest.fixture
def noise(workspace: Workspace) -> Workspace:
    """Give a workspace with an extract of yesterday's single row."""
    table = workspace.table("noise", "email,note", [("a@example.com", "x")])
    workspace.audience("noise", f"SELECT email, note FROM {table}", {"email": "email"})
    assert 0 == _sync(workspace).code
    return workspace


def test_disk_full_while_extracting(noise: Workspace) -> None:
    """A file that cannot be written whole is taken away; an earlier extract stays as it was."""
    extract = noise.paths("noise").extract(noise.settings().today())
    before = extract.read_bytes()
    _noise(noise, 60_000)
    ran = _sync_on_a_full_disk(noise)
    assert (6, True) == (ran.returncode, "TAJO-141" in ran.stderr), ran.stderr
    assert "could not be written: File too large" in ran.stderr
    assert before == extract.read_bytes()
    assert [extract.name] == [path.name for path in extract.parent.iterdir()]


@pytest.mark.long
def test_disk_full_while_remembering(noise: Workspace) -> None:
    """A ledger that cannot grow stays whole; the next run sends what it does not remember."""
    _noise(noise, 15_000)
    ran = _sync_on_a_full_disk(noise)
    assert (6, True) == (ran.returncode, "TAJO-146" in ran.stderr), ran.stderr
    [run] = noise.sync()
    assert 15_000 == run["confirmed"] + run["unchanged"] == len(noise.brevo.contacts()) - 1


def test_port_taken(workspace: Workspace) -> None:
    """A port that somebody uses is told with the option that moves it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        ran = workspace.tajo("sandbox", "up", "--port", port)
    _failed(workspace, ran, 2, f"Port {port} is taken")


def test_the_console_script_gives_the_same_answer(tmp_path: Path) -> None:
    """The installed command ends with the exit code and prints no traceback."""
    ran = subprocess.run(
        [TAJO, "config", "validate"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (2, "") == (ran.returncode, ran.stdout)
    assert ran.stderr.startswith("TAJO-101")
