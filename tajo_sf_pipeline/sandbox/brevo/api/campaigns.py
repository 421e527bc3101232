"""``/v3/emailCampaigns``: drafts, and the end of being one."""

import json
import sqlite3
from typing import Any

from tajo_sf_pipeline.sandbox.brevo import clock
from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.campaigns import (
    campaign_form,
    checked,
    recipients_count,
    refuse_unless_complete,
)
from tajo_sf_pipeline.sandbox.brevo.identity import normal_email
from tajo_sf_pipeline.sandbox.brevo.replies import ApiError, Reply, invalid, missing, not_found

_STATUSES = {"suspended", "archive", "sent", "queued", "draft", "inProcess", "inReview"}
_CHANGES = {name: name for name in ("suspended", "archive", "sent", "queued", "draft")} | {
    "darchive": "draft"
}
_COPIES = {"replicate", "replicateTemplate"}
_EDITABLE = {"draft", "suspended"}


def create(call: Call) -> Reply:
    body = call.body()
    refuse_unless_complete(body)
    with call.store.writing() as db:
        checked(db, call.account.id, body)
        status = "queued" if body.get("scheduledAt") else "draft"
        return Reply(201, {"id": _insert(db, call, body, status)})


def list_all(call: Call) -> Reply:
    page = call.page(default=50, maximum=100)
    where = "account = ?"
    values: list[Any] = [call.account.id]
    if (status := call.query.get("status")) is not None:
        if status not in _STATUSES:
            raise invalid("Invalid status")
        where, values = f"{where} AND status = ?", [*values, status]
    if call.query.get("type", "classic") != "classic":
        where = f"{where} AND false"
    count = call.db.execute(f"SELECT count(*) FROM campaigns WHERE {where}", values).fetchone()[0]
    rows = call.db.execute(
        f"SELECT * FROM campaigns WHERE {where} ORDER BY id {page.order} LIMIT ? OFFSET ?",
        [*values, page.limit, page.offset],
    )
    forms = [campaign_form(row) for row in rows]
    if call.query.get("excludeHtmlContent") == "true":
        forms = [form | {"htmlContent": ""} for form in forms]
    return Reply(200, {"campaigns": forms, "count": count})


def show(call: Call) -> Reply:
    return Reply(200, campaign_form(_find(call, call.db)))


def update(call: Call) -> Reply:
    """Only what is not sent yet can change."""
    body = call.body()
    with call.store.writing() as db:
        campaign = _editable(_find(call, db))
        checked(db, call.account.id, body)
        merged = json.loads(campaign["body"]) | body
        db.execute(
            "UPDATE campaigns SET name = ?, body = ?, modified_at = ? WHERE id = ?",
            (merged["name"], json.dumps(merged), clock.now(), campaign["id"]),
        )
    return Reply(204)


def delete(call: Call) -> Reply:
    with call.store.writing() as db:
        db.execute("DELETE FROM campaigns WHERE id = ?", (_find(call, db)["id"],))
    return Reply(204)


def send_now(call: Call) -> Reply:
    """Send at once, as far as the credits go: none left is a 402."""
    with call.store.writing() as db:
        campaign = _editable(_find(call, db))
        body = json.loads(campaign["body"])
        if not (body.get("recipients") or {}).get("listIds"):
            raise missing("recipients")
        if not body.get("subject"):
            raise missing("subject")
        if recipients_count(db, body) > call.account.settings.credits:
            raise ApiError(402, "not_enough_credits", "You do not have enough credits")
        _set_status(db, campaign["id"], "sent")
    return Reply(204)


def send_test(call: Call) -> Reply:
    emails = call.body().get("emailTo")
    _find(call, call.db)
    if not isinstance(emails, list) or not all(normal_email(email) for email in emails):
        raise invalid("emailTo must be an array of email addresses")
    return Reply(204)


def change_status(call: Call) -> Reply:
    status = call.body().get("status")
    if status not in {*_CHANGES, *_COPIES}:
        raise invalid("Invalid status")
    with call.store.writing() as db:
        campaign = _find(call, db)
        if status in _COPIES:
            _insert(db, call, json.loads(campaign["body"]), "draft")
        else:
            _set_status(db, campaign["id"], _CHANGES[status])
    return Reply(204)


def _insert(db: sqlite3.Connection, call: Call, body: dict[str, Any], status: str) -> int:
    now = clock.now()
    row = db.execute(
        "INSERT INTO campaigns (account, name, status, body, created_at, modified_at) "
        "VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        (call.account.id, body["name"], status, json.dumps(body), now, now),
    ).fetchone()
    return int(row["id"])


def _set_status(db: sqlite3.Connection, campaign: int, status: str) -> None:
    now = clock.now()
    db.execute(
        "UPDATE campaigns SET status = ?, modified_at = ?, sent_at = coalesce(?, sent_at) "
        "WHERE id = ?",
        (status, now, now if status == "sent" else None, campaign),
    )


def _find(call: Call, db: sqlite3.Connection) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM campaigns WHERE account = ? AND id = ?",
        (call.account.id, call.id("campaignId")),
    ).fetchone()
    if row is None:
        raise not_found("Campaign ID not found")
    return row


def _editable(campaign: sqlite3.Row) -> sqlite3.Row:
    if campaign["status"] not in _EDITABLE:
        raise ApiError(400, "campaign_sent", "The campaign has been sent or is about to be")
    return campaign
