"""Custom objects: records by the thousand, which Brevo applies in the background."""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from tajo_sf_pipeline.brevo import limits
from tajo_sf_pipeline.brevo.bodies import cut, joined
from tajo_sf_pipeline.brevo.client import Client

_log = logging.getLogger(__name__)
_START, _END = b'{"records":[', b"]}"


def bodies(rows: Iterable[pa.RecordBatch]) -> Iterator[tuple[pa.Table, bytes]]:
    """Cut rows, whose `_payload` is a record's JSON, into the fewest bodies that Brevo takes."""
    for part in cut(rows, limits.RECORDS_BYTES - len(_START) - len(_END), limits.BATCH_RECORDS):
        yield part, joined(part, _START, _END)


def start(client: Client, object_type: str, body: bytes) -> int:
    """Hand a body to Brevo; return the id of the process that will apply it."""
    process = client.number(f"/objects/{object_type}/batch/upsert", body, "processId")
    _log.info("Brevo takes %s bytes of %s", len(body), object_type, extra={"process_id": process})
    return process


def delete(client: Client, object_type: str, ext_ids: Sequence[str]) -> int:
    """Delete at most `limits.BATCH_RECORDS` records; return the id of the process that does it."""
    document = {"identifiers": {"ext_ids": list(ext_ids)}}
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return client.number(f"/objects/{object_type}/batch/delete", body, "processId")
