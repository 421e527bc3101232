"""Events: in batches where Brevo takes them, one by one where it does not."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.errors import RefusedError, TajoError, UncertainError

_BAD_REQUEST = 400
_NO_BATCHES = frozenset({404, 405, 410})
_PAGE = 10_000  # the most that GET /events gives at once


def send_batch(client: Client, events: Sequence[bytes]) -> dict[int, str]:
    """Send events, each JSON; return the indexes of those that Brevo refused, and why.

    Raises `UncertainError`, which tells the indexes apart, where some may have arrived: a replayed
    event would stand there twice. Any other error means that none did.
    """
    if not events:
        return {}
    body = b'{"events":[' + b",".join(events) + b"]}"
    try:
        answer = client.post("/events/batch", body, repeatable=False)
    except UncertainError as error:
        raise _unclear(error, uncertain=range(len(events))) from error
    except RefusedError as error:
        if error.status in _NO_BATCHES:
            return _one_by_one(client, events)
        if error.status != _BAD_REQUEST:
            raise
        return _of_refused_batch(client, events, error)
    return _refused(answer)


def send(client: Client, event: bytes) -> None:
    """Send one event; raise `RefusedError`, or `UncertainError` where it may have arrived."""
    client.post("/events", event, repeatable=False)


def happened(client: Client, names: Sequence[str], first: date, last: date) -> Iterator[Any]:
    """Return what Brevo holds of the events of these names and days, newest or oldest first.

    Each has `contact_id`, `event_name`, `event_date`, `event_properties`. Raises `RefusedError`.
    """
    for name in names:
        yield from client.pages(
            "/events",
            "events",
            _PAGE,
            event_name=name,
            startDate=first.isoformat(),
            endDate=last.isoformat(),
        )


def _refused(answer: Any) -> dict[int, str]:
    """Return why which of a batch were refused, by index; an answer of 202 names none."""
    named: dict[int, str] = {}
    for error in (answer.get("errors") if isinstance(answer, dict) else None) or []:
        index = error.get("eventIndex")
        reason = str(error.get("message") or "refused without a reason")
        for number in index if isinstance(index, list) else [index]:
            if isinstance(number, int):
                named[number] = reason
    return named


def _of_refused_batch(
    client: Client, events: Sequence[bytes], error: RefusedError
) -> dict[int, str]:
    """Return each event's reason where Brevo names all; else split, as none was taken (S07)."""
    named = _refused(error.answer)
    if len(named) == len(events):
        return named
    if len(events) == 1:
        return {0: error.reason}
    half = len(events) // 2
    refused: dict[int, str] = {}
    for first, part in ((0, events[:half]), (half, events[half:])):
        try:
            reasons = send_batch(client, part)
        except TajoError as stop:
            raise _shifted(stop, first, len(part), len(events), refused) from stop
        refused |= {first + index: reason for index, reason in reasons.items()}
    return refused


def _one_by_one(client: Client, events: Sequence[bytes]) -> dict[int, str]:
    refused: dict[int, str] = {}
    uncertain: list[int] = []
    last: UncertainError | None = None
    for index, event in enumerate(events):
        try:
            send(client, event)
        except RefusedError as error:
            refused[index] = error.reason
        except UncertainError as error:
            uncertain.append(index)
            last = error
        except TajoError as error:
            if index == 0:
                raise
            unsent = range(index, len(events))
            raise _unclear(error, uncertain=uncertain, unsent=unsent, refused=refused) from error
    if last:
        raise _unclear(last, uncertain=uncertain, refused=refused) from last
    return refused


def _shifted(
    stop: TajoError, first: int, part: int, whole: int, refused: dict[int, str]
) -> TajoError:
    """Return for a whole batch the error that one of its parts ended with."""
    later = range(first + part, whole)
    if not isinstance(stop, UncertainError):
        return _unclear(stop, unsent=[*range(first, first + part), *later], refused=refused)
    return _unclear(
        stop,
        uncertain=[first + index for index in stop.uncertain],
        unsent=[*(first + index for index in stop.unsent), *later],
        refused=refused | {first + index: reason for index, reason in stop.refused.items()},
    )


def _unclear(
    error: TajoError,
    *,
    uncertain: Sequence[int] = (),
    unsent: Sequence[int] = (),
    refused: dict[int, str] | None = None,
) -> UncertainError:
    return UncertainError(
        error.code,
        error.happened,
        error.next_step,
        uncertain=uncertain,
        unsent=unsent,
        refused=refused,
    )
