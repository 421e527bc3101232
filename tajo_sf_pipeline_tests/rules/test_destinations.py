"""Rows to where the audience's file says: through mapping and sync into a real local Brevo."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import httpx
import pyarrow as pa
import pytest

from tajo_sf_pipeline.errors import GuardError, MappingError, PermissionDeniedError
from tajo_sf_pipeline.state.run_summary import Summary
from tajo_sf_pipeline_tests.engine import Engine
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

DAY = date(2026, 11, 20)
# More than a hundred go by import where they can.
MANY = pytest.param(105, marks=pytest.mark.long, id="many")
FEW_AND_MANY = pytest.mark.parametrize("many", [pytest.param(3, id="few"), MANY])
ANYBODY = {"guards": {"max_removed": "100%"}}
Rows = list[dict[str, object]]


def _engine(
    workspace: Workspace, mapping: dict[str, Any], columns: dict[str, pa.DataType], **more: Any
) -> Engine:
    """Write the audience's files, or write them again with other settings, and load them."""
    query = f"SELECT {', '.join(columns)} FROM {workspace.prefix}_rows"
    workspace.audience("rows", query, mapping, **more)
    return Engine.of(workspace, "rows", pa.schema(columns))


def _held(brevo: BrevoAccount, what: str) -> list[dict[str, Any]]:
    """Read a view of all that the account holds."""
    url = f"{brevo.url}/admin/accounts/{brevo.key}/{what}"
    found: list[dict[str, Any]] = httpx.get(url, params={"limit": 1000}).json()[what]
    return found


def _members(brevo: BrevoAccount) -> dict[str, set[Any]]:
    return {one["name"]: set(one["members"]) for one in _held(brevo, "lists")}


def _told(run: Summary, *names: str) -> tuple[Any, ...]:
    assert run.conserved, run
    return tuple(getattr(run, name) for name in names)


def _sends_nothing(engine: Engine, rows: Rows) -> None:
    """Bring the same rows again (S03)."""
    assert (0, 0, 0) == _told(engine.run(rows, DAY), "planned", "removed", "api_calls")


# -- Custom objects

CAR = {"id": "ext_id", "color": "color", "seats": "seats"}
CARS = {"id": pa.string(), "color": pa.string(), "seats": pa.int64(), "owner": pa.string()}
TO_CARS = {"destination": {"object": "car", "association": {"column": "owner"}}}


@pytest.fixture
def garage(workspace: Workspace) -> Workspace:
    """Give the account a type of object, and somebody who has one."""
    brevo = workspace.brevo
    admin = f"{brevo.url}/admin/accounts/{brevo.key}/object-types/car"
    httpx.put(admin, json={"attributes": ["color", "seats"]}).raise_for_status()
    brevo.contact("ann@example.com", ext_id="ann")
    return workspace


def _car(number: int, color: str = "red", owner: str | None = None) -> dict[str, object]:
    return {"id": f"c{number}", "color": color, "seats": 4, "owner": owner}


def _cars(brevo: BrevoAccount) -> dict[str, tuple[str, int]]:
    """Give the colour of each record, and to how many others it is linked."""
    return {
        one["identifiers"]["ext_id"]: (
            one["attributes"]["color"],
            sum(len(linked["records"]) for linked in one["associations"]),
        )
        for one in _held(brevo, "objects")
    }


def test_objects_are_created_linked_and_updated(garage: Workspace) -> None:
    """By their ext_id, each with its link to a contact; the same again sends nothing."""
    engine = _engine(garage, CAR, CARS, **TO_CARS)
    first = engine.run([_car(1, owner="ann"), _car(2)], DAY)
    assert (2, 2, 0) == _told(first, "created", "confirmed", "failed")
    assert {"c1": ("red", 1), "c2": ("red", 0)} == _cars(garage.brevo)
    rows = [_car(1, owner="ann"), _car(2, "سبز"), _car(3)]
    assert (1, 1, 1) == _told(engine.run(rows, DAY), "created", "updated", "unchanged")
    assert {"c1": ("red", 1), "c2": ("سبز", 0), "c3": ("red", 0)} == _cars(garage.brevo)
    _sends_nothing(engine, rows)


def test_objects_that_leave_a_mirror_are_deleted(garage: Workspace) -> None:
    """`on_leave: delete` takes the audience's own records, and no others."""
    leaving = {"mode": "mirror", "on_leave": "delete", **ANYBODY}
    engine = _engine(garage, CAR, CARS, **TO_CARS, **leaving)
    engine.run([_car(number) for number in range(3)], DAY)
    by_hand = {"records": [{"identifiers": {"ext_id": "own"}, "attributes": {"color": "blue"}}]}
    httpx.post(
        f"{garage.brevo.url}/v3/objects/car/batch/upsert",
        json=by_hand,
        headers={"api-key": garage.brevo.key},
    ).raise_for_status()
    assert (2, 0) == _told(engine.run([_car(0)], DAY), "removed", "left_over")
    assert {"c0", "own"} == set(_cars(garage.brevo))
    _sends_nothing(engine, [_car(0)])


