"""What Brevo applies in the background: bodies near its limit, many in flight, polled together."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tajo_sf_pipeline.brevo import imports
from tajo_sf_pipeline.destinations.delivery import Answer, Delivery, no_reasons, with_reasons
from tajo_sf_pipeline.errors import RefusedError, VendorOutageError
from tajo_sf_pipeline.planning.plan import Part
from tajo_sf_pipeline.state import failpoints
from tajo_sf_pipeline.storage.arrow_file import rows_of

# Of `GET /processes` one call shows fifty; ours have room in it beside other people's.
IN_FLIGHT = 20
# The bucket of `/processes` has 100 calls an hour: one every 36 s can go on for ever.
FIRST_POLL, LAST_POLL = 0.5, 36.0
# Rows refused alone before one body was accepted: then it is not the rows' fault.
_ENOUGH = 10
_BAD_REQUEST, _TOO_LARGE = 400, 413
_BODY_REFUSED = (_BAD_REQUEST, _TOO_LARGE)


@dataclass(frozen=True, slots=True)
class Started:
    """A batch that Brevo applies in the background."""

    number: int
    rows: pa.Table
    list_id: int | None


class Background:
    """What one run has Brevo apply in the background; `send` for each part, then `finish`.

    `bodies` cuts rows into the fewest bodies that Brevo takes, and `start` hands one over and
    returns the number of the process that applies it.
    """

    def __init__(
        self,
        delivery: Delivery,
        bodies: Callable[[Part, Iterator[pa.RecordBatch]], Iterator[tuple[pa.Table, bytes]]],
        start: Callable[[Part, pa.Table, bytes], int],
    ) -> None:
        self._delivery = delivery
        self._bodies = bodies
        self._hand_over = start
        self._in_flight: dict[int, Started] = {}
        self._accepted = 0
        self._refused = 0

    def send(self, part: Part) -> None:
        """Hand every row of a part to Brevo, waiting only when enough are in flight."""
        first = part.first
        for rows, body in self._bodies(part, rows_of(self._delivery.plan, first, part.rows)):
            self._start(part, first, rows, body)
            first += rows.num_rows
            if len(self._in_flight) >= IN_FLIGHT:
                self._await(until=IN_FLIGHT // 2)

    def finish(self) -> None:
        """Wait for everything, until the deadline; what has no end then is pending."""
        self._await(until=0)

    def _start(self, part: Part, first: int, rows: pa.Table, body: bytes) -> bool:
        """Start one process; a body that is refused as a whole is split (S07)."""
        delivery = self._delivery
        number = delivery.begin(part, first, rows.num_rows, body)
        try:
            process = self._hand_over(part, rows, body)
        except RefusedError as error:
            if error.status not in _BODY_REFUSED:
                delivery.journal.settled(number)
                raise
            self._refuse(part, number, rows, error)
            if rows.num_rows > 1:
                self._split(part, first, rows)
            return False
        failpoints.reached("call.sent")
        delivery.journal.started(number, process)
        self._accepted += 1
        self._in_flight[process] = Started(number, rows, delivery.list_of(part))
        return True

    def _refuse(self, part: Part, number: int, rows: pa.Table, error: RefusedError) -> None:
        delivery = self._delivery
        if rows.num_rows == 1:
            self._refused += 1
            reasons = pa.array([error.reason], pa.string())
            delivery.settle(Answer(rows, reasons, delivery.list_of(part)))
        delivery.journal.settled(number)
        if self._refused >= _ENOUGH and not self._accepted:
            raise error

    def _split(self, part: Part, first: int, rows: pa.Table) -> None:
        """Send the halves of rows that were refused; where the first is good, the second is not."""
        half = rows.num_rows // 2
        if self._piece(part, first, rows.slice(0, half)) and rows.num_rows - half > 1:
            self._split(part, first + half, rows.slice(half))
        else:
            self._piece(part, first + half, rows.slice(half))

    def _piece(self, part: Part, first: int, rows: pa.Table) -> bool:
        [(whole, body)] = self._bodies(part, iter(rows.combine_chunks().to_batches()))
        return self._start(part, first, whole, body)

    def _await(self, *, until: int) -> None:
        """Poll until at most `until` are in flight; what has no end at the deadline is pending."""
        delivery = self._delivery
        deadline = time.monotonic() + delivery.import_deadline
        for pause in pauses():
            if len(self._in_flight) <= until:
                return
            ended = imports.finished(delivery.client, self._in_flight)
            settle(delivery, [(self._in_flight.pop(number), ended[number]) for number in ended])
            if len(self._in_flight) <= until:
                return
            if time.monotonic() + pause > deadline:
                for started in self._in_flight.values():
                    delivery.receipt.wait_for(started.rows)
                self._in_flight.clear()
                return
            time.sleep(pause)


def settle(delivery: Delivery, ended: Sequence[tuple[Started, imports.Finished]]) -> None:
    """Read what became of the rows of processes that have ended, and write it down at once.

    Where Brevo has no report, nothing of the import is confirmed: the rows are pending and the
    batch stays open, for the next run to settle.
    """
    answers: dict[int, Answer] = {}
    for started, process in ended:
        answer = _answer(delivery, started, process)
        if answer is None:
            delivery.receipt.wait_for(started.rows)
        else:
            answers[started.number] = answer
    if answers:
        delivery.settle(*answers.values())
    for number in answers:
        delivery.journal.settled(number)


def _answer(delivery: Delivery, started: Started, ended: imports.Finished) -> Answer | None:
    rows = started.rows
    if not ended.completed:
        why = pa.repeat(pa.scalar(f"its import ended as {ended.status}"), rows.num_rows)
        return Answer(rows, why, started.list_id)
    try:
        named = imports.refused(delivery.client, ended)
    except VendorOutageError:
        return None
    reasons = with_reasons(rows, no_reasons(rows), _named(rows, named))
    return Answer(rows, delivery.leave_lists(rows, reasons), started.list_id)


def _named(rows: pa.Table, named: Mapping[str, str]) -> dict[str, str]:
    """Return the rows that reports name: e-mails in lower case, phone numbers as digits."""
    if not named:
        return {}
    names = {key: key.lower() for key in rows["_key"].to_pylist()}
    reasons = {
        key: named.get(name.removeprefix("+"), named.get(name)) for key, name in names.items()
    }
    return {key: reason for key, reason in reasons.items() if reason is not None}


def pauses() -> Iterator[float]:
    pause = FIRST_POLL
    while True:
        yield pause
        pause = min(pause * 1.6, LAST_POLL)
