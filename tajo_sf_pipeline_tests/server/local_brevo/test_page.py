"""The page at ``/`` of the local Brevo."""

from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import admin, create, new_list


def page(brevo: httpx.Client, **query: Any) -> str:
    shown = brevo.get("/", params={"account": brevo.headers["api-key"]} | query)
    assert (200, "text/html; charset=utf-8") == (shown.status_code, shown.headers["content-type"])
    return shown.text


@pytest.fixture
def filled(brevo: httpx.Client) -> httpx.Client:
    """One thing of each kind, named so that a test finds it."""
    list_ = new_list(brevo, "Win back")
    create(brevo, "ada@example.com", attributes={"FIRSTNAME": "<b>Ada</b>"}, listIds=[list_])
    event = {"event_name": "order_completed", "identifiers": {"email_id": "ada@example.com"}}
    brevo.put(admin(brevo, "/object-types/order"), json={"attributes": ["total"]})
    record = {"identifiers": {"ext_id": "O-17"}, "attributes": {"total": 5}}
    draft = {"name": "Come back", "subject": "Hello", "sender": {"email": "shop@example.com"}}
    for path, body in {
        "/v3/events": event,
        "/v3/objects/order/batch/upsert": {"records": [record]},
        "/v3/emailCampaigns": draft | {"htmlContent": "<p>We miss you</p>"},
    }.items():
        brevo.post(path, json=body).raise_for_status()
    return brevo


@pytest.mark.parametrize(
    ("view", "text"),
    [
        ("contacts", "ada@example.com"),
        ("lists", "Win back"),
        ("events", "order_completed"),
        ("objects", "O-17"),
        ("campaigns", "Come back"),
        ("processes", "OBJECT_UPSERT"),
        ("requests", "POST /v3/emailCampaigns"),
    ],
)
def test_shows_what_arrived(filled: httpx.Client, view: str, text: str) -> None:
    """Each kind has its tab, with what the account holds."""
    assert text in page(filled, view=view)


def test_shows_values_and_not_their_markup(filled: httpx.Client) -> None:
    """What a caller sends is text to the page."""
    shown = page(filled)
    assert "&lt;b&gt;Ada&lt;/b&gt;" in shown
    assert "<b>Ada</b>" not in shown


def test_says_that_there_is_nothing(brevo: httpx.Client) -> None:
    """An empty account shows what to do instead of an empty table."""
    assert "sync an audience" in page(brevo)


def test_turns_its_pages(brevo: httpx.Client) -> None:
    """Fifty rows for a page, the newest first; a wrong view or page is the first one."""
    for number in range(51):
        create(brevo, f"customer{number}@example.com")
    first, second = page(brevo), page(brevo, page=2)
    assert ("customer50@" in first, "customer0@" in first) == (True, False)
    assert ("customer50@" in second, "customer0@" in second) == (False, True)
    assert first == page(brevo, view="nothing", page="x")