def test_an_account_without_custom_objects_is_told(garage: Workspace) -> None:
    """Nothing is confirmed, and all arrives as soon as the plan has them."""
    garage.brevo.change(custom_objects=False)
    engine = _engine(garage, CAR, CARS, **TO_CARS)
    with pytest.raises(PermissionDeniedError, match="TAJO-311"):
        engine.run([_car(1)], DAY)
    garage.brevo.change(custom_objects=True)
    assert (1, 0) == _told(engine.run([_car(1)], DAY), "confirmed", "failed")


# -- Events

EVENT = {"id": "event_id", "email": "email", "at": "event_date", "total": "total"}
EVENTS = {
    **{name: pa.string() for name in ("id", "email", "what")},
    "at": pa.timestamp("us", "UTC"),
    "total": pa.float64(),
}


def test_events_are_named_by_a_column(workspace: Workspace) -> None:
    """Each by its row; a row without a name that Brevo takes is a reject and not sent."""
    workspace.brevo.contact("ann@example.com")
    engine = _engine(workspace, EVENT, EVENTS, destination={"event_from": "what"})
    names = ["order_completed", "cart_abandoned", "order_completed", "no name!", None]
    rows: Rows = [
        {"id": f"e{n}", "email": "ann@example.com", "what": what, "at": 1_700_000_000, "total": n}
        for n, what in enumerate(names)
    ]
    assert (3, 2, 0) == _told(engine.run(rows, DAY), "confirmed", "rejected", "failed")
    assert [
        ("cart_abandoned", {"event_id": "e1", "total": 1}),
        ("order_completed", {"event_id": "e0", "total": 0}),
        ("order_completed", {"event_id": "e2", "total": 2}),
    ] == sorted(
        ((one["event_name"], one["event_properties"]) for one in _held(workspace.brevo, "events")),
        key=str,
    )
    _sends_nothing(engine, rows)


# -- Keys

PEOPLE = {"id": pa.string(), "phone": pa.string(), "points": pa.float64()}
BY_KEY = pytest.mark.parametrize(
    ("key", "mapping"),
    [
        ("ext_id", {"id": "ext_id", "points": "POINTS"}),
        ("sms", {"phone": "sms", "points": "POINTS"}),
    ],
    ids=["ext_id", "sms"],
)


def _people(numbers: Iterable[int], points: float = 1) -> Rows:
    return [
        {"id": f"n{number}", "phone": f"+336120{number:05}", "points": points} for number in numbers
    ]


def _points(brevo: BrevoAccount, key: str) -> dict[str, float]:
    """Give every contact's points by its own id."""
    name = {"ext_id": "EXT_ID", "sms": "SMS"}[key]
    return {
        one["attributes"][name]: one["attributes"]["POINTS"] for one in _held(brevo, "contacts")
    }


@FEW_AND_MANY
@BY_KEY
def test_contacts_without_an_address(
    workspace: Workspace, key: str, mapping: dict[str, str], many: int
) -> None:
    """By their ext_id or phone: created, changed, left alone, and taken off a mirror's list."""
    workspace.brevo.attributes(POINTS="float")
    more = {"key": key, "mode": "mirror", "destination": {"list": "VIP"}, **ANYBODY}
    engine = _engine(workspace, mapping, PEOPLE, **more)
    assert (many, 0) == _told(engine.run(_people(range(many)), DAY), "confirmed", "failed")
    rows = [*_people([0]), *_people(range(1, many), points=2)]
    assert (many - 1, 1) == _told(engine.run(rows, DAY), "confirmed", "unchanged")
    named = _people(range(many))
    ids = [str(row["id"] if key == "ext_id" else row["phone"]).lstrip("+") for row in named]
    assert dict.fromkeys(ids, 2) | {ids[0]: 1} == _points(workspace.brevo, key)
    assert many == len(_members(workspace.brevo)["VIP"])
    assert (many - 1, 0) == _told(engine.run(rows[:1], DAY), "removed", "left_over")
    assert (1, many) == (
        len(_members(workspace.brevo)["VIP"]),
        len(_held(workspace.brevo, "contacts")),
    )
    _sends_nothing(engine, rows[:1])


