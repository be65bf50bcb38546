-- A call that was settled and one that was cut off, a breaker that is open, and why an error has no pull request.
INSERT INTO claude_call (id, expense, subject, at, usd, settled_at) VALUES
    ('c1', 'triage', '100', 1650, 0.25, 1651), ('c2', 'fix', '010101010101-1', 1660, 0.5, NULL);
INSERT INTO breaker (name, reason, opened_at, until) VALUES ('claude', 'usage limits', 1660, 9000);
INSERT INTO no_fix (fingerprint, code, reason, at) VALUES
    ('02020202020202020202020202020202', 'not_fixable', 'no change mends it', 1670);
