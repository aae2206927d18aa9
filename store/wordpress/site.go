package wordpress

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/passhash"
)

// InUse implements [sparekey.Store]: it is the mark that WordPress sets with the
// first application password, and without which it accepts none.
func (s *Store) InUse(ctx context.Context) (bool, error) {
	inUse, err := readInUse(ctx, s.db, s.queries.inUse)
	return inUse, failed("ask whether there were ever credentials", err)
}

func readInUse(ctx context.Context, q queryer, query string) (bool, error) {
	var value sql.Null[string]
	err := q.QueryRowContext(ctx, query).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return value.V != "" && value.V != "0", err // what PHP takes for true
}

func (t *rowTx) setInUse(ctx context.Context) error {
	inUse, err := readInUse(ctx, t.tx, t.s.queries.inUse)
	if err != nil || inUse {
		return err
	}
	version, err := t.s.siteVersion(ctx, t.tx)
	if err != nil {
		return err
	}
	autoload := "no"
	if version >= version67 {
		autoload = "off"
	}
	for _, statement := range []struct {
		query string
		args  []any
	}{{t.s.queries.setInUse, []any{autoload}}, {t.s.queries.correctInUse, nil}} {
		if _, err := t.tx.ExecContext(ctx, statement.query, statement.args...); err != nil {
			return fmt.Errorf("mark application passwords as in use: %w", err)
		}
	}
	return nil
}

// The versions of WordPress's own schema, which is the only one that the database
// tells. WordPress verifies $generic$ hashes from 6.8.0 on, whose schema is still
// that of 6.7; what is of that version may or may not.
const (
	version67      = 58975 // 6.7, 6.8.0 and 6.8.1
	versionGeneric = 60421 // the first after
)

// siteVersion returns the version of WordPress's schema, 0 if it cannot be told.
func (s *Store) siteVersion(ctx context.Context, q queryer) (int, error) {
	var text string
	err := q.QueryRowContext(ctx, s.queries.siteVersion).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("ask for the version of WordPress: %w", err)
	}
	version, err := strconv.Atoi(text)
	if err != nil {
		return 0, nil //nolint:nilerr // an unknown version
	}
	return version, nil
}

// hashChoice says in which format the hashes of new secrets are.
type hashChoice string

const (
	hashesAuto    hashChoice = "auto" // as the site's WordPress can verify
	hashesGeneric hashChoice = "generic"
	hashesPhpass  hashChoice = "phpass"
)

func parseHashChoice(said string) (hashChoice, error) {
	switch h := hashChoice(withDefault(said, string(hashesAuto))); h {
	case hashesAuto, hashesGeneric, hashesPhpass:
		return h, nil
	}
	return "", errors.New("?hashes= must be auto, generic (which WordPress verifies from 6.8 on) or phpass (which every WordPress does)")
}

// keepsGenericInSidecar reports whether the site's WordPress may be unable to verify
// $generic$ hashes, so that they stay in the sidecar.
func (s *Store) keepsGenericInSidecar(ctx context.Context) (bool, error) {
	if s.hashes != hashesAuto {
		return s.hashes == hashesPhpass, nil
	}
	version, err := s.siteVersion(ctx, s.db)
	return version < versionGeneric, err
}

// HashNew implements [sparekey.Hasher]: the hash is one that the site's WordPress
// can verify, too.
func (s *Store) HashNew(ctx context.Context, secret sparekey.Secret) (string, error) {
	phpass, err := s.keepsGenericInSidecar(ctx)
	if err != nil {
		return "", failed("choose the format of a hash", err)
	}
	if phpass {
		return passhash.Phpass(secret.Reveal()), nil
	}
	return secret.Hash(), nil
}
