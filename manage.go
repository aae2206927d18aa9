package sparekey

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/internal/humantime"
)

// Manager manages credentials on behalf of an actor. Every method first checks whether it
// may, and refuses in this order: [ErrUnavailable], [ErrUserNotFound],
// [ErrUnavailableForUser], [ErrForbidden]. An error that matches none of this package's
// errors means that there was no answer.
type Manager struct {
	service  *Service
	actor    User
	acting   *Credential // with which the actor came, or nil
	old      bool        // they came with the secret from before its rotation
	operator bool
}

// As returns a Manager that may do what [Config.Allow] lets the actor do. The
// zero User is an anonymous actor.
func (s *Service) As(actor User) Manager { return Manager{service: s, actor: actor} }

// AsCaller returns a Manager for a caller who authenticated with an application password. In
// addition to the rules of As, that credential must be allowed to manage credentials (see
// [Limits.Scopes] and [Policy.ManageNeedsScope]). It can neither create, change nor revoke
// one that may do more than itself.
func (s *Service) AsCaller(id Identity) Manager {
	return Manager{service: s, actor: id.User, acting: &id.Credential, old: id.OldSecret}
}

// AsOperator returns a Manager for the operator of the machine, such as the command line. It
// may manage the credentials of all users, also where the feature is switched off.
func (s *Service) AsOperator() Manager { return Manager{service: s, operator: true} }

// Target returns the user whose credentials are to be managed, or the refusal.
func (m Manager) Target(ctx context.Context, userID string) (User, error) {
	if !m.operator {
		if ok, err := m.service.Available(ctx); err != nil || !ok {
			return User{}, unavailable(err, ErrUnavailable)
		}
	}
	target, err := m.service.users.UserByID(ctx, userID)
	if err != nil {
		return User{}, fmt.Errorf("find user %s: %w", userID, err)
	}
	if m.operator {
		return target, nil
	}
	if ok, err := m.service.AvailableFor(ctx, target); err != nil || !ok {
		return User{}, unavailable(err, ErrUnavailableForUser)
	}
	ok, err := m.service.config.Allow(ctx, m.actor, target)
	if err != nil {
		return User{}, fmt.Errorf("ask whether user %s may manage user %s: %w", m.actor.ID, userID, err)
	}
	if !ok {
		return User{}, ErrForbidden
	}
	return target, nil
}

func unavailable(broken, refusal error) error {
	if broken != nil {
		return broken
	}
	return refusal
}

// toChange is Target for what changes something.
func (m Manager) toChange(ctx context.Context, userID string) (User, error) {
	target, err := m.Target(ctx, userID)
	if err != nil {
		return User{}, err
	}
	switch {
	case m.acting == nil:
	case m.old:
		return User{}, ErrOldSecret
	case !m.service.MayManage(*m.acting):
		return User{}, ErrForbidden
	}
	return target, nil
}

// toRevoke is toChange for what revokes.
func (m Manager) toRevoke(ctx context.Context, userID string) (User, error) {
	return m.orGone(ctx, userID, m.toChange)
}

// orGone returns the user that find finds. For the operator, that can also be a deleted
// user whose credentials are left; only the ID is set then.
func (m Manager) orGone(ctx context.Context, userID string, find func(context.Context, string) (User, error)) (User, error) {
	target, err := find(ctx, userID)
	if !m.operator || !errors.Is(err, ErrUserNotFound) {
		return target, err
	}
	left, listErr := m.service.store.List(ctx, userID)
	if listErr != nil {
		return User{}, fmt.Errorf("list application passwords: %w", listErr)
	}
	if len(left) == 0 {
		return User{}, err
	}
	return User{ID: userID}, nil
}

// Confirm refuses with [ErrActingChanged] once the credential that acts is not what it was
// when the request with it arrived: a request can be under way for long. The methods that
// change something ask it themselves. It is for those who change something else for the
// caller, such as a user: they call it in the atomic step in which they change that.
func (m Manager) Confirm(ctx context.Context) error {
	if m.acting == nil {
		return nil
	}
	c, err := m.service.store.Find(ctx, m.actor.ID, m.acting.Hash)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("look for the acting application password: %w", err)
	}
	if err != nil || c.UUID != m.acting.UUID || c.Hash != m.acting.Hash || !c.Limits.Equal(m.acting.Limits) {
		return ErrActingChanged
	}
	if reason := m.service.InactiveReason(c); reason != "" && reason != ReasonUsedUp { // the use of this request is counted
		return ErrActingChanged
	}
	return nil
}

