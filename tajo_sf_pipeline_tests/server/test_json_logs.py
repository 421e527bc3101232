"""``TAJO_LOG=json``: one JSON object a line on standard error, without secrets (S14)."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tajo_sf_pipeline.errors import RefusedError
from tajo_sf_pipeline.telemetry import logs
from tajo_sf_pipeline_tests.workspaces import Workspace

ROWS = 150  # more than are sent one by one, so that there is an import with its process id


@pytest.fixture
def people(workspace: Workspace) -> Workspace:
    """Make an audience whose rows go by import; two of them are no addresses."""
    rows = [[f"p{number}@example.com"] for number in range(ROWS)]
    table = workspace.table("people", "email", [*rows, ["jane.doe.example.com"], ["+33612345678"]])
    workspace.audience("people", f"SELECT email FROM {table}", {"email": "email"})
    return workspace


def _lines(text: str) -> list[dict[str, Any]]:
    """Read every line as JSON; a line that is not, fails the test."""
    lines = [json.loads(line) for line in text.splitlines()]
    assert [] == [line for line in lines if not {"time", "level", "message"} <= line.keys()]
    return lines


def _with(name: str, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if name in line]


def test_a_sync_logs_its_run_with_audience_date_and_request_ids(
    people: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snowflake's query id and Brevo's process id stand at the run, the audience and the date."""
    monkeypatch.setenv("TAJO_LOG", "json")
    ran = people.tajo("connectors", "sync", "snowflake", "--json")
    assert 0 == ran.code, ran.err
    [summary] = ran.json()
    lines = _lines(ran.err)
    [query] = _with("query_id", lines)
    [process] = _with("process_id", lines)
    place = {
        "run": summary["run_id"],
        "audience": "people",
        "sync_date": summary["sync_date"],
        "level": "info",
    }
    assert place | {"step": "people__extract"} == _only(query, *place, "step")
    assert place | {"step": "people__sync"} == _only(process, *place, "step")
    assert f"planned {ROWS} rows: {ROWS} confirmed, 0 failed, 0 pending" in {
        line["message"] for line in lines
    }


@pytest.mark.long
def test_a_run_in_dagsters_own_process_logs_the_same(people: Workspace, tmp_path: Path) -> None:
    """Assets materialized without our command and without our jobs log JSON lines too."""
    today = str(people.settings().today())
    dagster = Path(sys.executable).with_name("dagster")
    command = [dagster, "asset", "materialize", "-m", "tajo_sf_pipeline.definitions"]
    command += ["--select", "group:people", "--partition", today]
    home = tmp_path / "dagster"
    home.mkdir()
    settings = "python_logs: {managed_python_loggers: [tajo_sf_pipeline]}"
    (home / "dagster.yaml").write_text(f"{settings}\ntelemetry: {{enabled: false}}\n")
    here = {"TAJO_LOG": "json", "TAJO_CONFIG": str(people.file), "DAGSTER_HOME": str(home)}
    ran = subprocess.run(
        command, env=os.environ | here, capture_output=True, text=True, timeout=90, check=False
    )
    assert 0 == ran.returncode, ran.stderr
    lines = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith("{")]
    [query] = _with("query_id", lines)
    [process] = _with("process_id", lines)
    assert query["run"] == process["run"]
    assert {("people", today)} == {(one["audience"], one["sync_date"]) for one in (query, process)}
    assert "DEBUG" not in ran.stderr


def test_a_failure_is_a_line_with_its_code_and_next_step(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's own error names the code; so does what the command says at its end."""
    workspace.audience("people", "SELECT email FROM no_such_table", {"email": "email"})
    monkeypatch.setenv("TAJO_LOG", "json")
    ran = workspace.tajo("connectors", "sync", "snowflake")
    assert 2 == ran.code
    lines = _lines(ran.err)
    assert {"TAJO-123"} == {line["code"] for line in lines if line["level"] == "error"}
    assert "grant USAGE and SELECT" in lines[-1]["message"]


def test_a_command_line_that_is_wrong_is_told_in_json_too(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is printed on standard error is a line of JSON."""
    monkeypatch.setenv("TAJO_LOG", "json")
    ran = workspace.tajo("connectors", "no-such-command")
    assert 2 == ran.code
    assert "No such command" in " ".join(line["message"] for line in _lines(ran.err))


def test_text_stays_the_default(people: Workspace) -> None:
    """Without TAJO_LOG a sync that goes well prints no log at all, and nothing of JSON stays on."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TAJO_LOG", "json")
        assert _lines(people.tajo("connectors", "no-such-command").err)
    ran = people.tajo("connectors", "sync", "snowflake")
    assert (0, "") == (ran.code, ran.err)
    assert logging.Logger is logging.getLoggerClass()


def _formatted(message: str, *arguments: object, secrets: tuple[str, ...] = (), **more: Any) -> Any:
    """Format a record as the JSON handler does."""
    personal_data = more.pop("personal_data", False)
    error = more.pop("error", None)
    record = logging.LogRecord("tajo", logging.WARNING, __file__, 1, message, arguments, error)
    vars(record).update(more)
    redact = logs.redaction(secrets, personal_data=personal_data)
    return json.loads(logs.JsonFormatter(redact).format(record))


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("contact jane.doe@example.com is blocked", "contact j***@example.com is blocked"),
        ("phone +33612345678 is taken", "phone +*** is taken"),
        ("key xkeysib-0a1b-2c3d refused", "key *** refused"),
        ("token eyJhbGciOi.eyJzdWIi.c2ln refused", "token *** refused"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- is no key", "*** is no key"),
        ("password s3cret-word refused", "password *** refused"),
        ("2026-11-21T10:00:00+0000 took 12345678 rows", None),
    ],
    ids=["e-mail", "phone", "brevo-key", "jwt", "pem", "known-secret", "nothing"],
)
def test_s14_lines_show_no_secrets_and_no_personal_data(message: str, told: str | None) -> None:
    """A value is masked wherever it stands: in the message, in what came with it, in an error."""
    expected = told or message
    line = _formatted("%s", message, secrets=("s3cret-word",), detail=message)
    assert [expected, expected] == [line["message"], line["detail"]]
    error = RefusedError("TAJO-411", message, "Next.", reason="no")
    line = _formatted("failed", secrets=("s3cret-word",), error=(RefusedError, error, None))
    assert [expected, "TAJO-411", "validation"] == [line["error"], line["code"], line["kind"]]


def test_personal_data_is_shown_where_the_workspace_says_so() -> None:
    """`log_personal_data: true` shows addresses, and still no secret."""
    line = _formatted("jane@example.com has s3cret", secrets=("s3cret",), personal_data=True)
    assert "jane@example.com has ***" == line["message"]


def test_every_credential_of_a_workspace_is_known_as_a_secret(workspace: Workspace) -> None:
    """What tajo.yaml holds as a credential is masked; the user's name is none."""
    workspace.write(
        snowflake={"user": "TAJO", "auth": {"method": "password", "password": "s3cret-word"}}
    )
    assert {"s3cret-word", workspace.brevo.key} == workspace.settings().secrets()


def _only(line: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: line[name] for name in names}
