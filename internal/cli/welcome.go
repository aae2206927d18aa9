package cli

import (
	"fmt"
	"os"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/server"
)

func greet(t terminal, all *commands, first server.FirstStart) {
	self := config.ShellQuote(os.Args[0])
	if all.Config != "" {
		self += " --config " + config.ShellQuote(string(all.Config))
	}
	if database := all.Database; database != "sparekey.db" {
		self += " --database " + config.ShellQuote(database)
	}
	fmt.Fprintf(t.out, `
This is the first start, so there is an administrator now.

    sign in at  %[3]s
    login       %[1]s
    password    %[2]s

The password is shown this once.`, first.Login, first.Password, first.SignIn)
	if all.Database == "memory:" { // which no other process sees
		fmt.Fprintln(t.out)
		return
	}
	fmt.Fprintf(t.out, ` "%[2]s user reset-password %[1]s" makes a new one.

To create an application password and use it, paste this into another terminal, in the same folder:

    SECRET=$(%[2]s user application-password create %[1]s "My first app"%[4]s --porcelain)
    curl -u "%[1]s:$SECRET" %[3]s

`, first.Login, self, first.Route, firstLimits(all.Policy()))
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
