"""Making a key, and changing it without an hour of darkness, as a person does both."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import IO

import dotenv
import httpx
import pytest

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline_tests.workspaces import Workspace

TAJO = Path(sys.executable).parent / "tajo"


@pytest.fixture
def people(workspace: Workspace) -> Workspace:
    """Give a workspace whose audience reads two tables."""
    workspace.audience(
        "people",
        "SELECT c.email FROM customers AS c JOIN crm.scores AS s ON s.id = c.customer_id",
        {"email": "email"},
    )
    return workspace


def test_connect_makes_a_key_and_prints_the_least_that_it_needs(people: Workspace) -> None:
    """The key and .env are their owner's alone; the SQL grants just the tables that are read."""
    ran = people.tajo("connectors", "connect", "snowflake", "--account", "acme-eu", "--json")
    assert (0, "") == (ran.code, ran.err)
    told = ran.json()
    key, env = people.folder / "rsa_key.p8", people.folder / ".env"
    assert (str(key), 0o600, 0o600) == (
        told["key"],
        stat.S_IMODE(key.stat().st_mode),
        stat.S_IMODE(env.stat().st_mode),
    )
    assert {
        "SNOWFLAKE_ACCOUNT": "acme-eu",
        "SNOWFLAKE_USER": "TAJO_INTEGRATION",
        "SNOWFLAKE_ROLE": "TAJO_ROLE",
        "SNOWFLAKE_WAREHOUSE": "TAJO_WH",
        "SNOWFLAKE_PRIVATE_KEY_PATH": "rsa_key.p8",
    } == dotenv.dotenv_values(env)
    assert re.findall(r"GRANT SELECT ON (\S+)", told["sql"]) == [
        "MARKETING_DB.CRM.SCORES",
        "MARKETING_DB.PUBLIC.CUSTOMERS",
    ]
    for words in (
        "TYPE = SERVICE",
        "XSMALL AUTO_SUSPEND = 60",
        "RESOURCE MONITOR",
        "NETWORK POLICY",
    ):
        assert words in told["sql"]
    assert told["fingerprint"] in told["sql"]
    assert "PRIVATE KEY" not in ran.out


def test_a_key_is_never_overwritten_without_asking(people: Workspace) -> None:
    """Who does not say yes keeps the key; who does finds the old one beside the new."""
    people.tajo("connectors", "connect", "snowflake")
    key = people.folder / "rsa_key.p8"
    before = key.read_bytes()
    refused = subprocess.run(
        [TAJO, "connectors", "connect", "snowflake"],
        cwd=people.folder,
        input="n\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (2, True) == (refused.returncode, "TAJO-133" in refused.stderr)
    assert before == key.read_bytes()
    assert 0 == people.tajo("connectors", "connect", "snowflake", "--yes").code
    assert before == (people.folder / "rsa_key.p8.old").read_bytes()
    assert before != key.read_bytes()


def _read_until(output: IO[str], pattern: str) -> re.Match[str]:
    said = ""
    while not (found := re.search(pattern, said)):
        line = output.readline()
        assert line, said
        said += line
    return found


@pytest.mark.long
def test_rotate_changes_the_key_once_the_new_one_signs_in(
    people: Workspace, sandbox: Sandbox
) -> None:
    """The other slot is filled first; only a key that has signed in gets into .env."""
    env = people.folder / ".env"
    dotenv.set_key(env, "SNOWFLAKE_PRIVATE_KEY_PATH", str(sandbox.private_key_path))
    auth = {"method": "key_pair", "private_key_path": "${SNOWFLAKE_PRIVATE_KEY_PATH}"}
    people.write(snowflake={"auth": auth})
    with subprocess.Popen(
        [TAJO, "connectors", "rotate", "snowflake"],
        cwd=people.folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as rotating:
        assert rotating.stdout
        public = _read_until(rotating.stdout, r"SET RSA_PUBLIC_KEY_2 =\s+'(\S+)'")[1]
        pem = f"-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n"
        keys = f"{sandbox.snowflake_url}/admin/keys"
        httpx.post(keys, json={"slot": 2, "public_key": pem}).raise_for_status()
        out, err = rotating.communicate("y\n", timeout=60)
    httpx.post(keys, json={"slot": 2, "public_key": None}).raise_for_status()
    assert 0 == rotating.returncode, err
    assert "UNSET RSA_PUBLIC_KEY;" in out
    assert "rsa_key_2.p8" == dotenv.get_key(env, "SNOWFLAKE_PRIVATE_KEY_PATH")


def test_rotate_keeps_the_old_key_when_the_new_one_does_not_sign_in(
    people: Workspace, sandbox: Sandbox
) -> None:
    """Without the statement in Snowflake the rotation ends as a refused sign-in."""
    env = people.folder / ".env"
    dotenv.set_key(env, "SNOWFLAKE_PRIVATE_KEY_PATH", str(sandbox.private_key_path))
    ran = people.tajo("connectors", "rotate", "snowflake", "--yes")
    assert (3, True) == (ran.code, "TAJO-201" in ran.err)
    assert str(sandbox.private_key_path) == dotenv.get_key(env, "SNOWFLAKE_PRIVATE_KEY_PATH")


def test_every_finding_has_its_line(people: Workspace) -> None:
    """What is right is told beside what is wrong; an audience that does not compile says why."""
    ran = people.tajo("connectors", "test", "snowflake", "--json")
    found = {finding["check"]: finding for finding in ran.json()["findings"]}
    assert ["sign-in", "role", "warehouse", "database", "schema", "audience people"] == list(found)
    assert found["sign-in"]["ok"]
    assert "TAJO-123" == found["audience people"]["error"]["code"]
    assert (2, False) == (ran.code, ran.json()["ok"])


@pytest.mark.parametrize("transport", ["connector", "sql_api"])
def test_all_findings_of_a_good_workspace_are_ok(workspace: Workspace, transport: str) -> None:
    """Sign-in, session and every audience's SQL, on both transports; nothing is read."""
    workspace.audience("people", "SELECT email FROM customers;", {"email": "email"})
    workspace.write(snowflake={"transport": transport})
    ran = workspace.tajo("connectors", "test", "snowflake")
    assert (0, "") == (ran.code, ran.err), ran.out
    assert "audience people: compiles, 1 columns" in ran.out
