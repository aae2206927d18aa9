package sparekey

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey/internal/authcache"
	"github.com/sparekey-dev/sparekey/passhash"
)

// legacyTime limits the work on one attempt's legacy hashes, which are slow on purpose. When
// it has passed, the attempt is broken rather than refused, because it is unknown whether the
// secret was right. Secrets longer than legacySecret are not tried on legacy hashes, since
// the cost grows with their length.
const (
	legacyTime   = 3 * time.Second
	legacySecret = 128
)

var errTooSlow = errors.New("too many slow hashes to try: use the application passwords that still have one, or revoke them")

// Authenticate returns the identity of an attempt: the user with the login or e-mail address
// in it, and the credential of that user whose secret it presents. A refusal is an
// [*AuthError], which matches [ErrUnauthenticated]. Attempts with an unknown user and with a
// wrong secret take the same steps. Any other error means that there was no answer; treat it
// as a refusal.
//
// It is safe for concurrent use.
func (s *Service) Authenticate(ctx context.Context, a Attempt) (Identity, error) {
	var r result
	if err := s.attempt(ctx, &a, &r); err != nil {
		return Identity{}, err
	}
	if r.record != "" {
		decodeIdentity(r.record, &r.Identity)
	}
	return r.Identity, nil
}

// WithIdentity is like Authenticate, and returns the identity in a context, as [NewContext]
// does. It costs less on a cache hit, because the identity is then decoded only when
// [FromContext] is called.
//
// If ctx has the identity of the same credential already, from the same Service, then both are
// about one request: its use is counted and reported once. Its limits are judged again, since
// the attempts may need different scopes.
func (s *Service) WithIdentity(ctx context.Context, a Attempt) (context.Context, error) {
	var r result
	if err := s.attempt(ctx, &a, &r); err != nil {
		return nil, err
	}
	if r.record != "" {
		return &identityContext{Context: ctx, record: r.record, service: s}, nil
	}
	return NewContext(ctx, r.Identity), nil
}

// result is the result of an attempt so far. It is large, and every request has one, so it is
// not passed by value.
type result struct {
	Identity

	// record is the encoded identity of a cache hit that needs no further check; Identity is
	// then not filled in.
	record string

	// counted says that the use of the credential for this request was counted already.
	counted bool

	// isCacheable says that the identity may be cached, under key and as of revision.
	isCacheable bool
	key         authcache.Key
	revision    authcache.Revision
}

// newCache returns a cache for what store and users return. It stays empty unless both are
// Revisioned.
func newCache(store Store, users Directory) *authcache.Cache {
	s, storeOK := ownRevision(store)
	u, usersOK := ownRevision(users)
	if !storeOK || !usersOK {
		return authcache.New()
	}
	return authcache.New(s, u)
}

// ownRevision returns what knows the revision of a store or a directory, unless that is a part of
// it which knows nothing of what the whole changes.
func ownRevision(whole any) (Revisioned, bool) {
	r, ok := whole.(Revisioned)
	if !ok {
		return nil, false
	}
	return r, authcache.IsSame(r.RevisionOf(), whole)
}

func (s *Service) cacheKey(a *Attempt) authcache.Key { return s.cache.Key(a.Login, a.Secret.plain) }

// attempt authenticates, and reports the result to Config.Observe.
func (s *Service) attempt(ctx context.Context, a *Attempt, r *result) error {
	if s.config.Observe == nil { // without an observer, build no event
		if err := s.authenticate(ctx, a, r); err != nil {
			return noAnswer(err)
		}
		return nil
	}
	start := s.config.Now()
	err := s.authenticate(ctx, a, r)
	took := s.config.Now().Sub(start)
	if err != nil {
		return s.failed(ctx, &r.Identity, a, took, err)
	}
	if r.counted {
		return nil
	}
	s.observe(ctx, Event{
		Kind: KindAuthenticated, User: r.User, Credential: r.Credential,
		Addr: a.Addr, Request: a.Request, Rule: r.Rule, Took: took,
	})
	return nil
}

// noAnswer is the error of an attempt: err itself if it is a refusal.
func noAnswer(err error) error {
	var refused *AuthError
	if errors.As(err, &refused) {
		return err
	}
	return fmt.Errorf("authenticate: %w", err)
}

