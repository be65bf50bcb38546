-- An error of a closed window and of the open one, another of the open one alone; a fix of the one; a counted request.
INSERT INTO cluster (fingerprint, service, error_type, message, frames, stack_trace, service_version, environment,
    vcs_repository_url, vcs_revision, rule, category, severity, fixable, suggested_fix, severity_number, count, first_seen,
    last_seen, status) VALUES
    ('01010101010101010101010101010101', 'checkout', 'KeyError', 'no <*>',
     '[{"file":"shop/cart.py","line":41,"function":"checkout","in_app":true}]', 'Traceback', '1.4.2', 'production',
     'https://github.com/acme/shop', 'cafe', 'python-key-error', 'unknown', 3, 1, 'look before you take', 17, 5, 500, 1600,
     'new'),
    ('02020202020202020202020202020202', 'payments', '', 'refund of <*> failed', '[]', '', '', '', '', '', 'r', 'unknown', 2,
     0, '', 17, 2, 1500, 1501, 'ignored');
INSERT INTO sample (fingerprint, body, occurred, trace_id) VALUES
    ('01010101010101010101010101010101', 'no 1', 500, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'),
    ('01010101010101010101010101010101', 'no 2', 1600, '');
INSERT INTO "window" (start, closed_at, triaged_at) VALUES (100, 1000, 1100), (1000, NULL, NULL);
INSERT INTO window_cluster (window_start, fingerprint, count, first_seen, last_seen, severity_number) VALUES
    (100, '01010101010101010101010101010101', 3, 500, 600, 17),
    (1000, '01010101010101010101010101010101', 2, 1500, 1600, 17),
    (1000, '02020202020202020202020202020202', 2, 1500, 1501, 17);
INSERT INTO request_digest (digest, committed_at) VALUES (x'07070707070707070707070707070707', 1600);
INSERT INTO fix (id, fingerprint, error_message, error_category, severity, status, reason, tries, analysis, proposed_fix,
    code_changes, repository, base_commit, branch, pr_url, created_at, model, input_tokens, output_tokens, cost_usd) VALUES
    ('010101010101-1', '01010101010101010101010101010101', 'no 1', 'unknown', 3, 'draft', '', 1, 'a', 'f', '{"a.py":"d"}',
     'acme/shop', 'cafe', 'logmend/010101010101', 'https://github.com/acme/shop/pull/1', 1200, 'm', 900, 100, 0.5);
INSERT INTO audit (at, actor, action, subject, outcome) VALUES (1200, 'logmend', 'fix', '010101010101-1', 'draft');
