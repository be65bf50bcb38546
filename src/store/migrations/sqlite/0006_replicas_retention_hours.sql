-- What several replicas share, what is kept for how long, and how often each error came in each hour.

-- Who leads: one row. Its fence grows with each term and never falls, so that a write of an earlier term is told apart.
CREATE TABLE lease (
    name       TEXT    NOT NULL PRIMARY KEY,
    owner      TEXT    NOT NULL,
    fence      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
INSERT INTO lease (name, owner, fence, expires_at) VALUES ('leader', '', 0, 0);

-- The processes on this store, and when each was last up.
CREATE TABLE replica (
    id         TEXT    NOT NULL PRIMARY KEY,
    started_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
);

-- Windows that people want closed now. The leader answers in `report`.
CREATE TABLE scan (
    id           TEXT    NOT NULL PRIMARY KEY,
    auto_fix     INTEGER,
    requested_at INTEGER NOT NULL,
    report       TEXT -- JSON, or null until it is done
);

-- What people set while it runs, for all replicas.
CREATE TABLE control (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
);

-- How often each error came in each hour (its first nanosecond), of closed windows.
CREATE TABLE cluster_hour (
    fingerprint TEXT    NOT NULL,
    hour        INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, hour)
) WITHOUT ROWID;
CREATE INDEX cluster_hour_by_hour ON cluster_hour (hour);
INSERT INTO cluster_hour (fingerprint, hour, count)
    SELECT w.fingerprint, w.window_start - w.window_start % 3600000000000 AS hour, sum(w.count)
    FROM window_cluster w JOIN window c ON c.start = w.window_start
    WHERE c.closed_at IS NOT NULL GROUP BY w.fingerprint, hour;

-- The windows in which an error was first and last counted: in a later one it is no longer new, and long after it is forgotten.
-- Records' own times don't tell that: what is read from a file may be years old.
ALTER TABLE cluster ADD COLUMN first_window INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cluster ADD COLUMN last_window INTEGER NOT NULL DEFAULT 0;
UPDATE cluster SET first_window = seen.first, last_window = seen.last
FROM (SELECT fingerprint, min(window_start) AS first, max(window_start) AS last FROM window_cluster GROUP BY fingerprint) AS seen
WHERE seen.fingerprint = cluster.fingerprint;

-- Digests as hex digits.
UPDATE request_digest SET digest = lower(hex(digest));

-- Examples go by a digest of their text and attributes: of two that say the same, each may carry something else.
CREATE TABLE sample_by_digest (
    fingerprint TEXT    NOT NULL,
    digest      TEXT    NOT NULL, -- 32 hex digits; of older rows their place
    body        TEXT    NOT NULL,
    occurred    INTEGER NOT NULL,
    trace_id    TEXT    NOT NULL,
    attributes  TEXT    NOT NULL, -- JSON object of strings
    kept_in     INTEGER NOT NULL, -- the window that was open when it was kept
    PRIMARY KEY (fingerprint, digest)
) WITHOUT ROWID;
INSERT INTO sample_by_digest (fingerprint, digest, body, occurred, trace_id, attributes, kept_in)
    SELECT s.fingerprint, 'before-' || row_number() OVER (PARTITION BY s.fingerprint ORDER BY s.body), s.body, s.occurred,
        s.trace_id, s.attributes, coalesce(c.last_window, s.occurred)
    FROM sample s LEFT JOIN cluster c ON c.fingerprint = s.fingerprint;
DROP TABLE sample;
ALTER TABLE sample_by_digest RENAME TO sample;

-- What is old is found without reading all.
CREATE INDEX sample_by_kept_in ON sample (kept_in);
CREATE INDEX cluster_by_last_window ON cluster (last_window);
CREATE INDEX audit_by_at ON audit (at);

-- Times in which nobody counted: after `began`, up to before `until`. They are read back up to `since`.
CREATE TABLE hole (
    until     INTEGER NOT NULL PRIMARY KEY,
    began     INTEGER NOT NULL,
    since     INTEGER NOT NULL,
    reader    TEXT    NOT NULL,
    closed_at INTEGER -- when all of it was read
) WITHOUT ROWID;

-- How often an error of a hole was read back, and how often it was sent: it counts once. Known by hex digits of a digest.
CREATE TABLE passage (
    key       TEXT    NOT NULL PRIMARY KEY,
    hole      INTEGER NOT NULL,
    sent      INTEGER NOT NULL,
    read_back INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX passage_by_hole ON passage (hole);

-- The hole that a request was read back of, or 0: as long as that may be read again, the request is known.
ALTER TABLE request_digest ADD COLUMN hole INTEGER NOT NULL DEFAULT 0;
CREATE INDEX request_digest_by_age ON request_digest (hole, committed_at);
