-- A pull request that is followed.
INSERT INTO followed (fix_id, number, node_id, head, next_head, pushes, pushed_at, work, tries, answer, handed_over,
    merge_commit, watched) VALUES ('010101010101-1', 1, 'PR_1', 'c1', '', 1, 1300, '', 0, NULL, 0, '', '');
INSERT INTO followed_step (fix_id, step, at) VALUES ('010101010101-1', 'said:conflict', 1400);
INSERT INTO cluster_release (fingerprint, revision, first_seen, last_seen) VALUES
    ('01010101010101010101010101010101', 'cafe1234', 500, 1600);
