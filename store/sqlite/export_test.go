package sqlite

import (
	"context"
	"testing"
)

// PointQueries are those for one user, or for credentials of one user.
func PointQueries() map[string]string {
	return map[string]string{
		"UserByLogin": queryUserByLogin,
		"UserByID":    queryUserByID,
		"Find":        queryFind,
		"Legacy":      queryLegacy,
		"List":        queryList,
		"Credential":  queryCredential,
	}
}

// Migrate brings a database to the newest schema and then takes these steps,
// as a later version of this package will.
func Migrate(ctx context.Context, path string, later ...string) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	db := openWriter(path)
	defer db.Close()
	return migrate(ctx, db, append(steps, later...))
}

// SchemaVersion is the newest that this package knows.
func SchemaVersion(t *testing.T) int {
	t.Helper()
	steps, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	return len(steps)
}

// ForbidWrites has every write fail, as on a file system that became read-only.
func ForbidWrites(t *testing.T, s *Store) {
	t.Helper()
	if _, err := s.writer.ExecContext(t.Context(), "PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
}
