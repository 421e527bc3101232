"""A campaign to the list that was synced: a draft made once, and sent only where that is wanted."""

from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.brevo import campaigns
from tajo_sf_pipeline.destinations.delivery import Delivery

_DRAFT = "draft"


def make_campaign(delivery: Delivery, *, path: Lane) -> None:
    """Make the destination's campaign where it is not made yet; a backfill never sends it.

    What was made is in the ledger, so that Brevo is not asked again in every run.
    """
    wanted = delivery.audience.destination.campaign
    if wanted is None:
        return
    sends = wanted.send and path != "backfill"
    known = delivery.ledger.campaign(wanted.name)
    if known is not None and (known.sent or not sends):
        return
    number = campaigns.draft(delivery.client, wanted, sorted(delivery.list_ids.values()))
    delivery.ledger.made_campaign(wanted.name, number, sent=False)
    if sends:
        # After a lost answer it is on its way: it is not a draft any more.
        if campaigns.status(delivery.client, number) == _DRAFT:
            campaigns.send(delivery.client, number)
        delivery.ledger.made_campaign(wanted.name, number, sent=True)
