package sparekey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/internal/humantime"
	"github.com/sparekey-dev/sparekey/scope"
)

const day = 24 * time.Hour

// Policy has the rules of a site for its application passwords. The zero Policy has none, as
// in WordPress. It applies to all users who create or change one, administrators and the
// command line included.
type Policy struct {
	// MaxLifetime is how long after its creation a credential is accepted at most, whatever
	// its Expires says. It applies to existing credentials as well. 0: no limit.
	MaxLifetime time.Duration
	// RequireExpiry refuses new credentials without Expires. With MaxLifetime, those without
	// get the latest allowed time instead.
	RequireExpiry bool
	// RequireScopes refuses new credentials without Scopes, and denies requests with existing
	// credentials that have none.
	RequireScopes bool
	// Creators are the roles of users who may get new application passwords. Existing ones
	// stay. Empty: every user may.
	Creators []string
	// MaxPerUser is how many credentials a user may have. 0: any number.
	MaxPerUser int
	// RevokeUnused is the time without a use after which a credential is refused;
	// package lifecycle revokes it. 0: never. It should be longer than Config.UsageInterval,
	// since uses are recorded no more often than that.
	RevokeUnused time.Duration
	// KeepInactive is for how long expired and used-up credentials stay in the list before
	// package lifecycle revokes them. 0: they stay forever.
	KeepInactive time.Duration
	// RevokeOnPasswordReset has [Service.PasswordChanged] revoke all of a user's
	// credentials.
	RevokeOnPasswordReset bool
	// ManageNeedsScope lets a credential manage credentials only if one of its scopes allows
	// it. A credential without scopes then cannot.
	ManageNeedsScope bool
}

// ErrTooMany refuses another credential to a user who has [Policy.MaxPerUser] of them.
var ErrTooMany = errors.New("the user has as many application passwords as the site allows: revoke one first")

// ErrNotCreator refuses a new credential to a user who has none of the [Policy.Creators]
// roles. It matches ErrForbidden.
var ErrNotCreator error = forbiddenError("the site does not let users of this role have application passwords")

// expires is when a credential expires: the earlier one of its own time and the policy's.
// Zero: never.
func (p *Policy) expires(c *Credential) time.Time {
	if p.MaxLifetime <= 0 {
		return c.Limits.Expires
	}
	latest := c.Created.Add(p.MaxLifetime)
	if c.Limits.Expires.IsZero() || c.Limits.Expires.After(latest) {
		return latest
	}
	return c.Limits.Expires
}

// isUnused reports whether a credential was not used for too long.
func (p *Policy) isUnused(c *Credential, now time.Time) bool {
	last := c.LastUsed
	if last.IsZero() {
		last = c.Created
	}
	return p.RevokeUnused > 0 && now.Sub(last) >= p.RevokeUnused
}

// MayHave returns [ErrNotCreator] if none of the user's roles allows new credentials.
func (p Policy) MayHave(u User) error {
	if len(p.Creators) > 0 && !slices.ContainsFunc(p.Creators, u.HasRole) {
		return ErrNotCreator
	}
	return nil
}

// apply returns the new limits of a credential as the policy wants them, or an
// [*InvalidError]. A time that stays as it was is cut off by expires alone.
func (p Policy) apply(l Limits, c Credential) (Limits, error) {
	if p.MaxLifetime > 0 {
		latest := c.Created.Add(p.MaxLifetime)
		if l.Expires.IsZero() {
			l.Expires = latest
		}
		if l.Expires.After(latest) && !l.Expires.Equal(c.Limits.Expires) {
			return l, &InvalidError{"expires", fmt.Sprintf("must be no later than %s: an application password lasts at most %s here",
				latest.UTC().Format(time.RFC3339), humantime.Format(p.MaxLifetime))}
		}
	}
	if p.RequireExpiry && l.Expires.IsZero() {
		return l, &InvalidError{"expires", "must be given: every application password expires here"}
	}
	if p.RequireScopes && l.Scopes == "" {
		return l, &InvalidError{"scopes", "must be given: every application password is limited to what it is for here"}
	}
	return l, nil
}

// minutes is the format of times in messages. They are in UTC, since readers may be anywhere.
const minutes = "2006-01-02 15:04 UTC"

// Accepts returns the rule that covers the request, if scopes narrow the credential, or an
// [*AuthError] if the credential must not be used for it. Authenticate makes the same check
// once the secret is known to be right. The number of uses is not checked here, since only
// the store can count it.
func (s *Service) Accepts(c Credential, a Attempt) (rule string, err error) {
	return s.accepts(&c, &a, false, s.now())
}

// accepts is Accepts; previous says that the secret is the one from before a rotation.
func (s *Service) accepts(c *Credential, a *Attempt, previous bool, now time.Time) (rule string, err error) {
	policy := &s.config.Policy
	if end := policy.expires(c); !end.IsZero() && !now.Before(end) {
		return "", Refuse(ReasonExpired, fmt.Sprintf("This application password expired on %s. Make a new one.", end.UTC().Format(minutes)))
	}
	if policy.isUnused(c, now) {
		return "", Refuse(ReasonUnused, "This application password was not used for so long that it no longer works. Make a new one.")
	}
	if !c.Limits.Networks.Contains(a.Addr) {
		return "", Refuse(ReasonOutOfNetwork, fmt.Sprintf("This application password is not to be used from %s, but from: %s.",
			addrName(a), strings.Join(c.Limits.Networks.Strings(), ", ")))
	}
	if policy.RequireScopes && c.Limits.Scopes == "" {
		return "", Refuse(ReasonOutOfScope, "This application password has no scopes, and this site accepts none without. Make a new one.")
	}
	if a.Deny != nil {
		return "", a.Deny
	}
	return s.judge(c, a, previous)
}

