"""``POST /v3/events/batch``: ``{"events": [...]}``, taken item by item."""

from typing import Any

from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.events import read_event, store_event
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, Reply, invalid, out_of_range

_ACCEPTED = "Batch accepted. Valid events have been added to the processing queue."


def create(call: Call) -> Reply:
    """202 when all are taken, 207 when some are, 400 when none is.

    Items are counted from 0 in `eventIndex`, which the documents show and do not explain.
    """
    events = call.body().get("events")
    if not isinstance(events, list) or not events:
        raise invalid("events must be an array with at least one event")
    most = call.account.settings.events_per_batch
    if most is not None and len(events) > most:
        raise out_of_range(f"events must be at most {most}")
    refused = _store(call, events)
    if not refused:
        return Reply(202, {"message": _ACCEPTED, "count": len(events)})
    failed = sum(len(indices) for indices in refused.values())
    status = (400, "failed") if failed == len(events) else (207, "partiallyQueued")
    return Reply(status[0], _form(status[1], len(events), failed, refused))


def _store(call: Call, events: list[Any]) -> dict[str, list[int]]:
    """Store those that can be; give the places of the others by what is wrong with them."""
    refused: dict[str, list[int]] = {}
    with call.store.writing() as db:
        for index, event in enumerate(events):
            try:
                store_event(db, call.account, read_event(db, call.account, event))
            except ApiError as error:
                refused.setdefault(str(error), []).append(index)
    return refused


def _form(status: str, total: int, failed: int, refused: dict[str, list[int]]) -> dict[str, Any]:
    return {
        "status": status,
        "total_events": total,
        "successful_events": total - failed,
        "failed_events": failed,
        "errors": [
            {"eventIndex": indices, "message": message} for message, indices in refused.items()
        ],
    }
