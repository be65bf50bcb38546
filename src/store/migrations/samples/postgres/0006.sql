-- What the samples of SQLite's first six versions come to.
INSERT INTO cluster (fingerprint, service, error_type, message, frames, stack_trace, service_version, environment,
    vcs_repository_url, vcs_revision, rule, category, severity, fixable, suggested_fix, severity_number, count, first_seen,
    last_seen, status, vcs_ref_name, service_namespace, language, named_by_message, first_window, last_window) VALUES
    ('01010101010101010101010101010101', 'checkout', 'KeyError', 'no <*>',
     '[{"file":"shop/cart.py","line":41,"function":"checkout","in_app":true}]', 'Traceback', '1.4.2', 'production',
     'https://github.com/acme/shop', 'cafe', 'python-key-error', 'unknown', 3, 1, 'look before you take', 17, 5, 500, 1600,
     'new', 'main', 'shop', 'python', 0, 100, 1000),
    ('02020202020202020202020202020202', 'payments', '', 'refund of <*> failed', '[]', '', '', '', '', '', 'r', 'unknown', 2,
     0, '', 17, 2, 1500, 1501, 'ignored', '', '', '', 1, 1000, 1000);
INSERT INTO sample (fingerprint, digest, body, occurred, trace_id, attributes, kept_in) VALUES
    ('01010101010101010101010101010101', 'a', 'no 1', 500, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '{}', 100),
    ('01010101010101010101010101010101', 'b', 'no 2', 1600, '', '{}', 1000),
    ('02020202020202020202020202020202', 'a', 'refund of 7 failed', 1500, '', '{"order.id":"A7"}', 1000);
INSERT INTO "window" (start, closed_at, triaged_at) VALUES (100, 1000, 1100), (1000, NULL, NULL);
INSERT INTO window_cluster (window_start, fingerprint, count, first_seen, last_seen, severity_number, held_back, trace_ids)
    VALUES
    (100, '01010101010101010101010101010101', 3, 500, 600, 17, 3, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'),
    (1000, '01010101010101010101010101010101', 2, 1500, 1600, 17, 0, ''),
    (1000, '02020202020202020202020202020202', 2, 1500, 1501, 17, 0, '');
INSERT INTO cluster_hour (fingerprint, hour, count) VALUES ('01010101010101010101010101010101', 0, 3);
INSERT INTO request_digest (digest, committed_at) VALUES ('07070707070707070707070707070707', 1600);
INSERT INTO fix (id, fingerprint, error_message, error_category, severity, status, reason, tries, analysis, proposed_fix,
    code_changes, repository, base_commit, branch, pr_url, created_at, model, input_tokens, output_tokens, cost_usd) VALUES
    ('010101010101-1', '01010101010101010101010101010101', 'no 1', 'unknown', 3, 'draft', '', 1, 'a', 'f', '{"a.py":"d"}',
     'acme/shop', 'cafe', 'logmend/010101010101', 'https://github.com/acme/shop/pull/1', 1200, 'm', 900, 100, 0.5);
INSERT INTO audit (at, actor, action, subject, outcome) VALUES (1200, 'logmend', 'fix', '010101010101-1', 'draft');
INSERT INTO separated (fingerprint, at) VALUES ('02020202020202020202020202020202', 1550);
INSERT INTO rule_proposal (id, fingerprint, rule, status, reason, would_match, model, input_tokens, output_tokens, cost_usd,
    created_at, decided_at, decided_by) VALUES
    ('learned-020202020202', '02020202020202020202020202020202', '[[rule]]', 'approved', '', 1, 'm', 90, 10, 0.01, 1500, 1550,
     'jane');
INSERT INTO outcome_allowance (service, category, allowed_at, allowed_by) VALUES ('checkout', 'unknown', 1550, 'jane');
INSERT INTO control (name, value) VALUES ('paused', 1);
UPDATE lease SET owner = 'a', fence = 4, expires_at = 9000;
INSERT INTO replica (id, started_at, seen_at) VALUES ('a', 100, 1700);
INSERT INTO hole (until, began, since, reader) VALUES (1750, 1650, 1700, 'a');
INSERT INTO passage (key, hole, sent, read_back) VALUES ('00000000000000000000000000000001', 1750, 0, 1);
