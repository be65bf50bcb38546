-- All tables as the first six migrations made them in SQLite, where each is told. From here on both go the same steps.
--
-- Whole numbers, times in nanoseconds and truth are BIGINT there and here, so that one statement does for both. Texts that
-- order by their bytes have the collation "C".

CREATE TABLE cluster (
    fingerprint        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    service            TEXT COLLATE "C" NOT NULL,
    error_type         TEXT   NOT NULL,
    message            TEXT   NOT NULL,
    frames             TEXT   NOT NULL, -- JSON list of {file, line, function, in_app}, innermost first
    stack_trace        TEXT   NOT NULL,
    service_version    TEXT   NOT NULL,
    environment        TEXT   NOT NULL,
    vcs_repository_url TEXT   NOT NULL,
    vcs_revision       TEXT   NOT NULL,
    rule               TEXT COLLATE "C" NOT NULL,
    category           TEXT COLLATE "C" NOT NULL,
    severity           BIGINT NOT NULL,
    fixable            BIGINT NOT NULL,
    suggested_fix      TEXT   NOT NULL,
    severity_number    BIGINT NOT NULL,
    count              BIGINT NOT NULL,
    first_seen         BIGINT NOT NULL,
    last_seen          BIGINT NOT NULL,
    status             TEXT   NOT NULL,
    vcs_ref_name       TEXT   NOT NULL DEFAULT '',
    service_namespace  TEXT   NOT NULL DEFAULT '',
    language           TEXT   NOT NULL DEFAULT '',
    named_by_message   BIGINT NOT NULL DEFAULT 0,
    first_window       BIGINT NOT NULL,
    last_window        BIGINT NOT NULL
) WITH (fillfactor = 70); -- rows change often: room for the next version beside the last
CREATE INDEX cluster_by_last_seen ON cluster (last_seen);
CREATE INDEX cluster_named_by_message ON cluster (fingerprint) WHERE named_by_message = 1;
CREATE INDEX cluster_by_rule ON cluster (rule);
CREATE INDEX cluster_by_last_window ON cluster (last_window);

CREATE TABLE sample (
    fingerprint TEXT COLLATE "C" NOT NULL,
    digest      TEXT COLLATE "C" NOT NULL, -- 32 hex digits
    body        TEXT COLLATE "C" NOT NULL,
    occurred    BIGINT NOT NULL,
    trace_id    TEXT   NOT NULL,
    attributes  TEXT   NOT NULL, -- JSON object of strings
    kept_in     BIGINT NOT NULL, -- the window that was open when it was kept
    PRIMARY KEY (fingerprint, digest)
);
CREATE INDEX sample_by_kept_in ON sample (kept_in);

CREATE TABLE "window" (
    start      BIGINT NOT NULL PRIMARY KEY,
    closed_at  BIGINT,
    triaged_at BIGINT
);
CREATE UNIQUE INDEX window_open ON "window" ((closed_at IS NULL)) WHERE closed_at IS NULL;

CREATE TABLE window_cluster (
    window_start    BIGINT NOT NULL,
    fingerprint     TEXT COLLATE "C" NOT NULL,
    count           BIGINT NOT NULL,
    first_seen      BIGINT NOT NULL,
    last_seen       BIGINT NOT NULL,
    severity_number BIGINT NOT NULL,
    held_back       BIGINT NOT NULL DEFAULT 0,
    trace_ids       TEXT   NOT NULL DEFAULT '',
    summarised_at   BIGINT,
    PRIMARY KEY (window_start, fingerprint)
) WITH (fillfactor = 70);
CREATE INDEX window_cluster_unsummarised ON window_cluster (window_start, fingerprint)
    WHERE held_back > 0 AND summarised_at IS NULL;

