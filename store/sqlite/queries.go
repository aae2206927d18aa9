package sqlite

// Every SQL text of this package, except for the migrations.
const (
	credentialColumns = `uuid, user_id, app_id, name, hash, created, last_used, last_ip,
		expires, scopes, networks, max_uses, uses, old_hash, old_until, hash_unused`

	queryList = `SELECT ` + credentialColumns + ` FROM credentials WHERE user_id = ? ORDER BY seq`

	// Two look-ups, each by an index of its own, which OR would not use.
	queryFind = `SELECT ` + credentialColumns + ` FROM (
			SELECT *, 1 AS preference FROM credentials WHERE user_id = ?1 AND hash = ?2
			UNION ALL SELECT *, 0 FROM credentials WHERE user_id = ?1 AND old_hash = ?2 AND old_hash <> ''
		) ORDER BY preference DESC, seq LIMIT 1`

	// The last condition is that of the index credentials_legacy, so that only
	// those are visited.
	queryLegacy = `SELECT ` + credentialColumns + ` FROM credentials
		WHERE user_id = ? AND (hash NOT GLOB '$generic$*' OR old_hash <> '' AND old_hash NOT GLOB '$generic$*')
		ORDER BY seq`

	queryCredential = `SELECT ` + credentialColumns + ` FROM credentials WHERE uuid = ? AND user_id = ?`

	queryOthers = `SELECT ` + credentialColumns + ` FROM credentials WHERE user_id = ? AND uuid <> ? ORDER BY seq`

	queryInsert = `INSERT INTO credentials (app_id, name, search, hash, created, last_used, last_ip,
		expires, scopes, networks, max_uses, uses, old_hash, old_until, hash_unused, uuid, user_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	queryUpdate = `UPDATE credentials SET
		app_id = ?, name = ?, search = ?, hash = ?, created = ?, last_used = ?, last_ip = ?,
		expires = ?, scopes = ?, networks = ?, max_uses = ?, uses = ?, old_hash = ?, old_until = ?, hash_unused = ?
		WHERE uuid = ? AND user_id = ?`

	queryDelete = `DELETE FROM credentials WHERE uuid = ? AND user_id = ? RETURNING ` + credentialColumns

	queryDeleteAll = `DELETE FROM credentials WHERE user_id = ?`

	// SQLite keeps a row here for the highest number that AUTOINCREMENT ever
	// assigned in a table, also when the table is empty again.
	queryWasRevoked = `SELECT EXISTS (SELECT 1 FROM revoked WHERE uuid = ?)`

	queryInUse = `SELECT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'credentials')`
)

const (
	credentialSelection = ` FROM credentials WHERE (?1 = '' OR user_id = ?1) AND instr(search, ?2) > 0
		AND (?3 = '' OR app_id = ?3) AND (?6 = '' OR uuid = ?6) AND (?4 IS NULL OR last_used < ?4) AND (NOT ?5 OR last_used IS NULL)`

	queryFound = `SELECT ` + credentialColumns + credentialSelection + ` ORDER BY seq DESC LIMIT ?7 OFFSET ?8`

	// By the index that makes UUIDs unique.
	queryNextPage = `SELECT ` + credentialColumns + ` FROM credentials WHERE uuid > ? ORDER BY uuid LIMIT ?`

	queryFoundCount = `SELECT count(*)` + credentialSelection
)

const (
	queryFindSession = `SELECT data, expires FROM sessions WHERE token = ? AND data IS NOT NULL AND expires > ?`

	querySaveSession = `INSERT INTO sessions (token, data, expires) VALUES (?, ?, ?)
		ON CONFLICT (token) DO UPDATE SET data = excluded.data, expires = excluded.expires
		WHERE data IS NOT NULL`

	queryEndSession = `UPDATE sessions SET data = NULL WHERE token = ?`

	queryForgetSessions = `DELETE FROM sessions WHERE expires <= ?`

	querySessionEpoch = `SELECT session_epoch FROM users WHERE id = ?`

	queryEndSessions = `UPDATE users SET session_epoch = session_epoch + 1 WHERE id = ? RETURNING id`
)

const (
	queryCheckpoint = `SELECT last FROM sweeps`

	querySwapCheckpoint = `UPDATE sweeps SET last = ? WHERE last IS ?`
)

const (
	querySightingKey = `SELECT key FROM sighting_key`

	queryDrawSightingKey = `INSERT INTO sighting_key (id, key) VALUES (1, ?) ON CONFLICT DO NOTHING`

	querySightings = `SELECT hash, seen FROM sightings ORDER BY seen DESC LIMIT ?`

	querySaveSighting = `INSERT INTO sightings (hash, seen) VALUES (?, ?)
		ON CONFLICT (hash) DO UPDATE SET seen = max(seen, excluded.seen)`

	queryForgetSightings = `DELETE FROM sightings WHERE seen < (SELECT seen FROM sightings ORDER BY seen DESC LIMIT 1 OFFSET ?)`

	queryForgetAnswers = `DELETE FROM throttle_answers WHERE question NOT IN (SELECT id FROM throttle_questions WHERE asked > ?)`

	queryForgetQuestions = `DELETE FROM throttle_questions WHERE asked <= ?`

	queryAskServers = `INSERT INTO throttle_questions (asked, body) VALUES (?, ?)`

	queryQuestions = `SELECT id, body FROM throttle_questions WHERE id > ? AND asked > ?`

	queryAnswerCommand = `INSERT INTO throttle_answers (question, body) SELECT id, ? FROM throttle_questions WHERE id = ?`

	queryAnswers = `SELECT body FROM throttle_answers WHERE question = ?`
)

const (
	userColumns = `id, login, email, display_name, roles, registered`

	// For an unknown login, the query returns the dummy user 0, and it uses both indexes in
	// either case: that takes as long as for a user who exists.
	queryUserByLogin = `SELECT ` + userColumns + ` FROM (
			SELECT ` + userColumns + `, 1 + (login_key = ?1) AS preference FROM users
			WHERE login_key = ?1 OR email_key = ?1
			UNION ALL SELECT 0, 'unknown', 'unknown@example.com', 'Unknown', '["unknown"]', 0, 0
		) ORDER BY preference DESC LIMIT 1`

	queryUserByID = `SELECT ` + userColumns + ` FROM users WHERE id = ?`

	userSelection = ` FROM users WHERE instr(search, ?1) > 0
		AND (?2 = '' OR EXISTS (SELECT 1 FROM json_each(roles) WHERE value = ?2))`

	queryUsers = `SELECT ` + userColumns + userSelection + ` ORDER BY id LIMIT ?3 OFFSET ?4`

	queryUserCount = `SELECT count(*)` + userSelection

	queryInsertUser = `INSERT INTO users
		(login, login_key, email, email_key, display_name, search, roles, registered, password_hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

	queryUpdateUser = `UPDATE users SET
		login = ?, login_key = ?, email = ?, email_key = ?, display_name = ?, search = ?, roles = ?, registered = ?
		WHERE id = ?`

	queryIsLoginTaken = `SELECT EXISTS (SELECT 1 FROM users WHERE login_key = ? AND id <> ?)`

	queryDeleteUser = `DELETE FROM users WHERE id = ? RETURNING ` + userColumns

	queryPasswordHash = `SELECT password_hash FROM users WHERE id = ?`

	// Another password ends all sessions.
	querySetPasswordHash = `UPDATE users SET password_hash = ?, session_epoch = session_epoch + 1 WHERE id = ? RETURNING id`

	queryReplacePasswordHash = `UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?`

	// The users who came first and last, so that a large table costs no more than a small one.
	querySamplePasswordHashes = `SELECT password_hash FROM (SELECT password_hash FROM users ORDER BY id DESC LIMIT ?1)
		UNION SELECT password_hash FROM (SELECT password_hash FROM users ORDER BY id LIMIT ?1)`
)

