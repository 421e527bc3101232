"""An account of the local Brevo as rows of its file, so that it comes back with the same ids.

A ledger remembers the ids of lists and campaigns, a journal those of processes, and Brevo's API
gives out ids of its own: what is put back goes into the server's file, while the server runs.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx

from tajo_sf_pipeline.sandbox import Sandbox

Rows = list[dict[str, Any]]

# By what a table tells whose its rows are.
_BY_ACCOUNT = (
    *("attributes", "folders", "lists", "contacts", "processes", "events"),
    *("object_types", "object_records", "associations", "campaigns"),
)
_BY_PARENT = {
    "memberships": "list IN (SELECT id FROM lists WHERE account = ?)",
    "consents": "contact IN (SELECT id FROM contacts WHERE account = ?)",
    "reports": "process IN (SELECT id FROM processes WHERE account = ?)",
}
_WHERE = dict.fromkeys(_BY_ACCOUNT, "account = ?") | _BY_PARENT
_NUMBERED = ("folders", "lists", "contacts", "processes", "events", "object_records", "campaigns")


def number_from(sandbox: Sandbox, first: int) -> None:
    """Let a server that has no rows yet number them from here: where no other account's ids are."""
    with _opened(sandbox) as file:
        rows = [(table, first) for table in (*_NUMBERED, "associations")]
        file.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", rows)


def saved(sandbox: Sandbox, key: str) -> dict[str, Rows]:
    """Give all that an account holds, by table."""
    with _opened(sandbox) as file:
        account = _account(file, key)
        return {
            table: [
                dict(row) for row in file.execute(f"SELECT * FROM {table} WHERE {where}", [account])
            ]
            for table, where in _WHERE.items()
        }


def put_back(sandbox: Sandbox, key: str, tables: dict[str, Rows]) -> None:
    """Make the account anew, with these rows and nothing else; it has seen no request yet."""
    admin = f"{sandbox.brevo_url.removesuffix('/v3')}/admin/accounts"
    settings = {"key": key, "rate_limits": False, "import_seconds": 0}
    httpx.post(admin, json=settings).raise_for_status()
    with _opened(sandbox) as file:
        account = _account(file, key)
        for table, where in _WHERE.items():
            file.execute(f"DELETE FROM {table} WHERE {where}", [account])
        # No state names a folder by its id, and other accounts of this server have such ids.
        folders = {
            row["id"]: _inserted(file, "folders", {"account": account, "name": row["name"]})
            for row in tables["folders"]
        }
        for table in tables.keys() - {"folders"}:
            for row in tables[table]:
                own = {"account": account, "folder": folders.get(row.get("folder"))}
                _inserted(file, table, row | {name: own[name] for name in own.keys() & row.keys()})


def _inserted(file: sqlite3.Connection, table: str, row: dict[str, Any]) -> int | None:
    names = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join("?" * len(row))
    query = f"INSERT INTO {table} ({names}) VALUES ({marks})"
    return file.execute(query, list(row.values())).lastrowid


def _account(file: sqlite3.Connection, key: str) -> int:
    [(number,)] = file.execute("SELECT id FROM accounts WHERE key = ?", [key])
    return int(number)


@contextmanager
def _opened(sandbox: Sandbox) -> Iterator[sqlite3.Connection]:
    [path] = sandbox.home.glob("brevo-*.sqlite")
    with closing(sqlite3.connect(path, timeout=30)) as file, file:
        file.row_factory = sqlite3.Row
        yield file
