package web

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web/internal/urlquery"
)

// filter selects and sorts credentials.
type filter struct {
	User, Name, AppID, UsedBefore string
	Never                         bool
	State                         string // one of states
	Sort                          string // one of orders
	Size                          string // of a page, one of pageSizes
}

// states are the values of filter.State.
var states = []struct {
	value, key string
	has        func(svc *sparekey.Service, c sparekey.Credential) bool
}{
	{"", "state.any", nil},
	{"expired", "state.expired", func(svc *sparekey.Service, c sparekey.Credential) bool { return svc.InactiveReason(c) != "" }},
	{"expiring", "state.expiring", (*sparekey.Service).IsExpiring},
	{"unlimited", "state.unlimited", (*sparekey.Service).IsUnlimited},
}

// orders are the values of filter.Sort. The first is the store's own order.
var orders = []struct {
	value, key string
	compare    func(a, b sparekey.Credential) int
}{
	{"", "sort.newest", nil},
	{"oldest", "sort.oldest", func(a, b sparekey.Credential) int { return a.Created.Compare(b.Created) }},
	{"name", "sort.name", func(a, b sparekey.Credential) int {
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	}},
	{"used", "sort.used", func(a, b sparekey.Credential) int { return b.LastUsed.Compare(a.LastUsed) }},
	{"unused", "sort.unused", func(a, b sparekey.Credential) int { return a.LastUsed.Compare(b.LastUsed) }},
}

// pageSizes are how many rows a page can have.
var pageSizes = []int{perPage, 50, 100}

// filterOf reads a filter from the fields of a form. It ignores values that the page does not
// offer.
func filterOf(fields url.Values) filter {
	f := filter{
		User: strings.TrimSpace(fields.Get("user")), Name: strings.TrimSpace(fields.Get("name")),
		AppID: strings.TrimSpace(fields.Get("app_id")), UsedBefore: fields.Get("used_before"), Never: fields.Has("never"),
		State: fields.Get("state"), Sort: fields.Get("sort"), Size: fields.Get("size"),
	}
	if _, err := time.Parse(time.DateOnly, f.UsedBefore); err != nil || f.Never {
		f.UsedBefore = "" // a credential that was never used was not used before a day either
	}
	if size, err := strconv.Atoi(f.Size); err != nil || size == perPage || !slices.Contains(pageSizes, size) {
		f.Size = ""
	}
	if f.order() < 0 {
		f.Sort = ""
	}
	if f.state() < 0 {
		f.State = ""
	}
	return f
}

func (f filter) order() int {
	for i, o := range orders {
		if o.value == f.Sort {
			return i
		}
	}
	return -1
}

func (f filter) state() int {
	for i, s := range states {
		if s.value == f.State {
			return i
		}
	}
	return -1
}

// size is how many rows a page has.
func (f filter) size() int {
	if n, err := strconv.Atoi(f.Size); err == nil {
		return n
	}
	return perPage
}

// Selects reports whether the filter can leave credentials out.
func (f filter) Selects() bool {
	f.Sort, f.Size = "", ""
	return f != filter{}
}

// IsZero is for templates.
func (f filter) IsZero() bool { return f == filter{} }

// address is that of a page with this filter, and with more fields.
func (f filter) address(page string, more ...urlquery.Field) string {
	never := ""
	if f.Never {
		never = "1"
	}
	var fields []urlquery.Field
	for _, field := range []urlquery.Field{
		{Name: "user", Value: f.User}, {Name: "name", Value: f.Name}, {Name: "app_id", Value: f.AppID},
		{Name: "used_before", Value: f.UsedBefore}, {Name: "never", Value: never}, {Name: "state", Value: f.State},
		{Name: "sort", Value: f.Sort}, {Name: "size", Value: f.Size},
	} {
		if field.Value != "" {
			fields = append(fields, field)
		}
	}
	return urlquery.Add(page, append(fields, more...)...)
}

// search returns a page of the selected credentials, and how many there are in all. A limit of 0
// means no limit. It filters and sorts in memory what the store cannot.
func (c *call) search(f filter, userID string, offset, limit int) (found []sparekey.Credential, total int, err error) {
	query := sparekey.CredentialQuery{UserID: userID, Name: f.Name, AppID: f.AppID, NeverUsed: f.Never}
	if f.UsedBefore != "" {
		if query.UsedBefore, err = time.Parse(time.DateOnly, f.UsedBefore); err != nil {
			return nil, 0, err
		}
	}
	has, compare := states[f.state()].has, orders[f.order()].compare
	if has == nil && compare == nil {
		query.Offset, query.Limit = offset, limit
		return c.manager().Search(c.r.Context(), query)
	}
	if found, _, err = c.manager().Search(c.r.Context(), query); err != nil {
		return nil, 0, err
	}
	if has != nil {
		found = slices.DeleteFunc(found, func(cr sparekey.Credential) bool { return !has(c.svc, cr) })
	}
	if f.Sort == "oldest" { // also within the same second
		slices.Reverse(found)
	}
	if compare != nil {
		slices.SortStableFunc(found, compare)
	}
	total = len(found)
	from := min(offset, total)
	to := total
	if limit > 0 {
		to = min(from+limit, total)
	}
	return found[from:to], total, nil
}

// matching leaves out credentials that were created after a time: the viewer was not asked about
// them.
func (c *call) matching(f filter, by time.Time) ([]sparekey.Credential, error) {
	userID := ""
	if f.User != "" {
		u, err := c.userNamed(f.User)
		if errors.Is(err, sparekey.ErrUserNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		userID = u.ID
	}
	found, _, err := c.search(f, userID, 0, 0)
	return slices.DeleteFunc(found, func(cr sparekey.Credential) bool { return cr.Created.After(by) }), err
}

func (f filter) choices(l *language) (byState, bySort, bySize []choice) {
	for _, s := range states {
		byState = append(byState, choice{Value: s.value, Text: l.T(s.key), Chosen: s.value == f.State})
	}
	for _, o := range orders {
		bySort = append(bySort, choice{Value: o.value, Text: l.T(o.key), Chosen: o.value == f.Sort})
	}
	for _, n := range pageSizes {
		value := strconv.Itoa(n)
		bySize = append(bySize, choice{Value: value, Text: value, Chosen: n == f.size()})
	}
	return byState, bySort, bySize
}