// reaches refuses what may do more than the credential that acts.
func (m Manager) reaches(c Credential) error {
	if m.acting != nil && !m.service.effective(c).Within(m.service.effective(*m.acting), m.service.config.Bundles) {
		return ErrBeyondLimits
	}
	return nil
}

// limit gives a credential these limits, as far as the site and the credential that
// acts let it have them.
func (m Manager) limit(c Credential, l Limits) (Credential, error) {
	if m.acting != nil {
		l = l.orInherit(m.service.effective(*m.acting))
	}
	l, err := l.valid(c.Limits, m.service.now(), m.service.config.Bundles)
	if err == nil {
		l, err = m.service.config.Policy.apply(l, c)
	}
	if err != nil {
		return Credential{}, err
	}
	c.Limits = l
	c.OldUntil = m.service.orEnd(&c, c.OldUntil)
	return c, m.reaches(c)
}

// Create creates an application password. The secret is returned here and nowhere else. It
// refuses with an [*InvalidError], [ErrDuplicateName], [ErrTooMany], [ErrNotCreator] or
// [ErrBeyondLimits]. With AsCaller, the new credential inherits the limits of the acting one
// where n has none. If a credential in n.Replaces cannot be revoked, the new one is revoked.
func (m Manager) Create(ctx context.Context, userID string, n NewCredential) (Secret, Credential, error) {
	secret := NewSecret()
	target, c, err := m.prepare(ctx, userID, n)
	if err != nil {
		return Secret{}, Credential{}, err
	}
	c.Hash, err = m.service.hashNew(ctx, secret)
	if err != nil {
		return Secret{}, Credential{}, err
	}
	made, err := m.recorded(ctx, []Kind{KindCreated}, target, func(ctx context.Context) ([]Credential, error) {
		if err := m.service.store.Insert(ctx, c, m.newCheck(n.Replaces)); err != nil {
			return nil, fmt.Errorf("create an application password: %w", err)
		}
		return []Credential{c}, nil
	})
	if err == nil {
		if err = m.revokeReplaced(ctx, target.ID, n.Replaces); err == nil {
			return secret, c, nil
		}
		ctx, cancel := completing(ctx)
		defer cancel()
		_, undo := m.Revoke(ctx, target.ID, c.UUID)
		return Secret{}, Credential{}, errors.Join(err, undo)
	}
	if len(made) > 0 { // its secret has not left this function
		ctx, cancel := completing(ctx)
		defer cancel()
		if _, undo := m.service.store.Delete(ctx, target.ID, c.UUID); !errors.Is(undo, ErrNotFound) {
			err = errors.Join(err, undo)
		}
	}
	return Secret{}, Credential{}, err
}

// prepare makes the record of a new credential, or the refusal.
func (m Manager) prepare(ctx context.Context, userID string, n NewCredential) (User, Credential, error) {
	target, err := m.toChange(ctx, userID)
	if err != nil {
		return User{}, Credential{}, err
	}
	if err := m.service.config.Policy.MayHave(target); err != nil {
		return User{}, Credential{}, err
	}
	c, err := n.build(target.ID, "", m.service.now())
	if err != nil {
		return User{}, Credential{}, err
	}
	if len(n.Replaces) > 0 {
		replaced := func(c Credential) bool { return slices.Contains(n.Replaces, c.UUID) }
		if err := m.mayRevoke(ctx, target, replaced); err != nil {
			return User{}, Credential{}, err
		}
	}
	c, err = m.limit(c, n.Limits)
	return target, c, err
}

