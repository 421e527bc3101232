"""A plan as a value: the way of every row, the calls that it costs, what of it is shown."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tajo_sf_pipeline.audience.destination import (
    ContactsDestination,
    Destination,
    EventsDestination,
    Key,
    Kind,
    ObjectsDestination,
)
from tajo_sf_pipeline.audience.specification import OnLeave
from tajo_sf_pipeline.destinations import contacts, events, objects
from tajo_sf_pipeline.destinations.contacts import FEW
from tajo_sf_pipeline.destinations.kinds import writer_of
from tajo_sf_pipeline.planning.plan import Part, Plan, Routing, parts
from tajo_sf_pipeline.state.run_summary import Planned
from tajo_sf_pipeline.storage import arrow_file
from tajo_sf_pipeline_tests.mapped_rows import audience

MANY = FEW + 1
SCHEMA = pa.schema(
    {
        "_key": pa.string(),
        "_payload": pa.string(),
        "_list": pa.string(),
        "action": pa.string(),
        "reason": pa.string(),
        "category": pa.string(),
    }
)
Group = tuple[str, str | None, int]  # category, list, rows
_TO: dict[Kind, Destination] = {
    "contacts": ContactsDestination(list="people"),
    "events": EventsDestination(event="paid"),
    "objects": ObjectsDestination(object="car"),
}
_EVERY = (
    *(contacts.SINGLE, contacts.IMPORT, contacts.LIST_REMOVE, events.EVENTS),
    *(objects.UPSERT, objects.DELETE),
)
_ROUTES = {route.name: route for route in _EVERY}


def _routing(kind: Kind = "contacts", **settings: Any) -> Routing:
    """Give how an audience of a kind chooses its routes."""
    return writer_of(audience(**{"destination": _TO[kind], **settings})).route


def _rows(*groups: Group, payload: str | None = "{}") -> list[dict[str, Any]]:
    return [
        {
            "_key": f"{category[0]}{number}@example.com",
            "_payload": payload,
            "_list": name,
            "action": "remove" if category == "leave" else "create",
            "reason": "left the source" if category == "leave" else "new",
            "category": category,
        }
        for category, name, rows in groups
        for number in range(rows)
    ]


def _file(folder: Path, rows: list[dict[str, Any]], batch: int = 1_000) -> Path:
    path = folder / "plan.arrow"
    arrow_file.write(path, SCHEMA, pa.Table.from_pylist(rows, SCHEMA).to_batches(batch))
    return path


@pytest.mark.parametrize(
    ("category", "rows", "route", "why"),
    [
        ("plain", 1, "single", "at most 100 of a kind cost less one by one than by import"),
        ("plain", FEW, "single", "at most 100 of a kind cost less one by one than by import"),
        ("plain", MANY, "import", "many"),
        ("flags", MANY, "single", "an import has no flags for a single contact"),
        ("blocklist", FEW, "single", "at most 100 of a kind cost less one by one than by import"),
        ("blocklist", MANY, "import", "many; blocklisted ones travel in imports of their own"),
        ("move", FEW, "single", "at most 100 of a kind cost less one by one than by import"),
        ("move", MANY, "import", "many; they leave their old list when the import has ended"),
    ],
)
def test_contacts_travel_by_what_they_need_and_how_many_they_are(
    tmp_path: Path, category: str, rows: int, route: str, why: str
) -> None:
    """The few go one by one, the many by import, but for what an import cannot do."""
    [part] = parts(_file(tmp_path, _rows((category, None, rows))), _routing())
    assert (route, why, rows) == (part.route.name, part.why, part.rows)


@pytest.mark.parametrize(
    ("rows", "on_leave", "route", "why"),
    [
        (1, "remove_from_list", "list_remove", "lists take 150 contacts off at a time"),
        (MANY, "remove_from_list", "list_remove", "lists take 150 contacts off at a time"),
        (MANY, "delete", "single", "what leaves needs a call of its own"),
        (FEW, "blocklist", "single", "at most 100 of a kind cost less one by one than by import"),
        (MANY, "blocklist", "import", "many"),
        (MANY, "clear_attributes", "import", "many"),
    ],
)
def test_contacts_leave_as_on_leave_and_their_number_say(
    tmp_path: Path, rows: int, on_leave: OnLeave, route: str, why: str
) -> None:
    """Off a list 150 at a time, deleted one by one, blocklisted or cleared by import."""
    routing = _routing(mode="mirror", on_leave=on_leave)
    [part] = parts(_file(tmp_path, _rows(("leave", None, rows))), routing)
    assert (route, why) == (part.route.name, part.why)


def test_who_is_known_by_number_leaves_a_list_one_by_one(tmp_path: Path) -> None:
    """A list's own call names contacts by e-mail or ext_id."""
    file = _file(tmp_path, _rows(("leave", None, MANY)))
    [part] = parts(file, _routing(mode="mirror", key="sms"))
    assert ("single", "what leaves needs a call of its own") == (part.route.name, part.why)


