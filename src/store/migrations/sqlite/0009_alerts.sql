-- What people are alerted of. The key names what happened, so that it is noted once however often it is found.
CREATE TABLE alert (
    key      TEXT NOT NULL PRIMARY KEY,
    rule     TEXT NOT NULL,
    error_id TEXT NOT NULL, -- the error, or the process that refuses; empty where it is about neither
    fix_id   TEXT NOT NULL, -- empty where it is about none
    told_of  TEXT NOT NULL, -- JSON: the numbers or the sentence that nothing else keeps
    at       INTEGER NOT NULL,
    state    TEXT NOT NULL, -- found, told, held, digested, skipped
    content  TEXT NOT NULL, -- JSON: what is told, once it is; empty before
    told_at  INTEGER,
    ended_at INTEGER -- null as long as it lasts
);
CREATE INDEX alert_found ON alert (at) WHERE state IN ('found', 'held');
CREATE INDEX alert_lasting ON alert (rule, error_id) WHERE state = 'told' AND ended_at IS NULL;
CREATE INDEX alert_by_told_at ON alert (told_at);
CREATE INDEX alert_by_at ON alert (at);

-- What goes to whom: written in the transaction that decides to tell it, sent from here.
CREATE TABLE alert_delivery (
    id         TEXT NOT NULL PRIMARY KEY, -- the same for every try
    target     TEXT NOT NULL,
    alert_key  TEXT NOT NULL,
    action     TEXT NOT NULL, -- firing, resolved
    state      TEXT NOT NULL, -- waiting, sent, failed
    tries      INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,
    last_error TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER, -- when it was sent or given up
    UNIQUE (target, alert_key, action)
);
CREATE INDEX alert_delivery_waiting ON alert_delivery (target, next_at) WHERE state = 'waiting';
CREATE INDEX alert_delivery_by_created_at ON alert_delivery (created_at);

-- Critical and high errors by the window that they were first seen in.
CREATE INDEX cluster_urgent_by_first_window ON cluster (first_window) WHERE severity >= 3;
