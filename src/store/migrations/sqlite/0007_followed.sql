-- Pull requests that stand or are watched after their merge, beside what the fix says.
CREATE TABLE followed (
    fix_id       TEXT   NOT NULL PRIMARY KEY,
    number       INTEGER NOT NULL, -- of the pull request
    node_id      TEXT   NOT NULL, -- its id in GraphQL; empty where GitHub names none
    head         TEXT   NOT NULL, -- the newest commit that is ours
    next_head    TEXT   NOT NULL, -- the commit that the branch is about to move to; empty otherwise
    pushes       INTEGER NOT NULL, -- commits of ours on the branch
    pushed_at    INTEGER NOT NULL,
    work         TEXT   NOT NULL, -- what is being written: empty, repair, retry
    tries        INTEGER NOT NULL, -- conversations begun for it that have no end yet
    answer       TEXT,            -- what Claude submitted for it, as JSON
    handed_over  INTEGER NOT NULL, -- whether people have it: the branch is not touched any more
    merge_commit TEXT   NOT NULL, -- empty until merged
    watched      TEXT   NOT NULL  -- after the merge: empty, fixed, regressed
) WITHOUT ROWID;

-- What was done once and is not done again: things said, orders carried out, commits compared.
CREATE TABLE followed_step (
    fix_id TEXT   NOT NULL,
    step   TEXT   NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (fix_id, step)
) WITHOUT ROWID;

-- In which builds an error was seen. The latest time is a lower bound: an error that never stops is described every 15 minutes.
CREATE TABLE cluster_release (
    fingerprint TEXT   NOT NULL,
    revision    TEXT   NOT NULL, -- of the source: vcs.ref.head.revision, or a service.version that is a commit
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, revision)
) WITHOUT ROWID;
