"""Accounts: an api key, its settings, its limits and faults, and what was asked of it."""

import sqlite3
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.faults import Faults
from tajo_sf_pipeline.sandbox.brevo.limits import RateLimits
from tajo_sf_pipeline.sandbox.brevo.store import Store

_LOGGED_REQUESTS = 100_000

_FIRST_ATTRIBUTES = ("LASTNAME", "FIRSTNAME", "SMS", "WHATSAPP", "LANDLINE_NUMBER", "EXT_ID")
_FIRST_FOLDER = "Your First Folder"

_EMPTY_ACCOUNT = """
DELETE FROM memberships WHERE list IN (SELECT id FROM lists WHERE account = :account);
DELETE FROM reports WHERE process IN (SELECT id FROM processes WHERE account = :account);
DELETE FROM processes WHERE account = :account;
DELETE FROM contacts WHERE account = :account;
DELETE FROM lists WHERE account = :account;
DELETE FROM folders WHERE account = :account;
DELETE FROM attributes WHERE account = :account;
DELETE FROM accounts WHERE id = :account
"""


@dataclass(frozen=True, slots=True)
class Settings:
    plan: str = "general"
    rate_limits: bool = True
    import_seconds: float = 0.5  # the least time that an import takes


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    method: str
    path: str
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
    limits: RateLimits
    faults: Faults = field(default_factory=lambda: Faults([]))
    requests: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=_LOGGED_REQUESTS))


class Accounts:
    """Settings and data outlive the process; limits, faults and the log of requests do not."""

    def __init__(self, store: Store) -> None:
        self._store = store
        rows = store.reading().execute("SELECT * FROM accounts")
        self._accounts = {row["key"]: _account(row) for row in rows}

    def find(self, key: str) -> Account | None:
        return self._accounts.get(key)

    def create(self, key: str, settings: Settings) -> Account:
        """Begin afresh: whatever stood under this key before is gone."""
        with self._store.writing() as db:
            if old := db.execute("SELECT id FROM accounts WHERE key = ?", (key,)).fetchone():
                for statement in _EMPTY_ACCOUNT.split(";"):
                    db.execute(statement, {"account": old["id"]})
            db.execute(
                "INSERT INTO accounts (key, plan, rate_limits, import_seconds) VALUES (?, ?, ?, ?)",
                (key, settings.plan, settings.rate_limits, settings.import_seconds),
            )
            row = db.execute("SELECT * FROM accounts WHERE key = ?", (key,)).fetchone()
            _furnish(db, row["id"])
        self._accounts[key] = account = _account(row)
        return account

    def change(self, account: Account, **changes: Any) -> None:
        """Apply new settings; the buckets are full again."""
        account.settings = settings = replace(account.settings, **changes)
        account.limits = RateLimits(settings.plan)
        with self._store.writing() as db:
            db.execute(
                "UPDATE accounts SET plan = ?, rate_limits = ?, import_seconds = ? WHERE id = ?",
                (settings.plan, settings.rate_limits, settings.import_seconds, account.id),
            )


def _account(row: sqlite3.Row) -> Account:
    settings = Settings(row["plan"], bool(row["rate_limits"]), row["import_seconds"])
    return Account(row["id"], row["key"], settings, RateLimits(settings.plan))


def _furnish(db: sqlite3.Connection, account: int) -> None:
    db.executemany(
        "INSERT INTO attributes (account, name, category, type) VALUES (?, ?, 'normal', 'text')",
        [(account, name) for name in _FIRST_ATTRIBUTES],
    )
    db.execute("INSERT INTO folders (account, name) VALUES (?, ?)", (account, _FIRST_FOLDER))
