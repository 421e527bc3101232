"""Arrow batches over Snowflake's SQL REST API: submit, poll, fetch the partitions, in order."""

import atexit
import random
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import httpx
import pyarrow as pa
import stamina

from tajo_sf_pipeline.config.settings import Snowflake
from tajo_sf_pipeline.errors import IncompleteError, TajoError, VendorOutageError
from tajo_sf_pipeline.sources.base import Extract, Question
from tajo_sf_pipeline.sources.snowflake import jsonv2
from tajo_sf_pipeline.sources.snowflake.bindings import bindings, bound
from tajo_sf_pipeline.sources.snowflake.credentials import Credentials
from tajo_sf_pipeline.sources.snowflake.error_translation import incomplete
from tajo_sf_pipeline.sources.snowflake.rest import Rest

_STATEMENTS = "/api/v2/statements"
_RUNNING = 202
# Enough to keep the network busy, few enough to hold in memory.
PARTITIONS_IN_FLIGHT = 4
FIRST_POLL, LAST_POLL = 0.05, 5.0
# Snowflake cancels a statement at its time-out by itself; we look once more after this.
_GRACE_SECONDS = 10.0
# The connector's documentation: at most 20 of a user's statements run at once.
_SLOTS: defaultdict[tuple[str, str], threading.BoundedSemaphore] = defaultdict(
    lambda: threading.BoundedSemaphore(20)
)


class SqlApi:
    """The REST transport; see `Source.extract` for what it promises."""

    def __init__(self, snowflake: Snowflake, credentials: Credentials) -> None:
        self._snowflake = snowflake
        self._rest = Rest(snowflake, credentials)
        self._slot = _SLOTS[snowflake.account, snowflake.user.reveal()]
        self._handles: set[str] = set()
        atexit.register(self._cancel_all)

    @contextmanager
    def extract(self, question: Question) -> Iterator[Extract]:
        text, values = question.positional()
        body = self._body(text, question.tag)
        body["bindings"] = bindings([bound(value) for value in values])
        with self._slot:
            started_at, clock = datetime.now(UTC), time.monotonic()
            with self._executed(body, question.statement.origin) as first:
                answer = first.json()
                meta = answer["resultSetMetaData"]
                columns = jsonv2.row_types(meta["rowType"])
                schema = jsonv2.arrow_schema(columns)
                yield Extract(
                    query_id=answer["statementHandle"],
                    schema=schema,
                    declared_rows=int(meta["numRows"]),
                    partitions=len(meta.get("partitionInfo") or [None]),
                    started_at=started_at,
                    executing_seconds=time.monotonic() - clock,
                    batches=self._batches(first.content, answer, columns, schema),
                )

    def _body(self, text: str, query_tag: str) -> dict[str, Any]:
        snowflake = self._snowflake
        place = {
            "database": snowflake.database,
            "schema": snowflake.schema_,
            "warehouse": snowflake.warehouse,
            "role": snowflake.role,
        }
        return {
            "statement": text,
            "timeout": snowflake.statement_timeout,
            "parameters": {"query_tag": query_tag, "timezone": "UTC"},
            **{name: value for name, value in place.items() if value},
        }

    @contextmanager
    def _executed(self, body: dict[str, Any], origin: str) -> Iterator[httpx.Response]:
        """Submit, wait for the answer, and cancel the statement if anything ends this early."""
        submitted = self._rest.submit(_STATEMENTS, body, str(uuid.uuid4()), origin)
        handle = submitted["statementHandle"]
        self._handles.add(handle)
        try:
            answer = self._awaited(handle, origin)
            self._handles.discard(handle)
            yield answer
        except BaseException:
            self._cancel(handle)
            raise

    def _awaited(self, handle: str, origin: str) -> httpx.Response:
        deadline = time.monotonic() + self._snowflake.statement_timeout + _GRACE_SECONDS
        for pause in _pauses():
            answer = self._rest.get(f"{_STATEMENTS}/{handle}", origin)
            if answer.status_code != _RUNNING:
                return answer
            if time.monotonic() > deadline:
                raise VendorOutageError(
                    "TAJO-502",
                    f"{origin} still ran after statement_timeout "
                    f"({self._snowflake.statement_timeout} s), and was cancelled",
                    "Raise connectors.snowflake.statement_timeout, use a larger warehouse, or "
                    "read less.",
                )
            time.sleep(pause)
        raise AssertionError  # the pauses never end

    def _cancel(self, handle: str) -> None:
        """Cancel a statement that may still run; an error here must not hide the first one."""
        if handle in self._handles:
            self._handles.discard(handle)
            try:
                self._rest.cancel(f"{_STATEMENTS}/{handle}/cancel")
            except TajoError:
                return

    def _cancel_all(self) -> None:
        for handle in list(self._handles):
            self._cancel(handle)

    def _batches(
        self,
        first: bytes,
        answer: dict[str, Any],
        columns: tuple[jsonv2.RowType, ...],
        schema: pa.Schema,
    ) -> Iterator[pa.RecordBatch]:
        """Yield each partition as a batch that has the rows which were declared for it."""
        handle, declared = answer["statementHandle"], answer["resultSetMetaData"]["numRows"]
        partitions = answer["resultSetMetaData"].get("partitionInfo") or [{"rowCount": declared}]
        delivered = 0

        def fetched(number: int) -> pa.RecordBatch:
            # httpx takes a gzip body that ends in the middle for a whole one; the JSON shows it.
            for attempt in stamina.retry_context(on=IncompleteError, attempts=3):
                with attempt:
                    path = f"{_STATEMENTS}/{handle}"
                    content = self._rest.get(path, handle, partition=number).content
                    return jsonv2.record_batch(content, columns, schema)
            raise AssertionError  # the last attempt raises or returns

        with _in_order(fetched, range(1, len(partitions))) as others:
            for number, batch in enumerate(
                chain([jsonv2.record_batch(first, columns, schema)], others)
            ):
                expected = int(partitions[number]["rowCount"])
                if batch.num_rows != expected:
                    raise incomplete(handle, f"partition {number}", expected, batch.num_rows)
                delivered += batch.num_rows
                yield batch
        if delivered != int(declared):
            raise incomplete(handle, "the result", int(declared), delivered)


@contextmanager
def _in_order(
    fetch: Callable[[int], pa.RecordBatch], numbers: range
) -> Iterator[Iterator[pa.RecordBatch]]:
    """Fetch a few at a time and give them in their order; who stops early waits for those few."""
    with ThreadPoolExecutor(PARTITIONS_IN_FLIGHT, "partition") as pool:
        waiting: deque[Future[pa.RecordBatch]] = deque()
        left = iter(numbers)

        def fill() -> None:
            while len(waiting) < PARTITIONS_IN_FLIGHT and (number := next(left, None)) is not None:
                waiting.append(pool.submit(fetch, number))

        def results() -> Iterator[pa.RecordBatch]:
            fill()
            while waiting:
                batch = waiting.popleft().result()
                fill()
                yield batch

        try:
            yield results()
        finally:
            pool.shutdown(cancel_futures=True)


def _pauses() -> Iterator[float]:
    pause = FIRST_POLL
    while True:
        yield pause * random.uniform(0.8, 1.2)  # noqa: S311 - so that many do not ask at once
        pause = min(pause * 1.5, LAST_POLL)
