package memory

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/loginname"
)

// person is a user as this package keeps them.
type person struct {
	user         sparekey.User
	passwordHash string
	sessionEpoch int64
}

// UserByLogin implements [sparekey.Directory]. Case, Unicode's normalization form, and
// blanks and invisible characters at either end make no difference.
func (s *Store) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	if err := s.rlock(ctx); err != nil {
		return sparekey.User{}, err
	}
	defer s.mu.RUnlock()
	k := key(login)
	byLogin, byEmail := s.byLogin[k], s.byEmail[k]
	switch {
	case byLogin != nil:
		return clone(byLogin.user), nil
	case byEmail != nil:
		return clone(byEmail.user), nil
	default:
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
}

// UserByID implements [sparekey.Directory].
func (s *Store) UserByID(ctx context.Context, id string) (sparekey.User, error) {
	if err := s.rlock(ctx); err != nil {
		return sparekey.User{}, err
	}
	defer s.mu.RUnlock()
	p, err := s.person(id)
	if err != nil {
		return sparekey.User{}, err
	}
	return clone(p.user), nil
}

func (s *Store) person(id string) (*person, error) {
	if p, ok := s.byID[id]; ok {
		return p, nil
	}
	return nil, sparekey.ErrUserNotFound
}

// Users implements [sparekey.UserLister].
func (s *Store) Users(ctx context.Context, q sparekey.UserQuery) (users []sparekey.User, total int, err error) {
	if err := s.rlock(ctx); err != nil {
		return nil, 0, err
	}
	defer s.mu.RUnlock()
	for _, p := range s.people {
		if !selects(q, p.user) {
			continue
		}
		if total >= q.Offset && (q.Limit <= 0 || len(users) < q.Limit) {
			users = append(users, clone(p.user))
		}
		total++
	}
	return users, total, nil
}

func selects(q sparekey.UserQuery, u sparekey.User) bool {
	if q.Role != "" && !u.HasRole(q.Role) {
		return false
	}
	part := strings.ToLower(q.Search)
	return slices.ContainsFunc([]string{u.Login, u.Email, u.DisplayName}, func(text string) bool {
		return strings.Contains(strings.ToLower(text), part)
	})
}

// CreateUser adds a user with the hash of their own password, which the store
// only keeps. It returns the user with the ID that it assigned: a decimal number
// that no other user ever had; u.ID does not matter. It refuses with
// [sparekey.ErrLoginTaken], [sparekey.ErrEmailTaken], or [sparekey.ErrInvalid] for an
// empty login.
func (s *Store) CreateUser(ctx context.Context, u sparekey.User, passwordHash string) (sparekey.User, error) {
	if err := s.lock(ctx); err != nil {
		return sparekey.User{}, err
	}
	defer s.mu.Unlock()
	u = normal(u)
	u.ID = strconv.FormatInt(s.lastID+1, 10)
	if err := s.acceptable(u); err != nil {
		return sparekey.User{}, err
	}
	s.lastID++
	p := &person{user: u, passwordHash: passwordHash}
	s.people = append(s.people, p)
	s.link(p)
	s.revision++
	return clone(u), nil
}

// UpdateUser applies change to a user, whose ID stays as it is, and returns what
// they became. Where change returns an error, nothing is written and UpdateUser
// returns that error. It refuses with [sparekey.ErrUserNotFound], and like
// CreateUser.
func (s *Store) UpdateUser(ctx context.Context, id string, change func(*sparekey.User) error) (sparekey.User, error) {
	if err := s.lock(ctx); err != nil {
		return sparekey.User{}, err
	}
	defer s.mu.Unlock()
	p, err := s.person(id)
	if err != nil {
		return sparekey.User{}, err
	}
	u := clone(p.user)
	if err := change(&u); err != nil {
		return sparekey.User{}, err
	}
	u = normal(u)
	u.ID = id
	if err := s.acceptable(u); err != nil {
		return sparekey.User{}, err
	}
	s.unlink(p)
	p.user = u
	s.link(p)
	s.revision++
	return clone(u), nil
}

// DeleteUser removes a user together with their credentials, and returns who it
// was. It refuses with [sparekey.ErrUserNotFound].
func (s *Store) DeleteUser(ctx context.Context, id string) (sparekey.User, error) {
	if err := s.lock(ctx); err != nil {
		return sparekey.User{}, err
	}
	defer s.mu.Unlock()
	p, err := s.person(id)
	if err != nil {
		return sparekey.User{}, err
	}
	s.unlink(p)
	s.people = slices.DeleteFunc(s.people, func(other *person) bool { return other == p })
	s.deleteAll(id)
	return p.user, nil
}

// PasswordHash returns the hash of a user's own password. It refuses with
// [sparekey.ErrUserNotFound].
func (s *Store) PasswordHash(ctx context.Context, id string) (string, error) {
	if err := s.rlock(ctx); err != nil {
		return "", err
	}
	defer s.mu.RUnlock()
	p, err := s.person(id)
	if err != nil {
		return "", err
	}
	return p.passwordHash, nil
}

// SetPasswordHash gives a user another own password, by its hash, and makes their
// SessionEpoch another one. It refuses with [sparekey.ErrUserNotFound].
func (s *Store) SetPasswordHash(ctx context.Context, id, hash string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	p, err := s.person(id)
	if err != nil {
		return err
	}
	p.passwordHash = hash
	p.sessionEpoch++
	s.revision++
	return nil
}

// acceptable refuses a user without a login, or whose login or e-mail address
// another user has.
func (s *Store) acceptable(u sparekey.User) error {
	if key(u.Login) == "" {
		return &sparekey.InvalidError{Field: "login", Problem: "must not be empty"}
	}
	if other := s.byLogin[key(u.Login)]; other != nil && other.user.ID != u.ID {
		return sparekey.ErrLoginTaken
	}
	if other := s.byEmail[key(u.Email)]; other != nil && other.user.ID != u.ID {
		return sparekey.ErrEmailTaken
	}
	return nil
}

// link makes a person known by what they can be found by.
func (s *Store) link(p *person) {
	s.byID[p.user.ID] = p
	s.byLogin[key(p.user.Login)] = p
	if k := key(p.user.Email); k != "" {
		s.byEmail[k] = p
	}
}

// unlink undoes link.
func (s *Store) unlink(p *person) {
	delete(s.byID, p.user.ID)
	delete(s.byLogin, key(p.user.Login))
	delete(s.byEmail, key(p.user.Email))
}

// key returns the text by which logins and e-mail addresses are compared.
func key(s string) string { return loginname.Key(s) }

// normal returns a copy of the user as the store keeps it.
func normal(u sparekey.User) sparekey.User {
	u.Registered = u.Registered.UTC().Truncate(time.Second)
	return clone(u)
}

// clone returns a copy that shares nothing with u.
func clone(u sparekey.User) sparekey.User {
	u.Roles = slices.Clone(u.Roles)
	return u
}
