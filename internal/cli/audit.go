package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/humantime"
	"github.com/sparekey-dev/sparekey/internal/visible"
)

// moment is a time on the command line.
type moment struct{ time.Time }

// UnmarshalText is called by kong.
func (m *moment) UnmarshalText(text []byte) (err error) {
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if m.Time, err = time.Parse(layout, string(text)); err == nil {
			return nil
		}
	}
	ago, err := humantime.Parse(string(text))
	if err != nil {
		return fmt.Errorf("%q is neither a time such as 2026-12-31 or 2026-12-31T12:00:00Z, nor how long ago, such as 90d or 12h", text)
	}
	m.Time = time.Now().Add(-ago)
	return nil
}

// audited is history, for commands that are about nothing else.
func (s *site) audited() (audit.Store, error) {
	store := s.History()
	if store == nil {
		return nil, errors.New("this database keeps no audit log")
	}
	return store, nil
}

type auditCommands struct {
	List   auditListCommand   `cmd:"" help:"List the last records of the audit log. Uses, refusals and sign-ins appear in it within 10 seconds."`
	Follow auditFollowCommand `cmd:"" help:"Print the last records of the audit log, and new ones as they come."`
	Verify auditVerifyCommand `cmd:"" help:"Exit with 0 if the audit log is complete and unchanged, with 1 if not, and with 2 if that cannot be told."`
	Export auditExportCommand `cmd:"" help:"Print the audit log as it is kept, one JSON object a line."`
}

// auditFilter selects records.
type auditFilter struct {
	User       string   `help:"Only records about this user's application passwords, or of what this user did: ID, login or e-mail address." group:"Filters"`
	Credential string   `help:"Only records about the application password with this UUID." placeholder:"UUID" group:"Filters"`
	Kind       []string `help:"Only records of these kinds: ${enum}." enum:"created,renamed,limited,rotated,revoked,refused,used,revoked_again,put_back,lost,public,signed_in,sign_in_refused,signed_out,signed_out_everywhere,user_created,user_deleted,role_set,password_reset,email_set,display_name_set,checkpoint" group:"Filters"`
	Since      moment   `help:"Only records from this time on: 2026-12-31, 2026-12-31T12:00:00Z, or how long ago, such as 7d or 12h." placeholder:"TIME" group:"Filters"`
	Until      moment   `help:"Only records from before this time." placeholder:"TIME" group:"Filters"`
}

// query looks the user up. One who was deleted can still be named by ID.
func (f auditFilter) query(ctx context.Context, s *site) (audit.Query, error) {
	q := audit.Query{User: f.User, Credential: f.Credential, Since: f.Since.Time, Until: f.Until.Time}
	for _, kind := range f.Kind {
		q.Kinds = append(q.Kinds, sparekey.Kind(kind))
	}
	if f.User != "" {
		u, err := s.findUser(ctx, f.User)
		if err == nil {
			q.User = u.ID
		} else if strings.Trim(f.User, "0123456789") != "" {
			return q, err
		}
		if q.Credential, err = fullUUID(ctx, s.Service.AsOperator(), q.User, q.Credential); err != nil {
			return q, err
		}
	}
	if q.Credential != "" && len(q.Credential) != wholeUUID {
		return q, fmt.Errorf("--credential: %q is not a whole UUID: give all of it, or --user as well while the application password exists", f.Credential)
	}
	return q, nil
}

// with opens the log for the time of a command.
func (f auditFilter) with(ctx context.Context, all *commands, do func(audit.Store, audit.Query) error) error {
	return all.with(ctx, func(s *site) error {
		store, err := s.audited()
		if err != nil {
			return err
		}
		q, err := f.query(ctx, s)
		if err != nil {
			return err
		}
		return do(store, q)
	})
}

// The columns that are printed of a record, and those that are printed on request.
var (
	auditColumns = []string{"seq", "time", "kind", "login", "name", "who", "addr", "request", "reason", "count"}
	auditMore    = []string{
		"user", "credential", "actor", "actor_login", "operator", "by", "method", "path", "rule",
		"expires", "scopes", "networks", "max_uses", "old_until", "roles", "since", "folded", "through", "prev", "hash",
	}
)

