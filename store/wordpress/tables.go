package wordpress

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// schema makes Sparekey's own tables, step by step; a step that was released is
// never changed. A step must be harmless where it was taken already, since the
// server cannot undo half of one.
//
// Texts are VARBINARY, so that they are equal only if their bytes are.
var schema = []string{ //nolint:gochecknoglobals // a constant
	`CREATE TABLE IF NOT EXISTS {p}sparekey_users (
		user_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
		version BIGINT UNSIGNED NOT NULL DEFAULT 0,
		session_epoch BIGINT NOT NULL DEFAULT 0
	) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE IF NOT EXISTS {p}sparekey_credentials (
		seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
		user_id BIGINT UNSIGNED NOT NULL,
		uuid VARBINARY(191) NOT NULL,
		row_hash VARBINARY(255) NOT NULL,
		hash VARBINARY(255) NOT NULL,
		rotated TINYINT NOT NULL,
		old_hash VARBINARY(255) NOT NULL,
		old_until BIGINT NULL,
		expires BIGINT NULL,
		scopes MEDIUMBLOB NOT NULL,
		networks BLOB NOT NULL,
		max_uses BIGINT NOT NULL,
		uses BIGINT NOT NULL,
		record LONGBLOB NOT NULL,
		earlier LONGBLOB NULL,
		written_at BIGINT NOT NULL,
		UNIQUE KEY user_uuid (user_id, uuid),
		KEY uuid (uuid),
		KEY written_at (written_at)
	) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE IF NOT EXISTS {p}sparekey_revoked (
		user_id BIGINT UNSIGNED NOT NULL,
		uuid VARBINARY(191) NOT NULL,
		hash_sum VARBINARY(32) NOT NULL,
		revoked_at BIGINT NOT NULL,
		PRIMARY KEY (user_id, uuid, hash_sum),
		KEY revoked_at (revoked_at)
	) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE IF NOT EXISTS {p}sparekey_sessions (
		token VARBINARY(255) NOT NULL PRIMARY KEY,
		data BLOB NULL,
		expires BIGINT NOT NULL,
		KEY expires (expires)
	) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	// The audit log. All there is of a record is its line, which is one JSON object;
	// what it can be selected by is read from it, so that none can say anything else.
	`CREATE TABLE IF NOT EXISTS {p}sparekey_audit (
		seq BIGINT UNSIGNED NOT NULL PRIMARY KEY,
		line MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
		time VARBINARY(20) AS (JSON_UNQUOTE(JSON_EXTRACT(line, '$.time'))) VIRTUAL,
		kind VARBINARY(64) AS (JSON_UNQUOTE(JSON_EXTRACT(line, '$.kind'))) VIRTUAL,
		user_id VARBINARY(512) AS (JSON_UNQUOTE(JSON_EXTRACT(line, '$.user'))) VIRTUAL,
		actor_id VARBINARY(512) AS (JSON_UNQUOTE(JSON_EXTRACT(line, '$.actor'))) VIRTUAL,
		credential VARBINARY(512) AS (JSON_UNQUOTE(JSON_EXTRACT(line, '$.credential'))) VIRTUAL,
		KEY time (time),
		KEY user_id (user_id),
		KEY actor_id (actor_id),
		KEY credential (credential)
	) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE IF NOT EXISTS {p}sparekey_uses (
		uuid VARBINARY(191) NOT NULL PRIMARY KEY,
		count BIGINT NOT NULL
	) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE IF NOT EXISTS {p}sparekey_use_addresses (
		uuid VARBINARY(191) NOT NULL,
		addr VARBINARY(128) NOT NULL,
		first_seen BIGINT NOT NULL,
		last_seen BIGINT NOT NULL,
		PRIMARY KEY (uuid, addr)
	) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	// When maintenance last ran. One row, made by the first run.
	`CREATE TABLE IF NOT EXISTS {p}sparekey_sweeps (
		id TINYINT NOT NULL PRIMARY KEY,
		last BIGINT NULL
	) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	// Addresses with right credentials: keyed hashes, and their key in one row.
	`CREATE TABLE IF NOT EXISTS {p}sparekey_sighting_key (
		id TINYINT NOT NULL PRIMARY KEY,
		secret VARBINARY(64) NOT NULL
	) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE IF NOT EXISTS {p}sparekey_sightings (
		hash VARBINARY(16) NOT NULL PRIMARY KEY,
		seen BIGINT NOT NULL,
		KEY seen (seen)
	) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	// Questions of "sparekey throttle" to the servers, and their answers.
	`CREATE TABLE IF NOT EXISTS {p}sparekey_throttle_questions (
		id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
		asked BIGINT NOT NULL,
		body BLOB NOT NULL
	) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE IF NOT EXISTS {p}sparekey_throttle_answers (
		id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
		question BIGINT UNSIGNED NOT NULL,
		body MEDIUMBLOB NOT NULL,
		KEY question (question)
	) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	// CheckWritable writes here. One row.
	`CREATE TABLE IF NOT EXISTS {p}sparekey_writable (
		id TINYINT NOT NULL PRIMARY KEY,
		checks BIGINT UNSIGNED NOT NULL
	) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
}

