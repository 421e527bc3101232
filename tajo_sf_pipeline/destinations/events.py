"""Events: batches that answer at once; of each it is known, or found out, whether it arrived."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.brevo import events, limits
from tajo_sf_pipeline.destinations.base import Sender, Writer
from tajo_sf_pipeline.destinations.delivery import Answer, Delivery, no_reasons
from tajo_sf_pipeline.destinations.lookup import arrived
from tajo_sf_pipeline.errors import TajoError, UncertainError
from tajo_sf_pipeline.planning.plan import Part, Route
from tajo_sf_pipeline.state import failpoints

EVENTS = Route("events", rows=limits.BATCH_EVENTS, bucket="events")
_HELD = "its answer was lost, and Brevo does not show it: it may have arrived"


class EventsWriter(Writer):
    """Events, which count twice when they are sent twice."""

    def route(self, category: str, list_name: str | None, rows: int) -> tuple[Route, str]:  # noqa: ARG002
        return EVENTS, "events travel in batches"

    def sender(self, delivery: Delivery) -> Sender:
        return _EventsSender(delivery)

    def settle_lost(self, delivery: Delivery, rows: pa.Table, list_id: int | None) -> None:  # noqa: ARG002
        settle_by_lookup(delivery, rows)


class _EventsSender:
    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def send(self, part: Part) -> None:
        """Send in batches; one lost answer does not end the run, a second in a row is an outage."""
        delivery, lost = self._delivery, False
        for first, rows in delivery.batches(part, limits.BATCH_EVENTS):
            lost = _send_batch(delivery, part, first, rows, lost_before=lost)

    def finish(self) -> None:
        """Every batch has its answer already."""


def _send_batch(
    delivery: Delivery, part: Part, first: int, rows: pa.Table, *, lost_before: bool
) -> bool:
    """Return whether the answer was lost."""
    payloads = rows["_payload"].cast(pa.binary()).to_pylist()
    number = delivery.begin(part, first, rows.num_rows, b"\n".join(payloads))
    try:
        refused = events.send_batch(delivery.client, payloads)
    except UncertainError as error:
        settle_uncertain(delivery, rows, error)
        delivery.journal.settled(number)
        if lost_before or error.unsent:
            raise
        return True
    except TajoError:
        delivery.journal.settled(number)  # none of them was taken
        raise
    failpoints.reached("call.sent")
    reasons = pa.array([refused.get(index) for index in range(rows.num_rows)], pa.string())
    delivery.settle(Answer(rows, reasons))
    delivery.journal.settled(number)
    return False


def settle_uncertain(delivery: Delivery, rows: pa.Table, error: UncertainError) -> None:
    """Write down what an error says of a batch, and find out about the rest.

    An event that Brevo shows has arrived. Of another, `on_uncertain` decides: it waits for a
    person (`hold`), or it is neither accepted nor refused and a later run sends it again.
    """
    clear = [i for i in range(rows.num_rows) if i not in error.uncertain | error.unsent]
    reasons = pa.array([error.refused.get(index) for index in clear], pa.string())
    delivery.settle(Answer(_taken(rows, clear), reasons))
    settle_by_lookup(delivery, _taken(rows, sorted(error.uncertain)))
    delivery.receipt.wait_for(_taken(rows, sorted(error.unsent)))


def settle_by_lookup(delivery: Delivery, rows: pa.Table) -> None:
    """Confirm the events that Brevo shows; hold the others, or let them be sent again."""
    if not rows.num_rows:
        return
    in_brevo = pa.array(arrived(delivery.client, rows["_payload"].to_pylist()), pa.bool_())
    there, missing = rows.filter(in_brevo), rows.filter(pc.invert(in_brevo))
    delivery.settle(Answer(there, no_reasons(there)))
    if delivery.audience.on_uncertain == "hold":
        why = pa.repeat(pa.scalar(_HELD), missing.num_rows)
        delivery.settle(Answer(missing, why), held=True)
    else:
        delivery.receipt.wait_for(missing)


def _taken(rows: pa.Table, numbers: Sequence[int]) -> pa.Table:
    return rows.take(pa.array(numbers, pa.int64()))