func addrName(a *Attempt) string {
	if !a.Addr.IsValid() {
		return "an address that is not known"
	}
	return a.Addr.String()
}

// PasswordChanged revokes a user's credentials if [Policy.RevokeOnPasswordReset] is set, and
// returns them. An application with its own users calls it after the main password of one was
// changed or reset.
func (s *Service) PasswordChanged(ctx context.Context, userID string) ([]Credential, error) {
	if !s.config.Policy.RevokeOnPasswordReset {
		return nil, nil
	}
	return s.AsOperator().RevokeAll(ctx, userID)
}

// effective are the limits of a credential together with those of the policy.
func (s *Service) effective(c Credential) Limits {
	c.Limits.Expires = s.config.Policy.expires(&c)
	return c.Limits
}

// restrictsCreation reports whether the site restricts the creation of application
// passwords with this credential, or their limits. An application that knows nothing of
// Sparekey does not enforce that.
func (s *Service) restrictsCreation(c *Credential) bool {
	p := &s.config.Policy
	return p.RequireExpiry || p.RequireScopes || p.MaxLifetime > 0 || len(p.Creators) > 0 || p.MaxPerUser > 0 || !s.MayManage(*c)
}

// MayManage reports whether a credential may be used to manage credentials. A credential with
// a number of uses may not: each one that it made would have as many.
func (s *Service) MayManage(c Credential) bool {
	if c.Limits.MaxUses > 0 {
		return false
	}
	if c.Limits.Scopes == "" {
		return !s.config.Policy.ManageNeedsScope
	}
	return c.Limits.Scopes.Names(scope.NamePasswords, s.config.Bundles)
}

// IsLimited reports whether a credential can do less than its user: because of limits of
// its own, of the site's longest lifetime, or because the site wants a scope for managing
// application passwords. A limited credential may change users, plugins and their like only
// where a scope names them: with another main password, its user's sessions would have what
// the credential lacks.
func (s *Service) IsLimited(c Credential) bool {
	return !s.effective(c).IsZero() || !s.MayManage(c)
}

// IsExpiring reports whether a credential works, and expires within [ExpiryNotice].
func (s *Service) IsExpiring(c Credential) bool {
	return s.InactiveReason(c) == "" && !s.UpcomingExpiry(c).IsZero()
}

// IsUnlimited reports whether a credential works, never expires, and has no limits. Its
// secret opens everything that its user can do, for as long as the user exists.
func (s *Service) IsUnlimited(c Credential) bool {
	return s.InactiveReason(c) == "" && c.Limits.IsZero() && s.Expires(c).IsZero()
}

// Bundles returns the named scopes that the Service was made with.
func (s *Service) Bundles() scope.Bundles { return s.config.Bundles }

// Policy returns the policy that the Service was made with.
func (s *Service) Policy() Policy { return s.config.Policy }

// ExpiryNotice is how long before the expiry of a credential its uses get a warning, and the
// first [KindExpiring] event is due.
const ExpiryNotice = 14 * day

// InactiveReason returns why a credential is inactive for every request: [ReasonExpired],
// [ReasonUsedUp] or [ReasonUnused], or "" if it is active.
func (s *Service) InactiveReason(c Credential) Reason {
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

// inactiveError returns a [*InactiveError] if a credential is inactive for every request.
func (s *Service) inactiveError(c Credential) error {
	const orNew = " first, or make a new one"
	reason, policy := s.InactiveReason(c), s.config.Policy
	switch {
	case reason == ReasonExpired && s.Expires(c).Equal(c.Limits.Expires):
		return &InactiveError{"expires", "it expired on " + c.Limits.Expires.UTC().Format(minutes) + ". Let it expire later" + orNew}
	case reason == ReasonExpired:
		return &InactiveError{"", fmt.Sprintf("an application password lasts at most %s here. Make a new one", humantime.Format(policy.MaxLifetime))}
	case reason == ReasonUsedUp:
		return &InactiveError{"max_uses", "its uses are used up. Give it more" + orNew}
	case reason == ReasonUnused:
		return &InactiveError{"", fmt.Sprintf("it was not used for %s. Make a new one", humantime.Format(policy.RevokeUnused))}
	case policy.RequireScopes && c.Limits.Scopes == "":
		return &InactiveError{"scopes", "it has no scopes, and this site accepts none without. Give it some" + orNew}
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

// UpcomingExpiry is the time of Expires if it is within [ExpiryNotice], and otherwise the zero
// time.
func (s *Service) UpcomingExpiry(c Credential) time.Time { return s.upcomingExpiry(&c, s.now()) }

func (s *Service) upcomingExpiry(c *Credential, now time.Time) time.Time {
	end := s.config.Policy.expires(c)
	if end.IsZero() || end.Sub(now) > ExpiryNotice {
		return time.Time{}
	}
	return end
}
