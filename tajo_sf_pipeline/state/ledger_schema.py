"""The ledger's tables, and how those of earlier versions become them."""

VERSION = 4

# Of long texts that are all different zstd makes two thirds of what DuckDB's own choice does, in
# two thirds of the time.
_TEXT = "VARCHAR NOT NULL USING COMPRESSION zstd"

TABLES = f"""
CREATE TABLE schema_version AS SELECT {VERSION} AS version;
CREATE TABLE rows (
    key {_TEXT},  -- the contact's, the event's or the object's
    fingerprint UBIGINT NOT NULL,   -- of the row as Brevo accepted it
    version TIMESTAMPTZ NOT NULL,   -- of the source row it came from
    present BOOLEAN NOT NULL,       -- false: it has left the mirror
    list VARCHAR,                   -- the value of `list_from`
    lists BIGINT[],                 -- it was put on them, see `guests`; null: of schema 1
    source_row BIGINT,              -- its number in the extract of `sync_date`
    sync_date DATE,
    action VARCHAR NOT NULL,        -- create, update, retry, remove
    run_id VARCHAR NOT NULL,
    confirmed_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE payloads (             -- of `rows`, as Brevo accepted them last and before
    key {_TEXT},
    payload {_TEXT},
    confirmed_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE failed (               -- refused, and not accepted since: later runs try again (S06)
    key VARCHAR NOT NULL,
    fingerprint UBIGINT NOT NULL,
    version TIMESTAMPTZ NOT NULL,
    payload VARCHAR,
    list VARCHAR,
    email_blacklisted BOOLEAN,
    sms_blacklisted BOOLEAN,
    source_row BIGINT,
    sync_date DATE,
    held BOOLEAN NOT NULL,          -- nobody knows whether it arrived: a person decides
    reason VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    failed_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE runs (
    run_id VARCHAR NOT NULL,
    finished_at TIMESTAMPTZ NOT NULL,
    summary JSON NOT NULL
);
CREATE TABLE campaigns (            -- made for the audience: they are not looked for again
    name VARCHAR NOT NULL,
    id BIGINT NOT NULL,
    sent BOOLEAN NOT NULL
);
CREATE TABLE guests (               -- who was on a mirror's list before the audience (S08)
    list BIGINT NOT NULL,
    keys VARCHAR[] NOT NULL
);
CREATE TABLE consents (             -- of contacts, as Brevo accepted them last (S09)
    key VARCHAR NOT NULL,
    email BOOLEAN,                  -- null: the source never said
    sms BOOLEAN,
    consent_at TIMESTAMPTZ,         -- the moment that the source gave
    accepted_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE watermark (  -- one row: how far the audience has come
    last_sync TIMESTAMPTZ,  -- what the next incremental query starts from, before its lookback
    newest TIMESTAMPTZ      -- the end of the latest sync date whose rows were all evaluated
);
INSERT INTO watermark VALUES (NULL, NULL);
"""

_ROWS_OF_1 = """
INSERT INTO rows
SELECT key, fingerprint, version, true, NULL, NULL, NULL, NULL, 'update', run_id, confirmed_at
FROM contacts;
DROP TABLE contacts;
UPDATE schema_version SET version = 2;
"""


def _table(name: str) -> str:
    start = TABLES.index(f"CREATE TABLE {name} ")
    return TABLES[start : TABLES.index(");", start) + 2]


# From each version to the next one.
MIGRATIONS = {
    1: "".join(map(_table, ("rows", "payloads", "failed", "campaigns"))) + _ROWS_OF_1,
    2: _table("guests") + "UPDATE schema_version SET version = 3;",
    3: _table("consents") + "UPDATE schema_version SET version = 4;",
}
