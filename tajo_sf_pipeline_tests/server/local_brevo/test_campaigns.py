"""``/v3/emailCampaigns`` of the local Brevo."""

from typing import Any

import httpx
import pytest

from tajo_sf_pipeline_tests.brevo_calls import NewAccount, create, new_list

CAMPAIGNS = "/v3/emailCampaigns"
DRAFT: dict[str, Any] = {
    "name": "Win back",
    "subject": "We miss you",
    "sender": {"name": "Shop", "email": "shop@example.com"},
    "htmlContent": "<p>We miss you</p>",
}


def draft(brevo: httpx.Client, **more: Any) -> str:
    """Make a draft; its path."""
    made = brevo.post(CAMPAIGNS, json=DRAFT | more)
    assert made.status_code == 201, made.text
    return f"{CAMPAIGNS}/{made.json()['id']}"


def test_begin_as_drafts(brevo: httpx.Client) -> None:
    """A new campaign is a draft for the lists it names, and is listed as one."""
    list_ = new_list(brevo)
    path = draft(brevo, recipients={"listIds": [list_]})
    shown = brevo.get(path).json()
    assert ("draft", "Win back", {"lists": [list_], "exclusionLists": []}) == (
        shown["status"],
        shown["name"],
        shown["recipients"],
    )
    listed = brevo.get(CAMPAIGNS, params={"status": "draft"}).json()
    assert (1, [shown]) == (listed["count"], listed["campaigns"])
    assert brevo.get(CAMPAIGNS, params={"status": "sent"}).json()["count"] == 0


def test_change_until_they_are_sent(brevo: httpx.Client) -> None:
    """A draft can be renamed; what is sent cannot be changed or sent again."""
    path = draft(brevo, recipients={"listIds": [new_list(brevo)]})
    assert [204, 204, 400, 400] == [
        brevo.put(path, json={"name": "Win them back"}).status_code,
        brevo.post(f"{path}/sendNow").status_code,
        brevo.put(path, json={"name": "Too late"}).status_code,
        brevo.post(f"{path}/sendNow").status_code,
    ]
    shown = brevo.get(path).json()
    assert ("Win them back", "sent") == (shown["name"], shown["status"])
    assert "sentDate" in shown


def test_need_recipients_and_credits(new_account: NewAccount) -> None:
    """Sending without a list is a 400, to more contacts than there are credits a 402."""
    brevo = new_account(credits=1)
    list_ = new_list(brevo)
    for name in "ab":
        create(brevo, f"{name}@example.com", listIds=[list_])
    nobody, everybody = draft(brevo), draft(brevo, recipients={"listIds": [list_]})
    refused = brevo.post(f"{everybody}/sendNow")
    assert (400, 402, "not_enough_credits") == (
        brevo.post(f"{nobody}/sendNow").status_code,
        refused.status_code,
        refused.json()["code"],
    )


def test_are_deleted_and_copied(brevo: httpx.Client) -> None:
    """DELETE answers 204 once; the status `replicate` makes another draft."""
    path = draft(brevo)
    copied = brevo.put(f"{path}/status", json={"status": "replicate"})
    assert (204, 2) == (copied.status_code, brevo.get(CAMPAIGNS).json()["count"])
    assert [204, 404] == [brevo.delete(path).status_code, brevo.get(path).status_code]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "name is missing"),
        ({"sender": None}, "sender is missing"),
        ({"subject": ""}, "subject is missing"),
        ({"htmlUrl": "https://example.com"}, "Exactly one of htmlContent, htmlUrl, templateId"),
        ({"htmlContent": "short"}, "htmlContent is too short"),
        ({"sender": {"name": "Shop"}}, "Exactly one of sender.email and sender.id"),
        ({"sender": {"email": "wrong"}}, "sender.email is not valid"),
        ({"recipients": {"listIds": [999999]}}, "List ID does not exist"),
        ({"scheduledAt": "2030-01-01T00:00:00Z"}, "recipients.listIds is missing"),
        ({"replyTo": 1}, "replyTo should be a string"),
    ],
)
def test_say_what_is_wrong(brevo: httpx.Client, change: dict[str, Any], message: str) -> None:
    """What a campaign must have is checked when it is made."""
    refused = brevo.post(CAMPAIGNS, json=DRAFT | change)
    assert (400, message) == (refused.status_code, refused.json()["message"][: len(message)])
    assert brevo.get(CAMPAIGNS).json()["count"] == 0
