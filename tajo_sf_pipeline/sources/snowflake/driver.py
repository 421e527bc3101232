"""Arrow batches over Snowflake's own driver (snowflake-connector-python)."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from tajo_sf_pipeline.config.settings import Snowflake
from tajo_sf_pipeline.sources.base import Extract, Question
from tajo_sf_pipeline.sources.snowflake.bindings import bound
from tajo_sf_pipeline.sources.snowflake.credentials import Credentials, account_identifier
from tajo_sf_pipeline.sources.snowflake.error_translation import incomplete, translate_errors
from tajo_sf_pipeline.sources.snowflake.types import arrow_schema

# Opens a connection with these arguments of `snowflake.connector.connect` over its own.
Connect = Callable[[Mapping[str, Any]], AbstractContextManager[Any]]
# Under this name Snowflake's query history lists what we ask.
_APPLICATION = "tajo_sf_pipeline"


class Driver:
    """The driver's transport; see `Source.extract` for what it promises."""

    def __init__(self, snowflake: Snowflake, connect: Connect) -> None:
        self._snowflake = snowflake
        self._connect = connect

    @contextmanager
    def extract(self, question: Question) -> Iterator[Extract]:
        text, values = question.positional()
        with (
            translate_errors(self._snowflake, question.statement.origin),
            self._connect(_reading(self._snowflake, question.tag)) as connection,
        ):
            started_at, clock = datetime.now(UTC), time.monotonic()
            cursor = connection.cursor()
            # A time-out and Ctrl-C cancel the statement: the driver sees to both
            # (snowflake/connector/cursor.py).
            with _terminated_like_interrupted():
                cursor.execute(
                    text,
                    [_typed(bound(value)) for value in values],
                    timeout=self._snowflake.statement_timeout,
                )
            schema = arrow_schema(cursor.description)
            yield Extract(
                query_id=cursor.sfqid,
                schema=schema,
                declared_rows=cursor.rowcount,
                partitions=len(cursor.get_result_batches() or [None]),
                started_at=started_at,
                executing_seconds=time.monotonic() - clock,
                batches=_complete(cursor, schema),
            )


def connecting(snowflake: Snowflake, credentials: Credentials) -> Connect:
    """Return what connects with the workspace's own settings and credentials."""

    @contextmanager
    def connect(arguments: Mapping[str, Any]) -> Iterator[Any]:
        # A second of processor time: only who really uses the driver pays for the import.
        from snowflake import connector

        place = {"host": snowflake.host, "port": snowflake.port} if snowflake.host else {}
        chosen = {
            **place,
            "role": snowflake.role,
            "warehouse": snowflake.warehouse,
        }
        opened = connector.connect(
            account=account_identifier(snowflake.account),
            user=snowflake.user.reveal(),
            protocol=snowflake.protocol,
            login_timeout=snowflake.login_timeout,
            network_timeout=snowflake.network_timeout,
            application=_APPLICATION,
            **{name: value for name, value in chosen.items() if value is not None},
            **credentials.driver_arguments(),
            **arguments,
        )
        try:
            yield opened
        finally:
            opened.close()  # its own `with` would commit or roll back first: two more calls to fail

    return connect


def _reading(snowflake: Snowflake, query_tag: str) -> dict[str, Any]:
    """Return what every connection needs that we read from, whoever opens it."""
    return {
        "database": snowflake.database,
        "schema": snowflake.schema_,
        # The driver lets it win over a session parameter of that name.
        "timezone": "UTC",
        "paramstyle": "qmark",
        # Enough to keep us busy; the driver's four took 50 MB more and no less time.
        "client_prefetch_threads": 2,
        # Else a NUMBER with a scale arrives as a double.
        "arrow_number_to_decimal": True,
        "session_parameters": {"QUERY_TAG": query_tag, "TIMEZONE": "UTC"},
    }


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does while the driver listens to that alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _typed(value: object) -> object:
    return ("TIMESTAMP_NTZ", value) if isinstance(value, datetime) else value


def _complete(cursor: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the answer's batches in one schema; the driver does not check their count itself.

    It skips its own check on the Arrow paths (4.8.1, result_set.py), so a truncated answer would
    look like contacts who left.
    """
    delivered = 0
    for table in cursor.fetch_arrow_batches(force_microsecond_precision=True):
        delivered += table.num_rows
        yield from table.rename_columns(schema.names).cast(schema).to_batches()
    if delivered != cursor.rowcount:
        raise incomplete(cursor.sfqid, "the result", cursor.rowcount, delivered)
