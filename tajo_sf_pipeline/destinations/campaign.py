"""A campaign to the list that was synced: a draft made once, and sent only where that is wanted."""

from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.brevo import campaigns
from tajo_sf_pipeline.destinations.delivery import Delivery

_DRAFT = "draft"


def make_campaign(delivery: Delivery, *, path: Lane) -> None:
    """Make the destination's campaign where it is not made yet; a backfill never sends it.

    What was made is in the ledger, so that Brevo is not asked again in every run.
    """
    campaign = delivery.audience.destination.campaign
    if campaign is None:
        return
    sends = campaign.send and path != "backfill"
    recorded = delivery.ledger.campaign(campaign.name)
    if recorded is not None and (recorded.sent or not sends):
        return
    number = campaigns.draft(delivery.client, campaign, sorted(delivery.list_ids.values()))
    delivery.ledger.record_campaign(campaign.name, number, sent=False)
    if sends:
        # After a lost answer it is on its way: it is not a draft any more.
        if campaigns.status(delivery.client, number) == _DRAFT:
            campaigns.send(delivery.client, number)
        delivery.ledger.record_campaign(campaign.name, number, sent=True)
