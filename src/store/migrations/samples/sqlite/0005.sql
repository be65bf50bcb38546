-- A rule that people approved, and a category that counts again.
INSERT INTO rule_proposal (id, fingerprint, rule, status, reason, would_match, model, input_tokens, output_tokens, cost_usd,
    created_at, decided_at, decided_by) VALUES
    ('learned-020202020202', '02020202020202020202020202020202', '[[rule]]', 'approved', '', 1, 'm', 90, 10, 0.01, 1500, 1550,
     'jane');
INSERT INTO outcome_allowance (service, category, allowed_at, allowed_by) VALUES ('checkout', 'unknown', 1550, 'jane');
