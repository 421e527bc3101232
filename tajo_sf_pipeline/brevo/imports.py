"""Many contacts at once: import bodies, their processes, and the reports that name bad rows."""

import csv
import io
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from tajo_sf_pipeline.brevo import limits
from tajo_sf_pipeline.brevo.bodies import cut, joined
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.errors import TajoError, VendorOutageError

_log = logging.getLogger(__name__)
_PAGE = 50  # the most that GET /processes gives at once
_PAGES = 4  # further back than this our imports are not looked for
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
    rows: Iterable[pa.RecordBatch],
    lists: Sequence[int],
    *,
    clear: bool,
    email_blacklist: bool = False,
    sms_blacklist: bool = False,
    notify_url: str | None = None,
) -> Iterator[tuple[pa.Table, bytes]]:
    """Cut rows, whose `_payload` is a contact's JSON, into the fewest bodies that Brevo takes.

    `email_blacklist` and `sms_blacklist` blocklist every contact of the body; without them no flag
    is sent (S09). Yields the rows of each body beside it; the same rows give the same bytes (S15).
    """
    options: dict[str, Any] = {
        "listIds": list(lists),
        "updateExistingContacts": True,
        "emptyContactsAttributes": clear,
        "disableNotification": True,
        **({"emailBlacklist": True} if email_blacklist else {}),
        **({"smsBlacklist": True} if sms_blacklist else {}),
        **({"notifyUrl": notify_url} if notify_url else {}),
    }
    start = b'{"jsonBody":['
    end = b"]," + json.dumps(options, separators=(",", ":")).encode()[1:]
    for part in cut(rows, limits.IMPORT_BYTES - len(start) - len(end)):
        yield part, joined(part, start, end)


def start(client: Client, body: bytes) -> int:
    """Hand a body to Brevo; return the id of the process that will apply it."""
    process = client.number("/contacts/import", body, "processId")
    _log.info("Brevo imports %s bytes of contacts", len(body), extra={"process_id": process})
    return process


def finished(client: Client, processes: Iterable[int]) -> dict[int, Finished]:
    """Return those of our processes that have ended; one call sees the newest fifty.

    A status that we do not know is taken as not ended, and so is a process that Brevo does not
    list: the caller has a deadline.
    """
    running = set(processes)
    ended = {}
    listed = client.pages("/processes", "processes", _PAGE, sort="desc")
    for process in islice(listed, _PAGES * _PAGE):
        number = process.get("id")
        if number in running:
            running.discard(number)
            if process.get("status") in {"completed", *_ENDED_BADLY}:
                ended[number] = Finished(process["status"], _reports(process))
            if not running:
                break
    return ended


def refused(client: Client, process: Finished) -> dict[str, str]:
    """Return what a completed import's reports name, lower-cased, and why.

    The columns of a report are not documented, so every cell counts as a name. Raises
    `VendorOutageError` where a report cannot be read: then no row of the import is known to be
    accepted.
    """
    named = {}
    for reason, url in process.reports.items():
        for row in csv.reader(io.StringIO(_report(client, reason, url)), delimiter=";"):
            named.update({cell.strip().lower(): reason for cell in row if cell.strip()})
    return named


def _report(client: Client, reason: str, url: str) -> str:
    try:
        return client.download(url)
    except (TajoError, UnicodeDecodeError) as error:
        why = error.happened if isinstance(error, TajoError) else str(error)
        raise VendorOutageError(
            "TAJO-517",
            f"an import has completed, and its report of {reason} cannot be read: {why}",
            "Run the same date again: without the report no row of that import counts as "
            "confirmed.",
        ) from error


def _reports(process: dict[str, Any]) -> dict[str, str]:
    info = (process.get("info") or {}).get("import") or {}
    return {reason: url for reason, url in sorted(info.items()) if isinstance(url, str) and url}