// failed reports a failed attempt to Config.Observe, and returns its error.
func (s *Service) failed(ctx context.Context, known *Identity, a *Attempt, took time.Duration, err error) error {
	e := Event{
		Kind: KindBroken, User: known.User, Credential: known.Credential, Login: a.Login,
		Err: err, Addr: a.Addr, Request: a.Request, Took: took,
	}
	var refused *AuthError
	if errors.As(err, &refused) {
		e.Kind, e.Reason, e.Err = KindRefused, refused.Reason, refused.Err
	}
	s.observe(ctx, e)
	return noAnswer(err)
}

// authenticate fills in, also for a refusal, as much of r as is known.
func (s *Service) authenticate(ctx context.Context, a *Attempt, r *result) (err error) {
	now := s.now()
	if err := s.admit(ctx, a); err != nil {
		return err
	}
	err = s.identify(ctx, a, r, now)
	if r.service = s; err != nil || r.record != "" {
		return err
	}
	r.counted = isCounted(ctx, &r.Identity)
	if ok, err := s.availableFor(ctx, r.User); err != nil || !ok {
		return refuseUnless(err, ReasonDisabledForUser)
	}
	if r.Rule, err = s.accepts(&r.Credential, a, r.OldSecret, now); err != nil {
		return err
	}
	r.UpcomingExpiry = s.upcomingExpiry(&r.Credential, now)
	if r.OldSecret {
		r.OldSecretUntil = s.orEnd(&r.Credential, r.Credential.OldUntil)
	}
	if s.config.Check != nil {
		if err := s.config.Check(ctx, r.Identity, *a); err != nil {
			return err
		}
	}
	if r.counted {
		return nil
	}
	return s.recordUse(ctx, a, r, now)
}

// isCounted reports whether the request of ctx was authenticated already by the same Service,
// with the same credential.
func isCounted(ctx context.Context, id *Identity) bool {
	earlier, ok := FromContext(ctx)
	return ok && earlier.service == id.service &&
		earlier.User.ID == id.User.ID && earlier.Credential.UUID == id.Credential.UUID
}

// admit makes the checks that need neither the user nor a hash.
func (s *Service) admit(ctx context.Context, a *Attempt) error {
	if ok, err := s.config.Available(ctx); err != nil || !ok {
		return refuseUnless(err, ReasonDisabled)
	}
	if !a.Secure {
		return &AuthError{Reason: ReasonInsecure}
	}
	if a.Login == "" || a.Secret.IsZero() || strings.IndexByte(a.Login, 0) >= 0 {
		return &AuthError{Reason: ReasonMalformed}
	}
	if s.config.Admit != nil {
		return s.config.Admit(ctx, *a)
	}
	return nil
}

// refuseUnless is the refusal for a reason, unless the question itself broke.
func refuseUnless(broken error, reason Reason) error {
	if broken != nil {
		return broken
	}
	return &AuthError{Reason: reason}
}

// identify finds the user and the credential of an attempt, in the cache if nothing has changed
// since they were looked up.
func (s *Service) identify(ctx context.Context, a *Attempt, r *result, now time.Time) error {
	revision, isKnown := s.cache.Revision()
	if !isKnown {
		return s.lookUp(ctx, a, &r.Identity, now)
	}
	key := s.cacheKey(a)
	if cached, ok := s.cache.Get(key, revision); ok {
		if now.Unix() < cached.ValidUntil && a.Deny == nil {
			r.record = cached.Record
			return nil
		}
		decodeIdentity(cached.Record, &r.Identity)
		if now.Before(s.usageDue(&r.Identity)) && (!r.OldSecret || isInGrace(&r.Credential, now)) {
			return nil
		}
		r.Identity = Identity{}
	}
	if err := s.lookUp(ctx, a, &r.Identity, now); err != nil {
		return err
	}
	// Caching other spellings of the login too would need an unlimited number of entries.
	if isSpelled := a.Login == r.User.Login || a.Login == r.User.Email; isSpelled && r.Credential.Limits.MaxUses == 0 {
		r.isCacheable, r.key, r.revision = true, key, revision
	}
	if now.Before(s.usageDue(&r.Identity)) { // otherwise recordUse caches it
		s.putInCache(r)
	}
	return nil
}

