package sparekey

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey/internal/humantime"
)

// ExpiryNotice is how long before the expiry of a credential its uses get a warning, and the
// first [KindExpiring] event is due.
const ExpiryNotice = 14 * day

// expiryNotices are how long before a credential expires events say so.
func expiryNotices() []time.Duration { return []time.Duration{day, 7 * day, ExpiryNotice} }

// Sweeps is an optional interface of a [Store] that stores the time of the last maintenance
// run, so that a restart neither repeats nor misses a warning. Without it, the first
// [Service.Sweep] of a process gives the warnings of the last day.
type Sweeps interface {
	// LastSweep returns the time of the last run, or the zero time.
	LastSweep(ctx context.Context) (time.Time, error)

	// MoveLastSweep replaces that time. ok is false if the stored time is another one than
	// from, because another process was faster; then nothing changes.
	MoveLastSweep(ctx context.Context, from, to time.Time) (ok bool, err error)
}

// Swept is the result of a maintenance run.
type Swept struct {
	Expiring int // warnings sent
	Revoked  int // unused for too long, or inactive for longer than they are kept
}

// Spent returns why a credential is inactive for every request: [ReasonExpired],
// [ReasonUsedUp] or [ReasonUnused], or "" if it is active.
func (s *Service) Spent(c Credential) Reason {
	now, end := s.now(), s.Expires(c)
	switch {
	case !end.IsZero() && !now.Before(end):
		return ReasonExpired
	case c.Limits.MaxUses > 0 && c.Uses >= c.Limits.MaxUses:
		return ReasonUsedUp
	case s.config.Policy.isUnused(&c, now):
		return ReasonUnused
	}
	return ""
}

// spentError returns a [*SpentError] if a credential is inactive for every request.
func (s *Service) spentError(c Credential) error {
	const orNew = " first, or make a new one"
	spent, policy := s.Spent(c), s.config.Policy
	switch {
	case spent == ReasonExpired && s.Expires(c).Equal(c.Limits.Expires):
		return &SpentError{"expires", "it expired on " + c.Limits.Expires.UTC().Format(minutes) + ". Let it expire later" + orNew}
	case spent == ReasonExpired:
		return &SpentError{"", fmt.Sprintf("an application password lasts at most %s here. Make a new one", humantime.Format(policy.MaxLifetime))}
	case spent == ReasonUsedUp:
		return &SpentError{"max_uses", "its uses are used up. Give it more" + orNew}
	case spent == ReasonUnused:
		return &SpentError{"", fmt.Sprintf("it was not used for %s. Make a new one", humantime.Format(policy.RevokeUnused))}
	case policy.RequireScopes && c.Limits.Scopes == "":
		return &SpentError{"scopes", "it has no scopes, and this site accepts none without. Give it some" + orNew}
	}
	return nil
}

// Expires is when a credential expires, by its own limit or the site's policy. Zero: never.
func (s *Service) Expires(c Credential) time.Time { return s.config.Policy.expires(&c) }

// OldSecretUntil is the end of the grace period of the last rotation, or the zero time if the
// previous secret is not accepted.
func (s *Service) OldSecretUntil(c Credential) time.Time {
	if !isInGrace(&c, s.now()) {
		return time.Time{}
	}
	return s.orEnd(&c, c.OldUntil) // the policy may have changed since the rotation
}

// orEnd is a time, or when the credential expires if that is earlier.
func (s *Service) orEnd(c *Credential, at time.Time) time.Time {
	if end := s.config.Policy.expires(c); !end.IsZero() && end.Before(at) {
		return end
	}
	return at
}

// ExpiresSoon is the time of Expires if it is within [ExpiryNotice], and otherwise the zero
// time.
func (s *Service) ExpiresSoon(c Credential) time.Time { return s.expiresSoon(&c, s.now()) }

func (s *Service) expiresSoon(c *Credential, now time.Time) time.Time {
	end := s.config.Policy.expires(c)
	if end.IsZero() || end.Sub(now) > ExpiryNotice {
		return time.Time{}
	}
	return end
}

// RevokeSpent revokes the user's inactive credentials (see [Service.Spent]), and returns
// them.
func (m Manager) RevokeSpent(ctx context.Context, userID string) ([]Credential, error) {
	list, err := m.List(ctx, userID)
	if err != nil {
		return nil, err
	}
	var revoked []Credential
	for _, c := range list {
		if m.service.Spent(c) == "" {
			continue
		}
		c, err := m.Revoke(ctx, userID, c.UUID)
		if errors.Is(err, ErrNotFound) { // another request was faster
			continue
		}
		if err != nil {
			return revoked, err
		}
		revoked = append(revoked, c)
	}
	return revoked, nil
}

// sweeping allows one maintenance run of a process at a time, and has the time of the last
// one where the store does not keep it.
type sweeping struct {
	mu   sync.Mutex
	last time.Time
}

