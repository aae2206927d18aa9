package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/throttle"
)

type throttleCommands struct {
	List  throttleListCommand  `cmd:"" help:"List what is throttled now by the servers on this database."`
	Clear throttleClearCommand `cmd:"" help:"Have the servers on this database forget failures."`
}

// askServers asks the servers on the database. It is an error if none answers.
func (s *site) askServers(ctx context.Context, toClear *throttle.Selection) ([]throttle.Answer, error) {
	mailbox, ok := s.Backend.(throttle.Mailbox)
	if !ok {
		return nil, errors.New("no server shares this database, so none can be asked: name another one with --database")
	}
	answers, err := throttle.Ask(ctx, mailbox, toClear)
	if err != nil {
		return nil, err
	}
	if len(answers) == 0 {
		return nil, errors.New("no server answered: \"sparekey serve\" does not run on this database, or runs with --throttle=off. Start it, or name the database of a running one with --database")
	}
	var failed error
	for _, a := range answers {
		if a.Error != "" {
			failed = fmt.Errorf("a server could answer only for its own counts: %s", a.Error)
		}
	}
	return answers, failed
}

type throttleListCommand struct{ listFlags }

func (c *throttleListCommand) Run(ctx context.Context, all *commands, t terminal) error {
	return all.with(ctx, func(s *site) error {
		answers, err := s.askServers(ctx, nil)
		if len(answers) == 0 {
			return err
		}
		list := listing{columns: []string{"kind", "address", "user", "until"}, id: "address", people: peopleReadThrottled()}
		for _, e := range throttle.Merge(answers) {
			user, userErr := s.throttledUser(ctx, e)
			if userErr != nil {
				return userErr
			}
			list.rows = append(list.rows, row{"kind": e.Kind, "address": e.Network, "user": user, "until": e.Until.Format(time.RFC3339)})
		}
		return errors.Join(c.print(t, list), err)
	})
}

// throttledUser returns what is shown for the login that is throttled. The text typed for an
// unknown user is not kept.
func (s *site) throttledUser(ctx context.Context, e throttle.Entry) (string, error) {
	switch {
	case !e.Login:
		return "", nil
	case e.UserID == "":
		return "(unknown)", nil
	}
	u, err := s.UserByID(ctx, e.UserID)
	if errors.Is(err, sparekey.ErrUserNotFound) {
		return "(deleted)", nil
	}
	return u.Login, err
}

type throttleClearCommand struct {
	Address string `help:"Clear what is counted for this address, its IPv6 networks, and all logins from there." placeholder:"ADDRESS"`
	User    string `help:"Clear what is counted for this user, named by ID, login or e-mail address. With --address, only from there." placeholder:"USER"`
	All     bool   `help:"Clear everything."`
}

// Validate is called by kong.
func (c *throttleClearCommand) Validate() error {
	if c.All == (c.Address != "" || c.User != "") {
		return errors.New("name what to clear: --address, --user or both, or else --all")
	}
	if _, err := netip.ParseAddr(c.Address); c.Address != "" && err != nil {
		return fmt.Errorf("--address %q is not an IP address such as 192.0.2.1", c.Address)
	}
	return nil
}

func (c *throttleClearCommand) Run(ctx context.Context, all *commands, t terminal) error {
	return all.with(ctx, func(s *site) error {
		var selected throttle.Selection
		if c.Address != "" {
			selected.Addr = netip.MustParseAddr(c.Address) // Validate has seen to it
		}
		if c.User != "" {
			u, err := s.findUser(ctx, c.User)
			if err != nil {
				return err
			}
			selected.UserID = u.ID
		}
		answers, err := s.askServers(ctx, &selected)
		if len(answers) == 0 {
			return err
		}
		cleared := 0
		for _, a := range answers {
			cleared += a.Cleared
		}
		fmt.Fprintf(t.out, "Counts cleared: %d. Servers that answered: %d.\n", cleared, len(answers))
		return err
	})
}
