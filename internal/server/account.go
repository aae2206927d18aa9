package server

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/web"
)

// completionTime bounds what has to happen after a change that is made, also where the
// request or the command was interrupted meanwhile.
const completionTime = 10 * time.Second

// PasswordChanged does what the site's policy wants after a user got another main
// password. It returns how many application passwords it revoked.
func (s *Site) PasswordChanged(ctx context.Context, u sparekey.User) (revoked int, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), completionTime)
	defer cancel()
	gone, err := s.Service.PasswordChanged(ctx, u.ID)
	if err != nil {
		return 0, fmt.Errorf("user %s has a new main password, but their application passwords are not revoked: %w", u.Login, err)
	}
	return len(gone), nil
}

// ownAccounts changes the accounts of a server that has its own.
type ownAccounts struct {
	site *Site
	gate *login.Gate // nil: for the API alone
}

// ChangeAccount implements [web.AccountKeeper].
func (o ownAccounts) ChangeAccount(ctx context.Context, present string, change sparekey.UserChange, addr netip.Addr) error {
	u, err := o.gate.Change(ctx, present, change, addr)
	if err == nil && change.Password != nil {
		_, err = o.site.PasswordChanged(ctx, u)
	}
	return err
}

// ChangeUser implements [rest.UserChanger]. Callers of the server's API have an application
// password. One that is revoked while a new main password is hashed changes nothing.
func (o ownAccounts) ChangeUser(ctx context.Context, by sparekey.Identity, id string, change sparekey.UserChange) (sparekey.User, error) {
	u, err := o.site.Accounts.ChangeIf(ctx, id, change, by, o.site.Service.AsCaller(by).Confirm)
	if err == nil && change.Password != nil {
		_, err = o.site.PasswordChanged(ctx, u)
	}
	return u, err
}

// handleAccount adds the page of one's own account. On a WordPress database that is
// WordPress's.
func handleAccount(site *Site, gate *login.Gate, p paths, pages *web.Handler, handle func(pattern string, page http.Handler)) {
	handle(p.own(profilePath), gate.Load(pages.Account(ownAccounts{site, gate})))
	toProfile := http.RedirectHandler(p.own(profilePath), http.StatusFound)
	handle(changePasswordPath, toProfile)
	if moved := p.own(changePasswordPath); moved != changePasswordPath {
		handle(moved, toProfile)
	}
}
