"""The protocol that both transports keep."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from tajo_sf_pipeline.audience.statement import BindValue, Statement


@dataclass(frozen=True, slots=True)
class Result:
    """A statement's answer; its schema is known before the first batch, also when it is empty.

    `batches` raises `IncompleteError` at its end if fewer rows came than were declared (S11).
    """

    query_id: str
    schema: pa.Schema
    declared_rows: int
    partitions: int
    started_at: datetime
    executing_seconds: float
    batches: Iterator[pa.RecordBatch]


class Warehouse(Protocol):
    """A way to run statements."""

    def running(
        self, statement: Statement, binds: Mapping[str, BindValue], query_tag: str
    ) -> AbstractContextManager[Result]:
        """Run one query and stream its answer; whatever ends the context, nothing runs on.

        `binds` are bound by the server, never pasted; a datetime is a moment. Raises
        `AuthenticationError`, `PermissionDeniedError`, `ConfigurationError` (the statement
        itself), `VendorOutageError` and `IncompleteError`.
        """
