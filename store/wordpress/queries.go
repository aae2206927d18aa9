package wordpress

import "strings"

// metaKey is where WordPress keeps a user's application passwords.
const metaKey = "_application_passwords"

// flagName is the option that says that application passwords are in use.
const flagName = "using_application_passwords"

// queries are the statements for the tables of one site. {p} is their prefix.
type queries struct {
	replace *strings.Replacer

	ping, recognise                                                  string
	fingerprint, fingerprintPlain, value                             string
	rows, lock, lockedValue, update, updateOthers, add               string
	lockUser, schemaVersion                                          string
	revoked, sidecars                                                string
	revoke, deleteRevoked, clearRevokedHash                          string
	saveLedger, saveRestored, deleteLedger, ledgerEntries, elsewhere string
	inUse, setInUse, correctInUse, siteVersion                       string
	userByLogin, userByID, passwordHash, userRoles                   string
	sampleHashes                                                     string
	users, userCount, isAway, rights                                 string
	allUsers, seqs                                                   string
	findSession, saveSession, endSession, oldSessions                string
	epoch, endSessions                                               string
	recentWrites, recentRevoked, fingerprints, emptyRecords          string
	lastLine, appendLine, pruneLines, selectLines                    string
	addUses, addAddress, addresses, uses                             string
	deleteAddress, deleteUses, deleteAddresses                       string
	checkpoint, firstCheckpoint, swapCheckpoint                      string
	checkWritable                                                    string

	sightingKey, drawSightingKey, sightings, saveSightings, pruneSightings string
	pruneAnswers, pruneQuestions, ask, questions, answerCommand, answersTo string
}

// digest identifies the value of a column without transferring it. For large values it is a
// CRC-32, since SHA-256 would dominate the cost of a look-up: see README.md.
const digest = `COALESCE(IF(LENGTH(m.meta_value) > 131072, CAST(CRC32(m.meta_value) AS CHAR), SHA2(m.meta_value, 256)), '')`

// exactly is the condition for a row of a user's application passwords. The column's
// collation alone would also match other keys.
const exactly = `m.meta_key = '` + metaKey + `' AND BINARY m.meta_key = '` + metaKey + `'`

const (
	// firstRow is the row that WordPress reads, or one of nulls.
	firstRow = `FROM (SELECT 1) AS one LEFT JOIN {p}usermeta AS m ON m.umeta_id = (
		SELECT MIN(m.umeta_id) FROM {p}usermeta AS m WHERE m.user_id = ? AND ` + exactly + `)`
	sidecarColumns = `row_hash, hash, rotated, old_hash, old_until, expires, scopes, networks, max_uses, uses`

	fingerprintColumns = `COALESCE(m.umeta_id, 0), COALESCE(LENGTH(m.meta_value), 0), ` + digest

	capabilitiesOfU = `(SELECT c.meta_value FROM {p}usermeta AS c WHERE c.user_id = u.ID AND c.meta_key = '{p}capabilities'
		AND BINARY c.meta_key = '{p}capabilities' ORDER BY c.umeta_id LIMIT 1)`
	rolesOption = `FROM {p}options AS o WHERE o.option_name = '{p}user_roles'`

	userColumns = `u.ID, u.user_login, u.user_email, u.display_name, u.user_registered, ` + capabilitiesOfU + `,
		COALESCE((SELECT SHA2(o.option_value, 256) ` + rolesOption + `), '')`
	userSelection = `FROM {p}users AS u WHERE (? = '' OR INSTR(LOWER(u.user_login), LOWER(?)) > 0
			OR INSTR(LOWER(u.user_email), LOWER(?)) > 0 OR INSTR(LOWER(u.display_name), LOWER(?)) > 0)
		AND (? = '' OR EXISTS (SELECT 1 FROM {p}usermeta AS c WHERE c.user_id = u.ID
			AND c.meta_key = '{p}capabilities' AND INSTR(c.meta_value, ?) > 0))`

	// away is the condition for a user of a network who does not exist for Sparekey.
	away = `(u.spam <> 0 OR u.deleted <> 0)`

	mainNetwork = `(SELECT MIN(id) FROM {p}site)`
	superAdmins = `FROM {p}sitemeta AS a WHERE a.site_id = ` + mainNetwork + ` AND a.meta_key = 'site_admins'`
)

