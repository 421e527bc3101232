"""One request's statements, executed in a thread in a session of their own."""

import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from tajo_sf_pipeline.sandbox.snowflake.activity import Activity, Statement, now
from tajo_sf_pipeline.sandbox.snowflake.binds import bound_values
from tajo_sf_pipeline.sandbox.snowflake.errors import as_snowflake_error
from tajo_sf_pipeline.sandbox.snowflake.outcomes import Failure, StatementError
from tajo_sf_pipeline.sandbox.snowflake.row_types import row_type
from tajo_sf_pipeline.sandbox.snowflake.statement_text import StatementText, requested_statements
from tajo_sf_pipeline.sandbox.snowflake.submission import Submission
from tajo_sf_pipeline.sandbox.snowflake.warehouse import Connection, Identity, Warehouse


@dataclass(frozen=True, slots=True)
class Rows:
    """What one statement returned."""

    handle: str
    table: pa.Table
    row_type: list[dict[str, Any]]


@dataclass(slots=True)
class Runner:
    warehouse: Warehouse
    activity: Activity
    submission: Submission
    at_least_seconds: float
    # A fault that the statement meets before it is executed.
    refused: Failure | None
    _stopped: threading.Event = field(default_factory=threading.Event)
    _stopped_by: Failure | None = None
    _session: Connection | None = None

    def run(self, handle: str) -> list[Rows]:
        """Execute all statements in turn; a StatementError ends them, those before it stay."""
        try:
            return self._run(handle)
        except Exception as error:
            raise StatementError(self._failure(error)) from error
        finally:
            if self._session:
                self._session.close()

    def stop(self, reason: Failure) -> None:
        """Have `run` raise this as soon as it can; it may have ended before."""
        self._stopped_by = reason
        self._stopped.set()
        if self._session:
            with suppress(duckdb.ConnectionException):
                self._session.interrupt()

    def _run(self, handle: str) -> list[Rows]:
        body = self.submission.body
        several = body.parameters.multi_statement_count != 1
        self._stopped.wait(self.at_least_seconds)
        if self.refused:
            raise StatementError(self.refused)
        statements = requested_statements(
            body.statement,
            count=body.parameters.multi_statement_count,
            bound=bool(body.bindings),
        )
        self._session = self.warehouse.connect(
            _existing_spelling(body.database), _existing_spelling(body.schema_)
        )
        self._session.identity = Identity(role=body.role, warehouse=body.warehouse)
        self._session.set_time_zone(body.parameters.timezone)
        if several:
            return [self._execute_among_others(statement) for statement in statements]
        return [self._execute(handle, statements[0])]

    def _execute_among_others(self, statement: StatementText) -> Rows:
        try:
            return self._execute(str(uuid.uuid4()), statement)
        except StatementError as error:
            message = (
                "JavaScript execution error: Uncaught Execution of multiple statements failed on "
                f'statement "{statement.sql}" (at line {statement.line}, position '
                f"{statement.position}).\n{error}"
            )
            raise StatementError(Failure("100132", "P0000", message)) from error

    def _execute(self, handle: str, statement: StatementText) -> Rows:
        assert self._session
        if self._stopped.is_set():
            raise InterruptedError
        started_at, rows, failed = now(), None, None
        try:
            cursor = self._session.cursor()
            cursor.execute(
                statement.sql, binding_params=bound_values(self.submission.body.bindings)
            )
            limit = self.submission.body.parameters.rows_per_resultset
            table = cursor.rows().slice(0, limit or None)
            rows = Rows(handle, table, row_type(cursor, statement.sql))
        except Exception as error:
            failed = self._failure(error)
            raise StatementError(failed) from error
        finally:
            self._record(handle, statement, started_at, rows, failed)
        return rows

    def _failure(self, error: Exception) -> Failure:
        if self._stopped_by:
            return self._stopped_by
        if isinstance(error, StatementError):
            return error.failure
        return Failure.from_error(as_snowflake_error(error))

    def _record(
        self,
        handle: str,
        statement: StatementText,
        started_at: str,
        rows: Rows | None,
        failed: Failure | None,
    ) -> None:
        body = self.submission.body
        self.activity.statements.append(
            Statement(
                sql=statement.sql,
                query_tag=body.parameters.query_tag,
                query_id=handle,
                bound=bool(body.bindings),
                session_id=None,
                started_at=started_at,
                rows=rows.table.num_rows if rows else None,
                error=failed.message if failed else None,
                request_id=self.submission.request_id,
                role=body.role,
                warehouse=body.warehouse,
            )
        )


def _existing_spelling(name: str | None) -> str | None:
    """Names are case-sensitive here; this Snowflake's are all upper-case."""
    return name if name == (name or "").upper() else None
