-- A pause, a leader, a process that was up, and a time in which nobody counted.
INSERT INTO control (name, value) VALUES ('paused', 1);
UPDATE lease SET owner = 'a', fence = 4, expires_at = 9000;
INSERT INTO replica (id, started_at, seen_at) VALUES ('a', 100, 1700);
INSERT INTO hole (until, began, since, reader) VALUES (1750, 1650, 1700, 'a');
INSERT INTO passage (key, hole, sent, read_back) VALUES ('00000000000000000000000000000001', 1750, 0, 1);
