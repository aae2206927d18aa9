package sparekey

import (
	"context"
	"strings"
	"time"
)

// Store keeps credentials. It holds no rules: those are the [Service]'s. Package
// storetest has the suite that every implementation must pass.
//
// Implementations are safe for concurrent use, by several processes where the
// medium can be shared, and:
//
//   - a write that returned nil is there for every later call of any process,
//     and survives a crash of the program;
//   - of concurrent writes none is lost, and a credential that was deleted never
//     comes back, whatever else was going on;
//   - times are kept in UTC with whole seconds, the zero time as such;
//   - a credential that is not there is an error that matches [ErrNotFound];
//     errors that match no error of this package mean that the store is broken;
//   - where the context has ended, a call fails with such an error and writes nothing.
//
// A user without credentials is not an error anywhere. No text that the Service writes has
// a NUL byte, which some databases cannot hold; one to look for may have, and finds nothing.
type Store interface {
	// List returns a user's credentials in the order of their insertion.
	List(ctx context.Context, userID string) ([]Credential, error)

	// Find returns the user's credential whose Hash or, where none has it, whose
	// OldHash is exactly this one; of several, the oldest. An empty hash is
	// nobody's. Its cost must not depend on how many credentials the user has.
	Find(ctx context.Context, userID, hash string) (Credential, error)

	// Legacy returns the user's credentials that are [Credential.IsLegacy], so that
	// a secret cannot be found by its hash and has to be tried on each.
	// Where there are none, as on most sites, its cost must not depend on how
	// many credentials the user has.
	Legacy(ctx context.Context, userID string) ([]Credential, error)

	// Insert adds a credential as the user's last. With a check, it is added
	// only if check returns nil. ErrConflict says that its UUID is taken.
	Insert(ctx context.Context, c Credential, check Check) error

	// Update applies change to one credential and returns what it became. The
	// UUID and UserID stay as they are, and so does its place in List. Where
	// change left it as it was, nothing is checked or written; where change or
	// check returns an error, nothing is written and Update returns that error.
	Update(ctx context.Context, userID, uuid string, change Change, check Check) (Credential, error)

	// Delete removes one credential and returns what it removed.
	Delete(ctx context.Context, userID, uuid string) (Credential, error)

	// DeleteAll removes a user's credentials and returns what it removed, in the
	// order of List.
	DeleteAll(ctx context.Context, userID string) ([]Credential, error)

	// InUse reports whether any credential was ever inserted, whatever became
	// of it.
	InUse(ctx context.Context) (bool, error)
}

// Change alters a credential in place. It may run more than once, so it must
// have no other effect.
type Change func(c *Credential) error

// Check is a condition on a write: given the credential as it would be written
// and the user's other credentials, it returns nil or the error to give up with.
// It is judged in the same atomic step as the write. It may run more than once.
// A nil Check is no condition, and spares the store reading the others.
type Check func(c Credential, others []Credential) error

// CredentialQuery selects credentials, of all users unless it names one. What is
// zero selects everything.
type CredentialQuery struct {
	UserID     string
	UUID       string
	Name       string    // part of the name, whatever its case
	AppID      string    // exactly
	UsedBefore time.Time // used, and last used before this time
	NeverUsed  bool      // never used at all; not to be combined with UsedBefore
	Offset     int       // how many to leave out at the beginning; for pages that people browse
	Limit      int       // how many at the most; 0: all
}

// Selects reports whether a credential is among those that the query selects, for
// stores that look at each.
func (q CredentialQuery) Selects(c Credential) bool {
	return (q.UserID == "" || q.UserID == c.UserID) &&
		(q.UUID == "" || q.UUID == c.UUID) &&
		(q.AppID == "" || q.AppID == c.AppID) &&
		strings.Contains(strings.ToLower(c.Name), strings.ToLower(q.Name)) &&
		(!q.NeverUsed || c.LastUsed.IsZero()) &&
		(q.UsedBefore.IsZero() || !c.LastUsed.IsZero() && c.LastUsed.Before(q.UsedBefore))
}

// Searcher is an optional interface of a [Store] that can look through the
// credentials of all users.
type Searcher interface {
	// Search returns the selected credentials, the last inserted first, and how
	// many there are without Offset and Limit.
	Search(ctx context.Context, q CredentialQuery) (found []Credential, total int, err error)

	// NextPage returns up to limit credentials of all users that come after a key, in an
	// order of the store's own that no write changes. The zero key comes before all
	// others, and there need not be a credential with the key. An empty page says that
	// none is left. Pages that each begin after the last key of the previous one
	// therefore have every credential that exists all the while exactly once, whatever is
	// written meanwhile. limit must be positive.
	NextPage(ctx context.Context, after CredentialKey, limit int) ([]Credential, error)
}

// CredentialKey names a credential among those of all users.
type CredentialKey struct{ UserID, UUID string }

// Key returns what names the credential.
func (c Credential) Key() CredentialKey { return CredentialKey{UserID: c.UserID, UUID: c.UUID} }

// Transactor is an optional interface of a [Store] that can make one step of
// several writes.
type Transactor interface {
	// Atomically calls do with a context with which the Store's own methods
	// write as one: nobody else's write comes in between, and when Atomically
	// returns nil all of it is done. Where do returns an error, or one of the
	// writes did, nothing is, and Atomically returns that error. do may run more
	// than once. What it reads may be from before its own writes.
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
}

// Versioned is an optional interface of a [Store] and of a [Directory] that can
// tell at the cost of a memory access whether anything in them changed, other than what
// a use records. If both have it, the [Service] remembers whom it found and asks again
// only after a change, or when it has a use to record. What embeds a Versioned store has
// its Version, too: if it gives answers of its own, it must have a Version of its own
// that tells of their changes, or one whose ok is always false.
type Versioned interface {
	// Version returns a number that is another one after every change, by
	// whichever process, from the moment on at which that change was
	// acknowledged; ok is false when it cannot be told. After a change of LastUsed,
	// LastIP and Uses alone, which come with every use, it may be the same one.
	Version() (version uint64, ok bool)
}

// Hasher is an optional interface of a [Store] that others read as well, who
// cannot verify $generic$ hashes.
type Hasher interface {
	// HashNew returns the hash under which a new secret is to be stored. Secrets
	// whose hash is another than [Secret.Hash] cannot be found by it, and are tried
	// one by one until they are used for the first time.
	HashNew(ctx context.Context, secret Secret) (string, error)
}