// putInCache caches the identity that was looked up, if it may be cached.
func (s *Service) putInCache(r *result) {
	if !r.isCacheable {
		return
	}
	id := Identity{User: r.User, Credential: r.Credential, OldSecret: r.OldSecret}
	if record, ok := encodeIdentity(id); ok {
		s.cache.Put(r.key, r.revision, authcache.Entry{Record: record, ValidUntil: s.validUntil(&id)})
	}
}

// usageDue returns the time from which the next use of a credential has to be recorded, or at
// which it counts as unused if that is earlier. Recording a use need not change the store's
// revision, so a cache entry holds until then. The first use of a secret from a rotation is due
// at once.
func (s *Service) usageDue(id *Identity) time.Time {
	c := &id.Credential
	if c.HashUnused && !id.OldSecret {
		return time.Time{}
	}
	interval := s.config.UsageInterval
	if unused := s.config.Policy.RevokeUnused; unused > 0 {
		interval = min(interval, unused)
	}
	return c.LastUsed.Add(interval)
}

// validUntil returns the time, in Unix seconds, until which the identity needs no check: every
// request is accepted, and there is nothing to record, to report or to warn of. It returns 0 if
// every request needs a check.
func (s *Service) validUntil(id *Identity) int64 {
	c, config := &id.Credential, &s.config
	asks := config.AvailableFor != nil || config.Check != nil || config.Observe != nil
	limited := config.Policy.RequireScopes || !s.effective(*c).IsZero() || s.restrictsCreation(c)
	if asks || limited || id.OldSecret {
		return 0
	}
	return s.usageDue(id).Unix()
}

// lookUp finds the user and the credential of an attempt, by way of Config.AroundLookup.
func (s *Service) lookUp(ctx context.Context, a *Attempt, id *Identity, now time.Time) error {
	if s.config.AroundLookup == nil {
		return s.find(ctx, a, id, now)
	}
	found, err := s.lookUpAround(ctx, *a, now)
	*id = found
	return err
}

// lookUpAround is lookUp by way of Config.AroundLookup. It has copies, so that attempts
// that need no look-up allocate nothing.
func (s *Service) lookUpAround(ctx context.Context, a Attempt, now time.Time) (id Identity, err error) {
	found := false
	err = s.config.AroundLookup(ctx, a, func(ctx context.Context) (User, error) {
		err := s.find(ctx, &a, &id, now)
		found = err == nil
		return id.User, err
	})
	if err == nil && !found {
		return id, errNotLookedUp
	}
	return id, err
}

var errNotLookedUp = errors.New("Config.AroundLookup accepted an attempt whose look-up found nothing")

// find asks the directory and the store.
func (s *Service) find(ctx context.Context, a *Attempt, id *Identity, now time.Time) error {
	user, err := s.users.UserByLogin(ctx, a.Login)
	switch {
	case errors.Is(err, ErrUserNotFound):
		return s.findForUnknown(ctx, a, now)
	case err != nil:
		return fmt.Errorf("find the user: %w", err)
	}
	if s.knownID.Load() == nil {
		s.knownID.Store(&user.ID)
	}
	c, old, err := s.match(ctx, user.ID, a.Secret, now, false)
	switch {
	case errors.Is(err, ErrNotFound):
		id.User = user
		return &AuthError{Reason: ReasonWrongSecret}
	case err != nil:
		return err
	}
	*id = Identity{User: user, Credential: c, OldSecret: old}
	return nil
}