// Sweep does the periodic maintenance. It reports to [Config.Observe] the credentials that
// expire in 14 days, in 7 and in one (once each), and revokes those that were not used for
// [Policy.RevokeUnused] or that have been inactive for [Policy.KeepSpent]. Call it about once
// an hour. It needs a Store that is a [Searcher], and otherwise returns [ErrUnavailable].
// Several processes may run it on the same store.
func (s *Service) Sweep(ctx context.Context) (Swept, error) {
	searcher, ok := capability[Searcher](s.store)
	if !ok {
		return Swept{}, ErrUnavailable
	}
	s.sweeping.mu.Lock()
	defer s.sweeping.mu.Unlock()
	now := s.now()
	last, ok, err := s.claim(ctx, now)
	if err != nil || !ok {
		return Swept{}, err
	}
	swept, err := s.sweep(ctx, searcher, last, now)
	if err != nil { // the next one is to begin where this one did
		ctx, cancel := completing(ctx)
		defer cancel()
		return swept, errors.Join(fmt.Errorf("sweep: %w", err), s.unclaim(ctx, now, last))
	}
	return swept, nil
}

// claim sets the time of the last run to now, and returns the previous one.
func (s *Service) claim(ctx context.Context, now time.Time) (last time.Time, ok bool, err error) {
	sweeps, kept := capability[Sweeps](s.store)
	if !kept {
		last, s.sweeping.last = s.sweeping.last, now
	} else {
		if last, err = sweeps.LastSweep(ctx); err != nil {
			return last, false, fmt.Errorf("ask when the last sweep was: %w", err)
		}
		if ok, err = sweeps.MoveLastSweep(ctx, last, now); err != nil || !ok {
			return last, false, err
		}
	}
	if last.IsZero() {
		last = now.Add(-day)
	}
	return last, true, nil
}

func (s *Service) unclaim(ctx context.Context, now, last time.Time) error {
	sweeps, kept := capability[Sweeps](s.store)
	if !kept {
		s.sweeping.last = last
		return nil
	}
	_, err := sweeps.MoveLastSweep(ctx, now, last)
	return err
}

// pageSize is how many credentials are read at once.
const pageSize = 5000

// allCredentials goes through the credentials of all users, page by page. After an
// error there is nothing else.
func allCredentials(ctx context.Context, searcher Searcher) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) {
		var after CredentialKey
		for {
			page, err := searcher.NextPage(ctx, after, pageSize)
			if err != nil {
				yield(Credential{}, fmt.Errorf("read a page of application passwords: %w", err))
				return
			}
			if len(page) == 0 {
				return
			}
			for _, c := range page {
				if !yield(c, nil) {
					return
				}
			}
			after = page[len(page)-1].Key()
		}
	}
}

// sweep first finds what is due and then does it.
func (s *Service) sweep(ctx context.Context, searcher Searcher, last, now time.Time) (swept Swept, err error) {
	var expiring, over []Credential
	for c, err := range allCredentials(ctx, searcher) {
		switch {
		case err != nil:
			return swept, err
		case s.isOver(c, now):
			over = append(over, c)
		case isNoticeDue(c.Created, s.Expires(c), last, now):
			expiring = append(expiring, c)
		}
	}
	for _, c := range expiring {
		if err := s.warn(ctx, c); err != nil {
			return swept, err
		}
		swept.Expiring++
	}
	for _, c := range over {
		ok, err := s.revokeOver(ctx, c, now)
		if err != nil {
			return swept, err
		}
		if ok {
			swept.Revoked++
		}
	}
	return swept, nil
}

// isNoticeDue reports whether a notice became due after one time and until another.
// There is none for a time at which the credential was not there yet.
func isNoticeDue(created, end, after, until time.Time) bool {
	if end.IsZero() || !until.Before(end) {
		return false
	}
	return slices.ContainsFunc(expiryNotices(), func(before time.Duration) bool {
		due := end.Add(-before)
		return due.After(after) && !due.After(until) && due.After(created)
	})
}

// isOver reports whether a credential is to be revoked.
func (s *Service) isOver(c Credential, now time.Time) bool {
	spent, keep := s.Spent(c), s.config.Policy.KeepSpent
	since := c.LastUsed
	if spent == ReasonExpired {
		since = s.Expires(c)
	}
	return spent == ReasonUnused || spent != "" && keep > 0 && now.Sub(since) >= keep
}

// warn reports that a credential expires soon, unless its user no longer exists.
func (s *Service) warn(ctx context.Context, c Credential) error {
	user, err := s.users.UserByID(ctx, c.UserID)
	if errors.Is(err, ErrUserNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find user %s: %w", c.UserID, err)
	}
	s.observe(ctx, Event{Kind: KindExpiring, User: user, Credential: c, Expires: s.Expires(c)})
	return nil
}

// revokeOver revokes the credential if it is still due: it may have been extended meanwhile.
func (s *Service) revokeOver(ctx context.Context, found Credential, now time.Time) (bool, error) {
	user, err := s.users.UserByID(ctx, found.UserID)
	if errors.Is(err, ErrUserNotFound) {
		user, err = User{ID: found.UserID}, nil
	}
	if err != nil {
		return false, fmt.Errorf("find user %s: %w", found.UserID, err)
	}
	revoked := false
	var e Event
	err = s.atomically(ctx, func(ctx context.Context) error {
		c, err := s.store.Update(ctx, found.UserID, found.UUID, func(*Credential) error { return nil }, nil)
		if revoked = err == nil && s.isOver(c, now); !revoked {
			return err
		}
		e = Event{Kind: KindRevoked, User: user, Credential: c, Reason: s.Spent(c)}
		if _, err := s.store.Delete(ctx, c.UserID, c.UUID); err != nil {
			return err
		}
		return s.record(ctx, []Event{e})
	})
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("revoke an application password: %w", err)
	case revoked:
		s.observe(ctx, e)
	}
	return revoked, nil
}
