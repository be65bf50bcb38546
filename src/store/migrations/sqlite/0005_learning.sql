-- Rules that Claude proposed for errors that no rule knew. The unique index is the claim: one proposal for each error.
CREATE TABLE rule_proposal (
    id            TEXT    NOT NULL PRIMARY KEY, -- of the rule: learned-<first 12 hex digits of the fingerprint>
    fingerprint   TEXT    NOT NULL,
    rule          TEXT    NOT NULL, -- TOML, as in a rules file; empty where none came of it
    status        TEXT    NOT NULL, -- asking, proposed, approved, rejected, refused
    reason        TEXT    NOT NULL,
    would_match   INTEGER NOT NULL, -- errors of its window that it was seen to match, its own included
    model         TEXT    NOT NULL,
    input_tokens  INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_usd      REAL    NOT NULL, -- while it is asked for, the most that it may cost
    created_at    INTEGER NOT NULL,
    decided_at    INTEGER,
    decided_by    TEXT    NOT NULL
);
CREATE UNIQUE INDEX rule_proposal_claim ON rule_proposal (fingerprint);
CREATE INDEX rule_proposal_by_created_at ON rule_proposal (created_at);

-- When people merged or closed the pull request, as GitHub tells it.
ALTER TABLE fix ADD COLUMN ended_at INTEGER;

-- From when on outcomes of a category at a service count again, because people said so.
CREATE TABLE outcome_allowance (
    service    TEXT    NOT NULL,
    category   TEXT    NOT NULL,
    allowed_at INTEGER NOT NULL,
    allowed_by TEXT    NOT NULL,
    PRIMARY KEY (service, category)
) WITHOUT ROWID;

CREATE INDEX cluster_by_rule ON cluster (rule);