// newQueries returns the statements for a prefix, which must be a valid one.
func newQueries(prefix string) queries {
	q := queries{replace: strings.NewReplacer("{p}", prefix)}
	q.credentialQueries()
	q.ownQueries()
	q.watchQueries()
	q.auditQueries()
	q.throttleQueries()
	for _, text := range []*string{
		&q.recognise, &q.fingerprint, &q.fingerprintPlain, &q.value, &q.rows, &q.lock, &q.lockedValue, &q.update, &q.updateOthers, &q.add,
		&q.lockUser, &q.schemaVersion, &q.revoked, &q.sidecars, &q.revoke, &q.deleteRevoked, &q.clearRevokedHash, &q.saveLedger, &q.saveRestored, &q.deleteLedger, &q.ledgerEntries,
		&q.elsewhere, &q.seqs, &q.findSession, &q.saveSession, &q.endSession, &q.oldSessions, &q.epoch, &q.endSessions,
		&q.recentWrites, &q.recentRevoked, &q.fingerprints, &q.emptyRecords,
		&q.lastLine, &q.appendLine, &q.pruneLines, &q.selectLines, &q.addUses, &q.addAddress, &q.addresses, &q.uses,
		&q.deleteAddress, &q.deleteUses, &q.deleteAddresses, &q.checkpoint, &q.firstCheckpoint, &q.swapCheckpoint, &q.checkWritable,
		&q.sightingKey, &q.drawSightingKey, &q.sightings, &q.saveSightings, &q.pruneSightings,
		&q.pruneAnswers, &q.pruneQuestions, &q.ask, &q.questions, &q.answerCommand, &q.answersTo,
	} {
		*text = q.replace.Replace(*text)
	}
	return q
}

func (q *queries) credentialQueries() {
	q.ping = `SELECT 1`
	q.recognise = `SELECT COUNT(IF(table_name IN (?, ?, ?), 1, NULL)), COUNT(IF(table_name = ?, 1, NULL))
		FROM information_schema.tables WHERE table_schema = DATABASE()`
	q.fingerprint = `SELECT ` + fingerprintColumns + `, COALESCE((SELECT version FROM {p}sparekey_users WHERE user_id = ?), 0) ` + firstRow
	q.fingerprintPlain = `SELECT ` + fingerprintColumns + `, 0 ` + firstRow
	q.value = `SELECT meta_value FROM {p}usermeta WHERE umeta_id = ? AND LENGTH(meta_value) <= ?`
	q.rows = `SELECT m.umeta_id FROM {p}usermeta AS m WHERE m.user_id = ? AND ` + exactly + ` ORDER BY m.umeta_id`
	q.lock = `SELECT ` + fingerprintColumns + `, COALESCE(SHA2(m.meta_value, 256), '') FROM {p}usermeta AS m WHERE m.umeta_id = ? FOR UPDATE`
	q.lockedValue = q.value + ` FOR UPDATE`
	q.update = `UPDATE {p}usermeta SET meta_value = ? WHERE umeta_id = ? AND COALESCE(SHA2(meta_value, 256), '') = ?`
	q.updateOthers = `UPDATE {p}usermeta AS m SET m.meta_value = ? WHERE m.user_id = ? AND ` + exactly + ` AND m.umeta_id <> ?`
	q.add = `INSERT INTO {p}usermeta (user_id, meta_key, meta_value) VALUES (?, '` + metaKey + `', ?)`
	q.seqs = `SELECT user_id, uuid, seq FROM {p}sparekey_credentials WHERE ? = 0 OR user_id = ?`
}

