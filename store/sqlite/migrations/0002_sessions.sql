-- The sessions of people who are signed in to the pages. One without data has
-- ended, and its row stays until it would have expired, so that a request that
-- was under way cannot bring it back.
CREATE TABLE sessions (
    token   TEXT PRIMARY KEY, -- hashed
    data    BLOB,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_expiry ON sessions (expires);

-- Another number ends all sessions that were begun before.
ALTER TABLE users ADD COLUMN session_epoch INTEGER NOT NULL DEFAULT 0;