// auditRow is a record as people read it. A line that is not a record is shown as broken.
func auditRow(line audit.Line) row {
	r, err := audit.ParseLine(line.Text)
	if err != nil {
		return row{"seq": int64(line.Seq), "kind": "BROKEN", "reason": err.Error()}
	}
	addr := ""
	if r.Addr.IsValid() {
		addr = r.Addr.String()
	}
	who := r.ActorLogin
	switch {
	case r.Operator != "":
		who = r.Operator
	case r.Overflow:
		who = "(several)"
	}
	return row{
		"seq": int64(r.Seq), "time": timeOrNil(r.Time), "kind": string(r.Kind), "login": textOrNil(r.Login), "name": textOrNil(r.Name),
		"who": textOrNil(who), "addr": textOrNil(addr), "request": textOrNil(strings.TrimSpace(r.Method + " " + r.Path)),
		"reason": textOrNil(string(r.Reason)), "count": int64(max(r.Count, 1)),
		"user": textOrNil(r.User), "credential": textOrNil(r.Credential), "actor": textOrNil(r.Actor), "actor_login": textOrNil(r.ActorLogin),
		"operator": textOrNil(r.Operator), "by": textOrNil(r.By), "method": textOrNil(r.Method), "path": textOrNil(r.Path), "rule": textOrNil(r.Rule),
		"expires": timeOrNil(r.Expires), "scopes": textOrNil(strings.Join(r.Scopes, ", ")), "networks": textOrNil(strings.Join(r.Networks, ", ")),
		"max_uses": int64(r.MaxUses), "old_until": timeOrNil(r.OldUntil), "roles": textOrNil(strings.Join(r.Roles, ",")), "since": timeOrNil(r.Since), "folded": strconv.FormatBool(r.Overflow),
		"through": int64(r.Through), "prev": r.Prev.String(), "hash": r.Hash.String(),
	}
}

func timeOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

type auditListCommand struct {
	auditFilter
	listFlags
	Limit int `help:"The maximum number of records; the last ones are shown. 0: all." default:"50"`
}

func (c *auditListCommand) Run(ctx context.Context, all *commands, t terminal) error {
	return c.with(ctx, all, func(store audit.Store, q audit.Query) error {
		q.Newest, q.Limit = true, c.Limit
		lines, err := store.ReadAudit(ctx, q)
		if err != nil {
			return err
		}
		slices.Reverse(lines)
		l := listing{id: "seq", columns: auditColumns, more: auditMore, people: peopleReadRecords()}
		for _, line := range lines {
			l.rows = append(l.rows, auditRow(line))
		}
		return c.print(t, l)
	})
}

type auditFollowCommand struct {
	auditFilter
	Limit  int           `help:"How many of the last records to begin with." default:"10"`
	Every  time.Duration `help:"How often to look for new records." default:"1s"`
	Format string        `help:"One of ${enum}." enum:"text,json" default:"text"`
}

// Validate is called by kong.
func (c *auditFollowCommand) Validate() error {
	if c.Every < 10*time.Millisecond {
		return errors.New("--every must be 10ms or more")
	}
	return nil
}

func (c *auditFollowCommand) Run(ctx context.Context, all *commands, t terminal) error {
	return c.with(ctx, all, func(store audit.Store, q audit.Query) error {
		last, err := store.ReadAudit(ctx, audit.Query{Newest: true, Limit: 1})
		if err != nil {
			return err
		}
		if c.Limit > 0 {
			if err := c.printLast(ctx, store, q, t); err != nil {
				return err
			}
		}
		if len(last) > 0 {
			q.After = max(q.After, last[0].Seq)
		}
		return c.follow(ctx, store, q, t)
	})
}

func (c *auditFollowCommand) printLast(ctx context.Context, store audit.Store, q audit.Query, t terminal) error {
	q.Newest, q.Limit = true, c.Limit
	lines, err := store.ReadAudit(ctx, q)
	slices.Reverse(lines)
	for _, line := range lines {
		c.print(t, line)
	}
	return err
}

