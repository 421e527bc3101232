"""Contacts that only leave a list: by calls that take many and answer at once."""

import json

from tajo_sf_pipeline.brevo import limits
from tajo_sf_pipeline.destinations.delivery import Answer, Delivery, no_reasons
from tajo_sf_pipeline.planning.plan import Part
from tajo_sf_pipeline.state import failpoints

# Ten calls between two writes of the ledger; who is off the list already may be named again.
_REMOVALS = 10 * limits.LIST_CONTACTS


def send(delivery: Delivery, part: Part) -> None:
    """Take the rows of a part off their lists, 150 at a time."""
    for first, rows in delivery.batches(part, _REMOVALS):
        body = json.dumps(rows["_key"].to_pylist()).encode()
        number = delivery.begin(part, first, rows.num_rows, body)
        reasons = delivery.leave_lists(rows, no_reasons(rows))
        failpoints.reached("call.sent")
        delivery.settle(Answer(rows, reasons))
        delivery.journal.settled(number)
