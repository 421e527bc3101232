"""Campaign drafts: created once by their name, and sent only by a call of its own."""

import json
from collections.abc import Sequence
from typing import Any

from tajo_sf_pipeline.audience.destination import Campaign
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.errors import UncertainError

_PAGE = 100  # the most that GET /emailCampaigns gives at once


def draft(client: Client, campaign: Campaign, lists: Sequence[int]) -> int:
    """Return the id of the campaign of that name; where there is none, create it as a draft.

    One that a person has changed or sent since is left as it is (S15).
    """
    existing = _named(client, campaign.name)
    if existing is not None:
        return existing
    body = json.dumps(_form(campaign, lists), ensure_ascii=False).encode()
    try:
        return client.number("/emailCampaigns", body, "id", repeatable=False)
    except UncertainError:
        existing = _named(client, campaign.name)
        if existing is None:
            raise
        return existing


def send(client: Client, campaign_id: int) -> None:
    """Send a draft now.

    Raises `UncertainError` where the answer was lost; a second call for a campaign that is on its
    way is refused by Brevo.
    """
    client.post(f"/emailCampaigns/{campaign_id}/sendNow", b"", repeatable=False)


def status(client: Client, campaign_id: int) -> str:
    """Return what Brevo calls its state: draft, queued, sent and others."""
    return str(client.get(f"/emailCampaigns/{campaign_id}")["status"])


def _form(campaign: Campaign, lists: Sequence[int]) -> dict[str, Any]:
    content = (
        {"templateId": campaign.template_id}
        if campaign.template_id is not None
        else {"htmlContent": campaign.html}
    )
    return {
        "name": campaign.name,
        "subject": campaign.subject,
        "sender": campaign.sender.model_dump(exclude_none=True),
        "recipients": {"listIds": list(lists)},
        **content,
    }


def _named(client: Client, name: str) -> int | None:
    """Look through all campaigns, sent ones too: a sent draft is not created a second time."""
    every = client.pages(
        "/emailCampaigns", "campaigns", _PAGE, sort="desc", excludeHtmlContent="true"
    )
    return min((item["id"] for item in every if item.get("name") == name), default=None)
