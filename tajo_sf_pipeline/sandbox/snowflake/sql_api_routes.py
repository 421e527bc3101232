"""The three operations of the SQL API, on the same tables as the driver's routes.

docs.snowflake.com/en/developer-guide/sql-api/reference.
"""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pyarrow as pa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tajo_sf_pipeline.sandbox.snowflake import sql_api_answers as answers
from tajo_sf_pipeline.sandbox.snowflake.broken_answers import CutAnswer, LostAnswer
from tajo_sf_pipeline.sandbox.snowflake.execution import Execution
from tajo_sf_pipeline.sandbox.snowflake.faults import Faults
from tajo_sf_pipeline.sandbox.snowflake.jsonv2_encoding import encode
from tajo_sf_pipeline.sandbox.snowflake.outcomes import CANCELED, Success
from tajo_sf_pipeline.sandbox.snowflake.settings import Settings
from tajo_sf_pipeline.sandbox.snowflake.sign_in import NOT_ALLOWED
from tajo_sf_pipeline.sandbox.snowflake.sql_api_auth import refusal
from tajo_sf_pipeline.sandbox.snowflake.statements import Statements
from tajo_sf_pipeline.sandbox.snowflake.submission import (
    LONGEST_TIMEOUT,
    BadRequestError,
    UnsupportedMediaTypeError,
    check_headers,
    read_query,
    read_submission,
)
from tajo_sf_pipeline.sandbox.snowflake.user import User


@dataclass(frozen=True, slots=True)
class SqlApiRoutes:
    user: User
    settings: Settings
    faults: Faults
    statements: Statements

    async def submit(self, request: Request) -> Response:
        return await self._answer(request, "submit", self._submit)

    async def status(self, request: Request) -> Response:
        later = request.query_params.get("partition", "0") != "0"
        return await self._answer(request, "partition" if later else "status", self._status)

    async def cancel(self, request: Request) -> Response:
        return await self._answer(request, "cancel", self._cancel)

    async def _answer(
        self, request: Request, call: str, operation: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        if struck := await self._struck(call):
            return struck
        if refused := refusal(request.headers, self.user, self.faults):
            return answers.refused(401, refused.code, refused.message)
        try:
            check_headers(request.headers)
            return await operation(request)
        except UnsupportedMediaTypeError as error:
            return JSONResponse({"message": f"Unsupported media type: {error}"}, status_code=415)
        except BadRequestError as error:
            message = f"Incoming request does not contain a valid payload. {error}"
            return answers.refused(400, "390142", message)

    async def _struck(self, call: str) -> Response | None:
        """Answer instead, if a fault strikes that has nothing to do with the request."""
        if struck := await self.faults.strike(call):
            return struck
        if status := self.faults.take("status", call):
            return JSONResponse({"message": "The sandbox was told so."}, status_code=status)
        if (seconds := self.faults.take("rate_limited", call)) is not None:
            limited = answers.refused(429, "390505", "Too many requests.")
            if seconds:
                limited.headers["Retry-After"] = str(seconds)
            return limited
        if self.faults.take("network_policy", call):
            return answers.refused(403, NOT_ALLOWED.code, NOT_ALLOWED.message)
        return None

    async def _submit(self, request: Request) -> Response:
        submission = read_submission(request.url.query, await request.body())
        execution = self.statements.submit(submission)
        if self.faults.take("lost_answer"):
            await execution.ended_within(LONGEST_TIMEOUT)
            return LostAnswer()
        seconds = self.settings.synchronous_seconds
        if submission.asynchronous or not await execution.ended_within(seconds):
            return answers.in_progress(execution)
        return await self._ended(execution, 0, submitting=True)

    async def _status(self, request: Request) -> Response:
        query = read_query(request.url.query)
        if "nullable" in query:
            raise BadRequestError("nullable is a parameter of the POST request only")
        partition = query.get("partition", "0")
        if not (partition.isascii() and partition.isdigit()):
            raise BadRequestError(f"partition is a number from 0 on, not {partition!r}")
        execution = self._named(request)
        if not isinstance(execution, Execution):
            return execution
        if execution.outcome is None:
            return answers.in_progress(execution)
        return await self._ended(execution, int(partition), submitting=False)

    async def _cancel(self, request: Request) -> Response:
        read_query(request.url.query)
        execution = self._named(request)
        if not isinstance(execution, Execution):
            return execution
        if execution.outcome is None:
            await execution.stop(CANCELED)
            await execution.ended_within(LONGEST_TIMEOUT)
        return answers.canceled(execution)

    def _named(self, request: Request) -> Execution | Response:
        handle = request.path_params["handle"]
        try:
            uuid.UUID(handle)
        except ValueError:
            return JSONResponse({"message": "Not Found"}, status_code=404)
        return self.statements.find(handle) or answers.unknown_statement(handle)

    async def _ended(self, execution: Execution, number: int, *, submitting: bool) -> Response:
        outcome = execution.outcome
        if not isinstance(outcome, Success):
            assert outcome
            return answers.failed(execution, outcome, submitting=submitting)
        if number >= len(outcome.partitions):
            raise BadRequestError(f"the result has partitions 0 to {len(outcome.partitions) - 1}")
        if (table := self.statements.rows(execution.handle)) is None:
            return answers.forgotten_result(execution)
        return await run_in_threadpool(self._partition, execution, outcome, number, table)

    def _partition(
        self, execution: Execution, success: Success, number: int, table: pa.Table
    ) -> Response:
        largest, _ = success.partitions[0]
        count, _ = success.partitions[number]
        if number:
            count -= self.faults.take("short_partition") or 0
        data = encode(
            self.statements.warehouse.duck_conn,
            table.slice(number * largest, max(count, 0)),
            success.row_type,
            time_zone=success.time_zone,
            timestamp_spelling=self.settings.timestamp_spelling,
            null_as_text=success.null_as_text,
        )
        if number == 0:
            extra_rows = self.faults.take("declare_extra_rows") or 0
            return answers.first_partition(execution, success, data, extra_rows=extra_rows)
        answer = answers.later_partition(execution, success, number, data)
        if self.faults.take("truncated_partition"):
            answer.body = answer.body[: len(answer.body) // 2]
            answer.headers["Content-Length"] = str(len(answer.body))
        if self.faults.take("partition_reset"):
            return CutAnswer(answer.body, headers=dict(answer.headers))
        return answer