const (
	queryLastLine = `SELECT seq, line FROM audit ORDER BY seq DESC LIMIT 1`

	queryAppendLine = `INSERT INTO audit (seq, line) VALUES (?, ?)`

	queryPruneLines = `DELETE FROM audit WHERE seq <= ?`

	querySelectLines = `SELECT seq, line FROM audit`

	queryAddUses = `INSERT INTO uses (uuid, count)
		SELECT uuid, ?2 FROM credentials WHERE uuid = ?1
		ON CONFLICT (uuid) DO UPDATE SET count = count + excluded.count`

	queryAddAddress = `INSERT INTO use_addresses (uuid, addr, first_seen, last_seen) VALUES (?, ?, ?, ?)
		ON CONFLICT (uuid, addr) DO UPDATE SET
		first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen)`

	queryForgetAddresses = `DELETE FROM use_addresses WHERE uuid = ?1 AND addr NOT IN
		(SELECT addr FROM use_addresses WHERE uuid = ?1 ORDER BY last_seen DESC, addr LIMIT ?2)`

	queryUses = `SELECT count FROM uses WHERE uuid = ?`

	queryAddresses = `SELECT addr, first_seen, last_seen FROM use_addresses WHERE uuid = ? ORDER BY last_seen DESC, addr`
)

const (
	// whose database this is, of which version, and whether there is anything in it
	queryRecognise = `SELECT
		(SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version),
		EXISTS (SELECT 1 FROM sqlite_schema)`

	querySchemaVersion = `PRAGMA user_version`

	// The version of the schema is another one after every VACUUM and every .restore,
	// which can bring other rows with the generation that they had.
	queryGeneration = `SELECT number, schema_version FROM generation, pragma_schema_version`

	queryFile = `SELECT file FROM pragma_database_list WHERE name = 'main'`

	queryUseWAL = `PRAGMA journal_mode = WAL`

	queryUserKeys   = `SELECT id, login, login_key, email, email_key FROM users ORDER BY id`
	queryRekeyLogin = `UPDATE OR IGNORE users SET login_key = ? WHERE id = ?`
	queryRekeyEmail = `UPDATE OR IGNORE users SET email_key = ? WHERE id = ?`

	// PRAGMA takes no parameters.
	formatClaim = `PRAGMA application_id = %d; PRAGMA user_version = %d`
)
