package sparekey

import (
	"context"
	"strings"
	"time"
)

// Store keeps credentials. The rules are the [Service]'s, not the store's. Package storetest
// has the suite that every implementation must pass.
//
// Implementations are safe for concurrent use, also by several processes where the medium can
// be shared, and:
//
//   - a write that returned nil is visible to every later call of any process, and survives a
//     crash of the program;
//   - no concurrent write is lost, and a deleted credential never comes back;
//   - times are kept with whole seconds, in any location, and the zero time stays the zero
//     time;
//   - a missing credential is an error that matches [ErrNotFound]; errors that match none of
//     this package's errors mean that the store is broken;
//   - after its context has ended, a call fails with such an error and writes nothing.
//
// A user without credentials is never an error. No text that the Service writes has a NUL
// byte, which some databases cannot hold. A text to look for may have one; the store then
// finds nothing.
type Store interface {
	// List returns a user's credentials in the order of their insertion.
	List(ctx context.Context, userID string) ([]Credential, error)

	// Find returns the user's credential whose Hash is hash or, if there is none, whose
	// OldHash is; of several, the oldest. An empty hash matches nothing. Its cost must not
	// depend on how many credentials the user has.
	Find(ctx context.Context, userID, hash string) (Credential, error)

	// Legacy returns the user's credentials for which [Credential.IsLegacy] is true, on each
	// of which a secret has to be tried. If there are none, as on most sites, its cost must
	// not depend on how many credentials the user has.
	Legacy(ctx context.Context, userID string) ([]Credential, error)

	// Insert adds a credential as the user's last. With a check, it is added
	// only if check returns nil. ErrConflict says that its UUID is taken.
	Insert(ctx context.Context, c Credential, check Check) error

	// Update applies change to one credential and returns the result. The UUID, the UserID
	// and its place in List do not change. If change leaves it unchanged, nothing is checked
	// or written. If change or check returns an error, nothing is written and Update returns
	// that error.
	Update(ctx context.Context, userID, uuid string, change Change, check Check) (Credential, error)

	// Delete removes one credential and returns what it removed.
	Delete(ctx context.Context, userID, uuid string) (Credential, error)

	// DeleteAll removes a user's credentials and returns what it removed, in the
	// order of List.
	DeleteAll(ctx context.Context, userID string) ([]Credential, error)

	// InUse reports whether any credential was ever inserted, even if it was deleted since.
	InUse(ctx context.Context) (bool, error)
}

// Change changes a credential in place. It may run more than once, so it must not have other
// effects.
type Change func(c *Credential) error

// Check is a condition on a write. It gets the credential as it would be written and the
// user's other credentials, and returns nil or the error with which the write fails. It runs
// in the same transaction as the write, maybe more than once. A nil Check allows the write,
// and saves the store from reading the others.
type Check func(c Credential, others []Credential) error

// CredentialQuery selects credentials, of all users unless it names one. Zero fields select
// everything.
type CredentialQuery struct {
	UserID     string
	UUID       string
	Name       string    // part of the name, ignoring case
	AppID      string    // exactly
	UsedBefore time.Time // used, and last used before this time
	NeverUsed  bool      // never used at all; not to be combined with UsedBefore
	Offset     int       // how many to skip; for pages that people browse
	Limit      int       // how many at most; 0: all
}

// Selects reports whether the query selects a credential, for stores that look at each.
func (q CredentialQuery) Selects(c Credential) bool {
	return (q.UserID == "" || q.UserID == c.UserID) &&
		(q.UUID == "" || q.UUID == c.UUID) &&
		(q.AppID == "" || q.AppID == c.AppID) &&
		strings.Contains(strings.ToLower(c.Name), strings.ToLower(q.Name)) &&
		(!q.NeverUsed || c.LastUsed.IsZero()) &&
		(q.UsedBefore.IsZero() || !c.LastUsed.IsZero() && c.LastUsed.Before(q.UsedBefore))
}

// Unwrapper is an optional interface of a [Store] that wraps another one. If the Store is not
// itself a [Searcher], a [Transactor] or a [Hasher], the [Service] takes the first of that kind
// along Unwrap. A wrapper that must see those calls implements their interface, too. The Service
// never looks for a [Revisioned] along Unwrap.
type Unwrapper interface {
	Unwrap() Store
}

// capability returns the store as one of the optional interfaces, or the first store that it
// wraps and that is one.
func capability[T any](store Store) (T, bool) {
	for {
		if t, ok := store.(T); ok {
			return t, true
		}
		wrapper, ok := store.(Unwrapper)
		if !ok {
			var none T
			return none, false
		}
		store = wrapper.Unwrap()
	}
}

// Searcher is an optional interface of a [Store] that can look through the
// credentials of all users.
type Searcher interface {
	// Search returns the selected credentials, the last inserted first, and how
	// many there are without Offset and Limit.
	Search(ctx context.Context, q CredentialQuery) (found []Credential, total int, err error)

	// NextPage returns up to limit credentials of all users that come after a key, in an
	// order of the store's choice that no write changes. The zero key comes before all
	// others, and the key need not belong to a credential. An empty page means that none is
	// left. Pages that each begin after the last key of the previous one therefore contain
	// every credential that exists throughout exactly once, whatever is written meanwhile.
	// limit must be positive.
	NextPage(ctx context.Context, after CredentialKey, limit int) ([]Credential, error)
}

// CredentialKey names a credential among those of all users.
type CredentialKey struct{ UserID, UUID string }

// Key returns the key of the credential.
func (c Credential) Key() CredentialKey { return CredentialKey{UserID: c.UserID, UUID: c.UUID} }

// Transactor is an optional interface of a [Store] that can make several writes one
// transaction.
type Transactor interface {
	// Atomically calls do with a context that makes the Store's writes one transaction. No
	// other write comes in between, and when Atomically returns nil, all of them are done. If
	// do or one of the writes returns an error, none of them is done, and Atomically returns
	// that error. do may run more than once, and may read data from before its own writes.
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
}

// Revisioned is an optional interface of a [Store] and of a [Directory] that know, at the cost
// of a memory access, whether anything in them changed. Recording a use is not a change. If
// both have it, the [Service] caches the users and credentials it found, and asks again only
// after a change, or when it has a use to record.
//
// A type that embeds a Revisioned store inherits its methods, and is not cached, because it may
// give other answers than the store: [Revisioned.RevisionOf] still returns the store. A type whose
// answers change only with Revision says so with a RevisionOf of its own.
type Revisioned interface {
	// RevisionOf returns the value whose changes Revision reports: the receiver itself.
	RevisionOf() any

	// Revision returns a number that differs after every change by any process, from the
	// moment at which that change was acknowledged. ok is false when it is unknown. A change
	// of only LastUsed, LastIP and Uses, which every use makes, need not change it.
	Revision() (revision uint64, ok bool)
}

// Hasher is an optional interface of a [Store] that other programs read, which cannot verify
// $generic$ hashes.
type Hasher interface {
	// HashNew returns the hash under which to store a new secret. If that is not
	// [Secret.Hash], the secret cannot be found by its hash, and is tried credential by
	// credential until its first use.
	HashNew(ctx context.Context, secret Secret) (string, error)
}
