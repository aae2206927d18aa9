package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/login"
)

// firstAdministrator is the login of the user that the first start makes.
const firstAdministrator = "admin"

// FirstStart is what a person needs after the first start on a database: the administrator that
// it made, and the addresses to begin with.
type FirstStart struct {
	Login, Password string
	SignIn          string // where to sign in
	Route           string // of the API, which Sparekey answers itself
}

// welcome makes the first administrator of a database without users, and hands it to greet with
// the addresses of first.
func welcome(ctx context.Context, s *Site, first FirstStart, greet func(FirstStart), log *slog.Logger) error {
	_, users, err := s.Users(ctx, sparekey.UserQuery{Limit: 1})
	if err != nil {
		return err
	}
	_, administrators, err := s.Users(ctx, sparekey.UserQuery{Role: sparekey.RoleAdministrator, Limit: 1})
	if err != nil {
		return err
	}
	if users > 0 {
		if administrators == 0 {
			log.Warn("no user is an administrator: make one with \"sparekey user set-role <user> administrator\"")
		}
		return nil
	}
	first.Login, first.Password = firstAdministrator, login.RandomPassword()
	_, err = s.Accounts.Create(ctx, login.NewAccount{
		Login: first.Login, Email: first.Login + "@example.com",
		Role: sparekey.RoleAdministrator, Password: first.Password,
	})
	if errors.Is(err, sparekey.ErrUserExists) { // another process started at the same moment
		return nil
	}
	if err != nil {
		return fmt.Errorf("make the first administrator: %w", err)
	}
	greet(first)
	return nil
}