// makeTables makes Sparekey's own tables, or those that are missing of them. They
// are not needed to read, so whatever only reads does not call it.
func (s *Store) makeTables(ctx context.Context) error {
	if s.tablesMade.Load() {
		return nil
	}
	version, err := s.schemaVersion(ctx)
	if err != nil {
		return err
	}
	if version < len(schema) {
		if err := s.migrate(ctx, version); err != nil {
			return mayNotCreate(err)
		}
	}
	s.tablesMade.Store(true)
	return nil
}

// schemaVersion returns how many steps were taken.
func (s *Store) schemaVersion(ctx context.Context) (version int, err error) {
	err = s.db.QueryRowContext(ctx, s.queries.schemaVersion).Scan(&version)
	switch {
	case errors.Is(err, sql.ErrNoRows) || isServerError(err, errNoSuchTable):
		return 0, nil
	case err != nil:
		return 0, err
	case version > len(schema):
		return 0, fmt.Errorf("the tables of Sparekey's own are of version %d, and this program knows those up to %d: use a newer one", version, len(schema))
	}
	return version, nil
}

// migrate takes the steps that are missing. Several programs may do it at once.
func (s *Store) migrate(ctx context.Context, version int) error {
	for _, statement := range s.queries.migration(version) {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// migration are the statements that lead from a version to the newest.
func (q *queries) migration(version int) []string {
	statements := append(slices.Clone(schema[version:]),
		`CREATE TABLE IF NOT EXISTS {p}sparekey_schema (id TINYINT NOT NULL PRIMARY KEY, version INT NOT NULL) ENGINE=InnoDB`,
		fmt.Sprintf(`INSERT INTO {p}sparekey_schema (id, version) VALUES (1, %[1]d) ON DUPLICATE KEY UPDATE version = GREATEST(version, %[1]d)`, len(schema)))
	for i := range statements {
		statements[i] = q.replace.Replace(statements[i])
	}
	return statements
}

// mayNotCreate says what to do where the account has no right to make tables.
func mayNotCreate(err error) error {
	if !isServerError(err, errDenied, errDeniedHere, errReadOnly) {
		return fmt.Errorf("make Sparekey's own tables: %w", err)
	}
	return fmt.Errorf("make Sparekey's own tables beside WordPress's: the database account may not: "+
		"grant it CREATE, or have an administrator run what \"sparekey wordpress schema\" prints: %w", err)
}

// Schema returns the statements that make Sparekey's own tables in the database of a
// URL, for an administrator to run where the program's account may not.
func Schema(rawURL string) (string, error) {
	t, err := parseURL(rawURL)
	if err != nil {
		return "", fmt.Errorf("wordpress: %w", err)
	}
	q := newQueries(t.prefix)
	var b strings.Builder
	for _, statement := range q.migration(0) {
		b.WriteString(strings.NewReplacer("\t\t", "\t", "\n\t)", "\n)").Replace(statement) + ";\n")
	}
	return b.String(), nil
}
