"""Contacts that only leave a list: by calls that take many and answer at once."""

import json

import pyarrow as pa

from tajo_sf_pipeline.brevo import limits
from tajo_sf_pipeline.destinations.delivery import Answer, Delivery, no_reasons
from tajo_sf_pipeline.planning.plan import Part
from tajo_sf_pipeline.state import failpoints
from tajo_sf_pipeline.storage.arrow_file import rows_of

# Ten calls between two writes of the ledger; who is off the list already may be named again.
_REMOVALS = 10 * limits.LIST_CONTACTS


def send(delivery: Delivery, part: Part) -> None:
    """Take the rows of a part off their lists, 150 at a time."""
    for first in range(part.first, part.first + part.rows, _REMOVALS):
        count = min(_REMOVALS, part.first + part.rows - first)
        rows = pa.Table.from_batches(rows_of(delivery.plan, first, count))
        number = delivery.begin(part, first, count, json.dumps(rows["_key"].to_pylist()).encode())
        reasons = delivery.leave_lists(rows, no_reasons(rows))
        failpoints.reached("call.sent")
        delivery.settle(Answer(rows, reasons))
        delivery.journal.settled(number)
