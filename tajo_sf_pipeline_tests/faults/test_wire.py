"""Faults on the way to Brevo: a run ends in success, or in a state that the next one resumes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from tajo_sf_pipeline.errors import VendorOutageError
from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline_tests.engine import Engine
from tajo_sf_pipeline_tests.forwarder import Behaviour, Fault, Forwarder, faultless, forwarding_to
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

DAY = date(2026, 11, 1)
SOMEBODY = "somebody@example.com"
MOMENT = pa.timestamp("us", "UTC")
SCHEMA = pa.schema({"id": pa.string(), "email": pa.string(), "points": pa.float64(), "at": MOMENT})
EVENT = {"id": "event_id", "email": "email", "points": "points", "at": "event_date"}
_STORM = 2


def _every(fault: Fault, nth: int) -> Behaviour:
    return lambda number, _method, _path: None if number % nth else fault


# 1 request in 20 where there are that many; a run by import has fewer calls in all.
WIRES: dict[str, Behaviour] = {
    "slow": _every(Fault.LATENCY, 1),
    "drip": _every(Fault.DRIP, 3),
    "reset": _every(Fault.RESET, 3),
    "answers lost after the commit": _every(Fault.CUT, 3),
    "half answers": _every(Fault.HALF, 3),
    "429 storm": lambda number, _method, _path: Fault.TOO_MANY if number <= _STORM else None,
    "500 now and then": _every(Fault.SERVER_ERROR, 4),
}


@dataclass(frozen=True, slots=True)
class Traffic:
    """Rows that go one way; `there` tells what Brevo has of them, `wanted` what it should."""

    kind: str
    rows: int
    wanted: int
    there: Callable[[BrevoAccount], int]


TRAFFIC = {
    "one by one": Traffic("upsert", 12, 12, lambda brevo: brevo.count("contacts")),
    "by import": Traffic("upsert", 120, 120, lambda brevo: brevo.count("contacts")),
    "off a list": Traffic("mirror", 120, 1, lambda brevo: brevo.lists()["wired"]),
    "events": Traffic("append", 150, 150, lambda brevo: brevo.count("events")),
}


@pytest.fixture(scope="module")
def wire(sandbox: Sandbox) -> Iterator[Forwarder]:
    """Put a wire before the local Brevo."""
    with forwarding_to(sandbox.brevo_url.removesuffix("/v3")) as forwarder:
        yield forwarder


@pytest.fixture(scope="module")
def engines(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Engine]:
    """Load the three audiences once."""
    workspace = Workspace.new(tmp_path_factory.mktemp("wire"), sandbox, BrevoAccount.new(sandbox))
    workspace.write(brevo={"patience": 20})
    contact = {"email": "email", "points": "POINTS"}
    query = "SELECT email, points FROM people"
    list_ = {"destination": {"list": "wired"}, "shared": True}
    leaving = {"guards": {"max_removed": "100%"}}
    workspace.audience("upsert", query, contact, **list_)
    workspace.audience("mirror", query, contact, mode="mirror", **list_, **leaving)
    workspace.audience(
        "append", "SELECT id, email, points, at FROM t", EVENT, destination={"event": "scored"}
    )
    return {name: Engine.of(workspace, name, SCHEMA) for name in ("upsert", "mirror", "append")}


@pytest.fixture(params=TRAFFIC)
def kind(request: pytest.FixtureRequest) -> Traffic:
    """Choose a way of the rows."""
    found: Traffic = TRAFFIC[request.param]
    return found


@pytest.fixture
def engine(
    engines: dict[str, Engine], kind: Traffic, wire: Forwarder, brevo: BrevoAccount, tmp_path: Path
) -> Engine:
    """Give its audience an account and a home of its own."""
    brevo.attributes(POINTS="float")
    brevo.contact(SOMEBODY)
    chosen = engines[kind.kind]
    chosen = replace(chosen, settings=replace(chosen.settings, home=tmp_path / "home"))
    return chosen.with_brevo(f"{wire.url}/v3", brevo.key)


@pytest.mark.parametrize("behaviour", WIRES)
def test_nothing_is_lost_on_the_wire(
    engine: Engine, kind: Traffic, wire: Forwarder, brevo: BrevoAccount, behaviour: str
) -> None:
    """After at most one more run on a good wire everything is there, and nothing is to be done."""
    rows = _rows(kind)
    if kind.kind == "mirror":
        engine.run(rows, DAY)
        rows = rows[:1]
    ended = _through(wire, WIRES[behaviour], engine, rows)
    if ended is None or ended.failed or ended.pending:
        engine.run(rows, DAY)
    last = engine.run(rows, DAY)
    assert (0, 0, 0) == (last.planned, last.removed, last.retried)
    assert kind.wanted + (kind.kind == "upsert") == kind.there(brevo)


def _rows(traffic: Traffic) -> list[dict[str, object]]:
    at = datetime(2026, 11, 1, tzinfo=UTC)
    events = traffic.kind == "append"
    return [
        {
            "id": f"e{number}",
            "email": SOMEBODY if events else f"p{number}@example.com",
            "points": float(number),
            "at": at,
        }
        for number in range(traffic.rows)
    ]


def _through(
    wire: Forwarder, behaviour: Behaviour, engine: Engine, rows: list[dict[str, object]]
) -> Summary | None:
    before = len(wire.paths)
    wire.behaviour = lambda number, method, path: behaviour(number - before, method, path)
    told = ""
    try:
        summary = engine.run(rows, DAY)
    except VendorOutageError as error:
        told = str(error)
    finally:
        wire.behaviour = faultless
    if told:
        assert "accepted by Brevo" in told, "it must say what was and was not sent"
        return None
    assert summary.conserved
    return summary
