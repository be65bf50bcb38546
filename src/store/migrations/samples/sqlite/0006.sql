-- A pause, a leader, a process that was up, and a time in which nobody counted.
INSERT INTO control (name, value) VALUES ('paused', 1);
UPDATE lease SET owner = 'a', fence = 4, expires_at = 9000;
INSERT INTO replica (id, started_at, seen_at) VALUES ('a', 100, 1700);
INSERT INTO hole (until, since) VALUES (1750, 1700);
