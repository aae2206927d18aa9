package sparekey

import (
	"context"
	"fmt"
	"slices"
)

// Manager manages credentials on behalf of an actor. Every method first settles
// whether it may, and refuses in this order: [ErrUnavailable],
// [ErrUserNotFound], [ErrUnavailableForUser], [ErrForbidden]. An error that
// matches none of this package's means that there is no answer.
type Manager struct {
	service  *Service
	actor    User
	operator bool
}

// As returns a Manager that may do what [Config.Allow] lets the actor do. The
// zero User is an anonymous actor.
func (s *Service) As(actor User) Manager { return Manager{service: s, actor: actor} }

// AsOperator returns a Manager for whoever has the machine, such as the command
// line: it may manage everybody's credentials, also where the feature is
// switched off.
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

// Create makes an application password. The secret is returned here and
// nowhere else. It refuses with an [*InvalidError] or [ErrDuplicateName].
func (m Manager) Create(ctx context.Context, userID string, n NewCredential) (Secret, Credential, error) {
	target, err := m.Target(ctx, userID)
	if err != nil {
		return Secret{}, Credential{}, err
	}
	secret := NewSecret()
	c, err := n.build(target.ID, secret.Hash(), m.service.now())
	if err != nil {
		return Secret{}, Credential{}, err
	}
	if err := m.service.store.Insert(ctx, c, m.nameCheck()); err != nil {
		return Secret{}, Credential{}, fmt.Errorf("create an application password: %w", err)
	}
	m.observe(ctx, KindCreated, target, c)
	return secret, c, nil
}

// CheckNew refuses what Create would refuse at this moment, and makes nothing.
func (m Manager) CheckNew(ctx context.Context, userID string, n NewCredential) error {
	target, err := m.Target(ctx, userID)
	if err != nil {
		return err
	}
	c, err := n.build(target.ID, "", m.service.now())
	if err != nil {
		return err
	}
	check := m.nameCheck()
	if check == nil {
		return nil
	}
	list, err := m.service.store.List(ctx, target.ID)
	if err != nil {
		return fmt.Errorf("list application passwords: %w", err)
	}
	return check(c, list)
}

// nameCheck is the condition under which a name may be taken.
func (m Manager) nameCheck() Check {
	if m.service.config.DuplicateNames {
		return nil
	}
	return func(c Credential, others []Credential) error {
		if hasName(others, c.Name) {
			return ErrDuplicateName
		}
		return nil
	}
}

func hasName(list []Credential, name string) bool {
	return slices.ContainsFunc(list, func(c Credential) bool { return sameName(c.Name, name) })
}

// List returns a user's credentials, oldest first.
func (m Manager) List(ctx context.Context, userID string) ([]Credential, error) {
	target, err := m.Target(ctx, userID)
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
	found, total, err = m.service.store.(Searcher).Search(ctx, q) //nolint:forcetypeassert // MaySearch has seen to it
	if err != nil {
		return nil, 0, fmt.Errorf("search application passwords: %w", err)
	}
	return found, total, nil
}

// MaySearch returns nil, or why Search refuses for a user or, if userID is empty,
// for all of them.
func (m Manager) MaySearch(ctx context.Context, userID string) error {
	if _, ok := m.service.store.(Searcher); !ok {
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

// NameExists reports whether the user has a credential of this name, whatever
// its case.
func (m Manager) NameExists(ctx context.Context, userID, name string) (bool, error) {
	list, err := m.List(ctx, userID)
	if err != nil {
		return false, err
	}
	return hasName(list, name), nil
}

// Rename gives a credential another name and returns it. It refuses with
// [ErrNotFound], an [*InvalidError] or [ErrDuplicateName]; the name it has is
// never a duplicate of itself.
func (m Manager) Rename(ctx context.Context, userID, uuid, name string) (Credential, error) {
	target, err := m.Target(ctx, userID)
	if err != nil {
		return Credential{}, err
	}
	name, err = validName(name)
	if err != nil {
		return Credential{}, err
	}
	c, err := m.service.store.Update(ctx, target.ID, uuid, func(c *Credential) error {
		c.Name = name
		return nil
	}, m.nameCheck())
	if err != nil {
		return Credential{}, fmt.Errorf("rename an application password: %w", err)
	}
	m.observe(ctx, KindRenamed, target, c)
	return c, nil
}

// RecordUse records a use now from an address, as authentication does, unless
// one was recorded within [Config.UsageInterval]. It refuses with [ErrNotFound].
func (m Manager) RecordUse(ctx context.Context, userID, uuid, ip string) (Credential, error) {
	target, err := m.Target(ctx, userID)
	if err != nil {
		return Credential{}, err
	}
	c, err := m.service.store.Update(ctx, target.ID, uuid, m.service.use(m.service.now(), ip), nil)
	if err != nil {
		return Credential{}, fmt.Errorf("record a use: %w", err)
	}
	return c, nil
}

// Revoke takes a credential back and returns what it was. When it returns, the
// secret is dead. It refuses with [ErrNotFound].
func (m Manager) Revoke(ctx context.Context, userID, uuid string) (Credential, error) {
	target, err := m.Target(ctx, userID)
	if err != nil {
		return Credential{}, err
	}
	c, err := m.service.store.Delete(ctx, target.ID, uuid)
	if err != nil {
		return Credential{}, fmt.Errorf("revoke an application password: %w", err)
	}
	m.observe(ctx, KindRevoked, target, c)
	return c, nil
}

// RevokeAll takes all credentials of a user back and returns what they were.
func (m Manager) RevokeAll(ctx context.Context, userID string) ([]Credential, error) {
	target, err := m.Target(ctx, userID)
	if err != nil {
		return nil, err
	}
	revoked, err := m.service.store.DeleteAll(ctx, target.ID)
	if err != nil {
		return nil, fmt.Errorf("revoke all application passwords: %w", err)
	}
	for _, c := range revoked {
		m.observe(ctx, KindRevoked, target, c)
	}
	return revoked, nil
}

func (m Manager) observe(ctx context.Context, kind Kind, user User, c Credential) {
	m.service.observe(ctx, Event{Kind: kind, User: user, Credential: c, Actor: m.actor})
}
