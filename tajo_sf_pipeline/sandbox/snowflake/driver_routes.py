"""The routes that a Snowflake driver calls, each around fakesnow's own."""

import gzip
import json
import logging
import secrets
from dataclasses import dataclass, field
from typing import Any, cast

import pyarrow as pa
from fakesnow.arrow import to_ipc, to_sf
from fakesnow.server import login_request, query_request, session, sessions
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tajo_sf_pipeline.sandbox.snowflake.activity import Activity, Statement, now
from tajo_sf_pipeline.sandbox.snowflake.faults import Faults
from tajo_sf_pipeline.sandbox.snowflake.sign_in import NOT_ALLOWED, refusal
from tajo_sf_pipeline.sandbox.snowflake.user import User
from tajo_sf_pipeline.sandbox.snowflake.warehouse import (
    INLINE_ROWS,
    Connection,
    Identity,
    RecentResults,
)

CHUNK_ROWS = 50_000

# Results being downloaded live as long as their session; this many outlive what sessions leak.
MAX_DOWNLOADS = 16

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DriverRoutes:
    user: User
    activity: Activity
    faults: Faults
    chunked: RecentResults = field(default_factory=lambda: RecentResults(always_kept=MAX_DOWNLOADS))

    async def login(self, request: Request) -> Response:
        if struck := await self.faults.strike():
            return struck
        login = (await _json_body(request))["data"]
        not_allowed = NOT_ALLOWED if self.faults.take("network_policy") else None
        if refused := not_allowed or refusal(login, self.user):
            return JSONResponse(_failure(refused.code, refused.message))
        answer = json.loads(bytes((await login_request(request)).body))
        cast(Connection, sessions[answer["data"]["token"]]).identity = Identity(
            login["LOGIN_NAME"].upper(),
            request.query_params.get("roleName"),
            request.query_params.get("warehouse"),
        )
        opened = self.activity.open_session(
            answer["data"]["token"],
            user=login["LOGIN_NAME"].upper(),
            query_tag=_query_tag(login.get("SESSION_PARAMETERS")),
        )
        # Without a master token the driver's close() never reaches the server.
        answer["data"] |= {
            "masterToken": secrets.token_urlsafe(32),
            "validityInSeconds": 3600,
            "masterValidityInSeconds": 14400,
            "sessionId": opened.id,
        }
        return JSONResponse(answer)

    async def end_session(self, request: Request) -> Response:
        if request.query_params.get("delete"):
            self._forget(_token(request))
        return await session(request)

    async def query(self, request: Request) -> Response:
        if struck := await self.faults.strike():
            return struck
        started_at = now()
        body = await _json_body(request)
        response = await _fakesnow_query(request)
        answer = json.loads(bytes(response.body))
        if answer["success"] and "rowsetBase64" in answer["data"]:
            self._announce_rest(answer["data"], request)
            answer["data"]["total"] += int(self.faults.take("declare_extra_rows") or 0)
        self._record(body, answer, request, started_at)
        return JSONResponse(answer, status_code=response.status_code)

    def chunk(self, request: Request) -> Response:
        """Send a later part of a large result; as in Snowflake, its address is the permission."""
        query_id, number = request.path_params["query_id"], request.path_params["number"]
        if (result := self.chunked.get(query_id)) is None:
            return Response(status_code=404)
        table, rowtype, _ = result
        rows = table.slice(INLINE_ROWS + number * CHUNK_ROWS, CHUNK_ROWS)
        return Response(bytes(to_ipc(to_sf(rows, rowtype))))

    def _announce_rest(self, data: dict[str, Any], request: Request) -> None:
        """Offer the rows that the cursor held back as chunks to download."""
        query_id = data["queryId"]
        token = _token(request)
        connection = sessions[token]
        assert isinstance(connection, Connection)
        if (table := connection.unsent.pop(query_id, None)) is not None:
            self.chunked[query_id] = (table, data["rowtype"], token)
            data["total"] = table.num_rows
            data["chunks"] = _chunks(table, f"{request.base_url}results/{query_id}")

    def _forget(self, token: str) -> None:
        self.activity.close_session(token)
        for query_id, (*_, owner) in list(self.chunked.items()):
            if owner == token:
                del self.chunked[query_id]

    def _record(
        self, body: dict[str, Any], answer: dict[str, Any], request: Request, started_at: str
    ) -> None:
        opened = self.activity.sessions.get(_token(request))
        data = answer.get("data") or {}
        self.activity.statements.append(
            Statement(
                sql=body["sqlText"],
                query_tag=_query_tag(body.get("parameters"))
                or (opened.query_tag if opened else ""),
                query_id=data.get("queryId"),
                bound=bool(body.get("bindings")),
                session_id=opened.id if opened else None,
                started_at=started_at,
                rows=data.get("total"),
                error=None if answer["success"] else answer["message"],
            )
        )


async def _fakesnow_query(request: Request) -> Response:
    """Ask fakesnow; what it has no answer for becomes an error that the driver raises."""
    try:
        response = await query_request(request)
    except Exception:
        logger.exception("fakesnow failed")
    else:
        if response.status_code < 500:
            return response
    message = "The local Snowflake cannot answer this statement; its log has the reason."
    return JSONResponse(_failure("009999", message, sqlstate="99999"))


def _chunks(table: pa.Table, address: str) -> list[dict[str, Any]]:
    return [
        {
            "url": f"{address}/{number}",
            "rowCount": rows.num_rows,
            "uncompressedSize": rows.nbytes,
            "compressedSize": rows.nbytes,
        }
        for number, offset in enumerate(range(INLINE_ROWS, table.num_rows, CHUNK_ROWS))
        if (rows := table.slice(offset, CHUNK_ROWS))
    ]


def _failure(code: str, message: str, *, sqlstate: str | None = None) -> dict[str, Any]:
    data = {"errorCode": code, "sqlState": sqlstate}
    return {"data": data, "code": code, "message": message, "success": False}


def _token(request: Request) -> str:
    return request.headers.get("Authorization", "").removeprefix('Snowflake Token="')[:-1]


def _query_tag(parameters: dict[str, Any] | None) -> str:
    return next((str(v) for k, v in (parameters or {}).items() if k.upper() == "QUERY_TAG"), "")


async def _json_body(request: Request) -> Any:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return json.loads(body)
