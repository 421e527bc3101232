"""An audience of events: none is lost, and with `hold` none is sent twice but by a person."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline_tests.reliability.world import Rows, World

SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "email": pa.string(),
        "number": pa.int64(),
        "moment": pa.timestamp("us", "UTC"),
    }
)
MAPPING = {"id": "event_id", "email": "email", "number": "number", "moment": "event_date"}
QUERY = "SELECT id, email, number, moment FROM scores"
EVENT = "scored"
WHO = "somebody@example.com"
_BLIND = {"status": 400, "method": "GET", "path": "/v3/events", "times": 1_000_000}


@dataclass(slots=True)
class EventsWorld(World):
    """`released` counts how often a person had an event sent again.

    `ever_blind` says that Brevo did not tell for a while which events it has.
    """

    source: dict[str, datetime] = field(default_factory=dict)
    released: Counter[str] = field(default_factory=Counter)
    ever_blind: bool = False

    @property
    def holds(self) -> bool:
        return self.engine.audience.on_uncertain == "hold"

    def happen(self, count: int) -> None:
        """Let more events happen."""
        for _ in range(count):
            self.source[f"e{len(self.source)}"] = self.now()

    def go_blind(self) -> None:
        """Let Brevo not tell any more which events it has."""
        self.ever_blind = True
        self.brevo.change(faults=[_BLIND])

    def release(self) -> None:
        """Let a person look at every event that waits, and have it sent."""
        waiting = [row["key"] for row in self.ledger.failed().to_pylist() if row["held"]]
        self.released.update(waiting)
        self.ledger.release(waiting)

    def heal(self) -> None:
        self.brevo.change(faults=[])

    def decide(self) -> None:
        self.run()  # what a kill left open is held only now
        self.release()

    def snapshot(self) -> dict[str, datetime]:
        return dict(self.source)

    def extract(self, _partition: SyncRun, source: dict[str, datetime]) -> Rows:
        return [
            {"id": key, "email": WHO, "number": int(key[1:]), "moment": moment}
            for key, moment in source.items()
        ]

    def held(self) -> Mapping[str, object]:
        return Counter(f"e{event['event_properties']['number']}" for event in self.brevo.events())

    def check(self) -> None:
        """Every event has arrived; twice only where nobody could know, and somebody said so."""
        arrived = self.held()
        assert self.source.keys() == arrived.keys()
        for key, times in arrived.items():
            if self.holds:
                assert times <= 1 + self.released[key], f"{key} was sent {times} times"
            elif not self.ever_blind:
                assert times == 1, f"{key} was sent {times} times"
