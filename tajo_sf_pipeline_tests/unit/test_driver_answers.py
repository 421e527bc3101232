"""The driver's transport: what it asks a connection for, and what it makes of an answer."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from snowflake.connector.constants import FIELD_NAME_TO_ID
from snowflake.connector.errors import (
    DatabaseError,
    ForbiddenError,
    OperationalError,
    ServiceUnavailableError,
)

from tajo_sf_pipeline.audience.statement import Statement
from tajo_sf_pipeline.config.settings import Snowflake
from tajo_sf_pipeline.errors import IncompleteError, TajoError
from tajo_sf_pipeline.sources.base import Question
from tajo_sf_pipeline.sources.snowflake.driver import Driver

SETTINGS = Snowflake.model_validate(
    {
        "account": "org-account",
        "user": "tajo",
        "database": "DB",
        "schema": "PUBLIC",
        "warehouse": "WH",
        "auth": {"method": "pat", "token": "a-token"},
        "statement_timeout": 77,
    }
)
QUERY = Statement("SELECT n FROM t WHERE at > :last_sync", "sql/people.sql")
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


@dataclass(slots=True)
class Connection:
    """A connection, and its only cursor: a program's own Snowflake, without a network."""

    declared: int = 3
    rows: tuple[str, ...] = ("1", "2", "3")
    error: Exception | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    executed: list[Any] = field(default_factory=list)
    sfqid: str = "01-a"

    @property
    def rowcount(self) -> int:
        return self.declared

    @property
    def description(self) -> list[SimpleNamespace]:
        text = FIELD_NAME_TO_ID["TEXT"]
        return [SimpleNamespace(name="N", type_code=text, precision=None, scale=None)]

    @contextmanager
    def connect(self, arguments: Mapping[str, Any]) -> Iterator["Connection"]:
        self.arguments = arguments
        yield self

    def cursor(self) -> "Connection":
        return self

    def execute(self, *arguments: Any, **options: Any) -> None:
        if self.error:
            raise self.error
        self.executed = [*arguments, options]

    def get_result_batches(self) -> None:
        return None

    def fetch_arrow_batches(self, **_: Any) -> Iterator[pa.Table]:
        for one in self.rows:
            yield pa.table({"n": [one]})


def _rows(connection: Connection) -> list[str]:
    source = Driver(SETTINGS, connection.connect)
    with source.extract(Question(QUERY, {"last_sync": NOON}, "a-tag")) as extract:
        return [value for batch in extract.batches for value in batch["N"].to_pylist()]


@pytest.mark.parametrize("rows", [("1", "2"), (), ("1", "2", "3", "4")])
def test_s11_other_rows_than_the_driver_declared_are_incomplete(rows: tuple[str, ...]) -> None:
    """A result that was cut short must not look like contacts who left."""
    with pytest.raises(IncompleteError, match=f"declared 3 rows .* delivered\\s+{len(rows)}"):
        _rows(Connection(rows=rows))


def test_a_statement_is_run_as_over_the_other_transport() -> None:
    """In a session of UTC, under its tag and its time-out; a moment is bound without a zone."""
    connection = Connection()
    assert ["1", "2", "3"] == _rows(connection)
    assert {"QUERY_TAG": "a-tag", "TIMEZONE": "UTC"} == connection.arguments["session_parameters"]
    assert ("DB", "PUBLIC", "UTC") == tuple(
        connection.arguments[name] for name in ("database", "schema", "timezone")
    )
    assert connection.arguments["arrow_number_to_decimal"]
    moment = ("TIMESTAMP_NTZ", NOON.replace(tzinfo=None))
    text = "SELECT n FROM t WHERE at > ?"
    assert [text, [moment], {"timeout": 77}] == connection.executed


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (DatabaseError(msg="token", errno=390318), "authentication", "TAJO-201"),
        (DatabaseError(msg="JWT", errno=390144), "authentication", "TAJO-201"),
        (DatabaseError(msg="right", errno=3001), "permission", "TAJO-301"),
        (DatabaseError(msg="table", errno=2003), "configuration", "TAJO-123"),
        (DatabaseError(msg="schema", errno=2043), "configuration", "TAJO-123"),
        (DatabaseError(msg="timed out", errno=604), "vendor_outage", "TAJO-502"),
        (DatabaseError(msg="timed out", errno=630), "vendor_outage", "TAJO-502"),
        (OperationalError(msg="chunk", errno=252013), "incomplete", "TAJO-701"),
        (OperationalError(msg="refused", errno=250001), "vendor_outage", "TAJO-501"),
        (
            ForbiddenError(msg="IP 1.2.3.4 is not allowed to access Snowflake"),
            "permission",
            "TAJO-302",
        ),
        (
            OperationalError(msg="Resource Monitor M has exceeded its quota", errno=250001),
            "permission",
            "TAJO-303",
        ),
        (DatabaseError(msg="syntax", errno=1003), "configuration", "TAJO-124"),
        (ServiceUnavailableError(), "vendor_outage", "TAJO-501"),
    ],
    ids=lambda value: str(getattr(value, "errno", value)),
)
def test_s17_each_of_the_drivers_errors_is_told_by_its_kind(
    error: Exception, kind: str, code: str
) -> None:
    """By its number, or by its words where the number is that of any lost connection."""
    with pytest.raises(TajoError) as caught:
        _rows(Connection(error=error))
    assert (kind, code) == (caught.value.kind, caught.value.code)
