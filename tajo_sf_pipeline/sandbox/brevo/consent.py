"""Who may be written to: blocklistings, when they came about, and what takes them away.

"If a blocklisted contact's email address is updated, it is going to remove that blocklisting from
the contact and they will be resubscribed" (SDK, update_contact). What else does, and what a flag
in the same call is worth, no document says: the account's settings do.
"""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from tajo_sf_pipeline.sandbox.brevo import clock
from tajo_sf_pipeline.sandbox.brevo.settings import Settings

# "statistics: last 90 days" (docs of GET /contacts/{identifier}).
_SHOWN = timedelta(days=90)
_KINDS = {"user": "userUnsubscription", "admin": "adminUnsubscription"}
_IP = "127.0.0.1"
_SOME_CAMPAIGN = 1  # a user's unsubscription always has one
_COLUMNS = {"email": "email_blacklisted", "sms": "sms_blacklisted"}


def flags_after(
    settings: Settings, before: sqlite3.Row, columns: dict[str, Any], *, joins: bool
) -> dict[str, bool]:
    """Return the flags that a row call with these columns writes, asked to or not."""
    sent = {column: columns[column] for column in _COLUMNS.values() if column in columns}
    changed = columns.get("email") is not None and (
        columns["email"] != before["email"] or settings.same_email_unblocks
    )
    by_address = {_COLUMNS[channel]: False for channel in settings.email_change_unblocks}
    lifted = by_address if changed else {}
    if settings.email_change_overrides:
        return sent | lifted
    if joins and settings.list_change_unblocks:
        lifted = lifted | {"email_blacklisted": False}
    return lifted | sent


def record(
    db: sqlite3.Connection,
    contact: int,
    kind: str,
    *,
    moment: str | None = None,
    campaign: int | None = None,
) -> None:
    """Remember that a contact was unsubscribed, by itself (`user`) or by the account (`admin`)."""
    campaign = campaign or _SOME_CAMPAIGN if kind == "user" else None
    db.execute(
        "INSERT INTO unsubscriptions (contact, kind, moment, campaign) VALUES (?, ?, ?, ?)",
        (contact, kind, moment or clock.now(), campaign),
    )


def record_new(db: sqlite3.Connection, contact: int) -> None:
    """Remember that the account blocklists a contact, unless it was so already."""
    db.execute(
        "INSERT INTO unsubscriptions (contact, kind, moment) "
        "SELECT id, 'admin', ? FROM contacts WHERE id = ? AND NOT email_blacklisted",
        (clock.now(), contact),
    )


def statistics(
    db: sqlite3.Connection, contact: int, days: tuple[str, str] | None
) -> dict[str, Any]:
    """Return what is told of a contact between two days, else of the last 90."""
    first, last = days or ((datetime.now(UTC) - _SHOWN).isoformat(), "9999-12-31")
    rows = db.execute(
        "SELECT * FROM unsubscriptions WHERE contact = ? AND moment >= ? "
        "AND substr(moment, 1, 10) <= ? ORDER BY id",
        (contact, first, last),
    ).fetchall()
    if not rows:
        return {}
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in _KINDS.values()}
    for row in rows:
        item = {"eventTime": f"{row['moment'][:19]}Z", "ip": _IP}
        if row["campaign"] is not None:
            item["campaignId"] = row["campaign"]
        told[_KINDS[row["kind"]]].append(item)
    return {"unsubscriptions": told}
