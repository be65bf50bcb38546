-- An alert that was told, of whose two deliveries one waits, and one that was found.
INSERT INTO alert (key, rule, error_id, fix_id, told_of, at, state, content, told_at, ended_at) VALUES
    ('new:01010101010101010101010101010101', 'new', '01010101010101010101010101010101', '', '', 1650, 'told', '{}', 1651, NULL),
    ('fix_opened:010101010101-1', 'fix_opened', '01010101010101010101010101010101', '010101010101-1', '', 1660, 'found', '', NULL, NULL);
INSERT INTO alert_delivery (id, target, alert_key, action, state, tries, next_at, last_error, created_at, ended_at) VALUES
    ('d1', 'slack', 'new:01010101010101010101010101010101', 'firing', 'sent', 1, 1651, '', 1651, 1652),
    ('d2', 'webhook', 'new:01010101010101010101010101010101', 'firing', 'waiting', 1, 1700, 'it answered 500', 1651, NULL);
