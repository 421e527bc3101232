"""Custom objects: records by the thousand, which Brevo applies in the background."""

from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from tajo_sf_pipeline.brevo import limits, objects
from tajo_sf_pipeline.destinations import lookup
from tajo_sf_pipeline.destinations.background import Background
from tajo_sf_pipeline.destinations.base import Connect, Sender, Writer
from tajo_sf_pipeline.destinations.delivery import Delivery
from tajo_sf_pipeline.planning.plan import Part, Route

UPSERT = Route("objects", limits.BATCH_RECORDS, limits.RECORDS_BYTES, "others")
DELETE = Route("object_delete", limits.BATCH_RECORDS, limits.RECORDS_BYTES, "others")


class ObjectsWriter(Writer):
    """Records of one type, keyed by their ext_id."""

    def route(self, category: str, list_name: str | None, rows: int) -> tuple[Route, str]:  # noqa: ARG002
        if category == "leave":
            return DELETE, "records are deleted in batches"
        return UPSERT, "records travel in batches"

    def sender(self, delivery: Delivery) -> Sender:
        return Background(delivery, _bodies, partial(self._start, delivery))

    def existing(self, connect: Connect, keys: pa.Array) -> pa.Array:
        return lookup.existing(connect(), keys, self.audience.key)

    def _start(self, delivery: Delivery, part: Part, rows: pa.Table, body: bytes) -> int:
        object_type = self.audience.destination.object
        assert object_type is not None
        if part.route == DELETE:
            return objects.delete(delivery.client, object_type, rows["_key"].to_pylist())
        return objects.start(delivery.client, object_type, body)


def _bodies(part: Part, rows: Iterator[pa.RecordBatch]) -> Iterator[tuple[pa.Table, bytes]]:
    if part.route != DELETE:
        return objects.bodies(rows)
    return records_to_delete(rows)


def records_to_delete(rows: Iterator[pa.RecordBatch]) -> Iterator[tuple[pa.Table, bytes]]:
    """Cut keys into the fewest deletions that Brevo takes."""
    waiting = pa.Table.from_batches(rows)
    for first in range(0, waiting.num_rows, limits.BATCH_RECORDS):
        part = waiting.slice(first, limits.BATCH_RECORDS)
        yield part, "\n".join(part["_key"].to_pylist()).encode()
