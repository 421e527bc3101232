"""Stored contacts in the form in which Brevo answers them."""

import json
import sqlite3
from typing import Any

from tajo_sf_pipeline.sandbox.brevo.identity import EMAIL, IDENTIFIERS

SELECT_CONTACT = """
SELECT c.*, (
    SELECT json_group_array(list) FROM memberships WHERE contact = c.id
) AS lists, (
    SELECT json_group_array(consent_group) FROM consents WHERE contact = c.id
) AS consent_groups
"""


def contact_form(row: sqlite3.Row) -> dict[str, Any]:
    """Give the own id and the phone numbers (digits, no ``+``) among the attributes."""
    identifiers = {
        identifier.attribute: row[identifier.column]
        for identifier in IDENTIFIERS
        if identifier is not EMAIL and row[identifier.column] is not None
    }
    groups = json.loads(row["consent_groups"])
    return {
        **({"email": row["email"]} if row["email"] is not None else {}),
        "id": row["id"],
        "emailBlacklisted": bool(row["email_blacklisted"]),
        "smsBlacklisted": bool(row["sms_blacklisted"]),
        "whatsappBlacklisted": False,
        "createdAt": row["created_at"],
        "modifiedAt": row["modified_at"],
        "listIds": json.loads(row["lists"]),
        "attributes": json.loads(row["attributes"]) | identifiers,
        **({"consentGroups": [_subscribed(group) for group in groups]} if groups else {}),
    }


def _subscribed(group: int) -> dict[str, Any]:
    return {"id": group, "status": "subscribed"}


def contact_forms(
    db: sqlite3.Connection, source: str, values: list[Any], tail: str
) -> list[dict[str, Any]]:
    """`source` is a FROM and WHERE in which `c` is the contact, `tail` its ORDER BY and LIMIT."""
    return [contact_form(row) for row in db.execute(f"{SELECT_CONTACT} {source} {tail}", values)]