// ownQueries are about Sparekey's own tables.
func (q *queries) ownQueries() {
	const now = `CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)`
	q.lockUser = `INSERT INTO {p}sparekey_users (user_id, version) VALUES (?, LAST_INSERT_ID(1))
		ON DUPLICATE KEY UPDATE version = LAST_INSERT_ID(version + 1)`
	q.schemaVersion = `SELECT version FROM {p}sparekey_schema`
	q.revoked = `SELECT uuid, hash_sum FROM {p}sparekey_revoked WHERE user_id = ?`
	q.sidecars = `SELECT uuid, ` + sidecarColumns + ` FROM {p}sparekey_credentials WHERE user_id = ? AND (hash <> '' OR rotated <> 0
		OR old_hash <> '' OR expires IS NOT NULL OR scopes <> '' OR networks <> '' OR max_uses <> 0 OR uses <> 0)`
	q.revoke = `INSERT INTO {p}sparekey_revoked (user_id, uuid, hash_sum, revoked_at) VALUES (?, ?, ?, ` + now + `)
		ON DUPLICATE KEY UPDATE revoked_at = VALUES(revoked_at)`
	q.deleteRevoked = `DELETE FROM {p}sparekey_revoked WHERE user_id = ? AND uuid = ?`
	q.clearRevokedHash = `UPDATE IGNORE {p}sparekey_revoked SET hash_sum = '' WHERE user_id = ? AND hash_sum = ?`
	q.saveLedger = `INSERT INTO {p}sparekey_credentials (user_id, uuid, ` + sidecarColumns + `, record, earlier, written_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ` + now + `) ON DUPLICATE KEY UPDATE row_hash = VALUES(row_hash), hash = VALUES(hash),
		rotated = VALUES(rotated), old_hash = VALUES(old_hash), old_until = VALUES(old_until), expires = VALUES(expires),
		scopes = VALUES(scopes), networks = VALUES(networks), max_uses = VALUES(max_uses), uses = VALUES(uses),
		record = VALUES(record), earlier = VALUES(earlier), written_at = VALUES(written_at)`
	q.saveRestored = `UPDATE {p}sparekey_credentials SET record = ?, earlier = ?, written_at = ` + now + ` WHERE user_id = ? AND uuid = ?`
	q.deleteLedger = `DELETE FROM {p}sparekey_credentials WHERE user_id = ? AND uuid = ?`
	q.ledgerEntries = `SELECT uuid, row_hash FROM {p}sparekey_credentials WHERE user_id = ? AND (? = '' OR uuid = ?)`
	q.elsewhere = `SELECT user_id FROM {p}sparekey_credentials WHERE uuid = ? AND user_id <> ? LIMIT 1`
	q.findSession = `SELECT data, expires FROM {p}sparekey_sessions WHERE token = ? AND expires > ? AND data IS NOT NULL`
	q.saveSession = `INSERT INTO {p}sparekey_sessions (token, data, expires) VALUES (?, ?, ?)
		ON DUPLICATE KEY UPDATE expires = IF(data IS NULL, expires, VALUES(expires)), data = IF(data IS NULL, NULL, VALUES(data))`
	q.endSession = `UPDATE {p}sparekey_sessions SET data = NULL WHERE token = ?`
	q.oldSessions = `DELETE FROM {p}sparekey_sessions WHERE expires <= ? LIMIT 1000`
	q.epoch = `SELECT session_epoch FROM {p}sparekey_users WHERE user_id = ?`
	q.endSessions = `INSERT INTO {p}sparekey_users (user_id, session_epoch) VALUES (?, 1)
		ON DUPLICATE KEY UPDATE session_epoch = session_epoch + 1`
	q.checkpoint = `SELECT last FROM {p}sparekey_sweeps WHERE id = 1`
	q.firstCheckpoint = `INSERT IGNORE INTO {p}sparekey_sweeps (id, last) VALUES (1, NULL)`
	q.swapCheckpoint = `UPDATE {p}sparekey_sweeps SET last = ? WHERE id = 1 AND last <=> ?`
}

