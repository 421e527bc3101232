"""The bodies of the SQL API: ResultSet, QueryStatus, QueryFailureStatus and CancelStatus.

docs.snowflake.com/en/developer-guide/sql-api/reference.
"""

import gzip
import json
from typing import Any

from starlette.responses import JSONResponse, Response

from tajo_sf_pipeline.sandbox.snowflake.execution import Execution
from tajo_sf_pipeline.sandbox.snowflake.outcomes import (
    CANCELED,
    NOT_EXECUTING,
    TIMED_OUT,
    Failure,
    Success,
)

FASTEST_COMPRESSION = 1


def refused(status: int, code: str, message: str) -> Response:
    return JSONResponse({"code": code, "message": message}, status_code=status)


def in_progress(execution: Execution) -> Response:
    said = {
        "code": "333334",
        "sqlState": "00000",
        "message": "Asynchronous execution in progress. Use provided query id to perform query "
        "monitoring and management.",
    }
    return JSONResponse(said | _identity(execution), status_code=202)


def failed(execution: Execution, failure: Failure, *, submitting: bool) -> Response:
    """422; to whom still waits for the statement that timed out, 408."""
    status = 408 if submitting and failure.code == TIMED_OUT else 422
    return JSONResponse(_said(failure) | _identity(execution), status_code=status)


def unknown_statement(handle: str) -> Response:
    failure = Failure("000709", "02000", f"Statement {handle} not found")
    return JSONResponse(_said(failure) | {"statementHandle": handle}, status_code=422)


def forgotten_result(execution: Execution) -> Response:
    failure = Failure("000710", "02000", f"Result for query {execution.handle} has expired")
    return failed(execution, failure, submitting=False)


def canceled(execution: Execution) -> Response:
    body = _identity(execution)
    del body["createdOn"]
    outcome = execution.outcome
    if outcome == CANCELED:
        return JSONResponse(_said(outcome) | body)
    return JSONResponse(_said(NOT_EXECUTING) | body, status_code=422)


def first_partition(
    execution: Execution, success: Success, data: str, *, extra_rows: int
) -> Response:
    """Answer with the metadata and the rows of partition 0, which the caller has encoded."""
    body: dict[str, Any] = {
        "resultSetMetaData": {
            "numRows": success.rows + extra_rows,
            "format": "jsonv2",
            "rowType": success.row_type,
            "partitionInfo": [
                {"rowCount": rows, "uncompressedSize": size} for rows, size in success.partitions
            ],
            "nullable": not success.null_as_text,
        },
        "code": "090001",
        "sqlState": "00000",
        "message": "Statement executed successfully.",
        **_identity(execution),
    }
    if success.stats:
        body["stats"] = success.stats
    if success.statement_handles:
        body["statementHandles"] = success.statement_handles
    # The rows are JSON already; reading a million values to write them again takes seconds.
    text = f'{json.dumps(body)[:-1]},"data":{data}}}'
    links = _links(execution, success, 0)
    return Response(text, media_type="application/json", headers={"Link": links})


def later_partition(execution: Execution, success: Success, number: int, data: str) -> Response:
    """Answer with the rows and nothing else, compressed whatever the client accepts."""
    headers = {"Content-Encoding": "gzip", "Link": _links(execution, success, number)}
    body = gzip.compress(f'{{"data":{data}}}'.encode(), FASTEST_COMPRESSION)
    return Response(body, media_type="application/json", headers=headers)


def _identity(execution: Execution) -> dict[str, Any]:
    return {
        "statementHandle": execution.handle,
        "createdOn": execution.created_on,
        "statementStatusUrl": _address(execution),
    }


def _address(execution: Execution) -> str:
    return f"/api/v2/statements/{execution.handle}?requestId={execution.request_id}"


def _links(execution: Execution, success: Success, number: int) -> str:
    last = len(success.partitions) - 1
    targets = {"first": 0, "prev": number - 1, "next": number + 1, "last": last}
    return ",".join(
        f'<{_address(execution)}&partition={target}>;rel="{rel}"'
        for rel, target in targets.items()
        if 0 <= target <= last
    )


def _said(failure: Failure) -> dict[str, str]:
    return {"code": failure.code, "sqlState": failure.sql_state, "message": failure.message}