CREATE TABLE request_digest (
    digest       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    committed_at BIGINT NOT NULL,
    hole         BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX request_digest_by_age ON request_digest (hole, committed_at);

CREATE TABLE fix (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    fingerprint    TEXT COLLATE "C" NOT NULL,
    superseded     BIGINT NOT NULL DEFAULT 0,
    error_message  TEXT   NOT NULL,
    error_category TEXT   NOT NULL,
    severity       BIGINT NOT NULL,
    status         TEXT   NOT NULL,
    reason         TEXT   NOT NULL,
    tries          BIGINT NOT NULL,
    analysis       TEXT   NOT NULL,
    proposed_fix   TEXT   NOT NULL,
    code_changes   TEXT   NOT NULL,
    submission     TEXT,
    repository     TEXT   NOT NULL,
    base_commit    TEXT   NOT NULL,
    branch         TEXT   NOT NULL,
    pr_url         TEXT,
    created_at     BIGINT NOT NULL,
    generated_at   BIGINT,
    model          TEXT   NOT NULL,
    input_tokens   BIGINT NOT NULL,
    output_tokens  BIGINT NOT NULL,
    cost_usd       DOUBLE PRECISION NOT NULL,
    ended_at       BIGINT
);
CREATE UNIQUE INDEX fix_claim ON fix (fingerprint) WHERE superseded = 0;

CREATE TABLE audit (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    outcome TEXT   NOT NULL
);
CREATE INDEX audit_by_at ON audit (at);

CREATE TABLE family (
    id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    template TEXT NOT NULL,
    reason   TEXT NOT NULL
);
CREATE TABLE member (
    fingerprint TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    family      TEXT COLLATE "C" NOT NULL,
    since       BIGINT NOT NULL
);
CREATE INDEX member_by_family ON member (family);
CREATE TABLE separated (
    fingerprint TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at          BIGINT NOT NULL
);

CREATE TABLE rule_proposal (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    fingerprint   TEXT COLLATE "C" NOT NULL,
    rule          TEXT   NOT NULL,
    status        TEXT   NOT NULL,
    reason        TEXT   NOT NULL,
    would_match   BIGINT NOT NULL,
    model         TEXT   NOT NULL,
    input_tokens  BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost_usd      DOUBLE PRECISION NOT NULL,
    created_at    BIGINT NOT NULL,
    decided_at    BIGINT,
    decided_by    TEXT   NOT NULL
);
CREATE UNIQUE INDEX rule_proposal_claim ON rule_proposal (fingerprint);
CREATE INDEX rule_proposal_by_created_at ON rule_proposal (created_at);

CREATE TABLE outcome_allowance (
    service    TEXT COLLATE "C" NOT NULL,
    category   TEXT COLLATE "C" NOT NULL,
    allowed_at BIGINT NOT NULL,
    allowed_by TEXT   NOT NULL,
    PRIMARY KEY (service, category)
);

CREATE TABLE lease (
    name       TEXT   NOT NULL PRIMARY KEY,
    owner      TEXT   NOT NULL,
    fence      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
INSERT INTO lease (name, owner, fence, expires_at) VALUES ('leader', '', 0, 0);

CREATE TABLE replica (
    id         TEXT   NOT NULL PRIMARY KEY,
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);

CREATE TABLE scan (
    id           TEXT   NOT NULL PRIMARY KEY,
    auto_fix     BIGINT,
    requested_at BIGINT NOT NULL,
    report       TEXT
);

CREATE TABLE control (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE cluster_hour (
    fingerprint TEXT COLLATE "C" NOT NULL,
    hour        BIGINT NOT NULL,
    count       BIGINT NOT NULL,
    PRIMARY KEY (fingerprint, hour)
);
CREATE INDEX cluster_hour_by_hour ON cluster_hour (hour);

CREATE TABLE hole (
    until     BIGINT NOT NULL PRIMARY KEY,
    began     BIGINT NOT NULL,
    since     BIGINT NOT NULL,
    reader    TEXT   NOT NULL,
    closed_at BIGINT
);

CREATE TABLE passage (
    key       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    hole      BIGINT NOT NULL,
    sent      BIGINT NOT NULL,
    read_back BIGINT NOT NULL
);
CREATE INDEX passage_by_hole ON passage (hole);
