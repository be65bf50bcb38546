-- What people look at: lists of errors, what they say of them, and what has just changed.

-- How often an error had been counted when it was said to be fixed: what comes after that is a regression.
ALTER TABLE cluster ADD COLUMN fixed_count INTEGER NOT NULL DEFAULT 0;

-- When a row last changed, for whoever follows.
ALTER TABLE cluster ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fix ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0;

-- A list is read from its index alone: a row lies behind its stack trace, some pages long.
DROP INDEX cluster_by_last_seen;
CREATE INDEX cluster_listed ON cluster (last_seen DESC, fingerprint, severity, fixable, rule, severity_number, status,
    category, service, count, first_seen, changed_at);
CREATE INDEX fix_by_changed_at ON fix (changed_at);

-- When people asked for a fix, and whether they asked for the change without a pull request.
ALTER TABLE fix ADD COLUMN asked_at INTEGER;
ALTER TABLE fix ADD COLUMN proposal_only INTEGER NOT NULL DEFAULT 0;

-- What all replicas share and nobody else knows, such as the key that sessions are signed with.
CREATE TABLE secret (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
