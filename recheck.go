package sparekey

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey/passhash"
)

// Recheck reports whether an attempt that was accepted earlier, as id, would still be
// accepted. It returns nil, an [*AuthError] if the attempt would be refused now, or any other
// error if the question got no answer. It is for long requests, such as uploads and event streams.
//
// It judges what [Service.Authenticate] judges (the user, the credential, its secret and
// limits, the policy and Config.Check), with these differences: it neither counts nor records
// a use, it does not ask Config.Admit, and it reports nothing to Config.Observe. The attempt
// keeps the use that it was counted as. A used-up credential therefore stays accepted for it,
// unless its number of uses was lowered below those it has had.
//
// It never tries a secret on a legacy hash. A credential that had such a hash is accepted as
// long as that hash, or the $generic$ hash of the same secret, is stored.
//
// It looks up the user and the credential where they are not in memory; within
// [ShareLookups], once for all attempts with the same login and secret.
func (s *Service) Recheck(ctx context.Context, id Identity, a Attempt) error {
	err := s.recheck(ctx, &id, &a)
	var refused *AuthError
	if err == nil || errors.As(err, &refused) {
		return err
	}
	return fmt.Errorf("check an application password again: %w", err)
}

// errNoLookup says that a shared look-up panicked.
var errNoLookup = errors.New("the look-up did not finish")

// errChanged is for logs: to clients, a revoked application password is a wrong one.
var errChanged = errors.New("the application password was revoked or its secret replaced, or its user was deleted or suspended")

func (s *Service) recheck(ctx context.Context, accepted *Identity, a *Attempt) error {
	now := s.now()
	current, err := s.current(ctx, accepted, a, now)
	if err != nil {
		return err
	}
	if current.OldSecret && !isInGrace(&current.Credential, now) {
		return &AuthError{Reason: ReasonWrongSecret, Err: errChanged}
	}
	if limit := current.Credential.Limits.MaxUses; limit > 0 && current.Credential.Uses > limit {
		return Refuse(ReasonUsedUp, fmt.Sprintf("The uses of this application password are used up: it was limited to %d. Make a new one.", limit))
	}
	if current.Rule, err = s.accepts(&current.Credential, a, current.OldSecret, now); err != nil {
		return err
	}
	if s.config.Check == nil {
		return nil
	}
	current.ExpiresSoon = s.expiresSoon(&current.Credential, now)
	return s.config.Check(ctx, current, *a)
}

// current returns the user and the credential of an identity as they are now, or a
// refusal if they are not there or not available. It shares the look-up with other
// calls, if ctx says so.
func (s *Service) current(ctx context.Context, accepted *Identity, a *Attempt, now time.Time) (Identity, error) {
	shared, ok := ctx.Value(lookupsKey{}).(*lookups)
	if !ok {
		return s.lookUpAgain(ctx, accepted, a, now)
	}
	l := shared.of(lookupKey{s, a.Login, a.Secret, accepted.User.ID, accepted.Credential.UUID})
	l.once.Do(func() { l.id, l.err = s.lookUpAgain(ctx, accepted, a, now) })
	return l.id, l.err
}

func (s *Service) lookUpAgain(ctx context.Context, accepted *Identity, a *Attempt, now time.Time) (id Identity, err error) {
	if ok, err := s.config.Available(ctx); err != nil || !ok {
		return id, refuseUnless(err, ReasonDisabled)
	}
	if err := s.identifyAgain(ctx, accepted, a, &id, now); err != nil {
		return id, err
	}
	if id.User.ID != accepted.User.ID || id.Credential.UUID != accepted.Credential.UUID {
		return id, &AuthError{Reason: ReasonWrongSecret, Err: errChanged}
	}
	if ok, err := s.availableFor(ctx, id.User); err != nil || !ok {
		return id, refuseUnless(err, ReasonDisabledForUser)
	}
	return id, nil
}

// identifyAgain fills in the current identity of the attempt: from the cache, if nothing
// changed since, and otherwise from the directory and the store. It looks up the login,
// rather than the ID, because directories leave out suspended users there, and because a
// login that names another user now must be refused, too.
func (s *Service) identifyAgain(ctx context.Context, accepted *Identity, a *Attempt, id *Identity, now time.Time) error {
	if version, ok := s.memo.version(); ok {
		if known, ok := s.memo.get(s.memo.key(a), version); ok {
			readRecord(known.record, id)
			if now.Before(s.standsUntil(id)) {
				return nil
			}
		}
	}
	user, err := s.users.UserByLogin(ctx, a.Login)
	switch {
	case errors.Is(err, ErrUserNotFound):
		return &AuthError{Reason: unknownReason(a.Login), Err: errChanged}
	case err != nil:
		return fmt.Errorf("find the user: %w", err)
	}
	c, old, err := s.findAgain(ctx, user.ID, &accepted.Credential, accepted.OldSecret, a.Secret)
	switch {
	case errors.Is(err, ErrNotFound):
		return &AuthError{Reason: ReasonWrongSecret, Err: errChanged}
	case err != nil:
		return fmt.Errorf("find the application password: %w", err)
	}
	*id = Identity{User: user, Credential: c, OldSecret: old}
	return nil
}

// findAgain finds the credential that had a secret earlier by the hash under which the secret
// is stored: the legacy hash that matched then, or the secret's own. old says that it is now
// the previous secret, even if its grace period has ended.
func (s *Service) findAgain(ctx context.Context, userID string, before *Credential, wasOld bool, secret Secret) (c Credential, old bool, err error) {
	stored := before.Hash
	if wasOld {
		stored = before.OldHash
	}
	own := secret.Hash()
	hashes := []string{own}
	if stored != "" && !passhash.IsGeneric(stored) {
		hashes = []string{stored, own} // it was upgraded, if the first is not found
	}
	for _, hash := range hashes {
		c, err := s.store.Find(ctx, userID, hash)
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return Credential{}, false, err
		case c.Hash == hash: // stores may compare loosely; this does not
			return c, false, nil
		case c.OldHash == hash:
			return c, true, nil
		}
	}
	return Credential{}, false, ErrNotFound
}

// ShareLookups returns a context with which [Service.Recheck] looks up each user and
// credential once, for all attempts with them. Use it for one round over many requests, and
// not longer: a result is used until the context is dropped. Several goroutines can share it.
// A caller must not cancel the context of a call before the round has ended, since other
// calls wait for the same look-up.
func ShareLookups(ctx context.Context) context.Context {
	return context.WithValue(ctx, lookupsKey{}, &lookups{})
}

type lookupsKey struct{}

// lookups are those of one round.
type lookups struct {
	mu    sync.Mutex
	known map[lookupKey]*lookup
}

type lookupKey struct {
	service *Service
	login   string
	secret  Secret
	userID  string
	uuid    string
}

// lookup is made by the first who needs it; the others wait.
type lookup struct {
	once sync.Once
	id   Identity
	err  error
}

func (l *lookups) of(k lookupKey) *lookup {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil {
		l.known = make(map[lookupKey]*lookup)
	}
	known, ok := l.known[k]
	if !ok {
		known = &lookup{err: errNoLookup} // should the look-up panic
		l.known[k] = known
	}
	return known
}