@pytest.mark.parametrize("many", [3, 105], ids=["few", "many"])
def test_s10_one_field_clears_and_another_leaves_alone(workspace: Workspace, many: int) -> None:
    """A null erases what Brevo has where the field says so, and there only."""
    workspace.brevo.attributes(POINTS="float", OWN_ID="text")
    mapping = {"phone": "sms", "id": "OWN_ID", "points": {"to": "POINTS", "nulls": "clear"}}
    engine = _engine(workspace, mapping, PEOPLE, key="sms")
    engine.run(_people(range(many)), DAY)
    rows = [{**row, "id": None, "points": None} for row in _people(range(many))]
    assert (many, 0) == _told(engine.run(rows, DAY), "confirmed", "failed")
    assert [{"OWN_ID", "SMS"}] * many == [
        set(one["attributes"]) for one in _held(workspace.brevo, "contacts")
    ]


# -- Consent

OPTED = {"email": pa.string(), "points": pa.float64(), "optin": pa.string()}
CONSENT = {"email": "email", "points": "POINTS", "optin": "consent.email"}


def _opted(many: int, optin: str | None, points: float = 1) -> Rows:
    return [{"email": f"p{n}@example.com", "points": points, "optin": optin} for n in range(many)]


def _blocked(brevo: BrevoAccount) -> set[bool]:
    return {contact["emailBlacklisted"] for contact in brevo.contacts().values()}


def _unsubscribed(brevo: BrevoAccount, many: int) -> None:
    """Make contacts who have said no, elsewhere."""
    with httpx.Client(base_url=brevo.url, headers={"api-key": brevo.key}) as client:
        for number in range(many):
            body = {"email": f"p{number}@example.com", "emailBlacklisted": True}
            client.post("/v3/contacts", json=body).raise_for_status()


@FEW_AND_MANY
def test_s09_a_no_blocklists_and_only_resubscribe_takes_it_back(
    workspace: Workspace, many: int
) -> None:
    """A yes, and nothing, leave the flag alone, unless the audience says `resubscribe`."""
    workspace.brevo.attributes(POINTS="float")
    engine = _engine(workspace, CONSENT, OPTED)
    assert (many,) == _told(engine.run(_opted(many, "no"), DAY), "confirmed")
    assert {True} == _blocked(workspace.brevo)
    for points, answer in enumerate(("yes", None), 2):
        run = engine.run(_opted(many, answer, points), DAY)
        assert (many, 0) == _told(run, "confirmed", "failed")
        assert {True} == _blocked(workspace.brevo)
    engine = _engine(workspace, CONSENT, OPTED, consent={"resubscribe": True})
    assert (many,) == _told(engine.run(_opted(many, None, 5), DAY), "confirmed")
    assert {True} == _blocked(workspace.brevo)
    assert (many,) == _told(engine.run(_opted(many, "yes", 6), DAY), "confirmed")
    assert {False} == _blocked(workspace.brevo)


@FEW_AND_MANY
def test_s09_no_other_write_resubscribes(workspace: Workspace, many: int) -> None:
    """Who unsubscribed by himself stays so when he is updated, moved to a list and let go."""
    workspace.brevo.attributes(POINTS="float")
    _unsubscribed(workspace.brevo, many)
    plain = {name: CONSENT[name] for name in ("email", "points")}
    more = {"mode": "mirror", "destination": {"list_from": "optin"}, **ANYBODY}
    engine = _engine(workspace, plain, OPTED, **more)
    for rows in (_opted(many, "gold"), _opted(many, "silver", 2), _opted(1, "silver", 3)):
        assert (0, 0) == _told(engine.run(rows, DAY), "failed", "left_over")
    assert {"gold": set(), "silver": {"p0@example.com"}} == _members(workspace.brevo)
    assert {True} == _blocked(workspace.brevo)


# -- Lists

SEGMENTS = {"email": pa.string(), "segment": pa.string()}


@FEW_AND_MANY
def test_a_list_for_each_value_of_a_column(workspace: Workspace, many: int) -> None:
    """Who changes his value leaves the old list and joins the new in one run."""
    engine = _engine(
        workspace, {"email": "email"}, SEGMENTS, destination={"list_from": "Segment", "folder": "S"}
    )

    def rows(gold: int) -> Rows:
        return [
            {"email": f"p{n}@example.com", "segment": "gold" if n < gold else " Großkunden; ✨ "}
            for n in range(many + 1)
        ]

    assert (many + 1, 0) == _told(engine.run(rows(many), DAY), "confirmed", "failed")
    assert (many - 1, 2) == _told(engine.run(rows(1), DAY), "confirmed", "unchanged")
    everybody = {f"p{number}@example.com" for number in range(many + 1)}
    gold = {"p0@example.com"}
    assert {"gold": gold, "Großkunden; ✨": everybody - gold} == _members(workspace.brevo)
    assert {"S"} == {one["folder"] for one in _held(workspace.brevo, "lists")}
    _sends_nothing(engine, rows(1))


