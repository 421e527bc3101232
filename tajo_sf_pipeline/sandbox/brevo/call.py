"""One request to ``/v3`` as a handler sees it: who asks, with which path, query and body."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import QueryParams

from tajo_sf_pipeline.sandbox.brevo import clock
from tajo_sf_pipeline.sandbox.brevo.accounts import Account
from tajo_sf_pipeline.sandbox.brevo.imports.queue import ImportQueue
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, invalid, out_of_range
from tajo_sf_pipeline.sandbox.brevo.store import Store


@dataclass(frozen=True, slots=True)
class Page:
    limit: int
    offset: int
    order: str  # ASC or DESC, by creation


@dataclass(frozen=True, slots=True)
class Call:
    store: Store
    imports: ImportQueue
    account: Account
    path: Mapping[str, str]
    query: QueryParams
    content: bytes
    origin: str  # scheme and authority that the caller used

    @property
    def db(self) -> sqlite3.Connection:
        return self.store.reading()

    def body(self) -> dict[str, Any]:
        try:
            body = orjson.loads(self.content)
        except ValueError as error:
            raise ApiError(400, "bad_request", "Input must be a valid JSON object") from error
        if not isinstance(body, dict):
            raise ApiError(400, "bad_request", "Input must be a valid JSON object")
        return body

    def id(self, name: str) -> int:
        return _number(name, self.path[name])

    def numbers(self, name: str) -> list[int]:
        """Read a list in the query, with commas or by repeating the name."""
        return [
            _number(name, part) for value in self.query.getlist(name) for part in value.split(",")
        ]

    def since(self, name: str) -> str | None:
        try:
            return clock.since(self.query[name]) if name in self.query else None
        except ValueError as error:
            raise invalid(f"{name} must be a date-time, such as 2026-01-31T08:00:00Z") from error

    def page(self, *, default: int, maximum: int, minimum: int = 0) -> Page:
        limit = _number("limit", self.query.get("limit", str(default)))
        if not minimum <= limit <= maximum:
            raise out_of_range(f"limit must be at least {minimum} and at most {maximum}")
        sort = self.query.get("sort", "desc")
        if sort not in {"asc", "desc"}:
            raise invalid("sort must be asc or desc")
        return Page(limit, _number("offset", self.query.get("offset", "0")), sort.upper())


def _number(name: str, text: str) -> int:
    # Python's int() takes more than a number on the wire may be, such as 1_000 and blanks.
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise invalid(f"{name} must be a number")
    return int(text)