// follow prints records as they come, until the user has seen enough.
func (c *auditFollowCommand) follow(ctx context.Context, store audit.Store, q audit.Query, t terminal) error {
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for {
		err := audit.Each(ctx, store, q, func(line audit.Line) error {
			c.print(t, line)
			q.After = line.Seq
			return nil
		})
		if ctx.Err() != nil {
			return nil // that is how one stops it
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (c *auditFollowCommand) print(t terminal, line audit.Line) {
	if c.Format == "json" {
		fmt.Fprintln(t.out, visible.Escape(line.Text))
		return
	}
	r := auditRow(line)
	var words []string
	for _, column := range auditColumns {
		if text := r.shown(column); text != "" && (column != "count" || text != "1") {
			words = append(words, column+"="+quoteBlanks(text))
		}
	}
	fmt.Fprintln(t.out, strings.Join(words, " "))
}

// quoteBlanks makes one word of a text.
func quoteBlanks(text string) string {
	if strings.ContainsAny(text, " \"=") {
		return strconv.Quote(text)
	}
	return text
}

type auditVerifyCommand struct {
	File string       `arg:"" optional:"" help:"An export of the whole log. Default: the log itself."`
	Head bool         `help:"Print the head alone: keep it in another place, and give it to --kept later."`
	Kept []audit.Head `help:"A head that was kept: the log must still have it. May be given more than once." placeholder:"HEAD"`
}

func (c *auditVerifyCommand) Run(ctx context.Context, all *commands, t terminal) error {
	report, err := c.verify(ctx, all, t)
	var broken *audit.BrokenError
	switch {
	case errors.As(err, &broken):
		fmt.Fprintf(t.err, "Error: %s\n", visible.Escape(err.Error()))
		return exitCode(1)
	case err != nil:
		fmt.Fprintf(t.err, "Error: %s\n", visible.Escape(err.Error()))
		return exitCode(2)
	case c.Head:
		fmt.Fprintln(t.out, report.Head)
	case report.Lines == 0:
		fmt.Fprintln(t.out, "The audit log is empty.")
	case report.Lines == 1:
		fmt.Fprintf(t.out, "The audit log is in order: 1 record, number %d.\nHead: %s\n", report.First, report.Head)
	default:
		fmt.Fprintf(t.out, "The audit log is in order: %d records, number %d to %d.\nHead: %s\n", report.Lines, report.First, report.Head.Seq, report.Head)
	}
	return nil
}

func (c *auditVerifyCommand) verify(ctx context.Context, all *commands, t terminal) (report audit.Report, err error) {
	key, err := all.AuditLogKey()
	if err != nil {
		return report, err
	}
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return report, fmt.Errorf("the export %s cannot be read: %w: name another file, or none to verify the log itself", c.File, config.Reason(err))
		}
		defer f.Close()
		return audit.VerifyExport(f, key, c.Kept...)
	}
	err = all.with(ctx, func(s *site) error {
		store, err := s.audited()
		if err != nil {
			return err
		}
		store, p, err := watchLog(ctx, store, t, "Verifying records")
		if err != nil {
			return err
		}
		defer p.end()
		report, err = audit.Verify(ctx, store, key, c.Kept...)
		return err
	})
	return report, err
}

type auditExportCommand struct{ auditFilter }

func (c *auditExportCommand) Run(ctx context.Context, all *commands, t terminal) error {
	return c.with(ctx, all, func(store audit.Store, q audit.Query) error {
		var p *progress
		if !t.isInteractive() { // else it would be between the records
			var err error
			if store, p, err = watchLog(ctx, store, t, "Exporting records"); err != nil {
				return err
			}
		}
		defer p.end()
		out := bufio.NewWriter(t.out)
		err := audit.Each(ctx, store, q, func(line audit.Line) error {
			_, err := fmt.Fprintln(out, line.Text)
			return err
		})
		return errors.Join(err, out.Flush())
	})
}

// usageColumns are what is counted of an application password's uses. They are
// none of wp-cli's, so they are printed only where they are asked for.
var usageColumns = []string{"use_count", "recent_addresses"}

// usage makes the fields of what is counted of uses known to a listing, and returns what
// fills them in a row, which does nothing where they are not to be printed.
func (s *site) usage(l *listing, flags outputFlags) (fill func(context.Context, row) error) {
	nothing := func(context.Context, row) error { return nil }
	store := s.History()
	if store == nil {
		return nothing
	}
	l.more = append(slices.Clone(l.more), usageColumns...)
	if !slices.ContainsFunc(append(slices.Clone(flags.Fields), flags.Field), func(f string) bool { return slices.Contains(usageColumns, f) }) {
		return nothing
	}
	return func(ctx context.Context, r row) error {
		u, err := store.Usage(ctx, r.text("uuid"))
		if err != nil {
			return err
		}
		var addresses []string
		for _, a := range u.Addresses {
			addresses = append(addresses, a.Addr)
		}
		r["use_count"], r["recent_addresses"] = int64(u.Count), textOrNil(strings.Join(addresses, " "))
		return nil
	}
}

// addUsage adds to application passwords what is counted of their uses, where that
// is to be printed.
func (s *site) addUsage(ctx context.Context, l *listing, flags outputFlags) error {
	fill := s.usage(l, flags)
	for _, r := range l.rows {
		if err := fill(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
