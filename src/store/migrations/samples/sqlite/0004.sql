-- An error that people took out of its family.
INSERT INTO separated (fingerprint, at) VALUES ('02020202020202020202020202020202', 1550);
