"""Who may be written to, as the local Brevo keeps it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import (
    NewAccount,
    admin,
    create,
    do,
    get,
    new_list,
    reports_of,
)


def unsubscriptions(brevo: httpx.Client, contact: str | int, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = get(brevo, contact, **query)["statistics"].get("unsubscriptions", {})
    return found


def flags(brevo: httpx.Client, contact: str | int) -> tuple[bool, bool]:
    form = get(brevo, contact)
    return form["emailBlacklisted"], form["smsBlacklisted"]


class TestUnsubscriptions:
    def test_by_the_contact_have_their_moment_and_campaign(self, brevo: httpx.Client) -> None:
        """Blocklisted, with a userUnsubscription as documented, and a later modifiedAt."""
        contact = create(brevo, "a@example.com")
        before = get(brevo, contact)["modifiedAt"]
        moment = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        do(brevo, "unsubscribe", email="a@example.com", moment=moment.isoformat(), campaign=7)
        item = {"eventTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "campaignId": 7, "ip": "127.0.0.1"}
        assert {"userUnsubscription": [item], "adminUnsubscription": []} == (
            unsubscriptions(brevo, contact)
        )
        assert flags(brevo, contact) == (True, False)
        assert get(brevo, contact)["modifiedAt"] > before
        listed = brevo.get("/v3/contacts").json()["contacts"]
        assert [True] == [form["emailBlacklisted"] for form in listed]
        assert "statistics" not in listed[0]

    def test_by_the_account_have_their_moment(self, brevo: httpx.Client) -> None:
        """Each call that blocklists leaves one adminUnsubscription, and none for who was so."""
        one = create(brevo, "a@example.com", emailBlacklisted=True)
        two, three = create(brevo, "b@example.com"), create(brevo, "c@example.com")
        for _ in range(2):
            brevo.put(f"/v3/contacts/{two}", json={"emailBlacklisted": True}).raise_for_status()
        rows = [{"email": f"{name}@example.com"} for name in "abcd"]
        reports_of(brevo, jsonBody=rows, emailBlacklist=True)
        for contact in (one, two, three, "d@example.com"):
            found = unsubscriptions(brevo, contact)
            assert [1, 0] == [
                len(found[kind]) for kind in ("adminUnsubscription", "userUnsubscription")
            ]

    def test_are_told_for_90_days_or_the_days_that_are_asked_for(self, brevo: httpx.Client) -> None:
        """An older one is a flag without a moment; startDate and endDate reach it."""
        contact = create(brevo, "a@example.com")
        old = datetime.now(UTC) - timedelta(days=100)
        do(brevo, "unsubscribe", id=contact, moment=old.isoformat())
        day = f"{old:%Y-%m-%d}"
        assert ({}, True) == (unsubscriptions(brevo, contact), flags(brevo, contact)[0])
        assert unsubscriptions(brevo, contact, startDate=day, endDate=day)["userUnsubscription"]
        assert {} == unsubscriptions(brevo, contact, startDate="2020-01-01", endDate="2020-12-31")

    @pytest.mark.parametrize(
        "query",
        ["startDate=2026-01-01", "endDate=2026-01-01", "startDate=2026-01-02&endDate=2026-01-01"],
    )
    def test_are_told_for_two_days_or_none(self, brevo: httpx.Client, query: str) -> None:
        """One date alone, or the later first, is a 400."""
        create(brevo, "a@example.com")
        assert brevo.get(f"/v3/contacts/a@example.com?{query}").status_code == 400

    @pytest.mark.parametrize("by", ["user", "admin"])
    def test_may_leave_no_moment(self, new_account: NewAccount, by: str) -> None:
        """An account may know that somebody is blocklisted, and not since when."""
        brevo = new_account(**{f"records_{by}_unsubscriptions": False})
        create(brevo, "a@example.com")
        do(brevo, "unsubscribe", email="a@example.com", by=by)
        assert ({}, True) == (
            unsubscriptions(brevo, "a@example.com"),
            flags(brevo, "a@example.com")[0],
        )

    def test_may_leave_modified_at(self, new_account: NewAccount) -> None:
        """Whether an unsubscription counts as a modification is not documented."""
        brevo = new_account(unsubscribe_moves_modified=False)
        contact = create(brevo, "a@example.com")
        before = get(brevo, contact)["modifiedAt"]
        do(brevo, "unsubscribe", id=contact, moment="2030-01-01T00:00:00Z")
        assert before == get(brevo, contact)["modifiedAt"]

    def test_of_sms_touch_no_mail(self, brevo: httpx.Client) -> None:
        """Each channel has its flag."""
        contact = create(brevo, "a@example.com")
        do(brevo, "unsubscribe", id=contact, channel="sms")
        assert ((False, True), {}) == (flags(brevo, contact), unsubscriptions(brevo, contact))
        do(brevo, "resubscribe", id=contact)
        assert (False, False) == flags(brevo, contact)

    def test_go_with_their_contact(self, brevo: httpx.Client) -> None:
        """A contact that is deleted and made again is another one, mailable and without past."""
        create(brevo, "a@example.com", emailBlacklisted=True)
        brevo.delete("/v3/contacts/a@example.com").raise_for_status()
        again = create(brevo, "a@example.com")
        assert ({}, (False, False)) == (unsubscriptions(brevo, again), flags(brevo, again))


ADDRESS = {"attributes": {"EMAIL": "new@example.com"}}


class TestAChangeOfAddress:
    @pytest.mark.parametrize(
        ("settings", "body", "expected"),
        [
            ({}, ADDRESS, (False, True)),
            ({}, ADDRESS | {"emailBlacklisted": True}, (True, True)),
            ({}, {"attributes": {"EMAIL": "Old@example.com"}}, (True, True)),
            ({}, {"attributes": {"FIRSTNAME": "Ada"}}, (True, True)),
            ({}, {"email": "new@example.com"}, (True, True)),
            ({}, {"emailBlacklisted": False}, (False, True)),
            ({"email_change_unblocks": []}, ADDRESS, (True, True)),
            ({"email_change_unblocks": ["email", "sms"]}, ADDRESS, (False, False)),
            (
                {"email_change_overrides": True},
                ADDRESS | {"emailBlacklisted": True},
                (False, True),
            ),
            (
                {"same_email_unblocks": True},
                {"attributes": {"EMAIL": "old@example.com"}},
                (False, True),
            ),
        ],
    )
    def test_takes_a_blocklisting_away(
        self,
        new_account: NewAccount,
        settings: dict[str, Any],
        body: dict[str, Any],
        expected: tuple[bool, bool],
    ) -> None:
        """As documented for e-mail, unless the call says that it stays; the rest is a setting."""
        brevo = new_account(**settings)
        contact = create(
            brevo, "old@example.com", ext_id="7", emailBlacklisted=True, smsBlacklisted=True
        )
        changed = brevo.put("/v3/contacts/7?identifierType=ext_id", json=body)
        assert (204, expected) == (changed.status_code, flags(brevo, contact))

    @pytest.mark.parametrize("route", ["event", "merge", "batch"])
    def test_does_so_by_every_route(self, new_account: NewAccount, route: str) -> None:
        """An event's contact_properties, a merge and the deprecated batch change addresses too."""
        brevo = new_account(contacts_batch="works")
        contact = create(brevo, "old@example.com", ext_id="7", emailBlacklisted=True)
        calls: dict[str, tuple[str, str, dict[str, Any]]] = {
            "event": (
                *("POST", "/v3/events"),
                {
                    "event_name": "moved",
                    "identifiers": {"ext_id": "7"},
                    "contact_properties": {"EMAIL": "new@example.com"},
                },
            ),
            "merge": (
                *("POST", "/v3/contacts"),
                {"email": "new@example.com", "ext_id": "7", "forceMerge": True},
            ),
            "batch": (
                *("POST", "/v3/contacts/batch"),
                {"contacts": [{"id": contact, **ADDRESS}]},
            ),
        }
        method, path, body = calls[route]
        brevo.request(method, path, json=body).raise_for_status()
        assert (False, False) == flags(brevo, "new@example.com")


