"""The way of every request to ``/v3``: its body, its key, its faults, its limits, its handler."""

import asyncio
import time
from dataclasses import dataclass, field
from http.client import responses
from itertools import count

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from tajo_sf_pipeline.sandbox.brevo.accounts import Account, LoggedRequest
from tajo_sf_pipeline.sandbox.brevo.api.attributes import drop_attribute
from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.credentials import Caller, Credentials
from tajo_sf_pipeline.sandbox.brevo.disconnection import hang_up
from tajo_sf_pipeline.sandbox.brevo.faults import Fault
from tajo_sf_pipeline.sandbox.brevo.imports.queue import ImportQueue
from tajo_sf_pipeline.sandbox.brevo.limits import bucket_of
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, Reply, invalid
from tajo_sf_pipeline.sandbox.brevo.request_body import Body, read_body
from tajo_sf_pipeline.sandbox.brevo.routes import find_handler, route_of
from tajo_sf_pipeline.sandbox.brevo.shapes import reshaped, scripted, without
from tajo_sf_pipeline.sandbox.brevo.store import Store

_UNKNOWN_IP = (
    "We have detected you are using an unrecognised IP address {ip}. If you performed this action "
    "make sure to add the new IP address in this link: "
    "https://app.brevo.com/security/authorised_ips"
)
_NO_ANSWER = 0  # the logged status of a request whose connection was cut


@dataclass(frozen=True, slots=True)
class Gate:
    store: Store
    credentials: Credentials
    imports: ImportQueue
    _answers: "count[int]" = field(default_factory=count)

    async def answer(self, request: Request) -> Response:
        at = time.time()
        body = await read_body(request)
        try:
            caller = self.credentials.caller(request.headers)
        except ApiError as error:
            return _response(error.reply)
        response = await self._faulty(request, caller, body)
        caller.account.requests.append(
            LoggedRequest(
                request.method,
                _raw_path(request),
                route_of(request.method, _raw_path(request)),
                request.url.query,
                response.status_code if response else _NO_ANSWER,
                body.size,
                body.sha256,
                at,
            )
        )
        return response or await hang_up(request)

    async def _faulty(self, request: Request, caller: Caller, body: Body) -> Response | None:
        """Answer as the faults have it; None when the connection is to be cut."""
        faults, strike = caller.account.faults, (request.method, _raw_path(request))
        disconnect = faults.spend("disconnect", *strike)
        if disconnect and disconnect.value == "before":
            return None
        response = await self._admit(request, caller, body)
        if disconnect:
            return None
        if delay := faults.spend("delay", *strike):
            await asyncio.sleep(delay.value)
        return response

    async def _admit(self, request: Request, caller: Caller, body: Body) -> Response:
        account, path = caller.account, _raw_path(request)
        if ip := account.faults.value("ip_blocked"):
            message = _UNKNOWN_IP.format(ip=ip)
            return _response(Reply(401, {"code": "unauthorized", "message": message}))
        headers: dict[str, str] = {}
        if account.settings.rate_limits:
            bucket = bucket_of(path, account.settings.events_batch_bucket)
            verdict = account.limits_of(caller.credential).spend(bucket, time.monotonic())
            headers = self._told(account, request.method, path, verdict.headers)
            if not verdict.allowed:
                return _too_many(headers, verdict.headers, account)
        fault = account.faults.spend("status", request.method, path)
        if fault and not fault.after:
            return _broken(fault, headers)
        answer = account.faults.spend("answer", request.method, path)
        if answer and not answer.after:
            return scripted(answer.value, headers)
        reply = await run_in_threadpool(self._handle, request, caller, body)
        if answer:
            return scripted(answer.value, headers)
        return _broken(fault, headers) if fault else _shaped(request, account, reply, headers)

    def _told(
        self, account: Account, method: str, path: str, headers: dict[str, str]
    ) -> dict[str, str]:
        """Give the headers about the limits, of which "some calls do not have" any."""
        rule = account.settings.rate_headers
        silent = rule == "never" or (rule == "sometimes" and next(self._answers) % 2)
        silent = silent or account.faults.spend("no_rate_headers", method, path) is not None
        return {} if silent else headers

    def _handle(self, request: Request, caller: Caller, body: Body) -> Reply:
        account, strike = caller.account, (request.method, _raw_path(request))
        try:
            caller.refuse_unless_granted(*strike)
            content = body.within_limit()
            if account.faults.spend("poison", *strike, content):
                raise invalid("Invalid parameters passed")
            if attribute := account.faults.spend("delete_attribute", *strike):
                with self.store.writing() as db:
                    drop_attribute(db, account.id, attribute.value)
            handler, parameters = find_handler(*strike)
            origin = str(request.base_url).rstrip("/")
            return handler(
                Call(
                    self.store,
                    self.imports,
                    account,
                    parameters,
                    request.query_params,
                    content,
                    origin,
                )
            )
        except ApiError as error:
            return error.reply


def _raw_path(request: Request) -> str:
    raw: bytes = request.scope["raw_path"]
    return raw.decode("ascii")


def _shaped(request: Request, account: Account, reply: Reply, headers: dict[str, str]) -> Response:
    """Answer what was asked, unless a fault has the answer in another shape."""
    strike = request.method, _raw_path(request)
    if fault := account.faults.spend("drop", *strike):
        reply = Reply(reply.status, without(reply.body, fault.value))
    if fault := account.faults.spend("reshape", *strike):
        return reshaped(reply.status, reply.body, fault.value, headers)
    return _response(reply, headers)


def _response(reply: Reply, headers: dict[str, str] | None = None) -> Response:
    if reply.body is None:
        return Response(status_code=reply.status, headers=headers)
    return JSONResponse(reply.body, status_code=reply.status, headers=headers)


def _too_many(told: dict[str, str], headers: dict[str, str], account: Account) -> Response:
    """Refuse; the text is undocumented, and that no Retry-After comes with it is known."""
    reply = Reply(429, {"code": "too_many_requests", "message": "Too Many Requests"})
    if account.settings.retry_after:
        told = told | {"retry-after": headers["x-sib-ratelimit-reset"]}
    return _response(reply, told)


def _broken(fault: Fault, headers: dict[str, str]) -> Response:
    """Answer a declared fault; beyond 519 it is Cloudflare that answers, and not in JSON."""
    status = fault.value
    if fault.html or status >= 520:
        return HTMLResponse(f"<html><body>error code: {status}</body></html>", status)
    headers = headers if fault.headers else {}
    if fault.retry_after is not None:
        headers = headers | {"retry-after": str(fault.retry_after)}
    message = fault.message or responses.get(status, "Declared fault")
    return JSONResponse({"code": fault.code, "message": message}, status, headers)
