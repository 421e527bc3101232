"""`tajo status`: how audiences stand, before a first run, after good ones and after bad ones."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tajo_sf_pipeline_tests.workspaces import Workspace


@pytest.fixture(autouse=True)
def _own_instance(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Know nothing of the runs of other tests."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))


def _people(workspace: Workspace, *emails: str) -> None:
    workspace.write(snowflake={"transport": "sql_api"})  # the quicker one to begin with
    table = workspace.table("people", "email", [[email] for email in emails])
    workspace.audience(
        "people",
        f"SELECT email FROM {table}",
        {"email": "email"},
        schedule="0 5 * * *",
        freshness={"max_age": "26h"},
    )


def _status(workspace: Workspace) -> dict[str, object]:
    [found] = workspace.tajo("status", "people", "--json").json()
    status: dict[str, object] = found
    return status


def test_audience_that_never_ran(workspace: Workspace) -> None:
    """It is not fresh, holds nothing, and its next tick is known; no ledger is made."""
    _people(workspace, "ann@example.com")
    status = _status(workspace)
    assert (None, None, False, None, 0, 0, 0) == tuple(
        status[name]
        for name in (
            *("last_sync", "last_run", "fresh", "age_seconds"),
            *("in_brevo", "dead_letters", "failures"),
        )
    )
    tick = datetime.fromisoformat(str(status["next_tick"]))
    assert ((5, 0), True) == ((tick.hour, tick.minute), tick > datetime.now(UTC))
    assert not workspace.paths("people").ledger.exists()
    assert "never synced" in workspace.tajo("status").out


@pytest.mark.long
def test_audience_after_good_and_bad_runs(workspace: Workspace) -> None:
    """Counts, dead letters and freshness after a sync; runs that fail from then on are counted."""
    _people(workspace, "ann@example.com", "bob@example.com", "no address")
    [run] = workspace.sync()
    status = _status(workspace)
    assert (run["run_id"], True, 93_600, 2, 1, 0, 0, False) == (
        status["last_run"]["run_id"],  # type: ignore[index]
        *(status[name] for name in ("fresh", "max_age_seconds", "in_brevo", "dead_letters")),
        *(status[name] for name in ("in_flight", "failures", "schedule_on")),
    )
    assert 0 <= int(str(status["age_seconds"])) < 3_600
    workspace.audience(
        "people", "SELECT email FROM no_such_table", {"email": "email"}, schedule="0 5 * * *"
    )
    assert 2 == workspace.tajo("connectors", "sync", "snowflake").code
    assert 1 == _status(workspace)["failures"]
    shown = workspace.tajo("status").out
    for words in ("audience  last sync", "2 sent", "schedule is off", "1 runs failed since"):
        assert words in shown


def test_unknown_audience_is_refused(workspace: Workspace) -> None:
    """The names that exist are told."""
    _people(workspace, "ann@example.com")
    ran = workspace.tajo("status", "poeple")
    assert (2, True) == (ran.code, "people" in ran.err)
