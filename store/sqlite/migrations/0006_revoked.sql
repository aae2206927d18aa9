-- The UUIDs of credentials that were deleted, so that an import that is repeated
-- does not bring them back.
CREATE TABLE revoked (uuid TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TRIGGER revoked_are_kept AFTER DELETE ON credentials
BEGIN INSERT OR IGNORE INTO revoked (uuid) VALUES (OLD.uuid); END;
