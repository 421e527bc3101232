"""Custom objects: records by the thousand, which Brevo applies in the background."""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from tajo_sf_pipeline.brevo.bodies import cut, joined
from tajo_sf_pipeline.brevo.client import Client

_log = logging.getLogger(__name__)
# developers.brevo.com/reference/upsertrecords: at most 1,000 records and 1 MB.
MAX_RECORDS, MAX_BODY = 1000, 1_000_000
_START, _END = b'{"records":[', b"]}"


def bodies(rows: Iterable[pa.RecordBatch]) -> Iterator[tuple[pa.Table, bytes]]:
    """Cut rows, whose `_payload` is a record's JSON, into the fewest bodies that Brevo takes."""
    for part in cut(rows, MAX_BODY - len(_START) - len(_END), MAX_RECORDS):
        yield part, joined(part, _START, _END)


def upsert_body(records: Sequence[bytes]) -> bytes:
    return _START + b",".join(records) + _END


def upsert(client: Client, object_type: str, records: Sequence[bytes]) -> int:
    """Create or update records by their ext_id; give the id of the process that applies them."""
    return start(client, object_type, upsert_body(records))


def start(client: Client, object_type: str, body: bytes) -> int:
    """Hand a body to Brevo; give the id of the process that will apply it."""
    process = client.number(f"/objects/{object_type}/batch/upsert", body, "processId")
    _log.info("Brevo takes %s bytes of %s", len(body), object_type, extra={"process_id": process})
    return process


def delete(client: Client, object_type: str, ext_ids: Sequence[str]) -> list[int]:
    """Delete records by their ext_id; give the ids of the processes that do it."""
    started = []
    for first in range(0, len(ext_ids), MAX_RECORDS):
        wanted = {"identifiers": {"ext_ids": list(ext_ids[first : first + MAX_RECORDS])}}
        body = json.dumps(wanted, ensure_ascii=False, separators=(",", ":")).encode()
        path = f"/objects/{object_type}/batch/delete"
        started.append(client.number(path, body, "processId"))
    return started
