"""Contacts one by one: the few, and those that need what an import cannot do."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from tajo_sf_pipeline.brevo import contacts
from tajo_sf_pipeline.brevo.identifiers import Flags
from tajo_sf_pipeline.destinations.delivery import Answer, Delivery
from tajo_sf_pipeline.errors import RefusedError
from tajo_sf_pipeline.planning.plan import Part
from tajo_sf_pipeline.state import failpoints

# Sent between two writes of the ledger; as many may be repeated after a crash.
_BATCH = 25
_NOT_FOUND = 404
Row = Mapping[str, Any]


def send(delivery: Delivery, part: Part) -> None:
    """Write every row of a part by a call of its own; a row that is refused fails alone (S07).

    An error of any other kind settles what was sent before it, and goes on to the caller.
    """
    for first, rows in delivery.batches(part, _BATCH):
        body = b"\n".join((payload or "").encode() for payload in rows["_payload"].to_pylist())
        number = delivery.begin(part, first, rows.num_rows, body)
        reasons: list[str | None] = []
        try:
            for row in rows.to_pylist():
                reasons.append(_refusal(delivery, part, row))
                failpoints.reached("call.sent")
        finally:
            answered = rows.slice(0, len(reasons))
            answer = Answer(answered, pa.array(reasons, pa.string()), delivery.list_of(part))
            delivery.settle(answer)
            # The call that an error has ended may have arrived.
            delivery.mark_unknown(rows.slice(len(reasons), 1), delivery.list_of(part))
            # What was not sent, or whose answer is not known, may be sent again: contacts are
            # written as they shall be.
            delivery.journal.settled(number)


def _refusal(delivery: Delivery, part: Part, row: Row) -> str | None:
    try:
        if row["action"] == "remove":
            _leave(delivery, row)
        else:
            _write(delivery, delivery.list_of(part), row)
    except RefusedError as error:
        return error.reason
    return None


def _write(delivery: Delivery, list_id: int | None, row: Row) -> None:
    joins = () if list_id is None else (list_id,)
    flags = _flags(row)
    leaves = [number for number in row["leaves"] if number != list_id]
    payload = row["_payload"].encode()
    only_existing = delivery.audience.mode == "update"
    if not leaves and not only_existing:
        contacts.upsert(delivery.client, payload, lists=joins, flags=flags)
        return
    try:
        identifier = delivery.identifier(row["_key"])
        contacts.update(
            delivery.client, identifier, payload, lists=joins, unlink=leaves, flags=flags
        )
    except RefusedError as error:
        if error.status != _NOT_FOUND or only_existing:
            raise
        contacts.upsert(delivery.client, payload, lists=joins, flags=flags)


def _leave(delivery: Delivery, row: Row) -> None:
    """Let a contact go as `on_leave` says; one that Brevo has no more is gone already."""
    identifier = delivery.identifier(row["_key"])
    payload, flags = (row["_payload"] or "").encode(), None
    match delivery.audience.on_leave:
        case "delete":
            contacts.delete(delivery.client, identifier)
            return
        case "blocklist":
            flags = Flags(sms_blacklisted=True) if delivery.key == "sms" else Flags(True)
            payload = b""
    leaves = delivery.own_list if row["leaves"] is None else row["leaves"]
    if not (payload or leaves or flags):
        return
    try:
        contacts.update(delivery.client, identifier, payload, unlink=leaves, flags=flags)
    except RefusedError as error:
        if error.status != _NOT_FOUND:
            raise


def _flags(row: Row) -> Flags | None:
    flags = Flags(row["_email_blacklisted"], row["_sms_blacklisted"])
    return flags if flags.as_json() else None
