-- Times are Unix seconds, NULL where there is none.

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT, -- so that no ID is assigned twice
    login         TEXT NOT NULL,
    login_key     TEXT NOT NULL UNIQUE,              -- what logins are compared by
    email         TEXT NOT NULL,
    email_key     TEXT UNIQUE,                       -- NULL where there is no address
    display_name  TEXT NOT NULL,
    search        TEXT NOT NULL,                     -- what a search looks through
    roles         TEXT NOT NULL,                     -- JSON array of strings
    registered    INTEGER,
    password_hash TEXT NOT NULL
) STRICT;

-- user_id is text and refers to no table: users may be kept elsewhere.
CREATE TABLE credentials (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,     -- the order of insertion
    uuid      TEXT NOT NULL UNIQUE,
    user_id   TEXT NOT NULL,
    app_id    TEXT NOT NULL,
    name      TEXT NOT NULL,
    hash      TEXT NOT NULL,
    created   INTEGER,
    last_used INTEGER,
    last_ip   TEXT NOT NULL,
    search    TEXT NOT NULL                          -- what a search looks through
) STRICT;

-- Not unique: credentials that were imported may have equal hashes.
CREATE INDEX credentials_by_hash ON credentials (user_id, hash);

-- The few that cannot be found by their hash.
CREATE INDEX credentials_legacy ON credentials (user_id) WHERE hash NOT GLOB '$generic$*';
