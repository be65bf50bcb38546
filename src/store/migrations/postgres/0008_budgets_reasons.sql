-- What calls of Claude cost: the most that each may is set down before it is made, and what it did after. A row that a crash
-- left is never settled, and counts as what it may have cost.
CREATE TABLE claude_call (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    expense         TEXT COLLATE "C" NOT NULL, -- fix, rule, triage
    subject         TEXT COLLATE "C" NOT NULL, -- the fix, the proposed rule, the window
    at              BIGINT NOT NULL,
    usd             DOUBLE PRECISION NOT NULL,
    uncached_tokens BIGINT NOT NULL DEFAULT 0,
    settled_at      BIGINT
);
CREATE INDEX claude_call_by_at ON claude_call (at);
CREATE INDEX claude_call_by_subject ON claude_call (subject);
INSERT INTO claude_call (id, expense, subject, at, usd, settled_at)
    SELECT 'fix-' || id, 'fix', id, created_at, cost_usd, created_at FROM fix WHERE cost_usd > 0;
INSERT INTO claude_call (id, expense, subject, at, usd, settled_at)
    SELECT 'rule-' || id, 'rule', id, created_at, cost_usd, created_at FROM rule_proposal WHERE cost_usd > 0;

-- When a pull request was about to be opened: it counts from then on.
ALTER TABLE fix ADD COLUMN opening_at BIGINT;
UPDATE fix SET opening_at = coalesce(generated_at, created_at) WHERE pr_url IS NOT NULL;

-- Until when Claude's account is not used.
CREATE TABLE breaker (
    name      TEXT NOT NULL PRIMARY KEY,
    reason    TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    until     BIGINT NOT NULL
);

-- Why an error has no pull request.
CREATE TABLE no_fix (
    fingerprint TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    code        TEXT NOT NULL,
    reason      TEXT NOT NULL,
    at          BIGINT NOT NULL
);
