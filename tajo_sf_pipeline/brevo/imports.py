"""Many contacts at once: import bodies, their processes, and the reports that name bad rows."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tajo_sf_pipeline.brevo.client import Client

# Brevo refuses 10 MB and calls 8 MB safe: developers.brevo.com/reference/importcontacts.
MAX_BODY = 8_000_000
_PAGE = 50  # the most that GET /processes gives at once
_ENDED_BADLY = frozenset({"failed", "cancelled", "error", "aborted"})


@dataclass(frozen=True, slots=True)
class Finished:
    """An import that has ended: whether it did its work, and where its reports are."""

    status: str
    reports: dict[str, str]

    @property
    def completed(self) -> bool:
        return self.status == "completed"


def bodies(
    rows: Iterable[pa.RecordBatch], list_id: int, *, clear: bool
) -> Iterator[tuple[pa.Table, bytes]]:
    """Cut rows, whose `_payload` is a contact's JSON, into the fewest bodies that Brevo takes.

    Yields the rows of each body beside it; the same rows give the same bytes (S15).
    """
    start = b'{"jsonBody":['
    end = (
        b'],"listIds":[%d],"updateExistingContacts":true,'
        b'"emptyContactsAttributes":%s,"disableNotification":true}'
    ) % (list_id, b"true" if clear else b"false")
    for part in _cut(rows, MAX_BODY - len(start) - len(end)):
        payloads = part["_payload"].combine_chunks()
        whole = pa.ListArray.from_arrays(pa.array([0, len(payloads)], pa.int32()), payloads)
        yield part, start + pc.binary_join(whole, ",")[0].as_buffer().to_pybytes() + end


def start(client: Client, body: bytes) -> int:
    """Hand a body to Brevo; give the id of the process that will apply it."""
    return int(client.post("/contacts/import", body)["processId"])


def finished(client: Client, processes: Iterable[int]) -> dict[int, Finished]:
    """Give those of our processes that have ended; one call sees the newest fifty.

    A status that we do not know is taken as not ended: the caller has a deadline.
    """
    wanted = set(processes)
    page = client.get("/processes", limit=_PAGE, sort="desc").get("processes") or []
    seen = {process["id"]: process for process in page if process["id"] in wanted}
    for missing in sorted(wanted - seen.keys()):
        seen[missing] = client.get(f"/processes/{missing}")
    return {
        number: Finished(process["status"], _reports(process))
        for number, process in seen.items()
        if process["status"] == "completed" or process["status"] in _ENDED_BADLY
    }


def refused(client: Client, process: Finished) -> dict[str, str]:
    """Read a completed import's reports: what they name, lower-cased, and why.

    The columns of a report are not documented, so every cell counts as a name.
    """
    named = {}
    for reason, url in process.reports.items():
        for row in csv.reader(io.StringIO(client.download(url)), delimiter=";"):
            named.update({cell.strip().lower(): reason for cell in row if cell.strip()})
    return named


def _reports(process: dict[str, Any]) -> dict[str, str]:
    info = (process.get("info") or {}).get("import") or {}
    return {reason: url for reason, url in sorted(info.items()) if isinstance(url, str) and url}


def _cut(rows: Iterable[pa.RecordBatch], room: int) -> Iterator[pa.Table]:
    """Cut at the last row that still fits; each row but the first costs a comma too."""
    waiting: list[pa.RecordBatch] = []
    used = 0
    for batch in rows:
        left = batch
        while left.num_rows:
            sizes = pc.add(pc.binary_length(left.column("_payload")), 1)
            ends = pc.add(pc.cumulative_sum(sizes.cast(pa.int64())), used - 1)
            fitting = int(pc.sum(pc.less_equal(ends, room)).as_py() or 0)
            if fitting == left.num_rows:
                waiting.append(left)
                used = ends[-1].as_py() + 1
                break
            # A row larger than a body goes alone: Brevo's refusal will name it.
            taken = max(fitting, 0 if waiting else 1)
            yield pa.Table.from_batches([*waiting, left.slice(0, taken)])
            waiting, used, left = [], 0, left.slice(taken)
    if waiting:
        yield pa.Table.from_batches(waiting)
