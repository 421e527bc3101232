"""The seam of a source: how a question is asked, what changed, and what an answer cost."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from tajo_sf_pipeline.audience.statement import BindValue, Statement, Table


@dataclass(frozen=True, slots=True)
class Keys:
    """Values of one column of a query's answer, as the source holds them; at least one."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """An audience's query, for a window (its binds) and, where `keys` are given, only their rows.

    `tag` is what the source's own history shows beside the query.
    """

    statement: Statement
    binds: Mapping[str, BindValue]
    tag: str
    keys: Keys | None = None

    def positional(self) -> tuple[str, list[BindValue]]:
        """Return the text with ``?`` for each value, and the values in their order.

        The condition on keys stands outside the whole query: its QUALIFY and LIMIT mean what they
        mean without it.
        """
        text, values = self.statement.positional(self.binds)
        if self.keys is None:
            return text, values
        asked = Statement(text, self.statement.origin).among(
            self.keys.column, len(self.keys.values)
        )
        return asked.text, [*values, *self.keys.values]


@dataclass(frozen=True, slots=True)
class Extract:
    """A question's answer; its schema is known before the first batch, also when it is empty.

    `batches` raises `IncompleteError` at its end if fewer rows came than were declared (S11).
    """

    query_id: str
    schema: pa.Schema
    declared_rows: int
    partitions: int
    started_at: datetime
    executing_seconds: float
    batches: Iterator[pa.RecordBatch]


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that a statement waited for its warehouse and ran on it, and its credits.

    The credits are those of the cloud services; a warehouse's own are billed by the second that it
    is up, not by statement.
    """

    queued_seconds: float
    executing_seconds: float
    credits: float


@dataclass(frozen=True, slots=True)
class ChangeTokens:
    """A token for each table, which is another one after its rows may have changed; or why none."""

    known: dict[Table, str] = field(default_factory=dict)
    unknown: dict[Table, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Altered:
    """When a table was last altered, or of a view the tables below it; else why that is unknown."""

    at: datetime | None
    below: tuple[Table, ...] = ()
    unknown: str = ""


class Source(Protocol):
    """Where an audience's rows come from; nothing is opened before it is asked.

    Its verbs raise `AuthenticationError`, `PermissionDeniedError`, `ConfigurationError` (the
    statement itself), `VendorOutageError` and `IncompleteError`.
    """

    def extract(self, question: Question) -> AbstractContextManager[Extract]:
        """Ask one question and stream its answer; whatever ends the context, nothing runs on.

        Values are bound by the server, never pasted; a datetime is a moment.
        """

    def cost(self, query_id: str, tag: str) -> Cost | str:
        """Return what an answered question cost, or why that is not known; nothing fails of it."""

    def change_tokens(self, tables: Iterable[Table]) -> ChangeTokens:
        """Ask cheaply whether tables changed."""

    def altered(self, tables: Iterable[Table]) -> dict[Table, Altered]:
        """Ask when tables were last altered: dearer than `change_tokens`."""
