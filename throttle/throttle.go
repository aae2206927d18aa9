// Package throttle limits guessing at secrets, at all entry points of a [sparekey.Service]
// together.
//
//	limiter := throttle.New(throttle.Config{})
//	svc := sparekey.New(store, users, limiter.Protect(sparekey.Config{}))
//
// Application passwords cannot be guessed, so a right one always passes. Where too much has failed,
// wrong ones are refused with [sparekey.ReasonThrottled], and look-ups from there wait in a
// queue, which limits their cost. Main passwords can be guessed: [Limiter.Try] refuses attempts
// at the sign-in page before they are made. Each has counts of its own.
//
// Failures are counted by network (an IPv4 address; an IPv6 address by its /64, and with larger
// allowances by its /56 and /48), by login at a network, and for the whole site. They are never
// counted by login alone, so that an attacker elsewhere cannot lock a user out. A login and a
// secret that were right from an address keep working from there, whatever else fails behind the
// same address. Past the ceiling of the site, only networks are refused from which something failed
// and nothing was right.
//
// Only a wrong secret and an unknown login count, and a wrong application password that is
// presented again counts once. A secret that is right but may not do what was asked (expired, out
// of scope) is not a guess.
//
// The counts are in this process, or shared by several through [Counts]. Memory is bounded in
// either case.
package throttle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// The defaults of Config.
const (
	defaultKeys    = 100_000
	defaultGoodFor = 7 * 24 * time.Hour
)

// DefaultPerAddress is the default of [Config.PerAddress].
func DefaultPerAddress() Rate { return Rate{100, 20 * time.Minute} }

// DefaultPerLogin is the default of [Config.PerLogin].
func DefaultPerLogin() Rate { return Rate{10, 10 * time.Minute} }

// DefaultSite is the default of [Config.Site].
func DefaultSite() Rate { return Rate{1000, time.Minute} }

