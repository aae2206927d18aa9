package wordpress

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"maps"
	"strconv"
	"sync"

	"github.com/sparekey-dev/sparekey"
)

// largeRow is from where on a digest is a CRC; queries.go says the same to the
// server.
const largeRow = 128 << 10

// stamp tells one state of a user's credentials from another.
type stamp struct {
	metaID  int64 // of the row; 0: there is none
	length  int64
	digest  string
	version uint64 // of what Sparekey's own tables have about the user
}

// stampOf is the stamp that the server makes for a row.
func stampOf(metaID int64, raw string, version uint64) stamp {
	st := stamp{metaID: metaID, length: int64(len(raw)), version: version}
	switch {
	case metaID == 0:
	case len(raw) > largeRow:
		st.digest = strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(raw))), 10)
	default:
		sum := sha256.Sum256([]byte(raw))
		st.digest = hex.EncodeToString(sum[:])
	}
	return st
}

// known is what was read of a user at one state. It does not change.
type known struct {
	stamp    stamp
	elements []element // all that WordPress's row has
	revoked  tombstones
	beside   map[string]beside // by UUID
	err      error             // a *RowError: the row cannot be read
	index    func() *index     // made when first asked for
}

// index is what is asked for of a user's credentials.
type index struct {
	list   []sparekey.Credential // those that are alive
	byHash map[string]int        // the first in list with a hash
	legacy []sparekey.Credential
	sick   bool // some in the row were revoked, or have no UUID
}

func newKnown(st stamp, elements []element, revoked tombstones, beside map[string]beside) *known {
	k := &known{stamp: st, elements: elements, revoked: revoked, beside: beside}
	k.index = sync.OnceValue(k.makeIndex)
	return k
}

func (k *known) makeIndex() *index {
	x := &index{byHash: make(map[string]int, len(k.elements))}
	for _, e := range k.elements {
		if !e.isRecord {
			continue
		}
		c, alive := k.effective(e.credential)
		if !e.hasUUID || !alive || k.revoked.has(e.credential) {
			x.sick = true
		}
		if !e.hasUUID || !alive {
			continue
		}
		x.enter(c.Hash, len(x.list))
		x.list = append(x.list, c)
		if c.IsLegacy() && c.Hash != "" {
			x.legacy = append(x.legacy, c)
		}
	}
	for i, c := range x.list { // after all the others, which come first
		x.enter(c.OldHash, i)
	}
	return x
}

// enter has a hash lead to a place, unless it leads to one already.
func (x *index) enter(hash string, at int) {
	if _, taken := x.byHash[hash]; !taken && hash != "" {
		x.byHash[hash] = at
	}
}

// effective is a credential of the row with what is beside it, and whether it is
// still valid.
func (k *known) effective(c sparekey.Credential) (_ sparekey.Credential, alive bool) {
	b, isBeside := k.beside[c.UUID]
	if k.revoked.uuids[c.UUID] {
		return c, false
	}
	if k.revoked.hasHash(c.Hash) { // PHP wrote again what was there before a rotation
		if !isBeside || k.revoked.hasHash(b.rowHash) {
			return c, false
		}
		c.Hash = b.rowHash
	}
	if isBeside {
		c = b.on(c)
	}
	return c, true
}

// hashSum stands for a hash, of which a database need not have another copy.
type hashSum [sha256.Size]byte

func sumOf(hash string) hashSum { return sha256.Sum256([]byte(hash)) }

// tombstones are what was revoked of a user's credentials. A revoked one is
// recognised by its UUID, and by its hash, since WordPress gives a UUID to what
// has none.
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

// with returns the tombstones and those of more credentials; those given stay as
// they are.
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

// without returns the tombstones but those of a credential; those given stay as
// they are.
func (t tombstones) without(c sparekey.Credential) tombstones {
	fewer := tombstones{uuids: maps.Clone(t.uuids), hashes: maps.Clone(t.hashes)}
	delete(fewer.uuids, c.UUID)
	delete(fewer.hashes, sumOf(c.Hash))
	return fewer
}

// cacheSize bounds the cache, in bytes of rows. A parsed row takes about three times its size.
const cacheSize = 64 << 20

// cache has the last row that was read of each user. It is used only after the database has
// confirmed that the row is unchanged.
type cache struct {
	mu    *sync.Mutex
	users map[uint64]*known
	size  *int64
}

func newCache() cache {
	return cache{mu: new(sync.Mutex), users: map[uint64]*known{}, size: new(int64)}
}

// get returns what is known at a state, or nil.
func (c cache) get(user uint64, st stamp) *known {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.users[user]; k != nil && k.stamp == st {
		return k
	}
	return nil
}

func (c cache) put(user uint64, k *known) {
	const overhead = 1 << 10
	cost := k.stamp.length + overhead
	if cost > cacheSize {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.users[user]; old != nil {
		*c.size -= old.stamp.length + overhead
	}
	if *c.size+cost > cacheSize {
		clear(c.users) // what is in use comes back by itself
		*c.size = 0
	}
	c.users[user] = k
	*c.size += cost
}

// lanes let one writer of a user at a time go to the database, where the others
// would wait with a connection each.
type lanes [64]chan struct{}

func newLanes() (l lanes) {
	for i := range l {
		l[i] = make(chan struct{}, 1)
	}
	return l
}

// enter waits for the user's lane until the context ends. leave gives it back.
func (l lanes) enter(ctx context.Context, user uint64) (leave func(), err error) {
	lane := l[user%uint64(len(l))]
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
