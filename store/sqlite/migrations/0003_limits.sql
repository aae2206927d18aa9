-- What a credential is narrowed to. Scopes are rules, one a line; networks are
-- separated by blanks; nothing is narrowed where there is nothing.
ALTER TABLE credentials ADD COLUMN expires INTEGER;
ALTER TABLE credentials ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN networks TEXT NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN max_uses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE credentials ADD COLUMN uses INTEGER NOT NULL DEFAULT 0;

-- The secret from before the last rotation, and until when it is accepted.
ALTER TABLE credentials ADD COLUMN old_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN old_until INTEGER;

CREATE INDEX credentials_by_old_hash ON credentials (user_id, old_hash) WHERE old_hash <> '';

DROP INDEX credentials_legacy;
CREATE INDEX credentials_legacy ON credentials (user_id)
    WHERE hash NOT GLOB '$generic$*' OR old_hash <> '' AND old_hash NOT GLOB '$generic$*';