// Config holds the options of a [Limiter]. Each [Kind] has its own counts with these rates.
type Config struct {
	// PerAddress bounds the failures from one address, or from one IPv6 /64. A /56 has four times
	// as many, and a /48 sixteen times. Default: DefaultPerAddress.
	PerAddress Rate

	// PerLogin bounds the failures of one login from one address, a /56 and a /48 as with
	// PerAddress. Its time should be longer, for each failure, than that of PerAddress: then the
	// failures of a single login do not use up what its address has. Default: DefaultPerLogin.
	PerLogin Rate

	// Site is how many failures of the whole site are normal. Past them, networks from which
	// something failed and nothing was right lately are throttled. Default: DefaultSite.
	Site Rate

	// Keys limits how many networks, logins at networks, wrong secrets and successes are
	// stored, each. Default: 100,000.
	Keys int

	// GoodFor is how long something that was right from an address keeps its preference there.
	// Default: seven days.
	GoodFor time.Duration

	// Users resolves logins at the sign-in page, so that a login and an e-mail address of one user
	// count together. Default: those count by their spelling. Application passwords do not need it.
	Users sparekey.Directory

	// Shared are counts that several processes have in common. While they do
	// not answer, this process counts for itself. Default: none.
	Shared Counts

	// Sightings store which logins were right from which addresses beyond the end of the
	// process; see [Limiter.Load] and [Limiter.Run]. Default: they are lost then.
	Sightings Sightings

	// Log gets a line when the last failure that is allowed was used up, and when Shared comes and
	// goes. Default: nothing is logged.
	Log *slog.Logger

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Limiter bounds guessing. It is safe for concurrent use. A nil Limiter bounds nothing.
type Limiter struct {
	config    Config
	local     *local
	shared    *shared // nil: none
	successes *successes
	durable   *durable
	guesses   *guesses
	queue     *queue
	throttled atomic.Uint64
}

// New returns a Limiter. It panics on a Rate that cannot be counted with.
func New(config Config) *Limiter {
	setRate(&config.PerAddress, DefaultPerAddress())
	setRate(&config.PerLogin, DefaultPerLogin())
	setRate(&config.Site, DefaultSite())
	if config.Keys <= 0 {
		config.Keys = defaultKeys
	}
	if config.GoodFor <= 0 {
		config.GoodFor = defaultGoodFor
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now //nolint:forbidigo // the default clock
	}
	l := &Limiter{
		config: config, local: newLocal(config.Keys), successes: newSuccesses(config.Keys, config.GoodFor),
		guesses: newGuesses(config.Keys), queue: newQueue(),
		durable: &durable{
			store: config.Sightings, keys: config.Keys, validFor: config.GoodFor,
			seen: map[[16]byte]durableSighting{}, pending: map[[16]byte]time.Time{},
		},
	}
	if config.Shared != nil {
		l.shared = &shared{counts: config.Shared, log: config.Log}
	}
	return l
}

func setRate(r *Rate, byDefault Rate) {
	if *r == (Rate{}) {
		*r = byDefault
	}
	if !r.isUsable() {
		panic("throttle.New: the rate " + r.String() + " must be such as 10/10m")
	}
}

// Protect puts the Limiter into a configuration: around its own AroundLookup, and after its own
// Check.
func (l *Limiter) Protect(c sparekey.Config) sparekey.Config {
	if l == nil {
		return c
	}
	around, check := c.AroundLookup, c.Check
	c.AroundLookup = l.AroundLookup
	if around != nil {
		c.AroundLookup = func(ctx context.Context, a sparekey.Attempt, lookUp sparekey.Lookup) error {
			return l.AroundLookup(ctx, a, func(ctx context.Context) (user sparekey.User, err error) {
				err = around(ctx, a, func(ctx context.Context) (sparekey.User, error) {
					user, err = lookUp(ctx)
					return user, err
				})
				return user, err
			})
		}
	}
	c.Check = func(ctx context.Context, id sparekey.Identity, a sparekey.Attempt) error {
		if check != nil {
			if err := check(ctx, id, a); err != nil {
				return err
			}
		}
		return l.Check(ctx, id, a)
	}
	return c
}

// AroundLookup makes the look-up of an attempt: at once, or after a wait in the queue if its network
// had failures recently. If the attempt is wrong and too much failed before it, the error is that of
// [sparekey.Throttled]. It never refuses one that is right. It is for
// [sparekey.Config.AroundLookup].
func (l *Limiter) AroundLookup(ctx context.Context, a sparekey.Attempt, lookUp sparekey.Lookup) error {
	from := networkKey(ApplicationPassword, a.Addr)
	guess := l.guesses.id(from, a.Login, a.Secret.Reveal())
	repeated := l.guesses.has(guess, l.config.Now())
	release := func() {}
	if (repeated || l.local.owes(from, l.config.Now())) && !l.skipsQueue(from, a) {
		var err error
		if release, err = l.queue.acquire(ctx, from); err != nil {
			return fmt.Errorf("wait for a look-up: %w", err)
		}
	}
	user, err := l.lookUp(ctx, lookUp, release)
	if !failed(err) {
		return err
	}
	now := l.config.Now()
	s := l.slots(ApplicationPassword, a.Addr, a.Login, user.ID)
	if repeated {
		if _, throttled := l.add(ctx, 0, &s, now); throttled != nil {
			return throttled
		}
		return err
	}
	was, throttled := l.add(ctx, 1, &s, now)
	if throttled != nil {
		l.undo(ctx, &s, was)
		return throttled
	}
	l.guesses.add(guess, now)
	l.logLimitReached(ctx, &s, was.own)
	return err
}

// lookUp releases the slot of the queue, also after a panic.
func (l *Limiter) lookUp(ctx context.Context, lookUp sparekey.Lookup, release func()) (sparekey.User, error) {
	defer release()
	return lookUp(ctx)
}

// skipsQueue reports whether an attempt like this one succeeded before, by what is known without
// a look-up.
func (l *Limiter) skipsQueue(from Key, a sparekey.Attempt) bool {
	now := l.config.Now()
	return l.successes.allowsSkip(l.successes.id(from, a.Login, a.Secret.Reveal()), now) || l.durable.allowsSkip(from, a.Login, now)
}

// Check stores that an attempt was right. It is for [sparekey.Config.Check] and never
// refuses.
func (l *Limiter) Check(_ context.Context, _ sparekey.Identity, a sparekey.Attempt) error {
	from := networkKey(ApplicationPassword, a.Addr)
	l.recordSuccess(from, a.Login, l.successes.id(from, a.Login, a.Secret.Reveal()))
	return nil
}

func isFailure(r sparekey.Reason) bool {
	return r == sparekey.ReasonUnknownLogin || r == sparekey.ReasonUnknownEmail || r == sparekey.ReasonWrongSecret
}

// IsKnown reports whether a main password or an application password was right from the network of
// an address lately, in this process or before it began. A sign-in page can keep places for such
// addresses. A nil Limiter knows none.
func (l *Limiter) IsKnown(addr netip.Addr) bool {
	return l != nil && l.isKnown(networkKey(SignIn, addr), l.config.Now())
}

// isKnown is IsKnown for the network of a Key, of either Kind.
func (l *Limiter) isKnown(from Key, now time.Time) bool {
	for _, from.kind = range [...]Kind{SignIn, ApplicationPassword} {
		if l.successes.has(l.successes.id(from, "", ""), now) || l.durable.has(from, "", now) {
			return true
		}
	}
	return false
}

// Try begins an attempt at the sign-in page. Its check takes so long that many could begin
// before the first one fails, so Try counts a failure at once. Call done with the result,
// which takes the failure back if there was none. err refuses the attempt, which must then
// not be made; it is not an [*sparekey.AuthError] if the user could not be looked up.
func (l *Limiter) Try(ctx context.Context, login, secret string, addr netip.Addr) (done func(error), err error) {
	if l == nil {
		return func(error) {}, nil
	}
	userID, err := l.resolve(ctx, login)
	if err != nil {
		return nil, err
	}
	now := l.config.Now()
	from := networkKey(SignIn, addr)
	who := "u" + userID
	if userID == "" {
		who = "l" + normalise(login)
	}
	proof := l.successes.id(from, who, secret)
	s := l.slots(SignIn, addr, login, userID)
	if l.successes.allowsSkip(proof, now) {
		return func(err error) {
			if err == nil {
				l.recordSuccess(from, who, proof)
			} else if failed(err) {
				l.addFailure(ctx, s)
			}
		}, nil
	}
	was, err := l.add(ctx, 1, &s, now)
	if err != nil {
		l.undo(ctx, &s, was)
		return nil, err
	}
	return func(err error) {
		if failed(err) {
			l.logLimitReached(ctx, &s, was.own)
			return
		}
		l.undo(ctx, &s, was)
		if err == nil {
			l.recordSuccess(from, who, proof)
		}
	}, nil
}

// resolve returns the ID of the user of a login, and "" for an unknown one.
func (l *Limiter) resolve(ctx context.Context, login string) (string, error) {
	if l.config.Users == nil {
		return "", nil
	}
	u, err := l.config.Users.UserByLogin(ctx, login)
	if err != nil && !errors.Is(err, sparekey.ErrUserNotFound) {
		return "", fmt.Errorf("find the user: %w", err)
	}
	return u.ID, nil
}

// failed reports whether an error may be a guess.
func failed(err error) bool {
	var refused *sparekey.AuthError
	return errors.As(err, &refused) && isFailure(refused.Reason)
}

// Reach asks the shared counts once, so that it is logged if they are unavailable.
func (l *Limiter) Reach(ctx context.Context) {
	if l.shared != nil {
		s := l.slots(ApplicationPassword, netip.Addr{}, "", "")
		l.shared.add(ctx, 0, &s, l.config.Now())
	}
}

// IsShared reports whether failures are counted together with other processes at
// the moment.
func (l *Limiter) IsShared() bool { return l.shared != nil && !l.shared.unavailable.Load() }

// Throttled is how many attempts were throttled.
func (l *Limiter) Throttled() uint64 { return l.throttled.Load() }

// Size is how many keys, wrong secrets and successes this process stores.
func (l *Limiter) Size() int {
	return l.local.size() + l.successes.size() + l.guesses.size() + l.durable.size()
}

// slots are the counts to which a failure belongs.
func (l *Limiter) slots(kind Kind, addr netip.Addr, login, userID string) (s slots) {
	s[siteSlot] = Slot{Key: Key{kind: kind}, Rate: l.config.Site}
	keys, count := networks(kind, addr)
	for i, k := range keys[:count] {
		s[addressSlot+i] = Slot{Key: k, Rate: l.rate(k)}
		k = k.withLogin(login, userID)
		s[loginSlot+i] = Slot{Key: k, Rate: l.rate(k), UserID: userID} //nolint:gosec // there are as many logins as networks
	}
	return s
}

// previous is what the slots owed before an add: in this process, and in the shared counts if
// they answered.
type previous struct {
	own, shared owed
	isShared    bool
}

// add adds n failures to the counts of this process and then to the shared ones, and refuses the
// attempt by the first of them that has too many failures. The counts of this process also
// cover a shared store that is unavailable or was reset, and spare it refused attempts.
func (l *Limiter) add(ctx context.Context, n int, s *slots, now time.Time) (was previous, err error) {
	was.own = l.local.add(n, s, now)
	if err := l.check(s, was.own, now); err != nil || l.shared == nil {
		return was, err
	}
	if was.shared, was.isShared = l.shared.add(ctx, n, s, now); was.isShared {
		err = l.check(s, was.shared, now)
	}
	return was, err
}

// addFailure does not refuse: the attempt was made already.
func (l *Limiter) addFailure(ctx context.Context, s slots) {
	now := l.config.Now()
	l.logLimitReached(ctx, &s, l.local.add(1, &s, now))
	if l.shared != nil {
		l.shared.add(ctx, 1, &s, now)
	}
}

func (l *Limiter) undo(ctx context.Context, s *slots, was previous) {
	now := l.config.Now()
	l.local.add(-1, s.added(was.own), now)
	if was.isShared {
		l.shared.add(ctx, -1, s.added(was.shared), now)
	}
}

// added returns the slots to which one failure was added. Full slots stayed unchanged, so there
// is nothing to undo in them.
func (s *slots) added(was owed) *slots {
	added := *s
	for i := range added {
		if s.wait(was, i) > 0 {
			added[i].Rate = Rate{}
		}
	}
	return &added
}

// check refuses an attempt after too many failures.
func (l *Limiter) check(s *slots, o owed, now time.Time) error {
	from := s[addressSlot].Key
	hasAddress := from.origin != originUnknown
	if hasAddress { // else all callers without an address would share one limit
		var wait time.Duration
		for i := addressSlot; i < slotCount; i++ {
			wait = max(wait, s.wait(o, i))
		}
		if wait > 0 {
			return l.refuse(wait)
		}
	}
	flooded := s.wait(o, siteSlot)
	if flooded == 0 || hasAddress && (o[addressSlot] == 0 || l.isKnown(from, now)) {
		return nil
	}
	return l.refuse(flooded)
}

func (l *Limiter) refuse(wait time.Duration) error {
	l.throttled.Add(1)
	return sparekey.Throttled(wait)
}

func (s *slots) wait(o owed, i int) time.Duration {
	if s[i].Rate == (Rate{}) {
		return 0
	}
	return s[i].Rate.wait(o[i])
}

// logLimitReached logs a failure that was the last one allowed, by what the slots owed before.
func (l *Limiter) logLimitReached(ctx context.Context, s *slots, was owed) {
	for i, slot := range s {
		r := slot.Rate
		if r == (Rate{}) || r.wait(was[i]) > 0 || r.wait(r.owes(was[i], 1)) == 0 {
			continue
		}
		by := "address"
		switch {
		case i == siteSlot:
			by = "site"
		case i >= loginSlot:
			by = "address and login"
		}
		from := slot.Key
		if i == siteSlot {
			from = s[addressSlot].Key
		}
		l.config.Log.WarnContext(ctx, "too many attempts fail", "kind", from.kind.String(), "by", by, "from", from.from())
	}
}

func (l *Limiter) recordSuccess(from Key, login string, proof uint64) {
	now := l.config.Now()
	s := l.successes.record(proof, now)
	l.successes.record(l.successes.id(from, "", ""), now)
	if l.durable.store != nil && s.recordDue(now) {
		l.durable.record(from, login, now)
	}
}