@pytest.mark.parametrize(("setting", "expected"), [(False, True), (True, False)])
def test_a_move_between_lists_may_take_a_blocklisting_away(
    new_account: NewAccount, setting: bool, expected: bool
) -> None:
    """It is not documented; only a list that is joined counts, and a flag in the call wins."""
    brevo = new_account(list_change_unblocks=setting)
    old, new = new_list(brevo), new_list(brevo)
    moved = create(brevo, "a@example.com", emailBlacklisted=True, listIds=[old])
    left = create(brevo, "b@example.com", emailBlacklisted=True, listIds=[old])
    kept = create(brevo, "c@example.com", emailBlacklisted=True, listIds=[old])
    join = {"listIds": [new], "unlinkListIds": [old]}
    brevo.put(f"/v3/contacts/{moved}", json=join).raise_for_status()
    brevo.put(f"/v3/contacts/{left}", json={"unlinkListIds": [old]}).raise_for_status()
    brevo.put(f"/v3/contacts/{kept}", json=join | {"emailBlacklisted": True}).raise_for_status()
    assert [expected, True, True] == [flags(brevo, one)[0] for one in (moved, left, kept)]


@pytest.mark.parametrize(
    ("rule", "sent", "unsent"),
    [("keep", True, True), ("unblock_if_sent", False, True), ("unblock", False, False)],
)
def test_an_import_may_take_a_blocklisting_away(
    new_account: NewAccount, rule: str, sent: bool, unsent: bool
) -> None:
    """What emailBlacklist: false does is not documented, nor whether leaving it out is the same."""
    brevo = new_account(import_false_flags=rule)
    create(brevo, "a@example.com", emailBlacklisted=True)
    rows = [{"email": "a@example.com"}]
    reports_of(brevo, jsonBody=rows, updateExistingContacts=False, emailBlacklist=False)
    assert (True, False) == flags(brevo, "a@example.com")
    reports_of(brevo, jsonBody=rows)
    assert (unsent, False) == flags(brevo, "a@example.com")
    reports_of(brevo, jsonBody=rows, emailBlacklist=False)
    assert (sent, False) == flags(brevo, "a@example.com")


def test_a_person_unsubscribes_by_admin_alone(brevo: httpx.Client) -> None:
    """A deed needs somebody whom the account has, and says what it does not take."""
    refused = [
        brevo.post(admin(brevo, "/unsubscribe"), json=body).status_code
        for body in ({"email": "a@example.com"}, {"id": "x"}, {}, {"id": 1, "by": "nobody"})
    ]
    assert [404, 400, 404, 404] == refused
    create(brevo, "a@example.com")
    for body in ({"channel": "fax"}, {"by": "nobody"}, {"moment": "soon"}, {"campaign": "x"}):
        answer = brevo.post(admin(brevo, "/unsubscribe"), json=body | {"email": "a@example.com"})
        assert answer.status_code == 400
    unknown = brevo.post(admin(brevo, "/fire"), json={})
    assert (404, True) == (unknown.status_code, "unsubscribe" in unknown.json()["message"])