// findForUnknown refuses an unknown login. Before, it asks the store in the place of a known user
// and drops the answer, so that an unknown login and a wrong secret take the same time. It makes
// up no ID: the keys of a store may not be able to hold it. Until a user is known, there is
// nothing to compare the time with.
func (s *Service) findForUnknown(ctx context.Context, a *Attempt, now time.Time) error {
	if known := s.knownID.Load(); known != nil {
		if _, _, err := s.match(ctx, *known, a.Secret, now, true); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return &AuthError{Reason: unknownReason(a.Login)}
}

func unknownReason(login string) Reason {
	if strings.Contains(login, "@") {
		return ReasonUnknownEmail
	}
	return ReasonUnknownLogin
}

// match finds the user's credential with this secret: by its hash, or by trying
// those whose hash cannot be found. old says that it is the secret from before a
// rotation. ErrNotFound says that there is none.
//
// With isStandIn, the user stands for an unknown one: match then takes the steps for a wrong
// secret, also if the user has this one, and tries no hash that takes long.
func (s *Service) match(ctx context.Context, userID string, secret Secret, now time.Time, isStandIn bool) (c Credential, old bool, err error) {
	hash := secret.Hash()
	before, isKnown := s.cache.Revision()
	c, old, err = s.findByHash(ctx, userID, hash, secret, now)
	if !errors.Is(err, ErrNotFound) && (err != nil || !isStandIn) {
		return c, old, err
	}
	legacy, err := s.store.Legacy(ctx, userID)
	if err != nil {
		return Credential{}, false, fmt.Errorf("list older application passwords: %w", err)
	}
	if isStandIn {
		legacy = nil
	}
	c, old, err = s.matchLegacy(ctx, legacy, secret, hash, now)
	if !errors.Is(err, ErrNotFound) {
		return c, old, err
	}
	if after, ok := s.cache.Revision(); ok && isKnown && after == before {
		return Credential{}, false, ErrNotFound
	}
	// Another request may have upgraded the hash in between, so that it was not yet to
	// be found first, and none of the older ones then.
	return s.findByHash(ctx, userID, hash, secret, now)
}

// findByHash finds the user's credential by a hash that secrets are stored under.
func (s *Service) findByHash(ctx context.Context, userID, hash string, secret Secret, now time.Time) (c Credential, old bool, err error) {
	c, err = s.store.Find(ctx, userID, hash)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Credential{}, false, fmt.Errorf("find the application password: %w", err)
	}
	if err == nil { // stores may compare loosely; this does not
		if ok, old := fits(&c, secret, now); ok {
			return c, old, nil
		}
	}
	return Credential{}, false, ErrNotFound
}

// fits reports whether a credential has this secret now, and whether it is the one
// from before a rotation.
func fits(c *Credential, secret Secret, now time.Time) (ok, old bool) {
	if secret.Matches(c.Hash) {
		return true, false
	}
	old = isInGrace(c, now) && secret.Matches(c.OldHash)
	return old, old
}

// isInGrace reports whether the secret from before the last rotation still counts.
func isInGrace(c *Credential, now time.Time) bool {
	return c.OldHash != "" && now.Before(c.OldUntil)
}

// matchLegacy tries a secret on each credential. legacyTime and s.hashes limit its cost.
func (s *Service) matchLegacy(ctx context.Context, legacy []Credential, secret Secret, hash string, now time.Time) (c Credential, old bool, err error) {
	if len(legacy) == 0 || len(secret.plain) > legacySecret {
		return Credential{}, false, ErrNotFound
	}
	ctx, cancel := context.WithTimeoutCause(ctx, legacyTime, errTooSlow)
	defer cancel()
	release, err := s.hashes.Acquire(ctx, legacy[0].UserID)
	if err != nil {
		return Credential{}, false, err
	}
	defer release()
	for _, c := range legacy {
		if ctx.Err() != nil {
			return Credential{}, false, context.Cause(ctx)
		}
		if ok, old := fits(&c, secret, now); ok {
			c, err := s.upgrade(ctx, c, old, hash)
			return c, old, err
		}
	}
	return Credential{}, false, ErrNotFound
}

// upgrade stores the $generic$ hash of a secret that a legacy hash proved right,
// unless the configuration says not to. It returns the credential as it is by
// then, since trying hashes takes so long that it may have been revoked.
func (s *Service) upgrade(ctx context.Context, c Credential, old bool, hash string) (Credential, error) {
	tried := c
	c, err := s.store.Update(ctx, c.UserID, c.UUID, func(c *Credential) error {
		switch {
		case s.config.KeepHashes:
		case old && c.OldHash == tried.OldHash:
			c.OldHash = hash
		case !old && c.Hash == tried.Hash:
			c.Hash = hash
		}
		return nil
	}, nil)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Credential{}, fmt.Errorf("store the new hash: %w", err)
	}
	return c, err
}

