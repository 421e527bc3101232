"""Accounts: an api key, its settings, its limits and faults, and what was asked of it."""

import json
import sqlite3
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.faults import Faults
from tajo_sf_pipeline.sandbox.brevo.limits import RateLimits
from tajo_sf_pipeline.sandbox.brevo.settings import Settings
from tajo_sf_pipeline.sandbox.brevo.store import Store

_LOGGED_REQUESTS = 100_000

_FIRST_ATTRIBUTES = ("LASTNAME", "FIRSTNAME", "SMS", "WHATSAPP", "LANDLINE_NUMBER", "EXT_ID")
_FIRST_FOLDER = "Your First Folder"

# In this order: what is told apart by its parent goes before the parent.
_EMPTY_ACCOUNT = (
    "DELETE FROM memberships WHERE list IN (SELECT id FROM lists WHERE account = ?)",
    "DELETE FROM consents WHERE contact IN (SELECT id FROM contacts WHERE account = ?)",
    "DELETE FROM unsubscriptions WHERE contact IN (SELECT id FROM contacts WHERE account = ?)",
    "DELETE FROM reports WHERE process IN (SELECT id FROM processes WHERE account = ?)",
    *(
        f"DELETE FROM {table} WHERE account = ?"
        for table in (
            *("processes", "contacts", "lists", "folders", "attributes", "events"),
            *("object_types", "object_records", "associations", "campaigns"),
        )
    ),
    "DELETE FROM accounts WHERE id = ?",
)


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    method: str
    path: str
    route: str  # the path with its variable parts named, as documented
    query: str
    status: int
    request_bytes: int
    sha256: str
    at: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class Account:
    id: int
    key: str
    settings: Settings
    limits: dict[str, RateLimits] = field(default_factory=dict)  # by credential
    faults: Faults = field(default_factory=lambda: Faults([]))
    requests: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=_LOGGED_REQUESTS))
    polls: dict[int, int] = field(default_factory=dict)  # how often each process was shown

    def limits_of(self, credential: str) -> RateLimits:
        if credential not in self.limits:
            self.limits[credential] = RateLimits(self.settings.plan, self.settings.limits)
        return self.limits[credential]


class Accounts:
    """Settings and data outlive the process; limits, faults and the log of requests do not."""

    def __init__(self, store: Store) -> None:
        self._store = store
        rows = store.reading().execute("SELECT * FROM accounts")
        self._accounts = {row["key"]: _account(row) for row in rows}

    def find(self, key: str) -> Account | None:
        return self._accounts.get(key)

    def all(self) -> list[Account]:
        return list(self._accounts.values())

    def create(self, key: str, settings: Settings) -> Account:
        """Begin afresh: whatever stood under this key before is gone."""
        with self._store.writing() as db:
            if old := db.execute("SELECT id FROM accounts WHERE key = ?", (key,)).fetchone():
                for statement in _EMPTY_ACCOUNT:
                    db.execute(statement, (old["id"],))
            db.execute(
                "INSERT INTO accounts (key, settings) VALUES (?, ?)", (key, settings.as_json())
            )
            row = db.execute("SELECT * FROM accounts WHERE key = ?", (key,)).fetchone()
            _furnish(db, row["id"])
        self._accounts[key] = account = _account(row)
        return account

    def change(self, account: Account, **changes: Any) -> None:
        """Apply new settings; the buckets are full again."""
        account.settings = settings = replace(account.settings, **changes)
        account.limits = {}
        with self._store.writing() as db:
            db.execute(
                "UPDATE accounts SET settings = ? WHERE id = ?", (settings.as_json(), account.id)
            )


def _account(row: sqlite3.Row) -> Account:
    return Account(row["id"], row["key"], Settings(**json.loads(row["settings"])))


def _furnish(db: sqlite3.Connection, account: int) -> None:
    db.executemany(
        "INSERT INTO attributes (account, name, category, type) VALUES (?, ?, 'normal', 'text')",
        [(account, name) for name in _FIRST_ATTRIBUTES],
    )
    db.execute("INSERT INTO folders (account, name) VALUES (?, ?)", (account, _FIRST_FOLDER))
