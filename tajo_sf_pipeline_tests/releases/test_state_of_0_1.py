"""S26: what release 0.1 wrote is read, continued, and makes nothing be sent by itself.

Every sync date is given: the state is as old as 0.1, whenever a test runs.
"""

import functools
import shutil
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from tajo_sf_pipeline import defs
from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.audience.catalog import Audiences
from tajo_sf_pipeline.checks import inspection
from tajo_sf_pipeline.config import settings
from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.defs import runs
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.state import failpoints
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline_tests.releases import stores
from tajo_sf_pipeline_tests.releases.restored import FOLDER, change, restored, without
from tajo_sf_pipeline_tests.workspaces import Workspace

FIRST, SECOND, THIRD = (date(2026, 2, day) for day in (1, 2, 3))
# Nothing of them was refused, and no run of them died.
CLEAN = ("by_id", "by_phone", "cars", "known_only", "newcomers", "purchases", "visits")
Write = tuple[str, str]
# To read this machine's certificates for each call costs more than the call.
_http = httpx.Client(verify=False, limits=httpx.Limits(max_keepalive_connections=0))


@pytest.fixture(autouse=True)
def _storage_in_its_home(_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Dagster's storage be where the release put it."""
    monkeypatch.delenv("DAGSTER_HOME")


def _partition(
    workspace: Workspace, name: str, day: date = THIRD, accept: tuple[str, ...] = ()
) -> SyncRun:
    """Extract and map a date of the incremental path."""
    loaded, known = _loaded(workspace.file)
    partition = SyncRun(
        loaded,
        known.named(name),
        day,
        "incremental",
        run_id=str(uuid.uuid4()),
        accept=accept,
    )
    partition.extract()
    partition.map()
    return partition


@functools.cache
def _loaded(file: Path) -> tuple[Settings, Audiences]:
    loaded = settings.load(file)
    return loaded, catalog.load(loaded)


def _synced(workspace: Workspace, name: str, **more: Any) -> Summary:
    summary = _partition(workspace, name, **more).sync()
    assert summary.conserved, summary
    return summary


def _writes(workspace: Workspace) -> list[Write]:
    return [(method, path) for method, path, _ in workspace.brevo.writes()]


def _sent(workspace: Workspace, name: str, **more: Any) -> list[Write]:
    """Sync, and give what that wrote to Brevo."""
    before = len(_writes(workspace))
    _synced(workspace, name, **more)
    return _writes(workspace)[before:]


def _members(workspace: Workspace, name: str) -> list[str]:
    """Give who is on a list."""
    brevo = workspace.brevo
    found = _http.get(f"{brevo.url}/admin/accounts/{brevo.key}/lists").json()["lists"]
    [members] = [one["members"] for one in found if one["name"] == name]
    return sorted(email.partition("@")[0] for email in members)


def _dead_letters(workspace: Workspace, audience: str, state: str = "all") -> dict[str, int]:
    """Count dead letters, as the command lists them."""
    ran = workspace.tajo("dead-letters", "list", "--json", "--audience", audience, "--state", state)
    return dict(Counter(dead_letter["state"] for dead_letter in ran.json()["letters"]))


def _events(workspace: Workspace, name: str) -> list[str]:
    return sorted(
        event["event_properties"]["event_id"]
        for event in workspace.brevo.events()
        if event["event_name"] == name
    )


# -- Without a change


def test_s26_an_unchanged_source_sends_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    """In any mode, by any key, to any destination: not one write, though all is read anew."""
    workspace = restored(tmp_path, sandbox, tables=CLEAN)
    sent = {name: _sent(workspace, name) for name in CLEAN}
    assert {name: [] for name in CLEAN} == sent


def test_s06_rows_that_failed_come_back_and_no_others(tmp_path: Path, sandbox: Sandbox) -> None:
    """Each by one call, which closes its letter; the run after that sends nothing."""
    names = ("members", "refused")
    workspace = restored(tmp_path, sandbox, tables=names)
    assert {"accepted": 1, "open": 1, "discarded": 1, "left": 1} == _dead_letters(
        workspace, "refused"
    )
    assert {"open": 3} == _dead_letters(workspace, "members")
    call = [("POST", "/v3/contacts")]
    assert dict.fromkeys(names, call) == {name: _sent(workspace, name) for name in names}
    assert {"accepted": 2, "discarded": 1, "left": 1} == _dead_letters(workspace, "refused")
    assert {"accepted": 1, "open": 2} == _dead_letters(workspace, "members")
    assert ["ann", "bob", "dee", "gus", "jon", "stranger"] == _members(workspace, "gold")
    assert {name: [] for name in names} == {name: _sent(workspace, name) for name in names}


def test_s06_what_a_person_gave_up_is_not_sent_until_it_changes(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """The letter that was discarded holds for the row as it was then, and for no other."""
    workspace = restored(tmp_path, sandbox, tables=["refused"])
    _synced(workspace, "refused")
    assert ["comes_back", "fine", "stays_open"] == _members(workspace, "refused")
    change(workspace, "refused", "given_up@example.com", points="20")
    assert [("POST", "/v3/contacts")] == _sent(workspace, "refused")
    assert ["comes_back", "fine", "given_up", "stays_open"] == _members(workspace, "refused")


# -- With a change

CHANGES: dict[str, tuple[str, dict[str, str]]] = {
    "by_id": ("c0", {"city": "Metz"}),
    "by_phone": ("+33612345710", {"city": "Metz"}),
    "cars": ("car2", {"color": "green"}),
    "known_only": ("old@example.com", {"heard_of": "press"}),
    "newcomers": ("old@example.com", {"email": "newer@example.com"}),
    "purchases": ("purchases0", {"total": "99"}),
    "visits": ("v4@example.com", {"visits": "40", "updated_at": "2026-02-03 12:00:00"}),
}


def test_s26_a_changed_row_sends_itself_and_no_other(tmp_path: Path, sandbox: Sandbox) -> None:
    """One call for each, and none for an event that was sent before."""
    workspace = restored(tmp_path, sandbox)
    for name, (key, values) in CHANGES.items():
        change(workspace, name, key, **values)
    contact = [("POST", "/v3/contacts")]
    assert {
        "by_id": contact,
        "by_phone": contact,
        "cars": [("POST", "/v3/objects/car/batch/upsert")],
        "known_only": [("PUT", "/v3/contacts/old%40example.com")],
        "newcomers": contact,
        "purchases": [],
        "visits": contact,
    } == {name: _sent(workspace, name) for name in CHANGES}
    assert 1 == workspace.brevo.count("campaigns")  # the one that 0.1 made


def test_s08_whom_others_put_on_the_list_stays(tmp_path: Path, sandbox: Sandbox) -> None:
    """Ann was on it before 0.1 came, bob through it: when both leave the source, only bob goes."""
    workspace = restored(tmp_path, sandbox)
    without(workspace, "members", "ann@example.com", "bob@example.com")
    _synced(workspace, "members", accept=("max_removed",))
    assert ["ann", "dee", "gus", "jon", "stranger"] == _members(workspace, "gold")


def test_s08_who_left_may_come_back(tmp_path: Path, sandbox: Sandbox) -> None:
    """Eve left by a run of 0.1: her row is kept as not present, and joins its list again."""
    workspace = restored(tmp_path, sandbox)
    change(workspace, "members", "hal@example.com", email="eve@example.com", tier="gold")
    _synced(workspace, "members")
    assert "eve" in _members(workspace, "gold")
    assert "hal" not in _members(workspace, "silver")


# -- Of what it is not known whether it arrived


def test_a_held_event_is_held_until_it_is_replayed(tmp_path: Path, sandbox: Sandbox) -> None:
    """No run sends it; a replay sends that one, not the other, nor the one that was given up."""
    workspace = restored(tmp_path, sandbox, tables=["purchases"])
    summary = _synced(workspace, "purchases")
    assert (2, 0, 3) == (summary.failed, summary.confirmed, summary.unchanged)
    arrived = ["purchases0", "purchases1", "purchases2"]
    assert arrived == _events(workspace, "purchased")
    ran = workspace.tajo("dead-letters", "list", "--json", "--audience", "purchases")
    first = min(dead_letter["id"] for dead_letter in ran.json()["letters"])
    replayed = workspace.tajo("dead-letters", "replay", str(first), "--json")
    assert {"accepted": 1} == replayed.json()["letters"], replayed.err
    assert [*arrived, "purchases3"] == _events(workspace, "purchased")
    assert {"accepted": 1, "open": 1, "discarded": 1} == _dead_letters(workspace, "purchases")


def test_s05_imports_that_were_in_flight_are_settled(tmp_path: Path, sandbox: Sandbox) -> None:
    """Both died with the run. The number of one is known: polled; the other's rows go again."""
    workspace = restored(tmp_path, sandbox, tables=["loyalty"])
    _take_off(workspace, "high")
    _take_off(workspace, "low")
    before = len(_writes(workspace))
    summary = _synced(workspace, "loyalty", day=FIRST)
    assert [("POST", "/v3/contacts/import")] == _writes(workspace)[before:]
    assert (105, 105) == (summary.unchanged, summary.confirmed)
    # Brevo has said that the first import is done: whoever is off its list was taken off since.
    assert {"high": 0, "low": 105} == {
        name: workspace.brevo.lists()[name] for name in ("high", "low")
    }
    assert [] == [*(workspace.home / "plans" / "loyalty").iterdir()]
    assert not workspace.paths("loyalty").journal.exists()
    assert [] == _sent(workspace, "loyalty")


def _take_off(workspace: Workspace, name: str) -> None:
    number = workspace.brevo.list_ids()[name]
    _http.post(
        f"{workspace.brevo.url}/v3/contacts/lists/{number}/contacts/remove",
        json={"all": True},
        headers={"api-key": workspace.brevo.key},
    ).raise_for_status()


def test_s05_events_that_were_in_flight_are_looked_up(tmp_path: Path, sandbox: Sandbox) -> None:
    """Those that arrived are confirmed, the others held; nothing is sent."""
    workspace = restored(tmp_path, sandbox, tables=["carts", "reviews"])
    there = _synced(workspace, "reviews", day=FIRST)
    lost = _synced(workspace, "carts", day=FIRST)
    assert (2, 2) == (there.unchanged, lost.failed)
    assert {"open": 2} == _dead_letters(workspace, "carts")
    assert [] == _writes(workspace)
    assert (["reviews0", "reviews1"], []) == tuple(
        _events(workspace, name) for name in ("reviewed", "cart_left")
    )


def test_s05_events_that_were_in_flight_are_looked_up_where_the_folder_moved(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """State may be moved with its folder, and nobody edits a journal for that."""
    workspace = restored(tmp_path, sandbox, tables=["reviews"], moved=False)
    _synced(workspace, "reviews", day=FIRST)
    assert ["reviews0", "reviews1"] == _events(workspace, "reviewed")


# -- What people look at


def test_commands_read_it(tmp_path: Path, sandbox: Sandbox) -> None:
    """Status, the ledger's rows, its backup and the letters with their source rows."""
    workspace = restored(tmp_path, sandbox)
    status = workspace.tajo("status", "--json").json()
    assert {
        "by_id": (3, 0, 0),
        "by_phone": (3, 0, 0),
        "cars": (2, 0, 0),
        "carts": (0, 2, 0),
        "known_only": (1, 0, 0),
        "loyalty": (0, 210, 0),
        "members": (7, 0, 3),
        "newcomers": (1, 0, 0),
        "purchases": (3, 0, 2),
        "refused": (2, 0, 1),
        "reviews": (0, 2, 0),
        "visits": (4, 0, 0),
    } == {
        one["audience"]: (one["in_brevo"], one["in_flight"], one["dead_letters"]) for one in status
    }
    row = workspace.tajo("ledger", "show", "by_id", "c1", "--json").json()
    assert ("update", "2026-02-02", True, True) == (
        *(row["action"], row["sync_date"]),
        *("Nice" in row["payload"], "Lyon" in row["payload_before"]),
    )
    copy = tmp_path / "copy.duckdb"
    ran = [workspace.tajo("ledger", what, "members", str(copy)) for what in ("backup", "restore")]
    assert [0, 0] == [one.code for one in ran]
    [jon] = workspace.tajo(
        *("dead-letters", "list", "--json", "--audience", "members"), "--kind", "validation"
    ).json()["letters"]
    dead_letter = workspace.tajo("dead-letters", "show", str(jon["id"]), "--json").json()
    assert ("jon@example.com", "gold") == (dead_letter["key"], dead_letter["source"]["TIER"])


# Jon was refused on both days.
_PASSED = (
    *("attributes_fit", "choices_known", "columns_covered", "conservation", "keys_unique"),
    *("personal_data_marked", "refusals_under_guard", "rejects_under_guard"),
    *("rows_accounted_for", "schema_stable", "volume_in_band"),
)
CHECKS = {
    **{name: ["2026-02-01 SUCCEEDED", "2026-02-02 SUCCEEDED"] for name in _PASSED},
    "everything_confirmed": ["2026-02-01 FAILED", "2026-02-02 FAILED"],
}


def test_dagster_has_the_runs_of_before_and_adds_to_them(tmp_path: Path, sandbox: Sandbox) -> None:
    """The same assets, checks, partitions and jobs: history goes on where 0.1 left it."""
    workspace = restored(tmp_path, sandbox, tables=["members"])
    loaded, known = _loaded(workspace.file)
    definitions = defs.build(loaded)
    with runs.instance(loaded) as instance:
        first, both = ["2026-02-01"], ["2026-02-01", "2026-02-02"]
        assert {
            f"{name}/{step}": days
            for name, days in (("members", both), ("refused", both), ("visits", first))
            for step in ("extract", "mapped", "sync")
        } == _materialised(instance, definitions)
        assert CHECKS == _checked(instance, definitions, "members")
        jobs = Counter((run.job_name, run.status.value) for run in instance.get_runs())
        assert {
            ("members_incremental", "SUCCESS"): 2,
            ("refused_incremental", "SUCCESS"): 2,
            ("visits_incremental", "SUCCESS"): 1,
        } == jobs
        assert {job for job, _ in jobs} <= {job.name for job in definitions.resolve_all_job_defs()}
        summary = runs.run(
            definitions,
            instance,
            loaded,
            audience=known.named("members"),
            day=THIRD,
            path="incremental",
        )
        assert (1, 7) == (summary.created, summary.unchanged)
        after = _materialised(instance, definitions)
        assert [*both, "2026-02-03"] == after["members/sync"]
        added = _checked(instance, definitions, "members")
        assert {name: [*days, "2026-02-03 SUCCEEDED"] for name, days in CHECKS.items()} == added


def _materialised(
    instance: dg.DagsterInstance, definitions: dg.Definitions
) -> dict[str, Sequence[str]]:
    """Give the partitions that today's assets have, of those that have any."""
    found = {
        key.to_user_string(): sorted(instance.get_materialized_partitions(key))
        for key in definitions.resolve_asset_graph().materializable_asset_keys
    }
    return {name: days for name, days in found.items() if days}


def _checked(
    instance: dg.DagsterInstance, definitions: dg.Definitions, audience: str
) -> dict[str, list[str]]:
    """Give the history of each of today's checks that has one, the oldest first."""
    found = {}
    for check in definitions.resolve_asset_graph().asset_check_keys:
        if check.asset_key.path[0] == audience:
            history = instance.event_log_storage.get_asset_check_execution_history(check, limit=10)
            rows = [f"{row.partition} {row.status.value}" for row in reversed(history)]
            found[check.name] = rows
    return {name: rows for name, rows in found.items() if rows}


# -- The stores' own form


def _golden(folder: str) -> str:
    return (FOLDER / folder / "stores.txt").read_text(encoding="utf-8")


def test_what_0_1_wrote_has_this_form(tmp_path: Path, sandbox: Sandbox) -> None:
    """Files, tables, columns, keys: the golden list is of the state itself."""
    workspace = restored(tmp_path, sandbox)
    assert _golden("0.1") == stores.told(workspace.home, "members", "loyalty")


def test_what_todays_code_writes_has_this_form(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who changes a store finds it here: give it a version and a migration, and change `next`.

    That list belongs to the next release; those of releases stay as they are.
    """
    workspace = restored(tmp_path, sandbox, tables=["loyalty", "members"])
    shutil.rmtree(workspace.home)
    partition = _partition(workspace, "members", FIRST)
    partition.sync()
    inspection.remember(partition)
    imports = 0

    def stop(step: str) -> None:
        nonlocal imports
        imports += step == "call.sent"
        if imports == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(failpoints, "watcher", stop)
    with pytest.raises(KeyboardInterrupt):
        _synced(workspace, "loyalty", day=FIRST)
    assert _golden("next") == stores.told(workspace.home, "members", "loyalty")