@pytest.mark.parametrize(
    ("kind", "category", "route"),
    [
        ("events", "plain", "events"),
        ("objects", "plain", "objects"),
        ("objects", "leave", "object_delete"),
    ],
)
@pytest.mark.parametrize("rows", [1, MANY])
def test_events_and_objects_always_travel_in_batches(
    tmp_path: Path, kind: Kind, category: str, route: str, rows: int
) -> None:
    """One of them is a batch too."""
    [part] = parts(_file(tmp_path, _rows((category, None, rows))), _routing(kind))
    assert route == part.route.name


def test_parts_stand_in_the_files_order_and_know_their_bytes(tmp_path: Path) -> None:
    """By category and list, one after the other; many rows without a list go one by one."""
    groups: list[Group] = [("leave", None, 2), ("plain", "a", MANY), ("plain", "b", 3)]
    rows = _rows(*groups, ("plain", None, MANY), payload='{"a":"é"}')
    found = parts(
        _file(tmp_path, rows), _routing(destination=ContactsDestination(list_from="class"))
    )
    assert [
        ("leave", None, "list_remove", 0, 2),
        ("plain", "a", "import", 2, MANY),
        ("plain", "b", "single", 2 + MANY, 3),
        ("plain", None, "single", 5 + MANY, MANY),
    ] == [(part.category, part.list, part.route.name, part.first, part.rows) for part in found]
    assert "an import needs a list" == found[-1].why
    # With the comma behind each, in UTF-8.
    assert [part.rows * 11 for part in found] == [part.bytes for part in found]


@pytest.mark.parametrize(
    ("key", "route"), [("email", "import"), ("sms", "import"), ("ext_id", "single")]
)
@pytest.mark.parametrize("category", ["plain", "blocklist", "leave"])
def test_contacts_by_ext_id_go_one_by_one(
    tmp_path: Path, key: Key, route: str, category: str
) -> None:
    """An import finds contacts by e-mail and phone; of an ext_id it is not known."""
    file = _file(tmp_path, _rows((category, None, MANY)))
    [part] = parts(file, _routing(mode="mirror", on_leave="blocklist", key=key))
    assert route == part.route.name


def test_rows_that_only_leave_a_list_have_no_bytes(tmp_path: Path) -> None:
    """Their payload is null."""
    [part] = parts(_file(tmp_path, _rows(("leave", None, 3), payload=None)), _routing())
    assert 0 == part.bytes


@pytest.mark.parametrize(
    ("route", "rows", "size", "calls"),
    [
        ("single", 7, 0, 7),
        ("import", MANY, 0, 1),
        ("import", MANY, 8_000_000, 1),
        ("import", MANY, 8_000_001, 2),
        ("list_remove", 150, 0, 1),
        ("list_remove", 151, 0, 2),
        ("events", 100, 0, 1),
        ("events", 101, 0, 2),
        ("objects", 1000, 1_000_000, 1),
        ("objects", 1001, 1, 2),
        ("objects", 2, 1_000_001, 2),
        ("object_delete", 1000, 0, 1),
        ("object_delete", 1001, 0, 2),
    ],
)
def test_calls_are_estimated_by_brevos_limits(route: str, rows: int, size: int, calls: int) -> None:
    """Rows or bytes, whichever of them fills a call first."""
    assert calls == Part(_ROUTES[route], "", "plain", None, 0, rows, size).calls


