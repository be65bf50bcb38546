-- Times are nanoseconds since 1970. Fingerprints are 32 hex digits. Severities are ranks: 0 info to 4 critical.

-- What is known of each error, over all windows.
CREATE TABLE cluster (
    fingerprint        TEXT    NOT NULL PRIMARY KEY,
    service            TEXT    NOT NULL,
    error_type         TEXT    NOT NULL,
    message            TEXT    NOT NULL,
    frames             TEXT    NOT NULL, -- JSON list of {file, line, function, in_app}, innermost first
    stack_trace        TEXT    NOT NULL,
    service_version    TEXT    NOT NULL,
    environment        TEXT    NOT NULL,
    vcs_repository_url TEXT    NOT NULL,
    vcs_revision       TEXT    NOT NULL,
    rule               TEXT    NOT NULL,
    category           TEXT    NOT NULL,
    severity           INTEGER NOT NULL,
    fixable            INTEGER NOT NULL,
    suggested_fix      TEXT    NOT NULL,
    severity_number    INTEGER NOT NULL,
    count              INTEGER NOT NULL,
    first_seen         INTEGER NOT NULL,
    last_seen          INTEGER NOT NULL,
    status             TEXT    NOT NULL
);
CREATE INDEX cluster_by_last_seen ON cluster (last_seen);

-- A few records of each error as examples.
CREATE TABLE sample (
    fingerprint TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    occurred    INTEGER NOT NULL,
    trace_id    TEXT    NOT NULL,
    PRIMARY KEY (fingerprint, body)
) WITHOUT ROWID;

-- The minutes being gathered (closed_at null) and those that were. triaged_at is null until every cluster was looked at.
CREATE TABLE window (
    start      INTEGER NOT NULL PRIMARY KEY,
    closed_at  INTEGER,
    triaged_at INTEGER
);
-- One window is open at a time.
CREATE UNIQUE INDEX window_open ON window ((closed_at IS NULL)) WHERE closed_at IS NULL;

-- What each window holds of each error.
CREATE TABLE window_cluster (
    window_start    INTEGER NOT NULL,
    fingerprint     TEXT    NOT NULL,
    count           INTEGER NOT NULL,
    first_seen      INTEGER NOT NULL,
    last_seen       INTEGER NOT NULL,
    severity_number INTEGER NOT NULL,
    PRIMARY KEY (window_start, fingerprint)
) WITHOUT ROWID;

-- Requests that are counted already: exporters send again what they have no answer for.
CREATE TABLE request_digest (
    digest       BLOB    NOT NULL PRIMARY KEY,
    committed_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Proposed changes. The unique index is the claim: one live fix for each error, whoever asks.
CREATE TABLE fix (
    id             TEXT    NOT NULL PRIMARY KEY,
    fingerprint    TEXT    NOT NULL,
    superseded     INTEGER NOT NULL DEFAULT 0,
    error_message  TEXT    NOT NULL,
    error_category TEXT    NOT NULL,
    severity       INTEGER NOT NULL,
    status         TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    tries          INTEGER NOT NULL,
    analysis       TEXT    NOT NULL,
    proposed_fix   TEXT    NOT NULL,
    code_changes   TEXT    NOT NULL, -- JSON object: path to unified diff
    submission     TEXT,             -- JSON: what Claude submitted
    repository     TEXT    NOT NULL,
    base_commit    TEXT    NOT NULL,
    branch         TEXT    NOT NULL,
    pr_url         TEXT,
    created_at     INTEGER NOT NULL,
    generated_at   INTEGER,
    model          TEXT    NOT NULL,
    input_tokens   INTEGER NOT NULL,
    output_tokens  INTEGER NOT NULL,
    cost_usd       REAL    NOT NULL
);
CREATE UNIQUE INDEX fix_claim ON fix (fingerprint) WHERE superseded = 0;

-- Every action taken.
CREATE TABLE audit (
    id      INTEGER NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    outcome TEXT    NOT NULL
);