def test_a_row_without_a_list_is_a_reject(workspace: Workspace) -> None:
    """It is told by its column, and stays where it was."""
    engine = _engine(workspace, {"email": "email"}, SEGMENTS, destination={"list_from": "segment"})
    engine.run([{"email": "ann@example.com", "segment": "gold"}], DAY)
    run = engine.run([{"email": "ann@example.com", "segment": " "}], DAY)
    assert (1, 0) == _told(run, "rejected", "planned")
    assert {"gold": {"ann@example.com"}} == _members(workspace.brevo)


# -- Attributes

CHOICES = {"email": pa.string(), "tier": pa.string(), "tags": pa.string(), "points": pa.float64()}
MADE = {
    "email": "email",
    "tier": {"to": "tier", "type": "category", "options": ["Gold", "Silver"]},
    "tags": {"to": "TAGS", "type": "list", "separator": ",", "options": ["new", "vip"]},
    "points": "POINTS",
}


@FEW_AND_MANY
def test_attributes_are_created_with_their_options(workspace: Workspace, many: int) -> None:
    """Category and multiple choice too, before the first write; then the values arrive."""
    engine = _engine(workspace, MADE, CHOICES, create_attributes=True, verify="all")
    rows: Rows = [
        {"email": f"p{n}@example.com", "tier": "Silver", "tags": "vip,new", "points": 1.5}
        for n in range(many)
    ]
    run = engine.run(rows, DAY)
    assert (many, many, {}) == (run.confirmed, run.verified, dict(run.differences))
    # Of a category Brevo gives the number of the option, here that of Silver.
    assert {"TIER": "2", "TAGS": ["vip", "new"], "POINTS": 1.5} == {
        name: value
        for name, value in workspace.brevo.contacts()["p0@example.com"]["attributes"].items()
        if name in {"TIER", "TAGS", "POINTS"}
    }
    _sends_nothing(engine, rows)


def test_s16_an_attribute_of_another_type_is_refused_with_both(workspace: Workspace) -> None:
    """Nothing is created and nobody is written: Brevo cannot change a type."""
    workspace.brevo.attributes(POINTS="date")
    before = workspace.brevo.writes()
    engine = _engine(workspace, MADE, CHOICES, create_attributes=True)
    rows: Rows = [{"email": "ann@example.com", "tier": "Gold", "tags": "vip", "points": 1.0}]
    with pytest.raises(MappingError) as refused:
        engine.run(rows, DAY)
    assert "TAJO-612" == refused.value.code
    assert all(word in refused.value.happened for word in ("POINTS", "float", "date"))
    assert before == workspace.brevo.writes()


# -- Guards

POINTS = {"email": pa.string(), "points": pa.float64()}
PLAIN = {"email": "email", "points": "POINTS"}


@pytest.mark.parametrize(
    ("guards", "rows", "code"),
    [
        ({"volume": "50%"}, [*range(12)], "TAJO-805"),
        ({"min_rows": 3}, [7, 8], "TAJO-804"),
        ({"max_rejected": 0}, [7, 8, None], "TAJO-803"),
    ],
    ids=["volume", "min_rows", "max_rejected"],
)
def test_guards_stop_before_any_write(
    workspace: Workspace, guards: dict[str, Any], rows: list[int | None], code: str
) -> None:
    """Brevo and the ledger stay as they were; accepted, the same rows are sent."""
    workspace.brevo.attributes(POINTS="float")
    engine = _engine(workspace, PLAIN, POINTS, guards=guards)

    def people(numbers: Iterable[int | None]) -> Rows:
        return [
            {"email": None if n is None else f"p{n}@example.com", "points": 1.0} for n in numbers
        ]

    engine.run(people(range(5)), DAY)
    before = workspace.brevo.writes()
    with pytest.raises(GuardError) as stopped:
        engine.run(people(rows), DAY)
    assert (code, before) == (stopped.value.code, workspace.brevo.writes())
    name = next(iter(guards))
    partition = replace(engine.extracted(people(rows), DAY), accept=(name,))
    run = partition.sync()
    assert ((name,), 0) == _told(run, "accepted_guards", "failed")
    assert run.confirmed > 0


def test_a_guard_ends_the_command_with_4(workspace: Workspace) -> None:
    """`--accept-guard` lets it pass once: the next run is judged again."""
    workspace.write(snowflake={"transport": "sql_api"})  # the quicker one to begin with
    table = workspace.table("people", "email", [["ann@example.com"], ["bob@example.com"]])
    query, mapping = f"SELECT email FROM {table}", {"email": "email"}
    workspace.audience("people", query, mapping, guards={"min_rows": 3})
    ran = workspace.tajo("connectors", "sync", "snowflake", "--json")
    assert (4, True) == (ran.code, "TAJO-804" in ran.out), ran
    assert [] == workspace.brevo.writes()
    passed = workspace.tajo("connectors", "sync", "snowflake", "--accept-guard", "min_rows")
    assert (0, {"people": 2}) == (passed.code, workspace.brevo.lists()), passed
