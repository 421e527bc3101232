"""A loop as one writes it by hand, and well: Arrow, orjson, ten threads.

python ten_threads.py FILE URL
"""

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import pyarrow as pa
from mapped import batches, send, session

THREADS = 10
FILE, URL = sys.argv[1:]
_OF_THREAD = threading.local()


def bring(batch: pa.RecordBatch) -> int:
    """Send a batch; each thread keeps a connection of its own."""
    if not hasattr(_OF_THREAD, "http"):
        _OF_THREAD.http = session()
    return send(_OF_THREAD.http, URL, batch.to_pylist())


def brought() -> Iterator[int]:
    """Keep ten batches on their way, and no more in memory; give the processes."""
    with ThreadPoolExecutor(THREADS) as threads:
        flying: set[Future[int]] = set()
        for batch in batches(FILE):
            if len(flying) >= THREADS:
                landed, flying = wait(flying, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in landed)
            flying.add(threads.submit(bring, batch))
        yield from (one.result() for one in flying)


if __name__ == "__main__":
    waiting = set(brought())
    http = session()
    while waiting:
        newest = http.get(f"{URL}/processes", params={"limit": 50, "sort": "desc"}).json()
        ended = {one["id"] for one in newest["processes"] if one["status"] == "completed"}
        # What fifty newer ones have pushed out of sight is asked for by its number.
        for process in waiting - {one["id"] for one in newest["processes"]}:
            told = http.get(f"{URL}/processes/{process}").json()
            ended |= {process} if told["status"] == "completed" else set()
        if waiting := waiting - ended:
            time.sleep(0.5)
