"""An audience of contacts, as its source says them, with other people at work in the account."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow as pa

from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline_tests.reliability.world import Rows, World

SCHEMA = pa.schema(
    {"email": pa.string(), "points": pa.float64(), "updated_at": pa.timestamp("us", "UTC")}
)
MAPPING = {"email": "email", "points": "POINTS"}
QUERY = "SELECT email, points, updated_at FROM people"
SINCE = f"{QUERY} WHERE updated_at > :last_sync"
LOOKBACK = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Row:
    """What the source says of a contact, and since when."""

    points: float
    updated_at: datetime


@dataclass(slots=True)
class ContactsWorld(World):
    """`strangers` are contacts of somebody else, those of `first` also when they were new.

    A `poisoned` one is refused by Brevo.
    """

    source: dict[str, Row] = field(default_factory=dict)
    said: dict[str, set[float]] = field(default_factory=dict)
    newest: dict[str, datetime] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    first: set[str] = field(default_factory=set)
    poisoned: str | None = None

    @property
    def mode(self) -> str:
        return self.engine.audience.mode

    def change(self, key: str, points: float, late: timedelta = timedelta()) -> None:
        """Have the source say something, maybe what it said before, at a later moment.

        A row that is `late` was written before, and can be seen only now.
        """
        since = self.now() - late
        if key in self.newest and self.newest[key] >= since:
            return  # what is older than what was said of it is stale
        self.newest[key] = since
        self.source[key] = Row(points, since)
        self.said.setdefault(key, set()).add(points)

    def preexisting(self, keys: set[str]) -> None:
        """Let somebody else make a mirror's list, with contacts on it, before there is a run."""
        if self.mode == "mirror" and keys:
            to = self.engine.audience.destination
            number = self.brevo.make_list(self.engine.audience.name, to.folder)
            for key in keys:
                self.brevo.contact(key, listIds=[number])
            self.strangers |= keys

    def stranger(self, key: str) -> None:
        """Let somebody else create a contact, or put it on the audience's list."""
        if self.poisoned and self.poisoned in key:
            return
        if key not in self.held():
            self.first.add(key)
        lists = [self.list_id] if self.mode == "mirror" and self.list_id else []
        self.brevo.contact(key, listIds=lists)
        if lists or self.mode != "mirror":
            self.strangers.add(key)

    def poison(self, key: str) -> None:
        """Have Brevo refuse everything that names a contact."""
        self.poisoned = key
        self.brevo.change(faults=[{"poison": key}])

    def heal(self) -> None:
        self.poisoned = None
        self.brevo.change(faults=[])

    def decide(self) -> None:
        """Nothing of contacts waits for a person."""

    def snapshot(self) -> dict[str, Row]:
        return dict(self.source)

    def extract(self, partition: SyncRun, source: dict[str, Row]) -> Rows:
        rows = [
            {"email": key, "points": row.points, "updated_at": row.updated_at}
            for key, row in source.items()
        ]
        if "last_sync" not in self.engine.audience.statement.binds():
            return rows
        # What the warehouse would be asked with: the engine's own, not the test's idea of it.
        bound = partition.question().binds["last_sync"]
        return [row for row in rows if row["updated_at"] > bound]  # type: ignore[operator]

    def held(self) -> Mapping[str, object]:
        return {
            key: contact["attributes"].get("POINTS")
            for key, contact in self.brevo.contacts().items()
        }

    def members(self) -> set[str]:
        return {key for key, contact in self.brevo.contacts().items() if contact["listIds"]}

    @property
    def list_id(self) -> int | None:
        return self.brevo.list_ids().get(self.engine.audience.name)

    def check(self) -> None:
        """Brevo is as the source says, as far as the mode goes, and holds nothing else."""
        contacts = self.held()
        for key, points in contacts.items():
            assert points is None or points in self.said[key], f"{key}: nobody said {points}"
        wanted = {key: row.points for key, row in self.source.items()}
        match self.mode:
            case "upsert" | "mirror":
                assert wanted == {key: contacts.get(key) for key in wanted}
            case "update":
                there = {key: points for key, points in wanted.items() if key in self.strangers}
                assert there == {key: contacts.get(key) for key in there}
                assert set(contacts) <= self.strangers
            case "insert":
                assert set(wanted) <= set(contacts)
                assert not [key for key in self.first if contacts[key] is not None]
        if self.mode == "mirror":
            assert set(wanted) | self.strangers == self.members()
        reached = self.ledger.last_sync()
        assert all(reached and reached >= row.updated_at for row in self.source.values())
