package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/passhash"
)

// Rehasher is a [Store] of Sparekey's own, which can rehash a main password in a better
// format. Its SetPasswordHash makes the SessionEpoch another one.
type Rehasher interface {
	// ReplacePasswordHash stores another hash of the same password, if the stored one
	// is still old, and reports whether it was. It leaves the SessionEpoch as it is. It
	// refuses with [sparekey.ErrUserNotFound].
	ReplacePasswordHash(ctx context.Context, id, old, hash string) (replaced bool, err error)
}

// HashSampler is a [Store] that can say in which formats it has main passwords.
type HashSampler interface {
	// SamplePasswordHashes returns the hashes of the n oldest and the n newest users.
	SamplePasswordHashes(ctx context.Context, n int) ([]string, error)
}

const (
	// answerEvery is at which instants a failure is answered: after so long, or twice
	// as long, and so on. It is more than a failure takes with the formats that
	// WordPress and Sparekey write.
	answerEvery = 250 * time.Millisecond

	sampleEvery = time.Hour
	sampleSize  = 1000 // of the oldest and of the newest users each

	// maxCosts bounds the work of a failure. Sites have two or three: their own, and
	// those of passwords from before an update.
	maxCosts = 8
)

// account is what a login names, as it was before its password was checked.
type account struct {
	user    sparekey.User
	epoch   int64
	hash    string // empty: the user has no main password, and cannot sign in
	unknown bool   // no user has this login

	notRehashed error // why a password that was right is not stored in a better format
}

// find reads the epoch before the hash: a session that begins with an outdated
// password then has an outdated epoch, too, and ends at once.
func (a *Accounts) find(ctx context.Context, login string) (one account, err error) {
	if one.user, err = a.store.UserByLogin(ctx, login); errors.Is(err, sparekey.ErrUserNotFound) {
		return account{unknown: true}, nil
	}
	if err != nil {
		return account{}, err
	}
	if one.epoch, err = a.store.SessionEpoch(ctx, one.user.ID); err == nil {
		one.hash, err = a.store.PasswordHash(ctx, one.user.ID)
	}
	if errors.Is(err, sparekey.ErrUserNotFound) { // deleted just now
		return account{unknown: true}, nil
	}
	return one, err
}

// mark identifies the state of an account that sessions depend on: it changes when the
// main password is changed or all sessions are ended, and reveals nothing of the
// password. In a store that can rehash passwords the hash does not count, since the epoch
// changes with the password there.
func (a *Accounts) mark(epoch int64, hash string) string {
	if _, ok := a.store.(Rehasher); ok {
		hash = ""
	}
	return digest(fmt.Sprintf("%d %s", epoch, hash))
}

// prove finds the account with a login, and checks the main password. It returns the account
// of a failure as well. Every failure does the same work and is answered at the same
// instants, for any fault and any format of the stored hash.
func (a *Accounts) prove(ctx context.Context, login, password string, from caller) (account, error) {
	began := realTime()
	one, err := a.find(ctx, login)
	if err != nil {
		return account{}, fmt.Errorf("find the account: %w", err)
	}
	dummies, err := a.costs.dummies(ctx, a.store, passhash.Cost(one.hash), a.now())
	if err != nil {
		return account{}, fmt.Errorf("find the formats of passwords: %w", err)
	}
	var right, waited = false, time.Duration(0)
	if len(password) <= maxPassword { // else nothing is hashed, for any login
		joined := realTime()
		leave, err := a.queue.enter(ctx, from)
		if err != nil {
			return account{}, err
		}
		waited = realTime().Sub(joined)
		right = a.work(ctx, &one, dummies, password)
		leave()
	}
	if right {
		return one, nil
	}
	pause(ctx, answerEvery-(realTime().Sub(began)-waited)%answerEvery)
	return one, &sparekey.AuthError{Reason: sparekey.ReasonWrongSecret}
}

// realTime is the clock that attackers measure with, which may differ from the accounts'
// clock.
func realTime() time.Time { return time.Now() } //nolint:forbidigo // it is meant

