"""``/admin``: what no Brevo has, for tests and for people: accounts, faults and what happened."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tajo_sf_pipeline.sandbox.brevo.accounts import Account, Accounts, Settings
from tajo_sf_pipeline.sandbox.brevo.contact_forms import contact_forms
from tajo_sf_pipeline.sandbox.brevo.faults import FaultError, Faults, declared
from tajo_sf_pipeline.sandbox.brevo.limits import PLANS
from tajo_sf_pipeline.sandbox.brevo.replies import invalid, not_found
from tajo_sf_pipeline.sandbox.brevo.store import Store

_PAGE = 1000
_SETTINGS: dict[str, Callable[[Any], bool]] = {
    "plan": lambda value: value in PLANS,
    "rate_limits": lambda value: isinstance(value, bool),
    "import_seconds": lambda value: type(value) in {int, float} and value >= 0,
}


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
        settings = Settings(**_settings(body))
        await run_in_threadpool(self.accounts.create, key, settings)
        return JSONResponse({"key": key}, 201)

    async def change_account(self, request: Request) -> Response:
        """Change the settings that are named; `faults`, if named, replaces all that were there."""
        account = self._account(request)
        body = await _body(request)
        faults = _faults(body.pop("faults")) if "faults" in body else None
        if settings := _settings(body):
            await run_in_threadpool(self.accounts.change, account, **settings)
        if faults is not None:
            account.faults = faults
        return JSONResponse({"key": account.key})

    def requests(self, request: Request) -> Response:
        logged = [entry.as_json() for entry in list(self._account(request).requests)]
        return JSONResponse({"requests": logged})

    def contacts(self, request: Request) -> Response:
        account = self._account(request)
        values = [account.id, *(_number(request, name) for name in ("limit", "offset"))]
        contacts = contact_forms(
            self.store.reading(),
            "FROM contacts c WHERE c.account = ?",
            values,
            "ORDER BY c.email LIMIT ? OFFSET ?",
        )
        return JSONResponse({"contacts": contacts})

    def summary(self, request: Request) -> Response:
        account = self._account(request)
        db = self.store.reading()
        lists = db.execute(
            "SELECT id, name, (SELECT count(*) FROM memberships WHERE list = lists.id) AS members "
            "FROM lists WHERE account = ? ORDER BY id",
            (account.id,),
        )
        return JSONResponse(
            {
                "contacts": _count(db, "contacts", account),
                "lists": [dict(row) for row in lists],
                "attributes": _count(db, "attributes", account),
                "processes": _count(db, "processes", account),
                "requests": Counter(str(entry.status) for entry in list(account.requests)),
            }
        )

    def report(self, request: Request) -> Response:
        """Hand a report to anybody who has its address, as Brevo does."""
        row = (
            self.store.reading()
            .execute("SELECT csv FROM reports WHERE token = ?", (request.path_params["token"],))
            .fetchone()
        )
        if row is None:
            raise not_found("no such report")
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


def _settings(body: dict[str, Any]) -> dict[str, Any]:
    for name, value in body.items():
        if name not in _SETTINGS:
            raise invalid(f"unknown setting {name}; there are {', '.join(_SETTINGS)}")
        if not _SETTINGS[name](value):
            raise invalid(f"{name} cannot be {value!r}")
    return body


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


def _count(db: sqlite3.Connection, table: str, account: Account) -> int:
    found = db.execute(f"SELECT count(*) FROM {table} WHERE account = ?", (account.id,))
    return int(found.fetchone()[0])
