-- Ids are unique over all accounts and never used twice: an id that leaks from one account into
-- another finds nothing, and an import that was queued before a reset cannot touch what came after.

CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    plan TEXT NOT NULL,
    rate_limits INTEGER NOT NULL,
    import_seconds REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS attributes (
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    type TEXT NOT NULL,
    options TEXT NOT NULL DEFAULT '[]',
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
    status TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS reports (
    token TEXT PRIMARY KEY,
    process INTEGER NOT NULL,
    kind TEXT NOT NULL,
    csv TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS reports_by_process ON reports (process);
