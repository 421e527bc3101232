"""What the machine and the vendor allow: nobody brings rows faster than that."""

import http.client
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.parquet as pq

from benchmarks.peers.counting import Counting
from benchmarks.peers.data import DataSet
from tajo_sf_pipeline.brevo import limits
from tajo_sf_pipeline.brevo.budget import limit_of


def loopback(server: Counting, bodies: Sequence[bytes], repetitions: int) -> float:
    """Send bodies that are ready, from a bare client; give bytes a second."""
    seconds = []
    for _ in range(repetitions):
        server.begin()
        started = time.perf_counter()
        _post(server.address, bodies)
        seconds.append(time.perf_counter() - started)
    return sum(map(len, bodies)) / statistics.median(seconds)


def parquet(data: DataSet, repetitions: int) -> float:
    """Read every column of the data set, batch by batch; give rows a second."""
    seconds = []
    for _ in range(repetitions):
        started = time.perf_counter()
        with pq.ParquetFile(data.file) as opened:
            read = sum(batch.num_rows for batch in opened.iter_batches())
        seconds.append(time.perf_counter() - started)
        assert data.rows == read
    return data.rows / statistics.median(seconds)


def budget(bytes_a_row: float) -> dict[str, float]:
    """Give the rows a second that each plan's calls hold, when every body is as large as may be."""
    rows = limits.IMPORT_BYTES / bytes_a_row
    plans = ("general", "advanced", "extended")
    return {plan: limit_of(plan, "contacts")[0] * rows for plan in plans}


def bodies_of(server: Counting) -> list[bytes]:
    """Give the import bodies of the run that the server saw last."""
    content, found = Path(server.bodies), []
    with content.open("rb") as opened:
        for request in server.log():
            if request.brings_contacts:
                opened.seek(request.start)
                found.append(opened.read(request.size))
    return found


def _post(address: str, bodies: Sequence[bytes]) -> None:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=600)
    headers = {"content-type": "application/json"}
    for body in bodies:
        connection.request("POST", "/v3/contacts/import", body, headers)
        json.loads(connection.getresponse().read())
    connection.close()
