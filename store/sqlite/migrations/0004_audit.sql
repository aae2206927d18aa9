-- The log of what happened to credentials. All there is of a record is its line,
-- which is one JSON object; the other columns are read from it, so that none can
-- say anything else.
CREATE TABLE audit (
    seq        INTEGER PRIMARY KEY,
    line       TEXT NOT NULL,
    time       TEXT GENERATED ALWAYS AS (line ->> '$.time') VIRTUAL,
    kind       TEXT GENERATED ALWAYS AS (line ->> '$.kind') VIRTUAL,
    user_id    TEXT GENERATED ALWAYS AS (line ->> '$.user') VIRTUAL,
    actor_id   TEXT GENERATED ALWAYS AS (line ->> '$.actor') VIRTUAL,
    credential TEXT GENERATED ALWAYS AS (line ->> '$.credential') VIRTUAL,
    through    INTEGER GENERATED ALWAYS AS (line ->> '$.through') VIRTUAL
) STRICT;

CREATE INDEX audit_by_time ON audit (time);
CREATE INDEX audit_by_user ON audit (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_by_actor ON audit (actor_id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_by_credential ON audit (credential) WHERE credential IS NOT NULL;
CREATE INDEX audit_checkpoints ON audit (through) WHERE through IS NOT NULL;

-- Lines are appended, and removed only below a checkpoint. This stops mistakes;
-- whoever may write to the file can drop the triggers.
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'lines of the audit log are never changed'); END;

CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN OLD.seq > coalesce((SELECT max(through) FROM audit WHERE through IS NOT NULL), 0)
BEGIN SELECT RAISE(ABORT, 'lines of the audit log are removed below a checkpoint only'); END;

-- What is counted of uses. It goes with the credential.
CREATE TABLE uses (
    uuid  TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE use_addresses (
    uuid       TEXT NOT NULL,
    addr       TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    PRIMARY KEY (uuid, addr)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER uses_of_deleted AFTER DELETE ON credentials
BEGIN
    DELETE FROM uses WHERE uuid = OLD.uuid;
    DELETE FROM use_addresses WHERE uuid = OLD.uuid;
END;