def test_a_plans_calls_are_those_of_its_parts() -> None:
    """One without parts calls nobody."""
    single, batch = (
        Part(_ROUTES[route], "", "plain", None, 0, 3, 9) for route in ("single", "events")
    )
    assert (4, 0) == (Plan(Planned(), None, (single, batch)).calls, Plan(Planned(), None).calls)


@pytest.mark.parametrize("in_a_batch", [1, 3, 4, 10, 100])
@pytest.mark.parametrize("written", [1, 3, 7, 10])
@pytest.mark.parametrize(
    "window", [(0, 10), (0, 1), (2, 1), (3, 3), (2, 7), (9, 1), (9, 5), (10, 1), (4, 0)]
)
def test_rows_are_read_over_the_seams_of_batches(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: int,
    in_a_batch: int,
    window: tuple[int, int],
) -> None:
    """However they came and were cut: exactly the rows that are wanted, once and in order."""
    first, count = window
    monkeypatch.setattr(arrow_file, "ROWS", in_a_batch)
    file = _file(tmp_path, _rows(("plain", None, 10)), written)
    batches = list(arrow_file.rows_of(file, first, count))
    assert max((batch.num_rows for batch in batches), default=0) <= in_a_batch
    found = [key for batch in batches for key in batch["_key"].to_pylist()]
    assert [f"p{number}@example.com" for number in range(10)][first : first + count] == found


def _plan(folder: Path, **more: Any) -> Plan:
    file = _file(folder, _rows(("leave", None, 2), ("plain", "a", MANY)), batch=7)
    found = parts(file, _routing())
    return Plan(Planned(create=MANY, remove=2, stale=1), file, found, **more)


def test_a_sample_has_rows_of_every_part(tmp_path: Path) -> None:
    """As many of each as are wanted, or as it has."""
    keys = [row["_key"] for row in _plan(tmp_path).sample(3)]
    assert [*(f"l{n}@example.com" for n in range(2)), *(f"p{n}@example.com" for n in range(3))] == (
        keys
    )
    assert [] == Plan(Planned(), None).sample(3)


def test_json_tells_counts_ways_and_reasons_and_no_address(tmp_path: Path) -> None:
    """Keys are masked unless they may be shown."""
    plan = _plan(tmp_path, others={"stale": ["jane@example.com"]})
    told = plan.as_json(show_keys=False)
    assert (MANY, 2, 1, MANY, MANY + 2, 2) == tuple(
        told[name] for name in ("create", "remove", "stale", "planned", "writes", "api_calls")
    )
    assert [
        {"action": "create", "reason": "new", "rows": MANY},
        {"action": "remove", "reason": "left the source", "rows": 2},
    ] == told["reasons"]
    assert [("list_remove", None, 2, 1), ("import", "a", MANY, 1)] == [
        (route["way"], route["list"], route["rows"], route["api_calls"]) for route in told["ways"]
    ]
    assert {"stale": ["j***@example.com"]} == told["others"]
    assert {"stale": ["jane@example.com"]} == plan.as_json(show_keys=True)["others"]


def test_s14_a_plan_that_is_done_leaves_no_file(tmp_path: Path) -> None:
    """It holds personal data; it stays only while something in flight needs it."""
    plan = _plan(tmp_path)
    assert plan.file is not None
    plan.discard(unless={str(plan.file)})
    assert plan.file.exists()
    plan.discard()
    plan.discard()
    assert not plan.file.exists()
    assert {} == Plan(Planned(), None).reasons()
