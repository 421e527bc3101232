"""Events of which nobody knows whether they arrived: they wait until a person has decided."""

from typing import Any

import pytest

from tajo_sf_pipeline_tests.steps import synced
from tajo_sf_pipeline_tests.workspaces import Workspace

REST = {"transport": "sql_api"}  # the quicker one to begin with
LOST = {"status": 502, "method": "POST", "path": "/v3/events/batch"}


def _orders(workspace: Workspace, *totals: int) -> None:
    table = workspace.table("orders", "id,total", [(f"o{n}", t) for n, t in enumerate(totals)])
    workspace.audience(
        "orders",
        f"SELECT id, 'ann@example.com' AS email, total, CAST('2026-03-01' AS TIMESTAMP) AS at "
        f"FROM {table} ORDER BY id",
        {"id": "event_id", "email": "email", "total": "total", "at": "event_date"},
        destination={"event": "order_completed"},
        on_uncertain="hold",
    )


@pytest.fixture
def held(workspace: Workspace) -> Workspace:
    """Give a workspace whose two events went out, and whose answer was lost."""
    workspace.write(snowflake=REST)
    workspace.brevo.contact("ann@example.com")
    _orders(workspace, 10, 20)
    workspace.brevo.change(faults=[LOST])
    run = synced(workspace, "orders")
    assert (0, 2, True) == (run.confirmed, run.failed, run.conserved)
    return workspace


def _dead_letters(workspace: Workspace, state: str = "open") -> list[dict[str, Any]]:
    ran = workspace.tajo("dead-letters", "list", "--json", "--state", state)
    dead_letters: list[dict[str, Any]] = ran.json()["letters"]
    return sorted(dead_letters, key=lambda dead_letter: int(dead_letter["id"]))


def test_a_held_event_is_a_dead_letter_until_it_is_replayed(held: Workspace) -> None:
    """No run sends it by itself; a replay sends the one that is named, and no other."""
    first, second = _dead_letters(held)
    assert [("vendor_outage", "TAJO-823")] * 2 == [
        (dead_letter["kind"], dead_letter["code"]) for dead_letter in (first, second)
    ]
    assert "it may have arrived" in first["reason"]
    again = synced(held, "orders")
    assert (0, 2, True) == (again.confirmed, again.failed, again.conserved)
    assert 0 == held.brevo.count("events")
    ran = held.tajo("dead-letters", "replay", str(second["id"]), "--json")
    assert {"accepted": 1} == ran.json()["letters"], ran.err
    assert 1 == held.brevo.count("events")
    assert ["open", "accepted"] == [
        dead_letter["state"] for dead_letter in _dead_letters(held, "all")
    ]


def test_a_held_event_that_is_discarded_is_never_sent(held: Workspace) -> None:
    """Whatever becomes of its row: it may have arrived. The others go on."""
    number = str(_dead_letters(held)[0]["id"])
    assert 0 == held.tajo("dead-letters", "discard", number).code
    assert 0 == held.tajo("dead-letters", "replay", "--kind", "vendor_outage").code
    _orders(held, 11, 20, 30)
    run = synced(held, "orders")
    assert (1, 1, 1, 0, True) == (
        *(run.confirmed, run.unchanged, run.rejected, run.failed, run.conserved),
    )
    assert 2 == held.brevo.count("events")
    assert ["discarded", "accepted"] == [
        dead_letter["state"] for dead_letter in _dead_letters(held, "all")
    ]


def test_a_held_event_that_leaves_the_source_and_comes_back_is_still_held(held: Workspace) -> None:
    """Its row's absence tells nothing of whether the event arrived."""
    _orders(held, 10)
    assert 1 == synced(held, "orders").failed
    assert ["open", "open"] == [dead_letter["state"] for dead_letter in _dead_letters(held)]
    _orders(held, 10, 20)
    again = synced(held, "orders")
    assert (0, 2, True) == (again.confirmed, again.failed, again.conserved)
    assert 0 == held.brevo.count("events")
