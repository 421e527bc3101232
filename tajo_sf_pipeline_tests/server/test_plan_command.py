"""`tajo plan` and `--dry-run`: everything is told, nothing is written."""

from typing import Any

import pytest

from tajo_sf_pipeline_tests.steps import synced
from tajo_sf_pipeline_tests.workspaces import Workspace

Rows = list[tuple[str, int, str]]
ANN, BOB, CID = (
    ("ann@example.com", 1, "2026-02-01 08:00:00"),
    ("bob@example.com", 2, "2026-02-02 08:00:00"),
    ("cid@example.com", 3, "2026-02-03 08:00:00"),
)


def _people(workspace: Workspace, rows: Rows, **more: Any) -> None:
    workspace.write(snowflake={"transport": "sql_api"})  # the quicker one to begin with
    workspace.brevo.attributes(POINTS="float", FIRSTNAME="text")
    table = workspace.table("people", "email,points,updated_at", rows)
    workspace.audience(
        "people",
        f"SELECT email, CAST(points AS INT) AS points, 'Zoe' AS first_name, "
        f"CAST(updated_at AS TIMESTAMP) AS updated_at FROM {table}",
        {"email": "email", "points": "POINTS", "first_name": "FIRSTNAME"},
        **{"cursor": "updated_at", **more},
    )


def _plan(workspace: Workspace, *arguments: str) -> dict[str, Any]:
    ran = workspace.tajo("plan", "people", "--json", *arguments)
    assert ran.out, ran.err
    told: dict[str, Any] = ran.json()
    return told


def _kept(workspace: Workspace) -> list[str]:
    """Name what stands in the home; Brevo's budget is told of reads too."""
    return sorted(
        str(path.relative_to(workspace.home))
        for path in workspace.home.rglob("*")
        if path.is_file() and "budget" not in path.parts
    )


def test_plan_tells_what_the_sync_then_does(workspace: Workspace) -> None:
    """Creates, rejects with reasons, way, calls and a masked sample; and then it happens."""
    _people(workspace, [ANN, BOB, ("no address", 9, "2026-02-03 08:00:00")])
    told = _plan(workspace)
    assert (3, 1, 2, 0, 0, 0, 2) == tuple(
        told[name]
        for name in ("extracted", "rejected", "create", "update", "remove", "unchanged", "writes")
    )
    assert [{"reason": "EMAIL is not an e-mail address", "rows": 1}] == told["rejects"]
    assert [("single", 2, 2)] == [
        (route["way"], route["rows"], route["api_calls"]) for route in told["ways"]
    ]
    assert (None, [], False) == (
        told["stopped_by"],
        told["attribute_problems"],
        told["only_stale"],
    )
    assert {"a***@example.com", "b***@example.com"} == {row["key"] for row in told["sample"]}
    assert {("Z***", 1), ("Z***", 2)} == {
        (row["values"]["FIRSTNAME"], row["values"]["POINTS"]) for row in told["sample"]
    }
    run = synced(workspace, "people")
    assert (told["create"], told["writes"]) == (run.created, run.confirmed)


def test_plan_writes_nothing(workspace: Workspace) -> None:
    """Neither Brevo nor the ledger, dead letters or files of the date change."""
    _people(workspace, [ANN])
    synced(workspace, "people")
    _people(workspace, [("ann@example.com", 5, "2026-02-05 08:00:00"), BOB, ("no", 1, BOB[2])])
    files, writes = _kept(workspace), workspace.brevo.writes()
    before = {name: (workspace.home / name).read_bytes() for name in files}
    told = _plan(workspace)
    assert (1, 1, 1) == (told["create"], told["update"], told["rejected"])
    assert (files, writes) == (_kept(workspace), workspace.brevo.writes())
    assert before == {name: (workspace.home / name).read_bytes() for name in files}


def test_kept_rows_are_planned_without_asking_the_warehouse(workspace: Workspace) -> None:
    """`--kept` judges the rows of the last run of the date, and says if there are none."""
    _people(workspace, [ANN])
    assert (2, "TAJO-159") == _error(workspace, "--kept")
    synced(workspace, "people")
    _people(workspace, [ANN, BOB])
    assert (1, 0) == tuple(_plan(workspace, "--kept")[name] for name in ("unchanged", "create"))


def _error(workspace: Workspace, *arguments: str) -> tuple[int, str]:
    ran = workspace.tajo("plan", "people", "--json", *arguments)
    return ran.code, ran.json()["error"]["code"]


