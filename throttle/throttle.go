// Package throttle turns away who fails to authenticate too often, at all
// entry points of a [sparekey.Service] together.
//
//	limiter := throttle.New(throttle.Config{})
//	svc := sparekey.New(store, users, limiter.Protect(sparekey.Config{}))
//
// Failures are counted by address (an IPv6 address by its /64), by address and
// login, and for the whole site. Never by login alone: whoever is elsewhere
// cannot lock anybody out. A login and a secret that were right from an address
// keep working from there, whatever others do behind the same address. Past the
// ceiling of the site, only addresses are turned away from which something
// failed and nothing was right.
//
// Only a wrong secret and an unknown login count. A secret that is right but
// may not do what was asked (expired, out of scope) is no guess.
//
// The counts are in this process, or shared by several through [Counts]. Memory
// is bounded in either case.
package throttle

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// What Config has where it says nothing.
const (
	defaultKeys    = 100_000
	defaultGoodFor = 7 * 24 * time.Hour
)

// DefaultPerAddress is [Config.PerAddress] where it says nothing.
func DefaultPerAddress() Rate { return Rate{100, 20 * time.Minute} }

// DefaultPerLogin is [Config.PerLogin] where it says nothing.
func DefaultPerLogin() Rate { return Rate{10, 10 * time.Minute} }

// DefaultSite is [Config.Site] where it says nothing.
func DefaultSite() Rate { return Rate{1000, time.Minute} }

