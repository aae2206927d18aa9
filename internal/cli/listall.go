package cli

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/config"
)

// stateFilters select application passwords by how they are. Several narrow the list.
type stateFilters struct {
	Expired   bool            `help:"Only those that no longer work: expired, used up, or revoked for not being used." group:"State"`
	Expiring  bool            `help:"Only those that expire within 14 days." group:"State"`
	Unlimited bool            `help:"Only those that never expire and have no limits." group:"State"`
	Unused    bool            `help:"Only those that were never used." group:"State"`
	UnusedFor config.Duration `help:"Only those that were not used for so long, such as 90d." placeholder:"DURATION" group:"State"`
}

// Validate is called by kong.
func (f stateFilters) Validate() error {
	if f.UnusedFor < 0 {
		return errors.New("--unused-for must not be negative: give how long ago the last use is, such as 90d")
	}
	return nil
}

// selects reports whether an application password passes all filters.
func (f stateFilters) selects(svc *sparekey.Service, c sparekey.Credential, now time.Time) bool {
	since := c.LastUsed
	if since.IsZero() {
		since = c.Created
	}
	switch {
	case f.Expired && svc.InactiveReason(c) == "",
		f.Expiring && !svc.IsExpiring(c),
		f.Unlimited && !svc.IsUnlimited(c),
		f.Unused && !c.LastUsed.IsZero(),
		f.UnusedFor > 0 && now.Sub(since) < time.Duration(f.UnusedFor):
		return false
	}
	return true
}

// allUsersListing lists the application passwords of all users. The hash is printed only
// where it is asked for.
func allUsersListing(svc *sparekey.Service) listing {
	return listing{
		id:      "uuid",
		columns: []string{"user", "user_login", "uuid", "app_id", "name", "created", "last_used", "last_ip"},
		more:    append([]string{"password"}, limitColumns...),
		people:  peopleReadAll(svc),
	}
}

// peopleReadAll is how application passwords of several users look to people.
func peopleReadAll(svc *sparekey.Service) people {
	one := peopleReadCredentials(svc)
	return people{
		headings: append([]heading{{title: "USER", cut: true}}, one.headings...),
		cells: func(r row) []cell {
			return append(cells(r.text("user_login")), one.cells(r)...)
		},
		empty: one.empty,
	}
}

// owners finds the logins of users, and knows the last ones that it found.
type owners struct {
	directory sparekey.Directory
	known     map[string]string // by ID
}

const mostOwners = 1000

// login is the login of the user with an ID, and says that the user is gone where that is so.
func (o *owners) login(ctx context.Context, id string) (string, error) {
	if login, ok := o.known[id]; ok {
		return login, nil
	}
	u, err := o.directory.UserByID(ctx, id)
	if errors.Is(err, sparekey.ErrUserNotFound) {
		u, err = goneUser(id), nil
	}
	if err != nil {
		return "", err
	}
	if o.known == nil || len(o.known) >= mostOwners {
		o.known = map[string]string{}
	}
	o.known[id] = u.Login
	return u.Login, nil
}

// rowsOf makes rows of application passwords, one after the other. It leaves out those that
// selects does not want. p shows how many were read.
func (s *site) rowsOf(ctx context.Context, all iter.Seq2[sparekey.Credential, error], p *progress, selects func(sparekey.Credential, row) (bool, error)) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		defer p.end()
		names, n := owners{directory: s.Service.Directory()}, 0
		for c, err := range all {
			if err != nil {
				yield(nil, err)
				return
			}
			n++
			p.at(n, 0)
			r := credentialRow(s.Service, c)
			ok, err := selects(c, r)
			if err == nil && !ok {
				continue
			}
			if err == nil {
				r["user"] = c.UserID
				r["user_login"], err = names.login(ctx, c.UserID)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// mostSorted is how many rows are kept in memory to print them in order.
const mostSorted = 1000

// newestFirst are the rows in order, since people read what is new first. ok is false where
// they are too many to be kept.
func newestFirst(rows iter.Seq2[row, error]) (kept []row, ok bool, err error) {
	for r, err := range rows {
		if err != nil {
			return nil, false, err
		}
		if kept = append(kept, r); len(kept) > mostSorted {
			return nil, false, nil
		}
	}
	slices.SortStableFunc(kept, func(a, b row) int { return -compareValues(a["created"], b["created"]) })
	return kept, true, nil
}

// listAll lists the application passwords of all users.
func (c *passwordListCommand) listAll(ctx context.Context, all *commands, t terminal) error {
	return all.with(ctx, func(s *site) error {
		l, now := allUsersListing(s.Service), time.Now()
		fill := s.usage(&l, c.outputFlags)
		selects := func(found sparekey.Credential, r row) (bool, error) {
			if !c.stateFilters.selects(s.Service, found, now) || !c.selects(r) {
				return false, nil
			}
			return true, fill(ctx, r)
		}
		read := func(p *progress) iter.Seq2[row, error] {
			return s.rowsOf(ctx, s.Service.AsOperator().All(ctx), p, selects)
		}
		switch {
		case c.isForPeople(c.Format, t, l):
			kept, ok, err := newestFirst(read(newProgress(t, "Reading application passwords")))
			if err != nil {
				return searchAdvice(err)
			}
			if l.rows = kept; !ok {
				l.stream = read(nil) // progress would be between the rows
			}
		case t.isInteractive():
			l.stream = read(nil)
		default:
			l.stream = read(newProgress(t, "Reading application passwords"))
		}
		return searchAdvice(c.print(t, l))
	})
}

// searchAdvice says what to do where a database cannot be searched.
func searchAdvice(err error) error {
	if errors.Is(err, sparekey.ErrUnavailable) {
		return errors.New("this database cannot be searched across users: name a user instead of --all-users")
	}
	return err
}