// watchQueries find what to watch.
func (q *queries) watchQueries() {
	q.recentWrites = `SELECT user_id, uuid, record, COALESCE(earlier, ''), written_at FROM {p}sparekey_credentials
		WHERE written_at > ? AND record <> '' ORDER BY written_at LIMIT 1000`
	q.emptyRecords = `UPDATE {p}sparekey_credentials SET record = '', earlier = NULL
		WHERE written_at < CAST(UNIX_TIMESTAMP() AS SIGNED) * 1000 - 3600000 AND record <> '' LIMIT 10000`
	q.recentRevoked = `SELECT DISTINCT user_id FROM {p}sparekey_revoked WHERE revoked_at > ? AND user_id > ? ORDER BY user_id LIMIT ?`
	q.fingerprints = `SELECT m.user_id, m.umeta_id, COALESCE(LENGTH(m.meta_value), 0), ` + digest + `
		FROM {p}usermeta AS m WHERE m.user_id IN (?) AND ` + exactly + ` ORDER BY m.umeta_id DESC`
}

// auditQueries are those of the audit log, and of what is counted of uses.
func (q *queries) auditQueries() {
	q.lastLine = `SELECT seq, line FROM {p}sparekey_audit ORDER BY seq DESC LIMIT 1`
	q.appendLine = `INSERT INTO {p}sparekey_audit (seq, line) VALUES (?, ?)`
	q.pruneLines = `DELETE FROM {p}sparekey_audit WHERE seq <= ?`
	q.selectLines = `SELECT seq, line FROM {p}sparekey_audit`
	q.addUses = `INSERT INTO {p}sparekey_uses (uuid, count) VALUES (?, ?) ON DUPLICATE KEY UPDATE count = count + VALUES(count)`
	q.addAddress = `INSERT INTO {p}sparekey_use_addresses (uuid, addr, first_seen, last_seen) VALUES (?, ?, ?, ?)
		ON DUPLICATE KEY UPDATE first_seen = LEAST(first_seen, VALUES(first_seen)), last_seen = GREATEST(last_seen, VALUES(last_seen))`
	q.uses = `SELECT count FROM {p}sparekey_uses WHERE uuid = ?`
	q.addresses = `SELECT addr, first_seen, last_seen FROM {p}sparekey_use_addresses WHERE uuid = ? ORDER BY last_seen DESC, addr`
	q.deleteAddress = `DELETE FROM {p}sparekey_use_addresses WHERE uuid = ? AND addr = ?`
	q.deleteUses = `DELETE FROM {p}sparekey_uses WHERE uuid = ?`
	q.deleteAddresses = `DELETE FROM {p}sparekey_use_addresses WHERE uuid = ?`
	q.checkWritable = `INSERT INTO {p}sparekey_writable (id, checks) VALUES (1, 1) ON DUPLICATE KEY UPDATE checks = checks + 1`
}

// forSite finishes the statements that differ between one site and several.
func (q *queries) forSite(multi bool) {
	from, key := `{p}options WHERE option_name`, `option_value`
	q.setInUse = `INSERT IGNORE INTO {p}options (option_name, option_value, autoload) VALUES ('` + flagName + `', '1', ?)`
	q.correctInUse = `UPDATE {p}options SET option_value = '1' WHERE option_name = '` + flagName + `'`
	if multi {
		from, key = `{p}sitemeta WHERE site_id = `+mainNetwork+` AND meta_key`, `meta_value`
		q.setInUse = `INSERT INTO {p}sitemeta (site_id, meta_key, meta_value)
			SELECT MIN(id), '` + flagName + `', IF(? = '', '1', '1') FROM {p}site HAVING NOT EXISTS (
				SELECT 1 FROM {p}sitemeta AS f WHERE f.meta_key = '` + flagName + `' AND f.site_id = ` + mainNetwork + `)`
		q.correctInUse = `UPDATE {p}sitemeta SET meta_value = '1' WHERE meta_key = '` + flagName + `'`
	}
	q.inUse = `SELECT ` + key + ` FROM ` + from + ` = '` + flagName + `' LIMIT 1`
	q.siteVersion = `SELECT option_value FROM {p}options WHERE option_name = 'db_version'`
	q.userQueries(multi)
	for _, text := range []*string{
		&q.inUse, &q.setInUse, &q.correctInUse, &q.siteVersion, &q.userRoles, &q.userByLogin, &q.userByID, &q.passwordHash, &q.sampleHashes,
		&q.users, &q.userCount, &q.isAway, &q.rights, &q.allUsers,
	} {
		*text = q.replace.Replace(*text)
	}
}

