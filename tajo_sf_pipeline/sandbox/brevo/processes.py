"""Processes: what Brevo does in the background, and how far each is."""

import json
import sqlite3
from collections.abc import Mapping

from tajo_sf_pipeline.sandbox.brevo import clock


def new_process(
    db: sqlite3.Connection, account: int, name: str, rows: int, status: str = "queued"
) -> int:
    row = db.execute(
        "INSERT INTO processes (account, name, status, created_at, rows) "
        "VALUES (?, ?, ?, ?, ?) RETURNING id",
        (account, name, status, clock.now(), rows),
    ).fetchone()
    return int(row["id"])


def set_status(db: sqlite3.Connection, process: int, status: str) -> None:
    db.execute("UPDATE processes SET status = ? WHERE id = ?", (status, process))


def set_outcome(db: sqlite3.Connection, process: int, outcome: Mapping[str, object]) -> None:
    """Keep what became of the rows, for /admin alone."""
    db.execute("UPDATE processes SET outcome = ? WHERE id = ?", (json.dumps(outcome), process))
