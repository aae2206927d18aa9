package wordpress

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sparekey-dev/sparekey"
)

// snapshot is what was read of a user at one fingerprint. It is immutable.
type snapshot struct {
	fingerprint fingerprint
	entries     []entry // of WordPress's row, in its order
	revoked     tombstones
	sidecars    map[string]sidecar // by UUID
	err         error              // a *RowError, if the row cannot be read
	index       func() *index      // built on first use
}

func newSnapshot(fp fingerprint, entries []entry, revoked tombstones, sidecars map[string]sidecar) *snapshot {
	snap := &snapshot{fingerprint: fp, entries: entries, revoked: revoked, sidecars: sidecars}
	snap.index = sync.OnceValue(snap.makeIndex)
	return snap
}

func (snap *snapshot) makeIndex() *index {
	x := &index{byHash: make(map[string]int, len(snap.entries))}
	for _, e := range snap.entries {
		if !e.isRecord {
			continue
		}
		c, alive := snap.effective(e.credential)
		if !e.hasUUID || !alive || snap.revoked.has(e.credential) {
			x.needsReconcile = true
		}
		if !e.hasUUID || !alive {
			continue
		}
		x.add(c.Hash, len(x.list))
		x.list = append(x.list, c)
		if c.IsLegacy() && c.Hash != "" {
			x.legacy = append(x.legacy, c)
		}
	}
	for i, c := range x.list { // present hashes come before previous ones
		x.add(c.OldHash, i)
	}
	return x
}

// effective combines a credential of the row with its sidecar, and reports whether the
// credential is still valid.
func (snap *snapshot) effective(c sparekey.Credential) (_ sparekey.Credential, alive bool) {
	sc, hasSidecar := snap.sidecars[c.UUID]
	if snap.revoked.uuids[c.UUID] {
		return c, false
	}
	if snap.revoked.hasHash(c.Hash) { // PHP wrote the hash from before a rotation
		if !hasSidecar || snap.revoked.hasHash(sc.rowHash) {
			return c, false
		}
		c.Hash = sc.rowHash
	}
	if hasSidecar {
		c = sc.applyTo(c)
	}
	return c, true
}

// index answers the queries of a user's credentials.
type index struct {
	list           []sparekey.Credential // the valid ones
	byHash         map[string]int        // the first in list with a hash
	legacy         []sparekey.Credential
	needsReconcile bool // the row has revoked records, or records without a UUID
}

// add keeps the first credential of each hash.
func (x *index) add(hash string, at int) {
	if _, taken := x.byHash[hash]; !taken && hash != "" {
		x.byHash[hash] = at
	}
}

// snapshot returns the present state of a user, from the cache if that is up to date.
func (s *Store) snapshot(ctx context.Context, userID string) (*snapshot, error) {
	user, ok := parseID(userID)
	if !ok {
		return newSnapshot(fingerprint{}, nil, tombstones{}, nil), nil
	}
	fp, err := s.fingerprint(ctx, user)
	if err != nil {
		return nil, err
	}
	if user == dummyUser { // has no row, but must take as long as a user who has one
		return newSnapshot(fingerprint{}, nil, tombstones{}, nil), nil
	}
	snap := s.cache.get(user, fp)
	if snap == nil {
		if snap, err = s.readSnapshot(ctx, userID, user, fp); err != nil {
			return nil, err
		}
		s.cache.put(user, snap)
	}
	if snap.err != nil {
		return nil, snap.err
	}
	if snap.index().needsReconcile {
		return s.reconcileSnapshot(ctx, userID, user, snap)
	}
	return snap, nil
}

// reconcileSnapshot gives UUIDs to records without one at once, since a credential needs one
// to be addressable. All else waits for Run: a snapshot ignores revoked records anyway.
func (s *Store) reconcileSnapshot(ctx context.Context, userID string, user uint64, snap *snapshot) (*snapshot, error) {
	if _, missing := giveUUIDs(snap.entries); !missing {
		s.watcher.enqueue(user)
		return snap, nil
	}
	if err := s.reconcile(ctx, userID, user); err != nil {
		return nil, fmt.Errorf("give UUIDs to those that have none: %w", err)
	}
	fp, err := s.fingerprint(ctx, user)
	if err != nil {
		return nil, err
	}
	return s.readSnapshot(ctx, userID, user, fp)
}

// readSnapshot reads the row of a fingerprint. If the row changed in between, the result has
// the fingerprint of what was read, which no look-up asks for.
func (s *Store) readSnapshot(ctx context.Context, userID string, user uint64, fp fingerprint) (*snapshot, error) {
	raw, err := s.readValue(ctx, s.db, s.queries.value, userID, fp.metaID, fp.length)
	if rowErr, ok := errors.AsType[*RowError](err); ok {
		snap := newSnapshot(fp, nil, tombstones{}, nil)
		snap.err = rowErr
		return snap, nil
	}
	if err != nil {
		return nil, err
	}
	revoked, sidecars, err := s.readOwnTables(ctx, s.db, user, fp.revision)
	if err != nil {
		return nil, err
	}
	fp = fingerprintOf(fp.metaID, raw, fp.revision)
	entries, err := parseRow(userID, raw)
	snap := newSnapshot(fp, entries, revoked, sidecars)
	if err != nil {
		snap.err = &RowError{UserID: userID, MetaID: fp.metaID, Err: err}
	}
	return snap, nil
}