// recordUse stores when and from where a credential was used, at most once per UsageInterval.
// A failure to store it is reported but does not refuse the attempt. A credential that no
// longer exists does.
func (s *Service) recordUse(ctx context.Context, a *Attempt, r *result, now time.Time) error {
	if r.Credential.Limits.MaxUses > 0 {
		return s.countUse(ctx, a, r, now)
	}
	if !s.useIsDue(&r.Credential, now) && (r.OldSecret || !r.Credential.HashUnused) {
		return nil
	}
	c, err := s.store.Update(ctx, r.User.ID, r.Credential.UUID, s.use(now, addrText(a), r.usedHash()), nil)
	switch {
	case err == nil:
		r.Credential = c
		s.putInCache(r)
	case errors.Is(err, ErrNotFound): // revoked since it was found
		return &AuthError{Reason: ReasonWrongSecret}
	default:
		s.observe(ctx, Event{
			Kind: KindUsageWriteFailed, User: r.User, Credential: r.Credential, Addr: a.Addr, Err: err,
		})
	}
	return nil
}

// countUse counts one of a bounded number of uses. One that cannot be counted is
// not allowed.
func (s *Service) countUse(ctx context.Context, a *Attempt, r *result, now time.Time) error {
	record := s.use(now, addrText(a), r.usedHash())
	c, err := s.store.Update(ctx, r.User.ID, r.Credential.UUID, func(c *Credential) error {
		if c.Limits.MaxUses > 0 && c.Uses >= c.Limits.MaxUses {
			return Refuse(ReasonUsedUp, fmt.Sprintf("The uses of this application password are used up: %[1]d of %[1]d. Make a new one.", c.Limits.MaxUses))
		}
		c.Uses++
		return record(c)
	}, nil)
	switch {
	case errors.Is(err, ErrNotFound): // revoked since it was found
		return &AuthError{Reason: ReasonWrongSecret}
	case err != nil && !Refused(err):
		return fmt.Errorf("count a use: %w", err)
	case err != nil:
		return err
	}
	r.Credential = c
	return nil
}

// usedHash is the hash of the secret that was used, unless that is the one from before a
// rotation.
func (r *result) usedHash() string {
	if r.OldSecret {
		return ""
	}
	return r.Credential.Hash
}

// use is the change that records a use, if one is due: of the secret with this hash, or of
// another than that of Credential.Hash if it is empty.
func (s *Service) use(now time.Time, ip, hash string) Change {
	return func(c *Credential) error {
		if hash != "" && c.Hash == hash { // else it was rotated meanwhile
			c.HashUnused = false
		}
		if s.useIsDue(c, now) {
			c.LastUsed, c.LastIP = now, ip
		}
		return nil
	}
}

func (s *Service) useIsDue(c *Credential, now time.Time) bool {
	return c.LastUsed.IsZero() || !now.Before(c.LastUsed.Add(s.config.UsageInterval))
}

func addrText(a *Attempt) string {
	if !a.Addr.IsValid() {
		return ""
	}
	return a.Addr.String()
}

// ReturnUse gives back the use that an attempt was counted as, which was accepted as id,
// for a caller that knows that nothing came of it, such as a proxy that does not reach the
// application. Call it once at most for an attempt. It changes nothing where no use was
// counted (see Limits.MaxUses), and nothing of a credential that was revoked meanwhile,
// also because its uses were used up. When the credential was last used, and from where,
// stays recorded.
//
// It goes on where ctx has ended, for up to ten seconds. After an error the use counts, or
// it may.
func (s *Service) ReturnUse(ctx context.Context, id Identity) error {
	if id.Credential.Limits.MaxUses == 0 {
		return nil
	}
	ctx, cancel := completing(ctx)
	defer cancel()
	_, err := s.store.Update(ctx, id.User.ID, id.Credential.UUID, func(c *Credential) error {
		c.Uses = max(0, c.Uses-1)
		return nil
	}, nil)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("give a use back: %w", err)
	}
	return nil
}

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
	current.UpcomingExpiry, current.service = s.upcomingExpiry(&current.Credential, now), s
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
	if revision, ok := s.cache.Revision(); ok {
		if cached, ok := s.cache.Get(s.cacheKey(a), revision); ok {
			decodeIdentity(cached.Record, id)
			if now.Before(s.usageDue(id)) {
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
