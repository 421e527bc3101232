"""E-mail campaigns: what one must have, and how Brevo shows it."""

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.contact_changes import own_lists
from tajo_sf_pipeline.sandbox.brevo.identity import normal_email
from tajo_sf_pipeline.sandbox.brevo.replies import invalid, missing

_CONTENTS = ("htmlContent", "htmlUrl", "templateId")
_MIN_HTML = 10
_TEXTS = ("name", "subject", "htmlContent", "htmlUrl", "previewText", "tag", "toField", "replyTo")
_SHOWN = ("subject", "previewText", "tag", "toField", "utmSource", "utmMedium", "scheduledAt")


def refuse_unless_complete(body: dict[str, Any]) -> None:
    """Raise a 400 for what a new campaign must have."""
    for name in ("name", "sender"):
        if not body.get(name):
            raise missing(name)
    if not body.get("subject") and body.get("abTesting") is not True:
        raise missing("subject")
    if sum(name in body for name in _CONTENTS) != 1:
        raise invalid(f"Exactly one of {', '.join(_CONTENTS)} is needed")
    if body.get("scheduledAt") and not (body.get("recipients") or {}).get("listIds"):
        raise missing("recipients.listIds")


def checked(db: sqlite3.Connection, account: int, body: dict[str, Any]) -> None:
    """Raise a 400 for what cannot be so, in a new campaign or a change of one."""
    for name in _TEXTS:
        if name in body and not isinstance(body[name], str):
            raise invalid(f"{name} should be a string")
    if "htmlContent" in body and len(body["htmlContent"]) < _MIN_HTML:
        raise invalid("htmlContent is too short")
    if "sender" in body:
        _refuse_sender(body["sender"])
    recipients = body.get("recipients", {})
    if not isinstance(recipients, dict):
        raise invalid("recipients should be an object")
    for name in ("listIds", "exclusionListIds"):
        own_lists(db, account, recipients.get(name))
    if body.get("scheduledAt"):
        _refuse_moment(body["scheduledAt"])


def _refuse_sender(sender: Any) -> None:
    given = sender.keys() & {"email", "id"} if isinstance(sender, dict) else set()
    if len(given) != 1:
        raise invalid("Exactly one of sender.email and sender.id is needed")
    if "email" in sender and not normal_email(sender["email"]):
        raise invalid("sender.email is not valid in format")


def _refuse_moment(text: Any) -> None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise invalid("scheduledAt must be a UTC date-time") from error
    if moment.replace(tzinfo=moment.tzinfo or UTC) <= datetime.now(UTC):
        raise invalid("scheduledAt must be in the future")


def recipients_count(db: sqlite3.Connection, body: dict[str, Any]) -> int:
    """Count who would get it: members of a list, of no excluded one, not blocklisted."""
    recipients = body.get("recipients") or {}
    included, excluded = (recipients.get(n) or [] for n in ("listIds", "exclusionListIds"))
    row = db.execute(
        "SELECT count(*) FROM contacts WHERE NOT email_blacklisted AND email IS NOT NULL "
        f"AND id IN (SELECT contact FROM memberships WHERE list IN ({_marks(included)})) "
        f"AND id NOT IN (SELECT contact FROM memberships WHERE list IN ({_marks(excluded)}))",
        (*included, *excluded),
    ).fetchone()
    return int(row[0])


def _marks(values: list[int]) -> str:
    return ", ".join("?" * len(values))


def campaign_form(row: sqlite3.Row) -> dict[str, Any]:
    body = json.loads(row["body"])
    recipients = body.get("recipients") or {}
    sender = body["sender"]
    form = {
        "id": row["id"],
        "name": row["name"],
        "type": "classic",
        "status": row["status"],
        "createdAt": row["created_at"],
        "modifiedAt": row["modified_at"],
        "htmlContent": body.get("htmlContent", ""),
        "header": body.get("header", "[DEFAULT_HEADER]"),
        "footer": body.get("footer", "[DEFAULT_FOOTER]"),
        "replyTo": body.get("replyTo") or sender.get("email", "owner@example.com"),
        "sender": sender,
        "testSent": False,
        "recipients": {
            "lists": recipients.get("listIds") or [],
            "exclusionLists": recipients.get("exclusionListIds") or [],
        },
        "statistics": _NO_STATISTICS,
    }
    shown = {name: body[name] for name in _SHOWN if name in body}
    return form | shown | ({"sentDate": row["sent_at"]} if row["sent_at"] else {})


_NUMBERS = (
    *("clickers", "complaints", "delivered", "hardBounces", "sent", "softBounces"),
    *("uniqueClicks", "uniqueViews", "unsubscriptions", "viewed", "trackableViews"),
    *("opensRate", "appleMppOpens"),
)
_NO_STATISTICS: dict[str, Any] = {
    "campaignStats": [],
    "globalStats": dict.fromkeys(_NUMBERS, 0),
    "linksStats": {},
    "mirrorClick": 0,
    "remaining": 0,
    "statsByBrowser": {},
    "statsByDevice": {},
    "statsByDomain": {},
}
