"""``/v3/events`` of the local Brevo."""

from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import (
    NewAccount,
    admin,
    attributes_of,
    create,
    error,
    new_attribute,
)


def event(email: str = "a@example.com", **more: Any) -> dict[str, Any]:
    return {"event_name": "order_completed", "identifiers": {"email_id": email}} | more


def held(brevo: httpx.Client) -> list[dict[str, Any]]:
    """Everything that arrived, in its order."""
    found: list[dict[str, Any]] = brevo.get(admin(brevo, "/events")).json()["events"]
    return found


class TestOneEvent:
    def test_is_kept_as_sent(self, brevo: httpx.Client) -> None:
        """An event answers with an empty 204 and belongs to the contact that it names."""
        contact = create(brevo, "a@example.com")
        body = event(event_date="2026-11-01T10:00:00+01:00", event_properties={"a": [{"b": 1}]})
        posted = brevo.post("/v3/events", json=body)
        assert (204, b"") == (posted.status_code, posted.content)
        assert [body | {"contact": contact}] == held(brevo)

    def test_prefers_the_contact_id(self, brevo: httpx.Client) -> None:
        """The contact id wins over every other identifier."""
        create(brevo, "a@example.com")
        other = create(brevo, "b@example.com")
        sent = {"contact_id": other, "email_id": "a@example.com"}
        brevo.post("/v3/events", json=event(identifiers=sent)).raise_for_status()
        assert [other] == [kept["contact"] for kept in held(brevo)]

    def test_updates_its_contact(self, brevo: httpx.Client) -> None:
        """contact_properties become attributes."""
        create(brevo, "a@example.com")
        new_attribute(brevo, "AGE", type="float")
        brevo.post("/v3/events", json=event(contact_properties={"AGE": 32})).raise_for_status()
        assert attributes_of(brevo, "a@example.com") == {"AGE": 32}

    @pytest.mark.parametrize(("rule", "status"), [("accept", 204), ("refuse", 400)])
    def test_of_nobody(self, new_account: NewAccount, rule: str, status: int) -> None:
        """An event of an unknown contact is kept without one, or refused where told."""
        brevo = new_account(unknown_event_contact=rule)
        assert status == brevo.post("/v3/events", json=event()).status_code
        assert [None] * (status == 204) == [kept["contact"] for kept in held(brevo)]

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"identifiers": {"email_id": "a@example.com"}}, "undefined event_name"),
            (event(event_name="not allowed"), "Invalid event_name"),
            (event(event_name="x" * 256), "Invalid event_name"),
            (
                {"event_name": "seen", "identifiers": {}},
                "Please pass at least one identifier or contact id",
            ),
            (event("wrong"), "Invalid email address"),
            (event(event_date="yesterday"), "Invalid event_date"),
            (event(event_properties={"a": {"b c": 1}}), "Invalid event_properties key"),
            (
                event(event_properties={"a": "x" * 50_000}),
                "event_properties size limit of 50 KB exceeded",
            ),
        ],
    )
    def test_says_what_is_wrong(
        self, brevo: httpx.Client, body: dict[str, Any], message: str
    ) -> None:
        """Names, identifiers, dates, keys and the size are checked at once."""
        refused = brevo.post("/v3/events", json=body)
        assert (400, error("invalid_parameter", message)) == (refused.status_code, refused.json())
        assert held(brevo) == []


class TestBatches:
    def test_are_accepted(self, brevo: httpx.Client) -> None:
        """When all events are well the answer is a 202 with their number."""
        posted = brevo.post("/v3/events/batch", json={"events": [event(), event()]})
        message = "Batch accepted. Valid events have been added to the processing queue."
        assert (202, {"message": message, "count": 2}) == (posted.status_code, posted.json())

    def test_are_taken_in_part(self, brevo: httpx.Client) -> None:
        """A 207 names the refused by their places, those with one reason together."""
        wrong: list[Any] = [{}, event("wrong"), "no object"]
        posted = brevo.post("/v3/events/batch", json={"events": [event(), *wrong]})
        assert posted.status_code == 207
        assert posted.json() == {
            "status": "partiallyQueued",
            "total_events": 4,
            "successful_events": 1,
            "failed_events": 3,
            "errors": [
                {"eventIndex": [1, 3], "message": "undefined event_name"},
                {"eventIndex": [2], "message": "Invalid email address"},
            ],
        }
        assert len(held(brevo)) == 1

    def test_are_refused_when_all_fail(self, brevo: httpx.Client) -> None:
        """The 400 has the form of the 207."""
        refused = brevo.post("/v3/events/batch", json={"events": [{}]})
        assert (400, "failed", 1) == (
            refused.status_code,
            refused.json()["status"],
            refused.json()["failed_events"],
        )

    @pytest.mark.parametrize("body", [[event()], {"events": []}, {}, {"events": event()}])
    def test_are_objects(self, brevo: httpx.Client, body: Any) -> None:
        """A bare array, which was the form until April 2026, is refused."""
        assert brevo.post("/v3/events/batch", json=body).status_code == 400

    def test_can_have_a_greatest_size(self, new_account: NewAccount) -> None:
        """How many events fit is not documented; an account can be told."""
        brevo = new_account(events_per_batch=2)
        sizes = [brevo.post("/v3/events/batch", json={"events": [event()] * n}) for n in (2, 3)]
        assert [202, 400] == [answer.status_code for answer in sizes]


class TestLookUp:
    def test_finds_by_contact_name_and_date(self, brevo: httpx.Client) -> None:
        """Filters narrow the listing and its count; the newest event comes first."""
        contact = create(brevo, "a@example.com")
        for name, date in [("one", "2026-11-01"), ("two", "2026-11-03"), ("old", "2020-01-01")]:
            brevo.post("/v3/events", json=event(event_name=name, event_date=date))
        days = {"startDate": "2026-11-02", "endDate": "2026-11-03"}
        queries: list[dict[str, Any]] = [{"contact_id": contact}, {"event_name": "one"}, days]
        answers = [brevo.get("/v3/events", params=query).json() for query in queries]
        assert [["two", "one"], ["one"], ["two"]] == [
            [found["event_name"] for found in answer["events"]] for answer in answers
        ]
        assert [2, 1, 1] == [answer["count"] for answer in answers]

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=10001", "startDate=2026-01-01", "contact_id=x"]
    )
    def test_refuses_a_wrong_query(self, brevo: httpx.Client, query: str) -> None:
        """Limits are enforced, and one date needs the other."""
        assert brevo.get(f"/v3/events?{query}").status_code == 400
