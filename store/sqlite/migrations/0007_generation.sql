-- Another number after every change of users and credentials, other than of what a
-- use records. It is a random one, so that a database that is put back to what it was
-- never comes to a number that it had with something else in it.
CREATE TABLE generation (number INTEGER NOT NULL) STRICT;

INSERT INTO generation VALUES (random());

CREATE TRIGGER credentials_inserted AFTER INSERT ON credentials
BEGIN UPDATE generation SET number = random(); END;

CREATE TRIGGER credentials_deleted AFTER DELETE ON credentials
BEGIN UPDATE generation SET number = random(); END;

-- All columns but last_used, last_ip and uses.
CREATE TRIGGER credentials_updated AFTER UPDATE ON credentials
WHEN (OLD.seq, OLD.uuid, OLD.user_id, OLD.app_id, OLD.name, OLD.hash, OLD.created, OLD.search,
    OLD.expires, OLD.scopes, OLD.networks, OLD.max_uses, OLD.old_hash, OLD.old_until)
IS NOT (NEW.seq, NEW.uuid, NEW.user_id, NEW.app_id, NEW.name, NEW.hash, NEW.created, NEW.search,
    NEW.expires, NEW.scopes, NEW.networks, NEW.max_uses, NEW.old_hash, NEW.old_until)
BEGIN UPDATE generation SET number = random(); END;

CREATE TRIGGER users_inserted AFTER INSERT ON users
BEGIN UPDATE generation SET number = random(); END;

CREATE TRIGGER users_deleted AFTER DELETE ON users
BEGIN UPDATE generation SET number = random(); END;

CREATE TRIGGER users_updated AFTER UPDATE ON users
BEGIN UPDATE generation SET number = random(); END;
