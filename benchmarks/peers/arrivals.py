"""What the server got: every row once, or not, and whether it says what it should."""

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.peers.data import DataSet

_NUMBER = re.compile(rb'"customer\.(\d+)@mail\.example\.com"')
_ACCEPTED = range(200, 300)
_LOOKED_AT = 1_000  # rows of which every value is compared


@dataclass(frozen=True, slots=True)
class Request:
    """One line of the server's log."""

    at: float
    method: str
    path: str
    status: int
    start: int
    size: int

    @property
    def brings_contacts(self) -> bool:
        return (
            self.method == "POST"
            and self.status in _ACCEPTED
            and self.path in {"/v3/contacts", "/v3/contacts/import", "/v3/contacts/batch"}
        )


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Rows that came, those that came again, those that never did; `window` is the largest body's.

    `wrong` counts, of a sample, the rows that said something else than they should.
    """

    rows: int
    repeated: int
    lost: int
    unexpected: int
    wrong: int
    window: int
    requests: int
    bytes: int
    refused_429: int
    failed_500: int

    @property
    def whole(self) -> bool:
        """Whether every row that had to arrive did, and says what it should."""
        return not (self.lost or self.wrong)

    @property
    def proven(self) -> bool:
        """Whether every row that had to arrive did, once, and says what it should."""
        return self.whole and not self.repeated


def count(
    bodies: Path, log: Sequence[Request], data: DataSet, due: np.ndarray[Any, Any]
) -> Arrivals:
    """Count by key; `due` tells of each number whether its row had to come in this run."""
    seen = np.zeros(data.rows, np.int64)
    window = 0
    writes = [request for request in log if request.brings_contacts]
    for body in _bodies(bodies, writes):
        numbers = np.array(_NUMBER.findall(body), dtype=np.int64)
        window = max(window, len(numbers))
        seen += np.bincount(numbers, minlength=data.rows)[: data.rows]
    return Arrivals(
        rows=int(np.count_nonzero(seen)),
        repeated=int((seen[seen > 1] - 1).sum()),
        lost=int(np.count_nonzero(due & (seen == 0))),
        unexpected=int(np.count_nonzero(~due & (seen > 0))),
        wrong=_wrong(bodies, writes, data),
        window=window,
        requests=len(log),
        bytes=sum(request.size for request in writes),
        refused_429=sum(request.status == 429 for request in log),  # noqa: PLR2004
        failed_500=sum(request.status == 500 for request in log),  # noqa: PLR2004
    )


def _bodies(file: Path, requests: Sequence[Request]) -> Iterator[bytes]:
    with file.open("rb") as opened:
        for request in requests:
            opened.seek(request.start)
            yield opened.read(request.size)


def _wrong(bodies: Path, writes: Sequence[Request], data: DataSet) -> int:
    """Compare every value of some rows, from bodies all over the run."""
    chance = random.Random(0)  # noqa: S311 - the same sample every time
    # A thousand small bodies, or as few large ones as hold enough rows.
    enough = -(-_LOOKED_AT * len(writes) // max(sum(one.size for one in writes) // 300, 1))
    chosen = chance.sample(writes, min(len(writes), max(enough, 5)))
    rows = [row for body in _bodies(bodies, chosen) for row in _contacts(body)]
    rows = chance.sample(rows, min(len(rows), _LOOKED_AT))
    told = {int(row["email"].partition("@")[0].removeprefix("customer.")): row for row in rows}
    wanted = data.attributes(list(told))
    return sum(
        {name: value for name, value in row["attributes"].items() if value is not None}
        != wanted[number]
        for number, row in told.items()
    )


def _contacts(body: bytes) -> list[dict[str, Any]]:
    document = orjson.loads(body)
    found: list[dict[str, Any]] = document.get("jsonBody") or document.get("contacts") or [document]
    return found


def read(log: bytes) -> list[Request]:
    return [Request(*line) for line in json.loads(log)["requests"]]