def test_a_range_that_only_has_older_rows_says_so(workspace: Workspace) -> None:
    """A backfill of rows that Brevo has newer (S04) would write nothing, and that is told."""
    _people(workspace, [("ann@example.com", 9, "2026-03-01 08:00:00")])
    synced(workspace, "people")
    _people(workspace, [ANN])
    plans = workspace.tajo(
        "plan", "people", "--json", "--from", "2026-02-01", "--to", "2026-02-02"
    ).json()
    assert [("2026-02-01", "backfill", 1, 0, True), ("2026-02-02", "backfill", 1, 0, True)] == [
        (one["sync_date"], one["path"], one["stale"], one["writes"], one["only_stale"])
        for one in plans
    ]
    shown = workspace.tajo("plan", "people", "--from", "2026-02-01", "--to", "2026-02-02")
    assert (0, True) == (shown.code, "is older than what Brevo has" in _flat(shown.out))


def _flat(text: str) -> str:
    return " ".join(text.split())


def test_a_guard_that_would_stop_it_is_told(workspace: Workspace) -> None:
    """The plan ends with 4; the guard that is accepted is recorded in the plan and in the run."""
    _people(workspace, [ANN, BOB, CID], mode="mirror", destination={"list": "VIP"})
    synced(workspace, "people")
    _people(workspace, [ANN], mode="mirror", destination={"list": "VIP"})
    ran = workspace.tajo("plan", "people", "--json")
    assert (4, "TAJO-802", 2) == (
        *(ran.code, ran.json()["stopped_by"]["code"], ran.json()["remove"]),
    )
    shown = workspace.tajo("plan", "people")
    assert (4, True) == (shown.code, "--accept-guard max_removed" in _flat(shown.err))
    accepted = _plan(workspace, "--accept-guard", "max_removed")
    assert (None, ["max_removed"]) == (accepted["stopped_by"], accepted["accepted_guards"])
    [run] = workspace.sync("--accept-guard", "max_removed")
    assert (["max_removed"], 2) == (run["accepted_guards"], run["removed"])
    assert {"VIP": 1} == workspace.brevo.lists()


@pytest.mark.parametrize("command", [["plan", "people"], ["connectors", "sync", "snowflake"]])
def test_unknown_guard_is_refused(workspace: Workspace, command: list[str]) -> None:
    """A name that is no guard's would let nothing pass."""
    _people(workspace, [ANN])
    ran = workspace.tajo(*command, "--accept-guard", "max_remove")
    assert (2, True) == (ran.code, "there is no guard max_remove" in ran.err)


def test_attribute_that_brevo_lacks_is_told(workspace: Workspace) -> None:
    """What the blocking check would say stands in the plan, which ends with 2 (S16)."""
    _people(workspace, [ANN])
    workspace.audience(
        "people",
        "SELECT 'ann@example.com' AS email, 1 AS points",
        {"email": "email", "points": "NO_SUCH_ATTRIBUTE"},
    )
    ran = workspace.tajo("plan", "people", "--json")
    [problem] = ran.json()["attribute_problems"]
    assert (2, True) == (ran.code, "NO_SUCH_ATTRIBUTE" in problem)


def test_dry_run_stops_after_the_plan_of_each_audience(workspace: Workspace) -> None:
    """The same documents, in an array; an audience that fails does not hide the others."""
    _people(workspace, [ANN, BOB])
    workspace.audience("broken", "SELECT email FROM no_such_table", {"email": "email"})
    writes = workspace.brevo.writes()
    ran = workspace.tajo("connectors", "sync", "snowflake", "--dry-run", "--json")
    broken, people = ran.json()
    assert (2, "TAJO-123", 2) == (ran.code, broken["error"]["code"], people["create"])
    assert writes == workspace.brevo.writes()
    assert not workspace.paths("people").extract(workspace.settings().today()).exists()
    shown = workspace.tajo("connectors", "sync", "snowflake", "--dry-run", "--audience", "people")
    for words in ("2 rows extracted", "new, would be created", "About 5 API calls"):
        assert words in shown.out


@pytest.mark.parametrize("day", ["2025-12-31", "2100-01-01"])
def test_date_that_is_no_sync_date_is_refused(workspace: Workspace, day: str) -> None:
    """As a sync would refuse it."""
    _people(workspace, [ANN])
    ran = workspace.tajo("plan", "people", "--date", day)
    assert (2, True) == (ran.code, f"{day} is not a sync date" in ran.err)
