-- Records that were held back from the next hop, the traces of the first few (32 hex digits each, one after the other),
-- and when the next hop was told of them.
ALTER TABLE window_cluster ADD COLUMN held_back     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE window_cluster ADD COLUMN trace_ids     TEXT    NOT NULL DEFAULT '';
ALTER TABLE window_cluster ADD COLUMN summarised_at INTEGER;
CREATE INDEX window_cluster_unsummarised ON window_cluster (window_start, fingerprint)
    WHERE held_back > 0 AND summarised_at IS NULL;
