-- Clusters that are one error: what the end of a window made of all templates that are known. Records go on being counted
-- under their own fingerprint; whoever reads clusters reads a family as one. `family` and `member` can be made anew at any
-- time from `cluster` and `separated`.

-- Whether a cluster is named by its message, so that the message may be compared. One that is named by frames never is,
-- nor the one that takes in what is too much.
ALTER TABLE cluster ADD COLUMN named_by_message INTEGER NOT NULL DEFAULT 0;
UPDATE cluster SET named_by_message = 1
WHERE (frames = '[]' OR stack_trace = '') AND rule <> 'too-many-distinct-errors';
CREATE INDEX cluster_named_by_message ON cluster (fingerprint) WHERE named_by_message = 1;

CREATE TABLE family (
    id       TEXT NOT NULL PRIMARY KEY, -- the smallest fingerprint of its members
    template TEXT NOT NULL,
    reason   TEXT NOT NULL
);

-- Every fingerprint of a family, its id included.
CREATE TABLE member (
    fingerprint TEXT    NOT NULL PRIMARY KEY,
    family      TEXT    NOT NULL,
    since       INTEGER NOT NULL
);
CREATE INDEX member_by_family ON member (family);

-- Fingerprints that people took out of a family: they are never compared again, until people say otherwise.
CREATE TABLE separated (
    fingerprint TEXT    NOT NULL PRIMARY KEY,
    at          INTEGER NOT NULL
);
