package storetest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// Each type below is a store of users that is wrong in one way;
// TestUserSuiteNotices says in which.

type forgetsRoles struct{ *memory.Store }

func (s forgetsRoles) UserByID(ctx context.Context, id string) (sparekey.User, error) {
	u, err := s.Store.UserByID(ctx, id)
	u.Roles = nil
	return u, err
}

type takesID struct{ *memory.Store }

func (s takesID) CreateUser(ctx context.Context, u sparekey.User, passwordHash string) (sparekey.User, error) {
	made, err := s.Store.CreateUser(ctx, u, passwordHash)
	if u.ID != "" {
		made.ID = u.ID
	}
	return made, err
}

type numericIDs struct{ *memory.Store }

func (s numericIDs) UserByID(ctx context.Context, id string) (sparekey.User, error) {
	return s.Store.UserByID(ctx, strings.TrimLeft(id, "0"))
}

type caseCounts struct{ *memory.Store }

func (s caseCounts) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	u, err := s.Store.UserByLogin(ctx, login)
	if err == nil && strings.TrimSpace(login) != u.Login && strings.TrimSpace(login) != u.Email {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	return u, err
}

type blanksCount struct{ *memory.Store }

func (s blanksCount) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	if login != strings.TrimSpace(login) {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	return s.Store.UserByLogin(ctx, login)
}

type loginEndsAtNUL struct{ *memory.Store }

func (s loginEndsAtNUL) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	login, _, _ = strings.Cut(login, "\x00")
	return s.Store.UserByLogin(ctx, login)
}

type formsCount struct{ *memory.Store }

func (s formsCount) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	if strings.ContainsRune(login, '\u0308') {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	return s.Store.UserByLogin(ctx, login)
}

type invisibleCounts struct{ *memory.Store }

func (s invisibleCounts) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	if strings.ContainsAny(login, "\u200b\ufeff") {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	return s.Store.UserByLogin(ctx, login)
}

type emailFirst struct{ *memory.Store }

func (s emailFirst) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	users, _, err := s.Users(ctx, sparekey.UserQuery{})
	for _, u := range users {
		if strings.EqualFold(u.Email, login) {
			return u, err
		}
	}
	return s.Store.UserByLogin(ctx, login)
}

type zeroUser struct{ *memory.Store }

func (s zeroUser) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	u, err := s.Store.UserByLogin(ctx, login)
	if errors.Is(err, sparekey.ErrUserNotFound) {
		return sparekey.User{}, nil
	}
	return u, err
}

type renames struct{ *memory.Store }

func (s renames) CreateUser(ctx context.Context, u sparekey.User, passwordHash string) (sparekey.User, error) {
	made, err := s.Store.CreateUser(ctx, u, passwordHash)
	if errors.Is(err, sparekey.ErrUserExists) {
		u.Login, u.Email = u.Login+"2", ""
		return s.Store.CreateUser(ctx, u, passwordHash)
	}
	return made, err
}

type blamesEmail struct{ *memory.Store }

func (s blamesEmail) CreateUser(ctx context.Context, u sparekey.User, passwordHash string) (sparekey.User, error) {
	made, err := s.Store.CreateUser(ctx, u, passwordHash)
	if errors.Is(err, sparekey.ErrUserExists) {
		err = sparekey.ErrEmailTaken
	}
	return made, err
}

type namesAnonymous struct{ *memory.Store }

func (s namesAnonymous) CreateUser(ctx context.Context, u sparekey.User, passwordHash string) (sparekey.User, error) {
	if strings.TrimSpace(u.Login) == "" {
		u.Login = "anonymous"
	}
	return s.Store.CreateUser(ctx, u, passwordHash)
}

type updatesAnyway struct{ *memory.Store }

func (s updatesAnyway) UpdateUser(ctx context.Context, id string, change func(*sparekey.User) error) (sparekey.User, error) {
	var failure error
	u, err := s.Store.UpdateUser(ctx, id, func(u *sparekey.User) error { failure = change(u); return nil })
	return u, errors.Join(err, failure)
}

type deletesNobody struct{ *memory.Store }

func (s deletesNobody) DeleteUser(ctx context.Context, id string) (sparekey.User, error) {
	return s.UserByID(ctx, id)
}

type leavesCredentials struct{ *memory.Store }

func (s leavesCredentials) DeleteUser(ctx context.Context, id string) (sparekey.User, error) {
	left := listAnyway(s.Store, id)
	u, err := s.Store.DeleteUser(ctx, id)
	for _, c := range left {
		err = errors.Join(err, s.Insert(ctx, c, nil))
	}
	return u, err
}

type forgetsPassword struct{ *memory.Store }

func (s forgetsPassword) UpdateUser(ctx context.Context, id string, change func(*sparekey.User) error) (sparekey.User, error) {
	u, err := s.Store.UpdateUser(ctx, id, change)
	return u, errors.Join(err, s.SetPasswordHash(ctx, id, ""))
}

type pageTotal struct{ *memory.Store }

func (s pageTotal) Users(ctx context.Context, q sparekey.UserQuery) ([]sparekey.User, int, error) {
	users, _, err := s.Store.Users(ctx, q)
	return users, len(users), err
}

type aliasesRoles struct {
	*memory.Store
	roles *sync.Map // by user ID
}

func (s aliasesRoles) UserByID(ctx context.Context, id string) (sparekey.User, error) {
	u, err := s.Store.UserByID(ctx, id)
	roles, _ := s.roles.LoadOrStore(id, u.Roles)
	u.Roles = roles.([]string)
	return u, err
}

type ignoresUserContext struct{ *memory.Store }

func (s ignoresUserContext) SetPasswordHash(ctx context.Context, id, hash string) error {
	return s.Store.SetPasswordHash(context.WithoutCancel(ctx), id, hash)
}

type looksThenCreates struct{ *memory.Store }

func (s looksThenCreates) CreateUser(ctx context.Context, u sparekey.User, passwordHash string) (sparekey.User, error) {
	if _, err := s.UserByLogin(ctx, u.Login); err == nil {
		return sparekey.User{}, sparekey.ErrUserExists
	}
	time.Sleep(time.Millisecond)
	made, err := s.Store.CreateUser(ctx, u, passwordHash)
	if errors.Is(err, sparekey.ErrUserExists) {
		return s.UserByLogin(ctx, u.Login) // as an upsert would
	}
	return made, err
}
