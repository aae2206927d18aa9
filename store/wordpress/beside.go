package wordpress

import (
	"database/sql"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// beside is what Sparekey keeps of a credential for which WordPress's row has no
// place.
type beside struct {
	rowHash  string // the hash in the row, as Sparekey last wrote it
	hash     string // a $generic$ hash of the same secret, which WordPress could not verify; or empty
	rotated  bool   // the row had another hash once
	unused   bool   // see Credential.HashUnused
	oldHash  string
	oldUntil time.Time
	limits   sparekey.Limits
	uses     int
}

// besideOf is what there is to keep of a credential whose hash in the row is
// rowHash.
func besideOf(c sparekey.Credential, rowHash string, rotated bool) beside {
	b := beside{
		rowHash: rowHash, rotated: rotated, unused: c.HashUnused, oldHash: c.OldHash, oldUntil: c.OldUntil, limits: c.Limits, uses: c.Uses,
	}
	if c.Hash != rowHash {
		b.hash = c.Hash
	}
	return b
}

// isNothing reports whether the row says it all.
func (b beside) isNothing() bool { return b == beside{rowHash: b.rowHash} }

// on adds it to a credential of the row. Another hash there than the one it is
// about counts as it is; the limits hold in any case.
func (b beside) on(c sparekey.Credential) sparekey.Credential {
	rowHash := c.Hash
	if b.hash != "" && b.rowHash == c.Hash {
		c.Hash = b.hash
	}
	c.OldHash, c.OldUntil, c.Limits, c.Uses = b.oldHash, b.oldUntil, b.limits, b.uses
	c.HashUnused = b.unused && b.rowHash == rowHash // PHP gives out other secrets
	return c
}

// values are its columns, in the order of besideColumns.
func (b beside) values() []any {
	return []any{
		b.rowHash, b.hash, b.rotation(), b.oldHash, nullSeconds(b.oldUntil), nullSeconds(b.limits.Expires),
		[]byte(b.limits.Scopes), []byte(b.limits.Networks), b.limits.MaxUses, b.uses,
	}
}

// The bits of the column rotated.
const (
	bitRotated = 1 << iota
	bitUnused
)

// rotation is the value of the column rotated.
func (b beside) rotation() (bits int) {
	if b.rotated {
		bits |= bitRotated
	}
	if b.unused {
		bits |= bitUnused
	}
	return bits
}

// scanBeside reads the columns of a query that begins with the UUID.
func scanBeside(scan func(...any) error) (uuid string, b beside, err error) {
	var oldUntil, expires sql.Null[int64]
	var rotation int
	err = scan(&uuid, &b.rowHash, &b.hash, &rotation, &b.oldHash, &oldUntil, &expires,
		&b.limits.Scopes, &b.limits.Networks, &b.limits.MaxUses, &b.uses)
	b.rotated, b.unused = rotation&bitRotated != 0, rotation&bitUnused != 0
	b.oldUntil, b.limits.Expires = fromSeconds(oldUntil), fromSeconds(expires)
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
