"""The engine drives any kind of destination: this one keeps its rows in memory."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tajo_sf_pipeline.destinations import kinds
from tajo_sf_pipeline.destinations.base import Sender, Writer
from tajo_sf_pipeline.destinations.delivery import Answer, Delivery
from tajo_sf_pipeline.planning.plan import Part, Route
from tajo_sf_pipeline.storage.arrow_file import rows_of
from tajo_sf_pipeline_tests.mapped_rows import Engine, audience, person
from tajo_sf_pipeline_tests.workspaces import BrevoAccount

SHELF: dict[str, str] = {}
FULL = "the shelf is full"


class Shelf(Writer):
    """Takes any row but one, and lets it go again."""

    def route(self, category: str, list_name: str | None, rows: int) -> tuple[Route, str]:
        return Route("shelf", rows=1), "a shelf takes one at a time"

    def sender(self, delivery: Delivery) -> Sender:
        return _Shelving(delivery)


class _Shelving:
    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery

    def send(self, part: Part) -> None:
        rows = pa.Table.from_batches(rows_of(self.delivery.plan, part.first, part.rows))
        number = self.delivery.begin(part, part.first, part.rows, b"")
        reasons = [self._put(row) for row in rows.to_pylist()]
        self.delivery.settle(Answer(rows, pa.array(reasons, pa.string())))
        self.delivery.journal.settled(number)

    def finish(self) -> None:
        """Everything is on the shelf at once."""

    def _put(self, row: dict[str, Any]) -> str | None:
        if row["_key"] == "p2@example.com":
            return FULL
        if row["action"] == "remove":
            del SHELF[row["_key"]]
        else:
            SHELF[row["_key"]] = row["_payload"]
        return None


@pytest.fixture
def engine(brevo: BrevoAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Give the engine of a mirror whose contacts go to the shelf."""
    monkeypatch.setattr(kinds, "WRITERS", {"contacts": Shelf})
    SHELF.clear()
    return Engine(tmp_path, brevo, audience(mode="mirror", allow_empty=True))


def test_rows_come_change_fail_and_leave(engine: Engine, brevo: BrevoAccount) -> None:
    """Ledger, dead letters, guards and counts are the engine's, whatever takes the rows."""
    first = engine.run([person(number) for number in range(1, 4)])
    assert (3, 2, 1) == (first.planned, first.confirmed, first.failed)
    assert ["p1@example.com", "p3@example.com"] == list(SHELF)
    again = engine.run([person(1), person(3, FIRSTNAME="New")])
    assert (1, 1, 0) == (again.unchanged, again.confirmed, again.failed)
    assert "New" in SHELF["p3@example.com"]
    assert [] == brevo.writes()


def test_who_leaves_is_let_go(engine: Engine) -> None:
    """A mirror's leaver is a row of the plan like any other."""
    engine.run([person(number) for number in range(4, 10)])
    assert 1 == engine.run([person(number) for number in range(4, 9)]).removed
    assert [f"p{number}@example.com" for number in range(4, 9)] == list(SHELF)
