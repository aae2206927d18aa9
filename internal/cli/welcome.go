package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/login"
)

// firstAdministrator is the login of the user that the first start makes.
const firstAdministrator = "admin"

// welcome makes the first administrator of a database without users, and shows the password
// this once, with the addresses to begin with.
func welcome(ctx context.Context, all *commands, s *site, first firstAddresses, t terminal, log *slog.Logger) error {
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
	password := login.RandomPassword()
	_, err = s.accounts.Create(ctx, login.NewAccount{
		Login: firstAdministrator, Email: firstAdministrator + "@example.com",
		Role: sparekey.RoleAdministrator, Password: password,
	})
	if errors.Is(err, sparekey.ErrUserExists) { // another process started at the same moment
		return nil
	}
	if err != nil {
		return fmt.Errorf("make the first administrator: %w", err)
	}
	greet(t, all, first, password)
	return nil
}

// firstAddresses are what a person begins with: where to sign in, and a route of the API
// that Sparekey answers itself.
type firstAddresses struct{ signIn, route string }

func greet(t terminal, all *commands, first firstAddresses, password string) {
	self := shellQuote(os.Args[0])
	if all.Config != "" {
		self += " --config " + shellQuote(string(all.Config))
	}
	if database := all.Database; database != "sparekey.db" {
		self += " --database " + shellQuote(database)
	}
	fmt.Fprintf(t.out, `
This is the first start, so there is an administrator now.

    sign in at  %[3]s
    login       %[1]s
    password    %[2]s

The password is shown this once.`, firstAdministrator, password, first.signIn)
	if all.Database == "memory:" { // which no other process sees
		fmt.Fprintln(t.out)
		return
	}
	fmt.Fprintf(t.out, ` "%[2]s user reset-password %[1]s" makes a new one.

To create an application password and use it, paste this into another terminal, in the same folder:

    SECRET=$(%[2]s user application-password create %[1]s "My first app"%[4]s --porcelain)
    curl -u "%[1]s:$SECRET" %[3]s

`, firstAdministrator, self, first.route, firstLimits(all.Policy()))
}

// firstLimits are the flags without which the site's policy refuses a new
// application password.
func firstLimits(p sparekey.Policy) (flags string) {
	if p.RequireScopes {
		flags += " --scope=read"
	}
	if p.RequireExpiry && p.MaxLifetime == 0 { // else it gets an end by itself
		flags += " --expires=7d"
	}
	return flags
}

// shellQuote writes an argument as a shell reads it.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
