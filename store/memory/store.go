// Package memory keeps credentials and users in the memory of one process. It is
// for tests, examples and programs that may forget: nothing outlives the
// [Store], and no other process sees it.
package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
)

var (
	_ sparekey.Store      = (*Store)(nil)
	_ sparekey.Directory  = (*Store)(nil)
	_ sparekey.UserLister = (*Store)(nil)
	_ sparekey.Revisioned = (*Store)(nil)
)

// Store keeps credentials and users. It is safe for concurrent use. The
// functions that are handed to its methods run while it is locked, so they must
// not call it.
type Store struct {
	mu       sync.RWMutex
	revision uint64
	owned    map[string]*credentials // by user ID; only of users who have any
	uuids    map[string]uint64       // all credentials by UUID: the number of their insertion
	lastSeq  uint64

	people  []*person // in the order of their creation
	byID    map[string]*person
	byLogin map[string]*person // by the key of the login
	byEmail map[string]*person // by the key of the e-mail address, if any
	lastID  int64

	sessions map[string]session // by token

	audit      []auditRecord
	usage      map[string]audit.Usage // by the credential's UUID
	checkpoint time.Time
}

// New returns an empty Store.
func New() *Store {
	return &Store{
		owned:   map[string]*credentials{},
		uuids:   map[string]uint64{},
		byID:    map[string]*person{},
		byLogin: map[string]*person{},
		byEmail: map[string]*person{},

		sessions: map[string]session{},
		usage:    map[string]audit.Usage{},
	}
}

// RevisionOf implements [sparekey.Revisioned].
func (s *Store) RevisionOf() any { return s }

// Revision implements [sparekey.Revisioned].
func (s *Store) Revision() (revision uint64, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.revision, true
}

// lock begins a write, unless the caller has given up.
func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	return nil
}

// rlock begins a read, unless the caller has given up.
func (s *Store) rlock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	return nil
}

// credentials are those of one user, with the indexes that spare a look-up going
// through all of them.
type credentials struct {
	list   []sparekey.Credential
	byHash map[string]int // the oldest with this hash, or else with this old one
	legacy []int          // those whose hash cannot be looked up
}

func index(list []sparekey.Credential) *credentials {
	own := &credentials{byHash: make(map[string]int, len(list))}
	for _, c := range list {
		own.add(c)
	}
	return own
}

func (own *credentials) add(c sparekey.Credential) {
	at := len(own.list)
	own.list = append(own.list, c)
	if before, taken := own.byHash[c.Hash]; !taken || own.list[before].Hash != c.Hash { // the one that has it now comes first
		own.byHash[c.Hash] = at
	}
	if _, taken := own.byHash[c.OldHash]; !taken && c.OldHash != "" {
		own.byHash[c.OldHash] = at
	}
	if c.IsLegacy() {
		own.legacy = append(own.legacy, at)
	}
}

// of returns a user's credentials, which are none for most users.
func (s *Store) of(userID string) *credentials {
	if own, ok := s.owned[userID]; ok {
		return own
	}
	return index(nil)
}

// place returns where the user's credential is in their list.
func (s *Store) place(userID, uuid string) (int, error) {
	at := slices.IndexFunc(s.of(userID).list, func(c sparekey.Credential) bool { return c.UUID == uuid })
	if at < 0 {
		return 0, sparekey.ErrNotFound
	}
	return at, nil
}

// List implements [sparekey.Store].
func (s *Store) List(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	if err := s.rlock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	return slices.Clone(s.of(userID).list), nil
}

// Find implements [sparekey.Store].
func (s *Store) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	if err := s.rlock(ctx); err != nil {
		return sparekey.Credential{}, err
	}
	defer s.mu.RUnlock()
	own := s.of(userID)
	at, ok := own.byHash[hash]
	if !ok {
		return sparekey.Credential{}, sparekey.ErrNotFound
	}
	return own.list[at], nil
}

// Legacy implements [sparekey.Store].
func (s *Store) Legacy(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	if err := s.rlock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	own := s.of(userID)
	var legacy []sparekey.Credential
	for _, at := range own.legacy {
		legacy = append(legacy, own.list[at])
	}
	return legacy, nil
}

// Insert implements [sparekey.Store].
func (s *Store) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if _, taken := s.uuids[c.UUID]; taken {
		return sparekey.ErrConflict
	}
	c = c.WholeSeconds()
	own := s.of(c.UserID)
	if check != nil {
		if err := check(c, slices.Clone(own.list)); err != nil {
			return err
		}
	}
	own.add(c)
	s.owned[c.UserID] = own
	s.lastSeq++
	s.uuids[c.UUID] = s.lastSeq
	s.revision++
	return nil
}

// Update implements [sparekey.Store].
func (s *Store) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	if err := s.lock(ctx); err != nil {
		return sparekey.Credential{}, err
	}
	defer s.mu.Unlock()
	at, err := s.place(userID, uuid)
	if err != nil {
		return sparekey.Credential{}, err
	}
	list := slices.Clone(s.of(userID).list)
	c := list[at]
	if err := change(&c); err != nil {
		return sparekey.Credential{}, err
	}
	c.UUID, c.UserID = uuid, userID
	c = c.WholeSeconds()
	if c == list[at] {
		return c, nil
	}
	if check != nil {
		if err := check(c, without(list, at)); err != nil {
			return sparekey.Credential{}, err
		}
	}
	if !isUse(list[at], c) {
		s.revision++
	}
	list[at] = c
	s.owned[userID] = index(list)
	return c, nil
}

// isUse reports whether two credentials differ in nothing but what a use records.
func isUse(before, after sparekey.Credential) bool {
	before.LastUsed, before.LastIP, before.Uses = after.LastUsed, after.LastIP, after.Uses
	return before == after
}

// Delete implements [sparekey.Store].
func (s *Store) Delete(ctx context.Context, userID, uuid string) (sparekey.Credential, error) {
	if err := s.lock(ctx); err != nil {
		return sparekey.Credential{}, err
	}
	defer s.mu.Unlock()
	at, err := s.place(userID, uuid)
	if err != nil {
		return sparekey.Credential{}, err
	}
	list := s.of(userID).list
	removed := list[at]
	s.owned[userID] = index(without(list, at))
	s.forget(removed)
	s.revision++
	return removed, nil
}

// DeleteAll implements [sparekey.Store].
func (s *Store) DeleteAll(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return s.deleteAll(userID), nil
}

func (s *Store) deleteAll(userID string) []sparekey.Credential {
	removed := s.of(userID).list
	for _, c := range removed {
		s.forget(c)
	}
	delete(s.owned, userID)
	s.revision++
	return removed
}

// InUse implements [sparekey.Store].
func (s *Store) InUse(ctx context.Context) (bool, error) {
	if err := s.rlock(ctx); err != nil {
		return false, err
	}
	defer s.mu.RUnlock()
	return s.lastSeq > 0, nil
}

// without returns a copy of list that lacks the credential at a place.
func without(list []sparekey.Credential, at int) []sparekey.Credential {
	return slices.Delete(slices.Clone(list), at, at+1)
}
