-- What was right from where: keyed hashes of networks and of logins at networks, and
-- when each was last seen, in Unix seconds. The key is a random one, in one row.
CREATE TABLE sighting_key (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL) STRICT;

CREATE TABLE sightings (hash BLOB PRIMARY KEY, seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE INDEX sightings_by_time ON sightings (seen);

-- What "sparekey throttle" asks the servers on this database, and what they answer. Both
-- are removed after a minute.
CREATE TABLE throttle_questions (id INTEGER PRIMARY KEY AUTOINCREMENT, asked INTEGER NOT NULL, body BLOB NOT NULL) STRICT;

CREATE TABLE throttle_answers (id INTEGER PRIMARY KEY, question INTEGER NOT NULL, body BLOB NOT NULL) STRICT;

CREATE INDEX throttle_answers_by_question ON throttle_answers (question);
