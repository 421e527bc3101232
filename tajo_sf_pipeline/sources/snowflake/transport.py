"""What both transports do."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.sources.base import Extract, Question


class Transport(Protocol):
    """A way to ask Snowflake."""

    def extract(self, question: Question) -> AbstractContextManager[Extract]:
        """Ask as `Source.extract` promises."""


def rows_of(transport: Transport, statement: Statement, tag: str) -> list[dict[str, Any]]:
    """Ask a small question without binds, and return its whole answer."""
    with transport.extract(Question(statement, {}, tag)) as extract:
        return [row for batch in extract.batches for row in batch.to_pylist()]
