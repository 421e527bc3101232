"""``/admin``: what no Brevo has, for tests and for people: accounts, faults and what happened."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from tajo_sf_pipeline.sandbox.brevo.accounts import Account, Accounts
from tajo_sf_pipeline.sandbox.brevo.faults import FaultError, Faults, declared
from tajo_sf_pipeline.sandbox.brevo.holdings import VIEWS, Page
from tajo_sf_pipeline.sandbox.brevo.people import DEEDS, OF_LISTS, Deed
from tajo_sf_pipeline.sandbox.brevo.replies import invalid, not_found
from tajo_sf_pipeline.sandbox.brevo.report_bodies import BODIES
from tajo_sf_pipeline.sandbox.brevo.settings import SettingError, Settings, checked
from tajo_sf_pipeline.sandbox.brevo.store import Store

_PAGE = 1000
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Admin:
    store: Store
    accounts: Accounts

    async def health(self, _: Request) -> Response:
        return JSONResponse({"ready": True})

    async def create_account(self, request: Request) -> Response:
        body = await _body(request)
        key = body.pop("key", None)
        if not isinstance(key, str) or not key:
            raise invalid("key is missing")
        settings = Settings(**_checked(body))
        await run_in_threadpool(self.accounts.create, key, settings)
        return JSONResponse({"key": key}, 201)

    async def change_account(self, request: Request) -> Response:
        """Change the settings that are named; `faults`, if named, replaces all that were there."""
        account = self._account(request)
        body = await _body(request)
        faults = _faults(body.pop("faults")) if "faults" in body else None
        if settings := _checked(body):
            await run_in_threadpool(self.accounts.change, account, **settings)
        if faults is not None:
            account.faults = faults
        return JSONResponse({"key": account.key})

    async def change_object_type(self, request: Request) -> Response:
        """Make or replace a type of custom objects, with the names of its attributes."""
        account, body = self._account(request), await _body(request)
        attributes = body.get("attributes")
        if not isinstance(attributes, list) or not all(isinstance(a, str) for a in attributes):
            raise invalid("attributes must be an array of names")
        name = request.path_params["type"]
        await run_in_threadpool(self._write_type, account, name, attributes)
        return JSONResponse({"type": name}, 201)

    def _write_type(self, account: Account, name: str, attributes: list[str]) -> None:
        with self.store.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO object_types (account, name, attributes) VALUES (?, ?, ?)",
                (account.id, name, json.dumps(attributes)),
            )

    async def do(self, request: Request) -> Response:
        """Do what a person could; a form of our own page is sent back to it."""
        account, name = self._account(request), request.path_params["deed"]
        if name not in DEEDS:
            raise not_found(f"no such deed; there are {', '.join(DEEDS)}")
        is_form = request.headers.get("content-type") == _FORM
        body = dict(parse_qsl((await request.body()).decode())) if is_form else await _body(request)
        await run_in_threadpool(self._do, account, DEEDS[name], body)
        if not is_form:
            return JSONResponse({"done": name})
        view = "lists" if name in OF_LISTS else "contacts"
        page = urlencode({"account": account.key, "view": view})
        return RedirectResponse(f"/?{page}", 303)

    def _do(self, account: Account, deed: Deed, body: dict[str, Any]) -> None:
        with self.store.writing() as db:
            deed(db, account, body)

    def read(self, request: Request) -> Response:
        """One of the views of what the account holds."""
        account = self._account(request)
        view = request.path_params["view"]
        if view not in VIEWS:
            raise not_found(f"no such view; there are {', '.join(VIEWS)}")
        page = Page(*(_number(request, name) for name in ("limit", "offset")))
        return JSONResponse(VIEWS[view](self.store.reading(), account, page))

    def report(self, request: Request) -> Response:
        """Hand a report to anybody who has its address, as Brevo does."""
        row = (
            self.store.reading()
            .execute(
                "SELECT csv, key FROM reports JOIN processes ON processes.id = process "
                "JOIN accounts ON accounts.id = account WHERE token = ?",
                (request.path_params["token"],),
            )
            .fetchone()
        )
        if row is None:
            raise not_found("no such report")
        account = self.accounts.find(row["key"])
        if account and (status := account.faults.value("report_status")):
            return PlainTextResponse("AccessDenied", status)
        if account and (body := account.faults.value("report_body")):
            kind = "text/html" if body == "html" else "text/csv"
            return Response(BODIES[body](row["csv"]), media_type=kind)
        return PlainTextResponse(row["csv"], media_type="text/csv")

    def _account(self, request: Request) -> Account:
        account = self.accounts.find(request.path_params["key"])
        if account is None:
            raise not_found("no such account")
        return account


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except json.JSONDecodeError as error:
        raise invalid("the body must be JSON") from error
    if not isinstance(body, dict):
        raise invalid("the body must be an object")
    return body


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    try:
        return checked(body)
    except SettingError as error:
        raise invalid(str(error)) from error


def _faults(faults: Any) -> Faults:
    if not isinstance(faults, list) or not all(isinstance(fault, dict) for fault in faults):
        raise invalid("faults must be an array of objects")
    try:
        return Faults([declared(fault) for fault in faults])
    except FaultError as error:
        raise invalid(str(error)) from error


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, str({"limit": _PAGE}.get(name, 0)))
    if not (text.isascii() and text.isdigit()):
        raise invalid(f"{name} must be a number")
    return int(text)