// revokeReplaced revokes what a new credential takes the place of.
func (m Manager) revokeReplaced(ctx context.Context, userID string, uuids []string) error {
	for _, uuid := range uuids {
		if _, err := m.Revoke(ctx, userID, uuid); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// CheckNew returns the error that Create would return now, and creates nothing.
func (m Manager) CheckNew(ctx context.Context, userID string, n NewCredential) error {
	target, c, err := m.prepare(ctx, userID, n)
	if err != nil {
		return err
	}
	check := m.newCheck(n.Replaces)
	if check == nil {
		return nil
	}
	list, err := m.service.store.List(ctx, target.ID)
	if err != nil {
		return fmt.Errorf("list application passwords: %w", err)
	}
	return check(c, list)
}

// newCheck is the condition under which a credential may be added that takes the place
// of those with these UUIDs.
func (m Manager) newCheck(replaces []string) Check {
	nameCheck, most := m.nameCheck(), m.service.config.Policy.MaxPerUser
	if most <= 0 && nameCheck == nil {
		return nil
	}
	return func(c Credential, others []Credential) error {
		if len(replaces) > 0 {
			others = slices.DeleteFunc(slices.Clone(others), func(c Credential) bool { return slices.Contains(replaces, c.UUID) })
		}
		if most > 0 && len(others) >= most {
			return ErrTooMany
		}
		if nameCheck == nil {
			return nil
		}
		return nameCheck(c, others)
	}
}

// nameCheck is the condition under which a name may be taken.
func (m Manager) nameCheck() Check {
	if !m.service.config.UniqueNames {
		return nil
	}
	return func(c Credential, others []Credential) error {
		if hasName(others, c.Name) {
			return ErrDuplicateName
		}
		return nil
	}
}

// hasName reports whether one of a list has this name, ignoring case in any script.
func hasName(list []Credential, name string) bool {
	return slices.ContainsFunc(list, func(c Credential) bool { return strings.EqualFold(c.Name, name) })
}

// List returns a user's credentials, oldest first. The operator also gets those of a deleted
// user; see [Service.UserDeleted].
func (m Manager) List(ctx context.Context, userID string) ([]Credential, error) {
	target, err := m.orGone(ctx, userID, m.Target)
	if err != nil {
		return nil, err
	}
	list, err := m.service.store.List(ctx, target.ID)
	if err != nil {
		return nil, fmt.Errorf("list application passwords: %w", err)
	}
	return list, nil
}

// Get returns one credential. It refuses with [ErrNotFound].
func (m Manager) Get(ctx context.Context, userID, uuid string) (Credential, error) {
	list, err := m.List(ctx, userID)
	if err != nil {
		return Credential{}, err
	}
	for _, c := range list {
		if c.UUID == uuid {
			return c, nil
		}
	}
	return Credential{}, ErrNotFound
}

// Search returns the credentials that q selects, newest first, and how many there
// are without its Offset and Limit. Over all users it needs [Config.AllowAll],
// and a Store that is a [Searcher]; without one it refuses with [ErrUnavailable].
func (m Manager) Search(ctx context.Context, q CredentialQuery) (found []Credential, total int, err error) {
	if err := m.MaySearch(ctx, q.UserID); err != nil {
		return nil, 0, err
	}
	searcher, _ := capability[Searcher](m.service.store) // MaySearch has seen to it
	found, total, err = searcher.Search(ctx, q)
	if err != nil {
		return nil, 0, fmt.Errorf("search application passwords: %w", err)
	}
	return found, total, nil
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

// MaySearch returns the error with which Search would refuse, for one user or, if userID is
// empty, for all users. It returns nil if Search is allowed.
func (m Manager) MaySearch(ctx context.Context, userID string) error {
	if _, ok := capability[Searcher](m.service.store); !ok {
		return ErrUnavailable
	}
	if userID != "" {
		_, err := m.Target(ctx, userID)
		return err
	}
	if m.operator {
		return nil
	}
	if ok, err := m.service.Available(ctx); err != nil || !ok {
		return unavailable(err, ErrUnavailable)
	}
	ok, err := m.service.config.AllowAll(ctx, m.actor)
	if err != nil {
		return fmt.Errorf("ask whether user %s may search all application passwords: %w", m.actor.ID, err)
	}
	if !ok {
		return ErrForbidden
	}
	return nil
}

// All iterates over the credentials of all users, in an order of the store's, and keeps no
// more than a page of them in memory. One that is added or revoked meanwhile may be missing or
// there. After an error the iteration ends: it is [ErrForbidden] unless it is the operator who
// asks, [ErrUnavailable] where the Store is not a [Searcher], or an error of the store.
func (m Manager) All(ctx context.Context) iter.Seq2[Credential, error] {
	searcher, ok := capability[Searcher](m.service.store)
	switch {
	case !m.operator:
		return failing(ErrForbidden)
	case !ok:
		return failing(ErrUnavailable)
	}
	return allCredentials(ctx, searcher)
}

func failing(err error) iter.Seq2[Credential, error] {
	return func(yield func(Credential, error) bool) { yield(Credential{}, err) }
}

// UserSuspended revokes all credentials of a user, as UserDeleted does. An application with its
// own users calls it when it suspends one, so that nothing works again by itself when the
// suspension ends. Where the application passwords are to work again then, do not call it: the
// directory does not find the user meanwhile, or [Config.AvailableFor] refuses them.
func (s *Service) UserSuspended(ctx context.Context, userID string) ([]Credential, error) {
	return s.UserDeleted(ctx, userID)
}

// Orphans returns the credentials of users that the directory does not have.
// [Service.UserDeleted] would have revoked them; the operator can, with [Manager.Revoke]. It
// asks the directory once for every user who has credentials. It returns [ErrForbidden]
// unless the Manager is the operator's, and [ErrUnavailable] where the Store is not a
// [Searcher]. Any other error comes from the store or the directory.
func (m Manager) Orphans(ctx context.Context) ([]Credential, error) {
	var orphans []Credential
	isGone := m.service.OrphanCheck(ctx)
	for c, err := range m.All(ctx) {
		if err != nil {
			return nil, err
		}
		orphan, err := isGone(c)
		if err != nil {
			return nil, err
		}
		if orphan {
			orphans = append(orphans, c)
		}
	}
	return orphans, nil
}

// OrphanCheck returns a function that reports whether the user of a credential is gone from
// the directory. It asks the directory once for every user, and is not for several goroutines
// at a time. Its errors are those of the directory.
func (s *Service) OrphanCheck(ctx context.Context) func(Credential) (bool, error) {
	known := map[string]bool{} // whether the user is gone
	return func(c Credential) (bool, error) {
		if isGone, ok := known[c.UserID]; ok {
			return isGone, nil
		}
		_, err := s.users.UserByID(ctx, c.UserID)
		isGone := errors.Is(err, ErrUserNotFound)
		if err != nil && !isGone {
			return false, fmt.Errorf("find user %s: %w", c.UserID, err)
		}
		known[c.UserID] = isGone
		return isGone, nil
	}
}

// NameExists reports whether the user has a credential with this name, ignoring case.
func (m Manager) NameExists(ctx context.Context, userID, name string) (bool, error) {
	list, err := m.List(ctx, userID)
	if err != nil {
		return false, err
	}
	return hasName(list, name), nil
}

// Rename gives a credential another name and returns it. It refuses with [ErrNotFound], an
// [*InvalidError], [ErrDuplicateName] or [ErrBeyondLimits]; keeping its name is never a
// duplicate.
func (m Manager) Rename(ctx context.Context, userID, uuid, name string) (Credential, error) {
	return m.Edit(ctx, userID, uuid, Edit{Name: &name})
}

// Limit replaces all limits of a credential, and returns it. It refuses with [ErrNotFound],
// an [*InvalidError] or [ErrBeyondLimits].
func (m Manager) Limit(ctx context.Context, userID, uuid string, limits Limits) (Credential, error) {
	return m.Edit(ctx, userID, uuid, Edit{
		Expires: &limits.Expires, Scopes: &limits.Scopes, Networks: &limits.Networks, MaxUses: &limits.MaxUses,
	})
}

// Edit makes all changes to a credential or none, and returns it. It refuses as Rename and
// Limit do.
func (m Manager) Edit(ctx context.Context, userID, uuid string, e Edit) (Credential, error) {
	target, err := m.toChange(ctx, userID)
	if err != nil {
		return Credential{}, err
	}
	var check Check
	if e.Name != nil {
		name, err := validName(*e.Name)
		if err != nil {
			return Credential{}, err
		}
		e.Name, check = &name, m.nameCheck()
	}
	return m.change(ctx, e.kinds(), target, uuid, func(c *Credential) error { return m.edit(c, e) }, check)
}

func (m Manager) edit(c *Credential, e Edit) error {
	if e.Name != nil {
		c.Name = *e.Name
	}
	if !e.limits() {
		return nil
	}
	limited, err := m.limit(*c, e.Of(c.Limits))
	if err == nil {
		*c = limited
	}
	return err
}

// HasGrace reports whether rotations can have a grace period; see [Config.NoGrace].
func (s *Service) HasGrace() bool { return !s.config.NoGrace }

// MaxGrace is the longest grace period of a rotation.
const MaxGrace = 90 * day

// Rotate gives a credential a new secret, which is returned here and nowhere else. The
// previous secret is accepted until the grace period ends, at most for [MaxGrace], but not
// after the credential expires. A secret from an earlier rotation stops working now.
//
// There is one exception. While an earlier grace period runs and no use of that rotation's
// secret was recorded, its answer may have been lost. Then the secret from before it stays
// accepted until the end that was announced, and the unused secret stops working now. Without
// a grace period, all secrets except the new one stop working now.
//
// It refuses with [ErrNotFound], an [*InvalidError], a [*InactiveError] or [ErrBeyondLimits].
func (m Manager) Rotate(ctx context.Context, userID, uuid string, grace time.Duration) (Secret, Credential, error) {
	target, err := m.toChange(ctx, userID)
	if err != nil {
		return Secret{}, Credential{}, err
	}
	if grace < 0 {
		return Secret{}, Credential{}, &InvalidError{"grace", "must not be negative"}
	}
	if grace > MaxGrace {
		return Secret{}, Credential{}, &InvalidError{"grace", "must be at most " + humantime.Format(MaxGrace)}
	}
	if grace > 0 && !m.service.HasGrace() {
		return Secret{}, Credential{}, &InvalidError{"grace", "must be 0: previous secrets are not accepted here"}
	}
	secret, now := NewSecret(), m.service.now()
	hash, err := m.service.hashNew(ctx, secret)
	if err != nil {
		return Secret{}, Credential{}, err
	}
	c, err := m.change(ctx, []Kind{KindRotated}, target, uuid, func(c *Credential) error {
		if err := m.service.inactiveError(*c); err != nil {
			return err
		}
		m.service.replaceSecret(c, hash, now, grace)
		return nil
	}, nil)
	if err != nil {
		return Secret{}, Credential{}, err
	}
	return secret, c, nil
}

// replaceSecret sets the hash of a credential's new secret, and decides which previous secret
// stays accepted; see Rotate.
func (s *Service) replaceSecret(c *Credential, hash string, now time.Time, grace time.Duration) {
	isLost := c.HashUnused && isInGrace(c, now)
	switch {
	case grace == 0:
		c.OldHash, c.OldUntil = "", time.Time{}
	case !isLost:
		c.OldHash, c.OldUntil = c.Hash, s.orEnd(c, now.Add(grace))
	}
	c.Hash, c.HashUnused = hash, grace > 0
}

// change applies a change to one credential, if the actor may, and records what
// kinds of change it was.
func (m Manager) change(ctx context.Context, kinds []Kind, target User, uuid string, change Change, check Check) (Credential, error) {
	changed, err := m.recorded(ctx, kinds, target, func(ctx context.Context) ([]Credential, error) {
		c, err := m.service.store.Update(ctx, target.ID, uuid, func(c *Credential) error {
			if err := m.reaches(*c); err != nil {
				return err
			}
			return change(c)
		}, check)
		if err != nil {
			return nil, fmt.Errorf("change an application password: %w", err)
		}
		return []Credential{c}, nil
	})
	if err != nil {
		return Credential{}, err
	}
	return changed[0], nil
}

// RecordUse records a use now from an address, as authentication does, unless
// one was recorded within [Config.UsageInterval]. It refuses with [ErrNotFound].
func (m Manager) RecordUse(ctx context.Context, userID, uuid, ip string) (Credential, error) {
	target, err := m.toChange(ctx, userID)
	if err != nil {
		return Credential{}, err
	}
	c, err := m.service.store.Update(ctx, target.ID, uuid, m.service.use(m.service.now(), ip, ""), nil)
	if err != nil {
		return Credential{}, fmt.Errorf("record a use: %w", err)
	}
	return c, nil
}

// Revoke revokes a credential and returns it. When Revoke returns, its secrets no longer
// work. It refuses with [ErrNotFound] or [ErrBeyondLimits]. The operator can also revoke what
// is left of a deleted user.
func (m Manager) Revoke(ctx context.Context, userID, uuid string) (Credential, error) {
	target, err := m.toRevoke(ctx, userID)
	if err != nil {
		return Credential{}, err
	}
	if err := m.mayRevoke(ctx, target, func(c Credential) bool { return c.UUID == uuid }); err != nil {
		return Credential{}, err
	}
	revoked, err := m.revoked(ctx, target, func(ctx context.Context) ([]Credential, error) {
		c, err := m.service.store.Delete(ctx, target.ID, uuid)
		if err != nil {
			return nil, fmt.Errorf("revoke an application password: %w", err)
		}
		return []Credential{c}, nil
	})
	if len(revoked) == 0 {
		return Credential{}, err
	}
	return revoked[0], err
}

// mayRevoke refuses to revoke what may do more than the credential that acts. There
// is nothing to ask for where that has no limits.
func (m Manager) mayRevoke(ctx context.Context, target User, selected func(Credential) bool) error {
	if m.acting == nil || m.service.effective(*m.acting).IsZero() {
		return nil
	}
	list, err := m.service.store.List(ctx, target.ID)
	if err != nil {
		return fmt.Errorf("list application passwords: %w", err)
	}
	for _, c := range list {
		if selected(c) {
			if err := m.reaches(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// RevokeAll revokes all credentials of a user and returns them. It refuses with
// [ErrBeyondLimits], and then revokes none. The operator can also revoke what is left of a
// deleted user.
func (m Manager) RevokeAll(ctx context.Context, userID string) ([]Credential, error) {
	target, err := m.toRevoke(ctx, userID)
	if err != nil {
		return nil, err
	}
	if err := m.mayRevoke(ctx, target, func(Credential) bool { return true }); err != nil {
		return nil, err
	}
	return m.revoked(ctx, target, func(ctx context.Context) ([]Credential, error) {
		revoked, err := m.service.store.DeleteAll(ctx, target.ID)
		if err != nil {
			return nil, fmt.Errorf("revoke all application passwords: %w", err)
		}
		return revoked, nil
	})
}

// RevokeApp revokes all credentials of a user with this app ID and returns them; there may be
// none. It refuses with an [*InvalidError] for an app ID that is empty or not valid, and with
// [ErrBeyondLimits], and then revokes none. The operator can also revoke those of a deleted
// user.
func (m Manager) RevokeApp(ctx context.Context, userID, appID string) ([]Credential, error) {
	target, err := m.toRevoke(ctx, userID)
	if err != nil {
		return nil, err
	}
	if appID == "" || !ValidAppID(appID) {
		return nil, &InvalidError{"app_id", "must be a UUID in lower case"}
	}
	ofApp := func(c Credential) bool { return c.AppID == appID }
	if err := m.mayRevoke(ctx, target, ofApp); err != nil {
		return nil, err
	}
	return m.revoked(ctx, target, func(ctx context.Context) ([]Credential, error) {
		list, err := m.service.store.List(ctx, target.ID)
		if err != nil {
			return nil, fmt.Errorf("list application passwords: %w", err)
		}
		var gone []Credential
		for _, c := range list {
			if !ofApp(c) {
				continue
			}
			c, err := m.service.store.Delete(ctx, target.ID, c.UUID)
			if errors.Is(err, ErrNotFound) { // revoked by another request
				continue
			}
			if err != nil {
				return gone, fmt.Errorf("revoke the application passwords of an app: %w", err)
			}
			gone = append(gone, c)
		}
		return gone, nil
	})
}

// UserDeleted revokes all credentials of a user, with an event for each, and returns them;
// there may be none. An application with its own users calls it before or after it deletes
// one. Without the call the credentials stay in the store, and a later user with the same ID
// would get them.
func (s *Service) UserDeleted(ctx context.Context, userID string) ([]Credential, error) {
	revoked, err := s.AsOperator().RevokeAll(ctx, userID)
	if errors.Is(err, ErrUserNotFound) { // and nothing is left of them
		return nil, nil
	}
	return revoked, err
}

// RevokeInactive revokes the user's inactive credentials (see [Service.InactiveReason]), and
// returns them.
func (m Manager) RevokeInactive(ctx context.Context, userID string) ([]Credential, error) {
	list, err := m.List(ctx, userID)
	if err != nil {
		return nil, err
	}
	var revoked []Credential
	for _, c := range list {
		if m.service.InactiveReason(c) == "" {
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

// RevokeIf revokes a credential as the operator, for the reason that why gives for the
// credential as it is by then. It does nothing if why returns "" or the credential does not
// exist. If the Store is a [Transactor], the question and the revocation are one step; why may
// then be called more than once.
func (s *Service) RevokeIf(ctx context.Context, key CredentialKey, why func(Credential) Reason) (revoked bool, err error) {
	user, err := s.users.UserByID(ctx, key.UserID)
	if errors.Is(err, ErrUserNotFound) {
		user, err = User{ID: key.UserID}, nil
	}
	if err != nil {
		return false, fmt.Errorf("find user %s: %w", key.UserID, err)
	}
	var e Event
	err = s.atomically(ctx, func(ctx context.Context) error {
		c, err := s.store.Update(ctx, key.UserID, key.UUID, func(*Credential) error { return nil }, nil)
		if err != nil {
			return err
		}
		reason := why(c)
		if revoked = reason != ""; !revoked {
			return nil
		}
		e = Event{Kind: KindRevoked, User: user, Credential: c, Reason: reason}
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

// revoked is recorded for revocations. The credentials stay revoked even if that cannot be
// recorded: a revocation must not depend on a log.
func (m Manager) revoked(ctx context.Context, target User, write func(context.Context) ([]Credential, error)) ([]Credential, error) {
	gone, err := m.recorded(ctx, []Kind{KindRevoked}, target, write)
	if err == nil || len(gone) == 0 {
		return gone, err
	}
	ctx, cancel := completing(ctx)
	defer cancel()
	if _, again := write(ctx); again != nil && !errors.Is(again, ErrNotFound) {
		return nil, errors.Join(err, again)
	}
	return gone, err
}

// recorded changes credentials and has [Config.Record] record that, in one atomic
// step where the store is a [Transactor]; elsewhere the change stands even if it
// cannot be recorded. It returns what write returned.
func (m Manager) recorded(ctx context.Context, kinds []Kind, target User, write func(context.Context) ([]Credential, error)) ([]Credential, error) {
	var changed []Credential
	var events []Event
	err := m.service.atomically(ctx, func(ctx context.Context) (err error) {
		events = nil // this may run more than once
		if err = m.Confirm(ctx); err != nil {
			return err
		}
		if changed, err = write(ctx); err != nil {
			return err
		}
		for _, c := range changed {
			for _, kind := range kinds {
				events = append(events, m.event(ctx, kind, target, c))
			}
		}
		return m.service.record(ctx, events)
	})
	if err != nil {
		return changed, err
	}
	for _, e := range events {
		m.service.observe(ctx, e)
	}
	return changed, nil
}

func (m Manager) event(ctx context.Context, kind Kind, user User, c Credential) Event {
	e := Event{Kind: kind, User: user, Credential: c, Actor: m.actor}
	e.Addr, e.Request = CallerFrom(ctx)
	if m.acting != nil {
		e.Acting = m.acting.UUID
	}
	return e
}
