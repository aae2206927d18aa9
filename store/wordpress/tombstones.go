package wordpress

import (
	"crypto/sha256"
	"maps"

	"github.com/sparekey-dev/sparekey"
)

// hashSum is the SHA-256 of a credential's hash: the database needs no second copy of the
// hash itself.
type hashSum [sha256.Size]byte

func sumOf(hash string) hashSum { return sha256.Sum256([]byte(hash)) }

// tombstones are a user's revoked credentials. They match by UUID and also by hash, since
// WordPress gives a new UUID to a record that has none.
type tombstones struct {
	uuids  map[string]bool
	hashes map[hashSum]bool
}

func (t tombstones) has(c sparekey.Credential) bool {
	return t.uuids[c.UUID] || t.hasHash(c.Hash)
}

func (t tombstones) hasHash(hash string) bool {
	return len(t.hashes) > 0 && hash != "" && t.hashes[sumOf(hash)]
}

// with returns a copy that also has the given credentials.
func (t tombstones) with(revoked ...sparekey.Credential) tombstones {
	more := tombstones{uuids: maps.Clone(t.uuids), hashes: maps.Clone(t.hashes)}
	if more.uuids == nil {
		more.uuids, more.hashes = map[string]bool{}, map[hashSum]bool{}
	}
	for _, c := range revoked {
		if c.UUID != "" {
			more.uuids[c.UUID] = true
		}
		if c.Hash != "" {
			more.hashes[sumOf(c.Hash)] = true
		}
	}
	return more
}

// without returns a copy that lacks the given credential.
func (t tombstones) without(c sparekey.Credential) tombstones {
	fewer := tombstones{uuids: maps.Clone(t.uuids), hashes: maps.Clone(t.hashes)}
	delete(fewer.uuids, c.UUID)
	delete(fewer.hashes, sumOf(c.Hash))
	return fewer
}