// userQueries are those of users. On a network, none of them finds a user who is
// marked as spam or deleted: only isAway does.
func (q *queries) userQueries(multi bool) {
	active, notAway := ``, ``
	network := `(SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '{p}sitemeta'), NULL, 0`
	if multi {
		active = ` AND NOT ` + away
		notAway = ` AND NOT EXISTS (SELECT 1 FROM {p}users AS u WHERE u.ID = m.user_id AND ` + away + `)`
		network = `(SELECT COUNT(*) FROM {p}site), (SELECT a.meta_value ` + superAdmins + ` ORDER BY a.meta_id LIMIT 1),
			(SELECT COUNT(DISTINCT BINARY COALESCE(a.meta_value, '')) ` + superAdmins + `)`
	}
	q.userRoles = `SELECT o.option_value, SHA2(o.option_value, 256) ` + rolesOption
	byName := func(column string) string {
		return `(SELECT MIN(u.ID) FROM {p}users AS u WHERE u.` + column + ` = ?` + active + `)`
	}
	q.userByLogin = `SELECT ` + userColumns + ` FROM {p}users AS u WHERE u.ID = COALESCE(` + strings.Repeat(byName("user_login")+`, `, len(spellings(""))) + byName("user_email") + `)`
	q.userByID = `SELECT ` + userColumns + ` FROM {p}users AS u WHERE u.ID = ?` + active
	q.passwordHash = `SELECT u.user_pass FROM {p}users AS u WHERE u.ID = ?` + active
	q.sampleHashes = `(SELECT user_pass FROM {p}users ORDER BY ID DESC LIMIT ?)
		UNION (SELECT user_pass FROM {p}users ORDER BY ID LIMIT ?)`
	q.users = `SELECT ` + userColumns + ` ` + userSelection + active + ` ORDER BY u.ID LIMIT ? OFFSET ?`
	q.userCount = `SELECT COUNT(*) ` + userSelection + active
	q.isAway = `SELECT COUNT(*) FROM {p}users AS u WHERE u.ID = ? AND ` + away
	q.allUsers = `SELECT DISTINCT m.user_id FROM {p}usermeta AS m WHERE ` + exactly + notAway + ` ORDER BY m.user_id`
	q.rights = `SELECT u.ID, u.user_login, ` + capabilitiesOfU + `, (SELECT o.option_value ` + rolesOption + `), ` + network + `
		FROM {p}users AS u WHERE u.ID IN (?, ?)` + active
}

// throttleQueries are about what package throttle keeps.
func (q *queries) throttleQueries() {
	q.sightingKey = `SELECT secret FROM {p}sparekey_sighting_key WHERE id = 1`
	q.drawSightingKey = `INSERT IGNORE INTO {p}sparekey_sighting_key (id, secret) VALUES (1, ?)`
	q.sightings = `SELECT hash, seen FROM {p}sparekey_sightings ORDER BY seen DESC LIMIT ?`
	q.saveSightings = `INSERT INTO {p}sparekey_sightings (hash, seen) VALUES {rows}
		ON DUPLICATE KEY UPDATE seen = GREATEST(seen, VALUES(seen))`
	q.pruneSightings = `DELETE FROM {p}sparekey_sightings WHERE seen <
		(SELECT seen FROM (SELECT seen FROM {p}sparekey_sightings ORDER BY seen DESC LIMIT 1 OFFSET ?) AS last)`
	q.pruneAnswers = `DELETE FROM {p}sparekey_throttle_answers WHERE question NOT IN
		(SELECT id FROM {p}sparekey_throttle_questions WHERE asked > ?)`
	q.pruneQuestions = `DELETE FROM {p}sparekey_throttle_questions WHERE asked <= ?`
	q.ask = `INSERT INTO {p}sparekey_throttle_questions (asked, body) VALUES (?, ?)`
	q.questions = `SELECT id, body FROM {p}sparekey_throttle_questions WHERE id > ? AND asked > ?`
	q.answerCommand = `INSERT INTO {p}sparekey_throttle_answers (question, body) VALUES (?, ?)`
	q.answersTo = `SELECT body FROM {p}sparekey_throttle_answers WHERE question = ?`
}
