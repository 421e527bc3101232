"""Which blocklist flags a plan sets and lifts: decided before anything is written (S09).

A yes in the source lifts a flag only where the source changed to it, and no opt-out is known that
came after; what is unknown of a new contact blocklists it. Nothing else touches a flag.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from tajo_sf_pipeline.audience.specification import Consent
from tajo_sf_pipeline.storage import parquet

# The clocks of Brevo and of this machine may differ by as much.
_SKEW = timedelta(minutes=5)
# What a plan does with the flags of a contact; `kept` says that Brevo's opt-out stands.
FLAGS = pa.schema({"key": pa.string(), "email": pa.bool_(), "sms": pa.bool_(), "kept": pa.bool_()})
# A moment that has not come is no consent yet: it would stand above every opt-out to come.
HAS_COME = "m._consent_at <= now() + INTERVAL 5 MINUTE"
CONSENTS = {"_email_consent", "_sms_consent"}
_COLUMNS = {
    "_email_consent": "BOOLEAN",
    "_sms_consent": "BOOLEAN",
    "_consent_at": "TIMESTAMPTZ",
}


class OptOut(NamedTuple):
    """What Brevo holds of one contact: its flags, and its last opt-outs that have a moment.

    `by_person` is an unsubscription or a complaint of the contact, `by_admin` one that somebody
    made for it, of which this product's own writes are some.
    """

    email: bool
    sms: bool
    by_person: datetime | None = None
    by_admin: datetime | None = None


def to_look_up(
    database: duckdb.DuckDBPyConnection, mapped: Path, consent: Consent, *, lift: bool
) -> list[dict[str, Any]]:
    """Return the mapped rows whose flags depend on what Brevo holds, with what it accepted last.

    Those are the rows that would lift a flag, where they may `lift` one, and those of whom Brevo
    has accepted nothing and whose consent is unknown.
    """
    present = set(parquet.schema(mapped).names)
    if not present & CONSENTS:
        return []
    columns = ", ".join(
        f"m.{name}" if name in present else f"NULL::{kind} AS {name}"
        for name, kind in _COLUMNS.items()
    )
    unknown = [f"m.{name} IS NULL" for name in sorted(CONSENTS & present)]
    came_since = f"{HAS_COME} AND m._consent_at > coalesce(c.consent_at, '-infinity')"
    lifts = [
        f"m._{channel}_consent AND {came_since if consent.at else f'NOT c.{channel}'}"
        for channel in ("email", "sms")
        if lift and f"_{channel}_consent" in present
    ]
    conditions = [f"({condition})" for condition in lifts]
    if consent.unknown == "blocklist":
        conditions.append(f"(r.key IS NULL OR r.fingerprint = 0) AND ({' OR '.join(unknown)})")
    if not conditions:
        return []
    rows: list[dict[str, Any]] = (
        database.sql(
            f"""
            SELECT m._key AS key, {columns}, r.key IS NULL OR r.fingerprint = 0 AS is_new,
                c.email AS was_email, c.sms AS was_sms, c.consent_at AS was_at, c.accepted_at
            FROM read_parquet($mapped) AS m
            LEFT JOIN ledger.rows AS r ON r.key = m._key
            LEFT JOIN ledger.consents AS c ON c.key = m._key
            WHERE (r.fingerprint IS DISTINCT FROM m._fingerprint OR NOT r.present)
                AND ({" OR ".join(conditions)})
            ORDER BY key
            """,
            params={"mapped": str(mapped)},
        )
        .to_arrow_table()
        .to_pylist()
    )
    return rows


def flags(
    rows: list[dict[str, Any]], held: Mapping[str, OptOut], consent: Consent, mapped: Path
) -> pa.Table:
    """Decide on what `to_look_up` returned; `held` has those of the keys that Brevo has."""
    channels = [c for c in ("email", "sms") if f"_{c}_consent" in parquet.schema(mapped).names]
    return pa.Table.from_pylist(
        [_decided(row, held.get(row["key"]), consent, channels) for row in rows], FLAGS
    )


def _decided(
    row: dict[str, Any], contact: OptOut | None, consent: Consent, channels: list[str]
) -> dict[str, Any]:
    decided: dict[str, Any] = {"key": row["key"], "kept": False}
    for channel in channels:
        wanted = row[f"_{channel}_consent"]
        if wanted is None and contact is None and row["is_new"]:
            # Brevo would make a contact that may be mailed.
            decided[channel] = True if consent.unknown == "blocklist" else None
        elif wanted and contact is not None and getattr(contact, channel):
            lifts = consent.resubscribe and _may_lift(row, contact, channel)
            decided[channel] = False if lifts else None
            decided["kept"] = decided["kept"] or not lifts
    return decided


def _may_lift(row: dict[str, Any], contact: OptOut, channel: str) -> bool:
    """Tell whether a yes comes after every opt-out that is known.

    A flag without a moment is explained by a no of the source that Brevo accepted; without such a
    no it counts as an opt-out of now. Of text messages Brevo shows no moments.
    """
    # When Brevo accepted a no of the source; else nothing explains the flag.
    said_no: datetime | None = row["accepted_at"] if row[f"was_{channel}"] is False else None
    opt_outs = []
    if channel == "email":
        # A moment of ours is no opt-out.
        ours = contact.by_admin and said_no and contact.by_admin <= said_no + _SKEW
        opt_outs = [contact.by_person, None if ours else contact.by_admin]
    moments = [moment for moment in opt_outs if moment is not None]
    if not (moments or said_no):
        return False
    at: datetime | None = row["_consent_at"]
    if at is None:
        return said_no is not None and all(moment <= said_no for moment in moments)
    if said_no is not None and row["was_at"] is not None:
        moments.append(row["was_at"])
    return all(at > moment for moment in moments)