// pause waits without blocking others. If the client leaves, only the wait ends: its attempt
// still counts as failed, so that guesses count.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// work checks a password against the hash of an account and, where it is wrong, against
// a dummy of every other cost.
func (a *Accounts) work(ctx context.Context, one *account, dummies map[string]string, password string) (right bool) {
	tries := forms(password)
	for _, try := range tries {
		if one.hash != "" && a.verify(one.hash, try.checked) {
			one.notRehashed = a.rehash(ctx, one, try.stored)
			return true
		}
	}
	own := passhash.Cost(one.hash)
	for cost, dummy := range dummies {
		for _, try := range tries {
			if cost != own {
				a.verify(dummy, try.checked)
			}
		}
	}
	return false
}

// form is one way in which a password may have been hashed.
type form struct {
	checked string // what a hash is compared with
	stored  string // what is hashed anew where that is right
}

// forms returns the forms of a password, each once: as it was typed, and as WordPress's
// own sign-in page checks it. That is without blanks at either end, and with a backslash
// before each quote, backslash and NUL, since WordPress hashes what PHP's addslashes made
// of a form. How many there are depends on the password alone, so that it says nothing
// about an account.
func forms(password string) []form {
	trimmed := strings.Trim(password, phpBlanks)
	slashed := strings.Trim(addSlashes.Replace(password), phpBlanks)
	all := []form{{password, password}, {trimmed, trimmed}, {slashed, trimmed}}
	distinct := all[:0]
	for _, f := range all {
		if !slices.ContainsFunc(distinct, func(other form) bool { return other.checked == f.checked }) {
			distinct = append(distinct, f)
		}
	}
	return distinct
}

// phpBlanks are what PHP's trim takes off.
const phpBlanks = " \t\n\r\v\x00"

//nolint:gochecknoglobals // a constant, if there were such replacers
var addSlashes = strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `\"`, "\x00", `\0`)

// rehash hashes a main password again that was right, if its hash is weaker than a new
// one. A password that was changed meanwhile stays. After an error the next sign-in tries
// it again.
func (a *Accounts) rehash(ctx context.Context, one *account, password string) error {
	store, ok := a.store.(Rehasher)
	if !ok || !passhash.NeedsRehash(one.hash) {
		return nil
	}
	_, err := store.ReplacePasswordHash(ctx, one.user.ID, one.hash, passhash.Argon2id(password))
	return err
}

// costs are the costs of the main passwords of a store, each with a dummy: every
// failure does the work of all of them. It is safe for concurrent use.
type costs struct {
	mu      sync.Mutex
	byCost  map[string]string
	sampled time.Time
}

// dummies returns a dummy of each cost. It adds own, the cost of the account at hand, if
// there is room.
func (c *costs) dummies(ctx context.Context, store Store, own string, now time.Time) (map[string]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byCost == nil || now.Sub(c.sampled) >= sampleEvery || now.Before(c.sampled) {
		used, err := sample(ctx, store)
		if err != nil {
			return nil, err
		}
		c.keep(used)
		c.sampled = now
	}
	if _, known := c.byCost[own]; !known && own != "" && len(c.byCost) < maxCosts {
		c.keep(append(slices.Collect(maps.Keys(c.byCost)), own))
	}
	return c.byCost, nil
}

// keep replaces the costs by those in used. Costs that stay keep their dummies. The map
// is a new one, since other goroutines may be reading the last.
func (c *costs) keep(used []string) {
	last := c.byCost
	c.byCost = make(map[string]string, len(used))
	for _, cost := range used {
		if c.byCost[cost] = last[cost]; c.byCost[cost] == "" {
			c.byCost[cost] = passhash.Dummy(cost)
		}
	}
}

// sample returns the costs of the passwords in a store, at most maxCosts of them, the
// most common first. A store without passwords has the cost of a new one.
func sample(ctx context.Context, store Store) ([]string, error) {
	counts := map[string]int{}
	if s, ok := store.(HashSampler); ok {
		hashes, err := s.SamplePasswordHashes(ctx, sampleSize)
		if err != nil {
			return nil, err
		}
		for _, hash := range hashes {
			if cost := passhash.Cost(hash); cost != "" {
				counts[cost]++
			}
		}
	}
	if len(counts) == 0 {
		return []string{passhash.NewCost}, nil
	}
	used := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
	})
	return used[:min(len(used), maxCosts)], nil
}
