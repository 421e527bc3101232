-- Ids are unique over all accounts and never used twice: an id that leaks from one account into
-- another finds nothing, and an import that was queued before a reset cannot touch what came after.

CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS attributes (
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    type TEXT NOT NULL,
    options TEXT NOT NULL DEFAULT '[]',
    formula TEXT,
    PRIMARY KEY (account, name)
);

CREATE TABLE IF NOT EXISTS folders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    name TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS lists (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    folder INTEGER NOT NULL,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS contacts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    email TEXT,
    ext_id TEXT,
    sms TEXT,
    whatsapp TEXT,
    landline_number TEXT,
    email_blacklisted INTEGER NOT NULL DEFAULT 0,
    sms_blacklisted INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    modified_at TEXT NOT NULL,
    attributes TEXT NOT NULL
);

-- Pages of GET /contacts are read in the order of the ids.
CREATE INDEX IF NOT EXISTS contacts_by_account ON contacts (account);
CREATE UNIQUE INDEX IF NOT EXISTS contacts_by_email ON contacts (account, email);
-- Most contacts have none of these: partial indexes keep an import from writing empty entries.
CREATE UNIQUE INDEX IF NOT EXISTS contacts_by_ext_id
    ON contacts (account, ext_id) WHERE ext_id IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS contacts_by_sms
    ON contacts (account, sms) WHERE sms IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS contacts_by_whatsapp
    ON contacts (account, whatsapp) WHERE whatsapp IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS contacts_by_landline_number
    ON contacts (account, landline_number) WHERE landline_number IS NOT NULL;

CREATE TABLE IF NOT EXISTS memberships (
    list INTEGER NOT NULL,
    contact INTEGER NOT NULL,
    PRIMARY KEY (list, contact)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS memberships_by_contact ON memberships (contact, list);

CREATE TABLE IF NOT EXISTS processes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    rows INTEGER NOT NULL DEFAULT 0,
    -- What became of the rows, which Brevo does not tell and a test wants to know.
    outcome TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS processes_by_account ON processes (account, id);

CREATE TABLE IF NOT EXISTS reports (
    token TEXT PRIMARY KEY,
    process INTEGER NOT NULL,
    kind TEXT NOT NULL,
    csv TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS reports_by_process ON reports (process);

CREATE TABLE IF NOT EXISTS consents (
    contact INTEGER NOT NULL,
    consent_group INTEGER NOT NULL,
    PRIMARY KEY (contact, consent_group)
) WITHOUT ROWID;

-- When each contact's e-mails were blocklisted, by itself (user) or by the account (admin).
CREATE TABLE IF NOT EXISTS unsubscriptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    contact INTEGER NOT NULL,
    kind TEXT NOT NULL,
    moment TEXT NOT NULL,
    campaign INTEGER
);
CREATE INDEX IF NOT EXISTS unsubscriptions_by_contact ON unsubscriptions (contact);

CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    contact INTEGER,
    date TEXT NOT NULL,
    object_type TEXT,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_date ON events (account, date);
CREATE INDEX IF NOT EXISTS events_by_contact ON events (account, contact);

-- Types are made in Brevo's own pages, so here by /admin; `attributes` are names and types.
CREATE TABLE IF NOT EXISTS object_types (
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    attributes TEXT NOT NULL,
    PRIMARY KEY (account, name)
);

CREATE TABLE IF NOT EXISTS object_records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    type TEXT NOT NULL,
    ext_id TEXT,
    attributes TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS object_records_by_ext_id
    ON object_records (account, type, ext_id) WHERE ext_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS object_records_by_type ON object_records (account, type, id);

-- Both directions are stored, so that each end finds the other.
CREATE TABLE IF NOT EXISTS associations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    type TEXT NOT NULL,
    record INTEGER NOT NULL,
    other_type TEXT NOT NULL,
    other INTEGER NOT NULL,
    UNIQUE (account, type, record, other_type, other)
);

CREATE TABLE IF NOT EXISTS campaigns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL,
    modified_at TEXT NOT NULL,
    sent_at TEXT
);
CREATE INDEX IF NOT EXISTS campaigns_by_account ON campaigns (account, id);
