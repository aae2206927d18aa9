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
	b := sidecar{
		rowHash: rowHash, rotated: rotated, unused: c.HashUnused, previousHash: c.OldHash, previousUntil: c.OldUntil, limits: c.Limits, uses: c.Uses,
	}
	if c.Hash != rowHash {
		b.hash = c.Hash
	}
	return b
}

func (b sidecar) isEmpty() bool { return b == sidecar{rowHash: b.rowHash} }

// applyTo adds the sidecar to a credential of the row. If PHP changed the hash since, the
// row's hash counts; the limits apply in any case.
func (b sidecar) applyTo(c sparekey.Credential) sparekey.Credential {
	rowHash := c.Hash
	if b.hash != "" && b.rowHash == c.Hash {
		c.Hash = b.hash
	}
	c.OldHash, c.OldUntil, c.Limits, c.Uses = b.previousHash, b.previousUntil, b.limits, b.uses
	c.HashUnused = b.unused && b.rowHash == rowHash // a hash that PHP wrote is in use
	return c
}

// values are in the order of sidecarColumns.
func (b sidecar) values() []any {
	return []any{
		b.rowHash, b.hash, b.rotation(), b.previousHash, nullSeconds(b.previousUntil), nullSeconds(b.limits.Expires),
		[]byte(b.limits.Scopes), []byte(b.limits.Networks), b.limits.MaxUses, b.uses,
	}
}

// The bits of the column rotated.
const (
	bitRotated = 1 << iota
	bitUnused
)

func (b sidecar) rotation() (bits int) {
	if b.rotated {
		bits |= bitRotated
	}
	if b.unused {
		bits |= bitUnused
	}
	return bits
}

// scanSidecar reads the columns of a query that begins with the UUID.
func scanSidecar(scan func(...any) error) (uuid string, b sidecar, err error) {
	var previousUntil, expires sql.Null[int64]
	var rotation int
	err = scan(&uuid, &b.rowHash, &b.hash, &rotation, &b.previousHash, &previousUntil, &expires,
		&b.limits.Scopes, &b.limits.Networks, &b.limits.MaxUses, &b.uses)
	b.rotated, b.unused = rotation&bitRotated != 0, rotation&bitUnused != 0
	b.previousUntil, b.limits.Expires = fromSeconds(previousUntil), fromSeconds(expires)
	return uuid, b, err
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
