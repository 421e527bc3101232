"""A batch becomes contacts, in a few statements over all of its rows at once."""

import sqlite3

from tajo_sf_pipeline.sandbox.brevo import clock
from tajo_sf_pipeline.sandbox.brevo.accounts import Account
from tajo_sf_pipeline.sandbox.brevo.identity import EMAIL, Identifier
from tajo_sf_pipeline.sandbox.brevo.imports.batch import Batch, Row
from tajo_sf_pipeline.sandbox.brevo.imports.options import Options

_INCOMING = """
CREATE TEMP TABLE IF NOT EXISTS incoming (
    position INTEGER PRIMARY KEY,
    email TEXT, ext_id TEXT, sms TEXT, whatsapp TEXT, landline_number TEXT,
    attributes TEXT NOT NULL,
    contact INTEGER,
    is_new INTEGER NOT NULL DEFAULT 0
)
"""


def apply_batch(db: sqlite3.Connection, account: Account, batch: Batch, options: Options) -> None:
    """Store every row that clashes with no other contact; the others are added to the reports."""
    if not batch.rows:
        return
    identifiers = batch.identifiers
    _load(db, batch.rows)
    _match(db, account.id, identifiers)
    _settle_clashes(db, account, identifiers, batch)
    _number_new_contacts(db)
    if options.email_blacklist and account.settings.records_admin_unsubscriptions:
        _record_blocklistings(db, options)
    _insert_new_contacts(db, account.id, identifiers, options)
    if options.update_existing:
        _update_contacts(db, identifiers, options)
    batch.stored = db.execute("SELECT count(*) FROM incoming").fetchone()[0]
    for group in options.consent_groups:
        db.execute(
            "INSERT OR IGNORE INTO consents (contact, consent_group) "
            "SELECT contact, ? FROM incoming",
            (group,),
        )
    for list_ in options.lists:
        db.execute(
            "INSERT OR IGNORE INTO memberships (list, contact) "
            "SELECT lists.id, incoming.contact FROM incoming JOIN lists ON lists.id = ?",
            (list_,),
        )


def _load(db: sqlite3.Connection, rows: list[Row]) -> None:
    db.execute(_INCOMING)
    db.execute("DELETE FROM incoming")
    names = Row._fields
    db.executemany(
        f"INSERT INTO incoming ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", rows
    )


def _match(db: sqlite3.Connection, account: int, identifiers: list[Identifier]) -> None:
    """Find the contact of each row by its first identifier, and by that alone."""
    none_before = "true"
    for column in (identifier.column for identifier in identifiers):
        db.execute(
            f"UPDATE incoming SET contact = (SELECT id FROM contacts "
            f"WHERE account = ? AND {column} = incoming.{column}) "
            f"WHERE {column} <> '' AND {none_before}",
            (account,),
        )
        none_before += f" AND coalesce({column}, '') = ''"


def _settle_clashes(
    db: sqlite3.Connection, account: Account, identifiers: list[Identifier], batch: Batch
) -> None:
    """Take out the rows with an identifier that another contact has, or only the identifier."""
    rejected: set[int] = set()
    for identifier in identifiers:
        if identifier is EMAIL:
            continue  # a row that has an e-mail was matched by it
        clashes = db.execute(
            f"SELECT position FROM incoming JOIN contacts "
            f"ON contacts.account = ? AND contacts.{identifier.column} = "
            f"incoming.{identifier.column} WHERE contacts.id IS NOT incoming.contact",
            (account.id,),
        )
        positions = [position for (position,) in clashes]
        for position in positions:
            batch.report(identifier.report, position)
        if account.settings.import_loser == "refuse_row":
            rejected.update(positions)
        else:
            # A row that had nothing else would have been matched by it.
            db.executemany(
                f"UPDATE incoming SET {identifier.column} = NULL WHERE position = ?",
                [(position,) for position in positions],
            )
    db.executemany("DELETE FROM incoming WHERE position = ?", [(p,) for p in rejected])


def _number_new_contacts(db: sqlite3.Connection) -> None:
    # Numbered here, not by SQLite, so that the memberships need not look for the new contacts.
    last = db.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'contacts'").fetchone()[0]
    db.execute(
        "UPDATE incoming SET contact = ? + 1 + position, is_new = 1 WHERE contact IS NULL",
        (last or 0,),
    )


def _record_blocklistings(db: sqlite3.Connection, options: Options) -> None:
    """Remember that the account blocklists those who were not; an update may be unwanted."""
    db.execute(
        "INSERT INTO unsubscriptions (contact, kind, moment) "
        "SELECT contact, 'admin', ? FROM incoming LEFT JOIN contacts ON contacts.id = contact "
        "WHERE is_new OR (? AND NOT email_blacklisted)",
        (clock.now(), options.update_existing),
    )


def _insert_new_contacts(
    db: sqlite3.Connection, account: int, identifiers: list[Identifier], options: Options
) -> None:
    names = [identifier.column for identifier in identifiers]
    values = [f"nullif({name}, '')" for name in names]
    now = clock.now()
    # An empty merge patch takes the nulls out: there is nothing to clear yet.
    attributes = "json_patch('{}', attributes)" if options.clear_empty else "attributes"
    db.execute(
        "INSERT INTO contacts (id, account, email_blacklisted, sms_blacklisted, "
        f"created_at, modified_at, attributes, {', '.join(names)}) "
        f"SELECT contact, ?, ?, ?, ?, ?, {attributes}, "
        f"{', '.join(values)} "
        "FROM incoming WHERE is_new ORDER BY contact",
        (account, bool(options.email_blacklist), bool(options.sms_blacklist), now, now),
    )


def _update_contacts(
    db: sqlite3.Connection, identifiers: list[Identifier], options: Options
) -> None:
    flags = {"email_blacklisted": options.email_blacklist, "sms_blacklisted": options.sms_blacklist}
    raised = "".join(f"{name} = {flag:d}, " for name, flag in flags.items() if flag is not None)
    known = "FROM incoming i WHERE contacts.id = i.contact AND NOT i.is_new"
    db.execute(
        f"UPDATE contacts SET {raised} modified_at = ?, "
        f"attributes = json_patch(contacts.attributes, i.attributes) {known}",
        (clock.now(),),
    )
    for column in (identifier.column for identifier in identifiers if identifier is not EMAIL):
        # Only where it changes: writing an unchanged value would still rewrite its index.
        db.execute(
            f"UPDATE contacts SET {column} = nullif(i.{column}, '') {known} "
            f"AND i.{column} IS NOT NULL AND contacts.{column} IS NOT nullif(i.{column}, '')"
        )
