"""``/v3/objects`` of the local Brevo."""

from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import NewAccount, admin, create, declare

UPSERT, DELETE = "/v3/objects/order/batch/upsert", "/v3/objects/order/batch/delete"


@pytest.fixture
def orders(brevo: httpx.Client) -> httpx.Client:
    types = {"order": ["total", "state"], "shop": ["name"]}
    for type_, attributes in types.items():
        made = brevo.put(admin(brevo, f"/object-types/{type_}"), json={"attributes": attributes})
        assert made.status_code == 201
    return brevo


def record(ext_id: str, *links: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {
        "identifiers": {"ext_id": ext_id},
        "attributes": attributes,
        **({"associations": list(links)} if links else {}),
    }


def link(type_: str, ext_id: str, action: str = "link") -> dict[str, Any]:
    linked = [{"identifiers": {"ext_id": ext_id}}]
    return {"object_type": type_, "action": action, "records": linked}


def upsert(brevo: httpx.Client, *records: dict[str, Any]) -> int:
    accepted = brevo.post(UPSERT, json={"records": records})
    assert (202, "Batch object records are being processed") == (
        accepted.status_code,
        accepted.json()["message"],
    )
    return int(accepted.json()["processId"])


def held(brevo: httpx.Client) -> dict[str, dict[str, Any]]:
    """Attributes by own id."""
    found = brevo.get(admin(brevo, "/objects")).json()["objects"]
    return {item["identifiers"]["ext_id"]: item["attributes"] for item in found}


def rejected(brevo: httpx.Client) -> dict[str, str]:
    """Give what the last process rejected, which Brevo itself tells nobody."""
    found: dict[str, str] = brevo.get(admin(brevo, "/processes")).json()["processes"][-1][
        "outcome"
    ]["rejected"]
    return found


def test_are_created_and_updated(orders: httpx.Client) -> None:
    """An own id creates or updates; keys that the type has not are ignored without a word."""
    upsert(orders, record("1", total=5, state="new"), record("2", total=6, colour="red"))
    process = upsert(orders, record("1", state="paid"))
    assert {"1": {"total": 5, "state": "paid"}, "2": {"total": 6}} == held(orders)
    assert orders.get(f"/v3/processes/{process}").json()["status"] == "completed"


def test_are_rejected_in_the_background(orders: httpx.Client) -> None:
    """A record that cannot be is left out, while the call is a 202 and its process completes."""
    declare(orders, {"reject_records": ["3"]})
    upsert(
        orders,
        {"identifiers": {"id": 999999}, "attributes": {"total": 1}},
        record("2", link("shop", "nowhere"), total=2),
        record("3", total=3),
        record("4", total=4),
    )
    assert held(orders) == {"4": {"total": 4}}
    assert ["0", "1", "2"] == list(rejected(orders))


def test_are_linked_and_unlinked(orders: httpx.Client) -> None:
    """Both ends show the link; contacts can be linked by their own id."""
    create(orders, "a@example.com", ext_id="7")
    upsert(orders, record("1", link("contact", "7")))
    path = "/v3/objects/contact/associated-records?email=a@example.com"
    (item,) = orders.get(path).json()["items"]
    assert ("order", "1") == (item["type"], item["object"]["ext_id"])
    query = {"limit": 10, "page_num": 1, "association": "true"}
    (shown,) = orders.get("/v3/objects/order/records", params=query).json()["records"]
    assert ["contact"] == [linked["object_type"] for linked in shown["associations"]]
    upsert(orders, record("1", link("contact", "7", "unlink")))
    assert {"items": [], "offset": 0, "has_more": False} == orders.get(path).json()


def test_come_in_pages(orders: httpx.Client) -> None:
    """Both limit and page_num are required; count is of all."""
    upsert(orders, *(record(str(n)) for n in range(5)))
    page = orders.get("/v3/objects/order/records?limit=2&page_num=2&sort=asc").json()
    assert (5, ["2", "3"]) == (
        page["count"],
        [item["identifiers"]["ext_id"] for item in page["records"]],
    )
    assert [400, 400, 400] == [
        orders.get(f"/v3/objects/order/records?{query}").status_code
        for query in ("limit=2", "page_num=1", "limit=2&page_num=0")
    ]


def test_are_deleted_by_their_own_ids(orders: httpx.Client) -> None:
    """Deleting takes one kind of identifier, and those that are not there do not matter."""
    upsert(orders, record("1"), record("2"))
    deleted = orders.post(DELETE, json={"identifiers": {"ext_ids": ["1", "9"]}})
    assert (202, ["2"]) == (deleted.status_code, list(held(orders)))
    both = {"identifiers": {"ext_ids": ["1"], "ids": [1]}}
    assert [400, 400] == [
        orders.post(DELETE, json=body).status_code for body in (both, {"identifiers": {}})
    ]


@pytest.mark.parametrize(
    "records",
    [
        [],
        [record(str(n)) for n in range(1001)],
        [record("1", **{f"a{n}": n for n in range(501)})],
        [record("1", *[link("shop", "1")] * 21)],
        [record("1", {"object_type": "shop", "records": [{"identifiers": {"id": 1}}] * 11})],
        [record("1", link("shop", "1", "join"))],
        [{"identifiers": {"id": 1, "ext_id": "1"}}],
        ["no object"],
    ],
    ids=lambda records: f"{len(records)} records",
)
def test_keep_to_the_limits(orders: httpx.Client, records: list[Any]) -> None:
    """Numbers of records, attributes and associations are checked for the whole call."""
    assert (400, {}) == (
        orders.post(UPSERT, json={"records": records}).status_code,
        held(orders),
    )


def test_keep_to_a_megabyte(orders: httpx.Client) -> None:
    """The limit is on the bytes of the request."""
    body = b'{"records":[{"attributes":{"total":1}}]}'
    assert [202, 400] == [
        orders.post(UPSERT, content=body.ljust(size)).status_code for size in (1_000_000, 1_000_001)
    ]


def test_need_the_feature_and_a_type(new_account: NewAccount) -> None:
    """Without the feature, and for standard objects, a 403; for a type that is not there a 400."""
    without, with_it = new_account(custom_objects=False), new_account()
    body = {"records": [record("1")]}
    assert [403, 403, 400] == [
        without.post(UPSERT, json=body).status_code,
        with_it.post("/v3/objects/company/batch/upsert", json=body).status_code,
        with_it.post(UPSERT, json=body).status_code,
    ]
