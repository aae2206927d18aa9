package wordpress

import (
	"database/sql"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// sidecar is what Sparekey stores about a credential and WordPress's row has no field for.
// It is a row of the table sparekey_credentials.
type sidecar struct {
	rowHash       string // the hash in WordPress's row, as Sparekey last wrote it
	hash          string // a $generic$ hash of the same secret, which WordPress could not verify; or empty
	rotated       bool   // the row had a different hash before
	unused        bool   // see Credential.HashUnused
	previousHash  string
	previousUntil time.Time
	limits        sparekey.Limits
	uses          int
}

// newSidecar describes a credential whose hash in WordPress's row is rowHash, which differs
// from c.Hash on a site whose WordPress cannot verify c.Hash.
func newSidecar(c sparekey.Credential, rowHash string, rotated bool) sidecar {
	sc := sidecar{
		rowHash: rowHash, rotated: rotated, unused: c.HashUnused, previousHash: c.OldHash, previousUntil: c.OldUntil, limits: c.Limits, uses: c.Uses,
	}
	if c.Hash != rowHash {
		sc.hash = c.Hash
	}
	return sc
}

func (sc sidecar) isEmpty() bool { return sc == sidecar{rowHash: sc.rowHash} }

// applyTo adds the sidecar to a credential of the row. If PHP changed the hash since, the
// row's hash counts; the limits apply in any case.
func (sc sidecar) applyTo(c sparekey.Credential) sparekey.Credential {
	rowHash := c.Hash
	if sc.hash != "" && sc.rowHash == c.Hash {
		c.Hash = sc.hash
	}
	c.OldHash, c.OldUntil, c.Limits, c.Uses = sc.previousHash, sc.previousUntil, sc.limits, sc.uses
	c.HashUnused = sc.unused && sc.rowHash == rowHash // a hash that PHP wrote is in use
	return c
}

// values are in the order of sidecarColumns.
func (sc sidecar) values() []any {
	return []any{
		sc.rowHash, sc.hash, sc.rotation(), sc.previousHash, nullSeconds(sc.previousUntil), nullSeconds(sc.limits.Expires),
		[]byte(sc.limits.Scopes), []byte(sc.limits.Networks), sc.limits.MaxUses, sc.uses,
	}
}

// The bits of the column rotated.
const (
	bitRotated = 1 << iota
	bitUnused
)

func (sc sidecar) rotation() (bits int) {
	if sc.rotated {
		bits |= bitRotated
	}
	if sc.unused {
		bits |= bitUnused
	}
	return bits
}

// scanSidecar reads the columns of a query that begins with the UUID.
func scanSidecar(scan func(...any) error) (uuid string, sc sidecar, err error) {
	var previousUntil, expires sql.Null[int64]
	var rotation int
	err = scan(&uuid, &sc.rowHash, &sc.hash, &rotation, &sc.previousHash, &previousUntil, &expires,
		&sc.limits.Scopes, &sc.limits.Networks, &sc.limits.MaxUses, &sc.uses)
	sc.rotated, sc.unused = rotation&bitRotated != 0, rotation&bitUnused != 0
	sc.previousUntil, sc.limits.Expires = fromSeconds(previousUntil), fromSeconds(expires)
	return uuid, sc, err
}

func nullSeconds(t time.Time) sql.Null[int64] {
	return sql.Null[int64]{V: t.Unix(), Valid: !t.IsZero()}
}

func fromSeconds(s sql.Null[int64]) time.Time {
	if !s.Valid {
		return time.Time{}
	}
	return time.Unix(s.V, 0).UTC()
}
