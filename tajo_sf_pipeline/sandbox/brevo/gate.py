"""The way of every request to ``/v3``: its body, its key, its faults, its limits, its handler."""

import hashlib
import time
from dataclasses import dataclass
from http.client import responses

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from tajo_sf_pipeline.sandbox.brevo.accounts import Account, Accounts, LoggedRequest
from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.imports.queue import ImportQueue
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, Reply, invalid
from tajo_sf_pipeline.sandbox.brevo.routes import find_handler
from tajo_sf_pipeline.sandbox.brevo.store import Store

# Brevo does not say which megabyte it means: the smaller one is what a client can rely on.
MAX_BODY_BYTES = 10_000_000

_UNKNOWN_IP = (
    "We have detected you are using an unrecognised IP address {ip}. If you performed this action "
    "make sure to add the new IP address in this link: "
    "https://app.brevo.com/security/authorised_ips"
)


@dataclass(frozen=True, slots=True)
class _Body:
    content: bytes | None  # None: too large to be kept
    size: int
    sha256: str

    def within_limit(self) -> bytes:
        if self.content is None:
            raise invalid("The request body must not be larger than 10 MB")
        return self.content


@dataclass(frozen=True, slots=True)
class Gate:
    store: Store
    accounts: Accounts
    imports: ImportQueue

    async def answer(self, request: Request) -> Response:
        at = time.time()
        body = await _read(request)
        account = self.accounts.find(request.headers.get("api-key", ""))
        if account is None:
            return _response(Reply(401, {"code": "unauthorized", "message": "Key not found"}))
        response = await self._admit(request, account, body)
        account.requests.append(
            LoggedRequest(
                request.method,
                _raw_path(request),
                request.url.query,
                response.status_code,
                body.size,
                body.sha256,
                at,
            )
        )
        return response

    async def _admit(self, request: Request, account: Account, body: _Body) -> Response:
        if ip := account.faults.value("ip_blocked"):
            message = _UNKNOWN_IP.format(ip=ip)
            return _response(Reply(401, {"code": "unauthorized", "message": message}))
        headers: dict[str, str] = {}
        if account.settings.rate_limits:
            verdict = account.limits.spend(_raw_path(request), time.monotonic())
            headers = verdict.headers
            if not verdict.allowed:
                # The text is undocumented; that no Retry-After comes with it is known.
                reply = Reply(429, {"code": "too_many_requests", "message": "Too Many Requests"})
                return _response(reply, headers)
        fault = account.faults.spend("status", request.method, _raw_path(request))
        if fault and not fault.after:
            return _broken(fault.value, headers)
        reply = await run_in_threadpool(self._handle, request, account, body)
        return _broken(fault.value, headers) if fault else _response(reply, headers)

    def _handle(self, request: Request, account: Account, body: _Body) -> Reply:
        try:
            handler, parameters = find_handler(request.method, _raw_path(request))
            call = Call(
                self.store,
                self.imports,
                account,
                parameters,
                request.query_params,
                body.within_limit(),
                str(request.base_url).rstrip("/"),
            )
            return handler(call)
        except ApiError as error:
            return error.reply


async def _read(request: Request) -> _Body:
    """Read to the end even what is too large: a caller that still sends would miss the answer."""
    digest = hashlib.sha256()
    size = 0
    chunks: list[bytes] = []
    async for chunk in request.stream():
        digest.update(chunk)
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk)
        else:
            chunks.clear()
    content = b"".join(chunks) if size <= MAX_BODY_BYTES else None
    return _Body(content, size, digest.hexdigest())


def _raw_path(request: Request) -> str:
    raw: bytes = request.scope["raw_path"]
    return raw.decode("ascii")


def _response(reply: Reply, headers: dict[str, str] | None = None) -> Response:
    if reply.body is None:
        return Response(status_code=reply.status, headers=headers)
    return JSONResponse(reply.body, status_code=reply.status, headers=headers)


def _broken(status: int, headers: dict[str, str]) -> Response:
    """Answer a declared fault; beyond 519 it is Cloudflare that answers, and not in JSON."""
    if status >= 520:
        return HTMLResponse(f"<html><body>error code: {status}</body></html>", status)
    message = responses.get(status, "Declared fault")
    return JSONResponse({"code": "bad_request", "message": message}, status, headers)
