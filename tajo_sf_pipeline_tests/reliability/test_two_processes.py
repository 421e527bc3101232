"""A backfill beside the schedule: two processes at once, as if each were alone."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

PEOPLE = 30
SECONDS = 600  # for whole processes, on a machine that may be slow
pytestmark = [pytest.mark.long, pytest.mark.timeout(3 * SECONDS)]
_ROOT = Path(__file__).parents[2]
_QUERY = (
    "SELECT email, points AS {attribute}, updated_at FROM {table} "
    "WHERE updated_at >= :window_start AND updated_at < :window_end"
)
_SYNC = """
import json, sys, uuid
from datetime import date
from pathlib import Path
from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.config import settings
from tajo_sf_pipeline.errors import TajoError
from tajo_sf_pipeline.engine.run import SyncRun

work = json.loads(sys.argv[1])
loaded = settings.load(Path(work["file"]))
audience = catalog.load(loaded).named(work["audience"])
for day in work["days"]:
    partition = SyncRun(
        loaded, audience, date.fromisoformat(day), work["path"], run_id=uuid.uuid4().hex
    )
    partition.extract()
    partition.map()
    try:
        print(json.dumps(partition.sync().as_json()))
    except TajoError as error:
        print(json.dumps({"sync_date": day, "code": error.code, "told": str(error)}))
"""


def _days(workspace: Workspace, count: int) -> list[date]:
    today = workspace.settings().today()
    return [today - timedelta(days=ago) for ago in range(count - 1, -1, -1)]


def _audiences(workspace: Workspace, *names: str) -> None:
    """Make a table with a row of each person on each of four dates, and audiences that read it."""
    rows = [
        [f"p{number}@example.com", number + day.day / 100, f"{day}T12:00:00Z"]
        for day in _days(workspace, 4)
        for number in range(PEOPLE)
    ]
    table = workspace.table("scores", "email,points,updated_at", rows)
    workspace.write(snowflake={"transport": "sql_api"})
    for name in names:
        query = _QUERY.format(attribute=name, table=table)
        mapping = {"email": "email", name: name.upper()}
        workspace.audience(name, query, mapping, cursor="updated_at")
        workspace.brevo.attributes(**{name.upper(): "float"})


@contextmanager
def _syncing(
    workspace: Workspace, audience: str, path: str, days: Sequence[date]
) -> Iterator["subprocess.Popen[str]"]:
    work = {"file": str(workspace.file), "audience": audience, "path": path}
    command = [sys.executable, "-c", _SYNC, json.dumps({**work, "days": [str(d) for d in days]})]
    with subprocess.Popen(
        command,
        cwd=_ROOT,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _ended(process: "subprocess.Popen[str]") -> list[dict[str, Any]]:
    """Wait, and give what became of each date."""
    out, err = process.communicate(timeout=SECONDS)
    assert 0 == process.returncode, err
    return [json.loads(line) for line in out.splitlines()]


def _wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _ledger(workspace: Workspace, audience: str) -> list[tuple[Any, ...]]:
    """Give what a ledger says of each row, but for runs and moments."""
    with duckdb.connect(workspace.paths(audience).ledger, read_only=True) as database:
        return database.execute(
            "SELECT key, fingerprint, version, present, sync_date FROM rows ORDER BY key"
        ).fetchall()


def test_s03_s04_a_backfill_beside_the_schedule_on_one_audience(
    workspace: Workspace, sandbox: Sandbox, tmp_path: Path
) -> None:
    """One waits for the other or is refused; Brevo and the ledger are as after one by one."""
    _audiences(workspace, "people")
    *past, today = _days(workspace, 4)
    slow = {"delay": 0.1, "method": "POST", "path": "/v3/contacts", "times": 2 * PEOPLE}
    workspace.brevo.change(rate_limits=True, plan="extended", faults=[slow])
    with _syncing(workspace, "people", "backfill", past) as backfill:
        _wait_until(lambda: workspace.brevo.count("contacts") > 0 or backfill.poll())
        with _syncing(workspace, "people", "incremental", [today]) as schedule:
            runs = _ended(schedule) + _ended(backfill)
    refused = [run for run in runs if "code" in run]
    assert {"TAJO-145"} >= {run["code"] for run in refused}
    assert all("another process is syncing people" in run["told"] for run in refused)
    for run in refused:  # as a person would, and as Dagster does
        path = "incremental" if run["sync_date"] == str(today) else "backfill"
        with _syncing(workspace, "people", path, [date.fromisoformat(run["sync_date"])]) as again:
            runs += _ended(again)
    done = [run for run in runs if "code" not in run]
    assert [(0, 0)] * 4 == [(run["failed"], run["pending"]) for run in done]

    folder = tmp_path / "alone"
    folder.mkdir()
    alone = Workspace.new(folder, sandbox, BrevoAccount.new(sandbox))
    alone.prefix = workspace.prefix
    _audiences(alone, "people")
    for path, days in (("backfill", past), ("incremental", [today])):
        with _syncing(alone, "people", path, days) as process:
            _ended(process)
    assert _values(alone, "PEOPLE") == _values(workspace, "PEOPLE")
    assert _ledger(alone, "people") == _ledger(workspace, "people")

    before = workspace.brevo.writes()
    for path, days in (("backfill", past), ("incremental", [today])):
        with _syncing(workspace, "people", path, days) as process:
            assert {0} == {run["planned"] for run in _ended(process)}
    assert before == workspace.brevo.writes()


def test_s13_two_audiences_at_once_share_the_budget(workspace: Workspace) -> None:
    """Both arrive, nobody sees a 429, and Brevo has hardly a reason to answer with one."""
    _audiences(workspace, "daily", "older")
    *past, today = _days(workspace, 4)
    workspace.brevo.change(rate_limits=True)
    workspace.write(snowflake={"transport": "sql_api"}, brevo={"plan": "general"})
    with (
        _syncing(workspace, "daily", "incremental", [today]) as schedule,
        _syncing(workspace, "older", "backfill", past[-2:]) as backfill,
    ):
        runs = _ended(schedule) + _ended(backfill)
    assert [PEOPLE] * 3 == [run.get("confirmed") for run in runs], runs
    assert [(n, n + past[-1].day / 100) for n in range(PEOPLE)] == [
        (number, round(value, 2)) for number, value in enumerate(_ordered(workspace, "OLDER"))
    ]
    assert PEOPLE == len(_values(workspace, "DAILY"))
    statuses = workspace.brevo.statuses()
    assert statuses.count(429) <= len(statuses) / 20


def _values(workspace: Workspace, attribute: str) -> dict[str, float]:
    return {
        email: contact["attributes"][attribute]
        for email, contact in workspace.brevo.contacts().items()
        if attribute in contact["attributes"]
    }


def _ordered(workspace: Workspace, attribute: str) -> list[float]:
    values = _values(workspace, attribute)
    return [values[f"p{number}@example.com"] for number in range(PEOPLE)]
