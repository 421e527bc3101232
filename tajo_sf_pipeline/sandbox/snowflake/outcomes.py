"""How a statement of the SQL API ended."""

from dataclasses import dataclass, field
from typing import Any

from snowflake.connector.errors import Error


@dataclass(frozen=True, slots=True)
class Failure:
    """Snowflake's code, SQL state and sentence."""

    code: str
    sql_state: str
    message: str

    @classmethod
    def from_error(cls, error: Error) -> "Failure":
        message = error.raw_msg or str(error)
        return cls(f"{error.errno or 9999:06d}", error.sqlstate or "99999", message)


class StatementError(Exception):
    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.message)


CANCELED = Failure("000604", "57014", "SQL execution canceled")
NOT_EXECUTING = Failure("000605", "57014", "Identified SQL statement is not currently executing.")
TIMED_OUT = "000630"


@dataclass(frozen=True, slots=True)
class Success:
    """A result without its rows, which may be forgotten earlier."""

    row_type: list[dict[str, Any]]
    rows: int
    # Of each partition: its rows, and about how many bytes they are.
    partitions: tuple[tuple[int, int], ...]
    time_zone: str = "UTC"
    null_as_text: bool = False
    stats: dict[str, int] = field(default_factory=dict)
    statement_handles: tuple[str, ...] = ()