// Config holds the options of a [Limiter].
type Config struct {
	// PerAddress bounds the failures from one address. Default:
	// DefaultPerAddress.
	PerAddress Rate

	// PerLogin bounds the failures of one login from one address. Its time
	// should be longer, for each failure, than that of PerAddress: then a single
	// program with an old secret does not use up what its address has. Default:
	// DefaultPerLogin.
	PerLogin Rate

	// Site is how many failures of the whole site are normal. Past them,
	// addresses from which something failed and nothing was right lately are
	// turned away. Default: DefaultSite.
	Site Rate

	// Keys bounds how many addresses, logins at addresses, and successes are
	// remembered, each. All together take some 110 bytes for each of Keys.
	// Default: 100,000.
	Keys int

	// GoodFor is how long something that was right from an address keeps its
	// preference there. Default: seven days.
	GoodFor time.Duration

	// Shared are counts that several processes have in common. While they do
	// not answer, this process counts for itself. Default: none.
	Shared Counts

	// Log is told who is turned away, and when Shared comes and goes. Default:
	// nobody is.
	Log *slog.Logger

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Limiter turns away who fails too often. It is safe for concurrent use. A nil
// Limiter turns nobody away.
type Limiter struct {
	config Config
	local  *local
	shared *shared // nil: none
	known  *known
	turned atomic.Uint64
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
		config.Now = time.Now //nolint:forbidigo // the clock of those who bring none
	}
	l := &Limiter{config: config, local: newLocal(config.Keys), known: newKnown(config.Keys, config.GoodFor)}
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

// Protect puts the Limiter into a configuration, before its own Admit and after
// its own Check and Observe.
func (l *Limiter) Protect(c sparekey.Config) sparekey.Config {
	if l == nil {
		return c
	}
	admit, check, observe := c.Admit, c.Check, c.Observe
	c.Admit = func(ctx context.Context, a sparekey.Attempt) error {
		if err := l.Admit(ctx, a); err != nil || admit == nil {
			return err
		}
		return admit(ctx, a)
	}
	c.Check = func(ctx context.Context, id sparekey.Identity, a sparekey.Attempt) error {
		if check != nil {
			if err := check(ctx, id, a); err != nil {
				return err
			}
		}
		return l.Check(ctx, id, a)
	}
	c.Observe = l.Observe
	if observe != nil {
		c.Observe = sparekey.Observers(observe, l.Observe)
	}
	return c
}

// Admit turns an attempt away if too much failed before it. It is for
// [sparekey.Config.Admit].
func (l *Limiter) Admit(ctx context.Context, a sparekey.Attempt) error {
	now := l.config.Now()
	from := networkKey(a.Addr)
	if l.known.admits(l.known.id(from, a.Login, a.Secret.Reveal()), now) {
		return nil
	}
	s := l.slots(from, a.Login)
	_, err := l.add(ctx, 0, &s, now)
	return err
}

// Check remembers that an attempt was right. It is for [sparekey.Config.Check]
// and never refuses.
func (l *Limiter) Check(_ context.Context, _ sparekey.Identity, a sparekey.Attempt) error {
	from := networkKey(a.Addr)
	l.remember(from, l.known.id(from, a.Login, a.Secret.Reveal()))
	return nil
}

// Observe counts failures. It is for [sparekey.Config.Observe].
func (l *Limiter) Observe(ctx context.Context, e sparekey.Event) {
	if e.Kind != sparekey.KindRefused || !isFailure(e.Reason) {
		return
	}
	l.fail(ctx, l.slots(networkKey(e.Addr), e.Login))
}

// isFailure reports whether a refusal may be somebody guessing.
func isFailure(r sparekey.Reason) bool {
	return r == sparekey.ReasonUnknownLogin || r == sparekey.ReasonUnknownEmail || r == sparekey.ReasonWrongSecret
}

// Try begins an attempt at a sign-in of another kind, whose check takes so long
// that many could be begun before the first one fails: it counts a failure at
// once. done must be called with what came of it, and takes the failure back if
// there was none. err refuses the attempt, which must then not be made.
func (l *Limiter) Try(ctx context.Context, login, secret string, addr netip.Addr) (done func(error), err error) {
	if l == nil {
		return func(error) {}, nil
	}
	now := l.config.Now()
	from := networkKey(addr)
	proof := l.known.id(from, login, secret)
	s := l.slots(from, login)
	if l.known.admits(proof, now) {
		return func(err error) {
			if err == nil {
				l.remember(from, proof)
			} else if failed(err) {
				l.fail(ctx, s)
			}
		}, nil
	}
	was, err := l.add(ctx, 1, &s, now)
	if err != nil {
		l.takeBack(ctx, &s, was)
		return nil, err
	}
	return func(err error) {
		if failed(err) {
			l.tell(ctx, &s, was.own)
			return
		}
		l.takeBack(ctx, &s, was)
		if err == nil {
			l.remember(from, proof)
		}
	}, nil
}

// failed reports whether an error may be somebody guessing.
func failed(err error) bool {
	var refused *sparekey.AuthError
	return errors.As(err, &refused) && isFailure(refused.Reason)
}

// Reach asks the shared counts once, if there are any, so that their being away
// is told before somebody fails.
func (l *Limiter) Reach(ctx context.Context) {
	if l.shared != nil {
		s := l.slots(Key{}, "")
		l.shared.add(ctx, 0, &s, l.config.Now())
	}
}

// IsShared reports whether failures are counted together with other processes at
// the moment.
func (l *Limiter) IsShared() bool { return l.shared != nil && !l.shared.away.Load() }

// Turned is how many attempts were turned away.
func (l *Limiter) Turned() uint64 { return l.turned.Load() }

// Size is how much is remembered in this process, in keys and successes.
func (l *Limiter) Size() int { return l.local.size() + l.known.size() }

// slots are what a failure of a login from a network counts for.
func (l *Limiter) slots(from Key, login string) slots {
	return slots{
		ofSite:    {Key{}, l.config.Site},
		ofAddress: {from, l.config.PerAddress},
		ofLogin:   {from.withLogin(login), l.config.PerLogin},
	}
}

// before is what was owed before something was added: here, and in the shared
// counts where they were asked and answered.
type before struct {
	own, shared owed
	isShared    bool
}

// add adds n failures to the slots of an attempt, here and then in the shared
// counts, and refuses the attempt as soon as one of the two says so. That of
// this process goes on while the other is away, or begins anew; and whoever is
// turned away here does not cost a question.
func (l *Limiter) add(ctx context.Context, n int, s *slots, now time.Time) (was before, err error) {
	was.own = l.local.add(n, s, now)
	if err := l.judge(s, was.own, now); err != nil || l.shared == nil {
		return was, err
	}
	if was.shared, was.isShared = l.shared.add(ctx, n, s, now); was.isShared {
		err = l.judge(s, was.shared, now)
	}
	return was, err
}

// fail adds a failure that happened, to all counts in any case.
func (l *Limiter) fail(ctx context.Context, s slots) {
	now := l.config.Now()
	l.tell(ctx, &s, l.local.add(1, &s, now))
	if l.shared != nil {
		l.shared.add(ctx, 1, &s, now)
	}
}

// takeBack undoes an add of one failure.
func (l *Limiter) takeBack(ctx context.Context, s *slots, was before) {
	now := l.config.Now()
	l.local.add(-1, s.added(was.own), now)
	if was.isShared {
		l.shared.add(ctx, -1, s.added(was.shared), now)
	}
}

// added are the slots to which one failure was added: those with room for it.
// The others owe nothing for it, so that nothing is taken back.
func (s *slots) added(was owed) *slots {
	added := *s
	for i := range added {
		if s.wait(was, i) > 0 {
			added[i].Rate = Rate{}
		}
	}
	return &added
}

// judge refuses a caller who owes too much.
func (l *Limiter) judge(s *slots, o owed, now time.Time) error {
	from := s[ofAddress].Key
	isKnown := from.kind != kindUnknown
	if isKnown { // else all who come that way would be locked out together
		if wait := max(s.wait(o, ofAddress), s.wait(o, ofLogin)); wait > 0 {
			return l.turnAway(wait)
		}
	}
	flooded := s.wait(o, ofSite)
	if flooded == 0 || isKnown && (o[ofAddress] == 0 || l.known.has(l.known.id(from, "", ""), now)) {
		return nil
	}
	return l.turnAway(flooded)
}

func (l *Limiter) turnAway(wait time.Duration) error {
	l.turned.Add(1)
	return sparekey.Throttled(wait)
}

func (s *slots) wait(o owed, i int) time.Duration { return s[i].Rate.wait(o[i]) }

// tell says that a failure, before which so much was owed, was the last one
// allowed.
func (l *Limiter) tell(ctx context.Context, s *slots, was owed) {
	for i, by := range [slotCount]string{ofSite: "site", ofAddress: "address", ofLogin: "address and login"} {
		r := s[i].Rate
		if r.wait(was[i]) == 0 && r.wait(r.owes(was[i], 1)) > 0 {
			l.config.Log.WarnContext(ctx, "too many attempts fail", "by", by, "from", s[ofAddress].Key.origin())
		}
	}
}

func (l *Limiter) remember(from Key, proof uint64) {
	now := l.config.Now()
	l.known.remember(proof, now)
	l.known.remember(l.known.id(from, "", ""), now)
}
