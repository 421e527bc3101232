"""The windows that an interrupted run left open: each is settled before anything new is planned."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from tajo_sf_pipeline.brevo import imports
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.destinations import background
from tajo_sf_pipeline.destinations.background import Started
from tajo_sf_pipeline.destinations.base import Writer
from tajo_sf_pipeline.destinations.delivery import Delivery
from tajo_sf_pipeline.planning.diff import WITHHELD
from tajo_sf_pipeline.state.base import InFlightBatch, Journal
from tajo_sf_pipeline.storage.arrow_file import rows_of

_log = logging.getLogger(__name__)
# An import that Brevo has not ended by then is taken as lost: its rows may be sent again.
_LOST_AFTER = 24 * 60 * 60.0  # seconds


def recover(
    journal: Journal,
    writer: Writer,
    delivery_of: Callable[[InFlightBatch], Delivery],
    client: Client,
) -> None:
    """Settle what can be settled; windows whose processes still run stay in the journal.

    A process that is known is asked for, not started again (S05). Without one, the kind of the
    destination knows what a lost answer means.
    """
    for window in journal.unsettled:
        if not Path(window.plan).exists():
            _log.warning("the plan of an interrupted run is gone: its rows are planned again")
            journal.settled(window.number)
        elif not window.processes:
            writer.settle_lost(delivery_of(window), _rows(window), window.list_id)
            journal.settled(window.number)
    _await(journal, delivery_of, client)


def clear(plans: Path, journal: Journal) -> None:
    """Remove the files in an audience's folder of plans that no open window waits for.

    A run that was killed before its first window left one of which the journal never knew.
    """
    waited_for = {Path(window.plan).name for window in journal.unsettled}
    for file in plans.glob("*"):
        if file.name not in waited_for:
            file.unlink(missing_ok=True)


def still_in_flight(journal: Journal) -> pa.Table:
    """Return the keys that must not be planned while Brevo still applies them (see `WITHHELD`)."""
    keys = [pa.chunked_array([], pa.string())]
    keys += [_rows(window)["_key"] for window in journal.unsettled if Path(window.plan).exists()]
    every = pa.chunked_array([chunk for key in keys for chunk in key.chunks], pa.string())
    columns = [
        every,
        pa.nulls(len(every), pa.uint64()),
        pa.repeat(pa.scalar("pending"), len(every)),
    ]
    return pa.table(columns, schema=WITHHELD)


def _await(
    journal: Journal, delivery_of: Callable[[InFlightBatch], Delivery], client: Client
) -> None:
    """Poll until every process has ended, or its time is over; at least once."""
    # A window whose report cannot be had stays open: the next run asks for it again.
    asked: set[int] = set()
    for pause in background.pauses():
        waiting = {
            process: window
            for window in journal.unsettled
            if window.number not in asked
            for process in window.processes
        }
        if not waiting:
            break
        for process, ended in imports.finished(client, waiting).items():
            window = waiting[process]
            asked.add(window.number)
            started = Started(window.number, _rows(window), window.list_id)
            background.settle(delivery_of(window), [(started, ended)])
        youngest = max(window.at for window in waiting.values())
        patience = delivery_of(next(iter(waiting.values()))).import_deadline
        if time.time() - youngest + pause > patience:
            break
        time.sleep(pause)
    for window in journal.unsettled:
        if time.time() - window.at > _LOST_AFTER:
            delivery_of(window).mark_unknown(_rows(window), window.list_id)
            journal.settled(window.number)


def _rows(window: InFlightBatch) -> pa.Table:
    return pa.Table.from_batches(rows_of(Path(window.plan), window.first, window.rows))
