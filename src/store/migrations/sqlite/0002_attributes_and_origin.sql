-- What an example carried beside its text, and where an error's code comes from.

ALTER TABLE sample ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}'; -- JSON object of strings

ALTER TABLE cluster ADD COLUMN vcs_ref_name      TEXT NOT NULL DEFAULT '';
ALTER TABLE cluster ADD COLUMN service_namespace TEXT NOT NULL DEFAULT '';
ALTER TABLE cluster ADD COLUMN language          TEXT NOT NULL DEFAULT '';
