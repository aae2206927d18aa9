-- Whether the secret of hash is known not to have been used since the rotation that made it.
-- A use changes it, so it does not count for the generation (migration 7).
ALTER TABLE credentials ADD COLUMN hash_unused INTEGER NOT NULL DEFAULT 0;
