"""``/v3/events``: posting one event, and looking events up."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from tajo_sf_pipeline.sandbox.brevo import clock
from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.events import read_event, store_event
from tajo_sf_pipeline.sandbox.brevo.replies import Reply, invalid

_DEFAULT_DAYS = 183  # "6 months ago when omitted" (SDK)


def create(call: Call) -> Reply:
    """Answer an empty 204; the event is there at once."""
    with call.store.writing() as db:
        store_event(db, call.account, read_event(db, call.account, call.body()))
    return Reply(204)


def list_all(call: Call) -> Reply:
    """Give the newest first; `count` is of all that match."""
    page = call.page(default=100, maximum=10_000, minimum=1)
    where, values = _filters(call)
    count = call.db.execute(f"SELECT count(*) FROM events WHERE {where}", values).fetchone()[0]
    rows = call.db.execute(
        f"SELECT * FROM events WHERE {where} ORDER BY date DESC, id DESC LIMIT ? OFFSET ?",
        [*values, page.limit, page.offset],
    )
    return Reply(200, {"events": [event_form(row) for row in rows], "count": count})


def event_form(row: sqlite3.Row) -> dict[str, Any]:
    body = json.loads(row["body"])
    form = {
        "event_name": row["name"],
        "event_date": row["date"],
        "source": "api",
        "event_properties": body.get("event_properties", {}),
        "contact_properties": body.get("contact_properties", {}),
    }
    if row["contact"] is not None:
        form["contact_id"] = row["contact"]
    return form | ({"object_type": row["object_type"]} if row["object_type"] else {})


def _filters(call: Call) -> tuple[str, list[Any]]:
    conditions = ["account = ?"]
    values: list[Any] = [call.account.id]
    sent: dict[str, list[Any]] = {
        "contact": list(call.numbers("contact_id")),
        "name": call.query.getlist("event_name"),
        "object_type": call.query.getlist("object_type"),
    }
    for column, wanted in sent.items():
        if wanted:
            conditions.append(f"{column} IN ({', '.join('?' * len(wanted))})")
            values += wanted
    for comparison, moment in _range(call):
        conditions.append(f"date {comparison} ?")
        values.append(moment)
    return " AND ".join(conditions), values


def _range(call: Call) -> list[tuple[str, str]]:
    """Read startDate and endDate, of which one needs the other; a day is meant to its end."""
    start, end = call.since("startDate"), call.since("endDate")
    if (start is None) != (end is None):
        raise invalid("startDate and endDate need each other")
    if start is None or end is None:
        oldest = datetime.now(UTC) - timedelta(days=_DEFAULT_DAYS)
        return [(">=", clock.brevo_time(oldest))]
    if start > end:
        raise invalid("startDate must not be after endDate")
    if "T" not in call.query["endDate"]:
        end = end.replace("T00:00:00.000", "T23:59:59.999")
    return [(">=", start), ("<=", end)]
