package web

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/web/internal/urlquery"
)

// historyPage is the audit log of a credential, newest first.
type historyPage struct {
	view
	nav
	Name     string
	Created  time.Time
	LastUsed time.Time
	Uses     int
	Seen     []audit.Address // where it was used from, the latest first
	Rows     []historyRow
	Older    string // address of the next page, or empty
	Newest   string // address of the first page, if this is another one
	Back     string
	Limits   string // address
}

// historyRow is a record of the log, in the reader's language.
type historyRow struct {
	*language
	When    time.Time
	What    string
	Why     string // details
	Who     string // the user or the operator that made the change
	Addr    string
	Request string
	Times   int // how often, if more than once
	Since   time.Time
}

// historyURL is the address of a credential's history, or empty where the site has no log.
func (c *call) historyURL(list, uuid, back string) string {
	if c.config.Audit == nil {
		return ""
	}
	return below(list, "history", uuid, back)
}

func showHistory(c *call) (*answer, error) {
	o, cr, err := c.credential()
	if err != nil {
		return nil, err
	}
	if c.config.Audit == nil {
		return nil, errNoPage
	}
	usage, err := c.config.Audit.Usage(c.r.Context(), cr.UUID)
	if err != nil {
		return nil, err
	}
	before, _ := strconv.ParseUint(c.field("before"), 10, 64) // 0, the first page, if it is not a number
	lines, err := c.config.Audit.ReadAudit(c.r.Context(), audit.Query{
		Credential: cr.UUID, Before: min(before, math.MaxInt64), Newest: true, Limit: perPage + 1, // one more, to know whether there is a next page
	})
	if err != nil {
		return nil, err
	}
	tabs, err := c.tabs("")
	if err != nil {
		return nil, err
	}
	name := displayText(cr.Name)
	p := &historyPage{
		nav:  tabs,
		Name: name, Created: cr.Created, LastUsed: cr.LastUsed, Uses: usage.Count, Seen: usage.Addresses, Back: c.back(o.List),
	}
	p.Limits = below(o.List, "limits", cr.UUID, p.Back)
	here := c.historyURL(o.List, cr.UUID, p.Back)
	if before > 0 {
		p.Newest = here
	}
	if len(lines) > perPage {
		lines = lines[:perPage]
		p.Older = urlquery.Add(here, urlquery.Field{Name: "before", Value: strconv.FormatUint(lines[perPage-1].Seq, 10)})
	}
	for _, line := range lines {
		r, err := audit.ParseLine(line.Text)
		if err != nil {
			return nil, &audit.BrokenError{Seq: line.Seq, Problem: err.Error()}
		}
		p.Rows = append(p.Rows, c.historyRow(r))
	}
	return show("history", c.lang.T("history.title", "name", name), p), nil
}

func (c *call) historyRow(r audit.Record) historyRow {
	h := historyRow{
		language: c.lang, When: r.Time, Times: r.Count, Since: r.Since,
		What:    cmp.Or(c.lang.T("history.kind."+string(r.Kind)), string(r.Kind)),
		Request: strings.TrimSpace(r.Method + " " + displayText(r.Path)),
	}
	if r.Addr.IsValid() {
		h.Addr = r.Addr.String()
	}
	switch r.Kind {
	case sparekey.KindRefused, sparekey.KindRevoked: // revoked has a reason if the site's policy did it
		h.Why = cmp.Or(c.lang.T("history.reason."+string(r.Reason)), displayText(string(r.Reason)))
	case sparekey.KindRenamed, sparekey.KindCreated:
		h.Why = displayText(r.Name)
	default: // the kind needs no details
	}
	switch {
	case r.Operator != "":
		h.Who = c.lang.T("history.operator")
	case r.By != "":
		h.Who = c.lang.T("history.by_password", "user", displayText(r.ActorLogin))
	default:
		h.Who = displayText(r.ActorLogin)
	}
	return h
}
