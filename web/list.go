package web

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web/internal/urlquery"
)

// perPage is how many credentials a page of a list has. Even with the longest names that are
// shown, a page then stays below 100 kB.
const perPage = 25

// owner is the user whose credentials a page is about.
type owner struct {
	sparekey.User
	Own  bool   // the viewer themself
	List string // path of the list
}

// page is the path of a page about all of the owner's credentials.
func (o owner) page(name string) string { return strings.TrimRight(o.List, "/") + "/" + name }

// Name is what the owner is called, on pages.
func (o owner) Name() string { return nameOf(o.User) }

func nameOf(u sparekey.User) string {
	if u.DisplayName != "" {
		return displayText(u.DisplayName)
	}
	return displayText(u.Login)
}

// owner returns the user in the path, or else the viewer. Users that the viewer may not
// manage look the same as unknown users.
func (c *call) owner() (owner, error) {
	id := c.r.PathValue("user")
	if id == "" || id == c.signed.ID {
		u, err := c.manager().Target(c.r.Context(), c.signed.ID)
		return owner{User: u, Own: true, List: c.home()}, err
	}
	u, err := c.manager().Target(c.r.Context(), id)
	if errors.Is(err, sparekey.ErrForbidden) {
		err = sparekey.ErrUserNotFound
	}
	return owner{User: u, List: c.listOf(id)}, err
}

// listOf is the path of a user's list.
func (c *call) listOf(userID string) string { return c.base + "/users/" + url.PathEscape(userID) }

// confirm returns the redirect to the page on which the viewer confirms their main password, if
// the change needs that.
func (c *call) confirm(o owner, back string) *answer {
	if o.Own || c.confirmed() {
		return nil
	}
	return c.redirectVia(c.config.ConfirmURL, back)
}

func (c *call) confirmed() bool { return c.config.Confirmed == nil || c.config.Confirmed(c.r) }

// listPage is a user's credentials.
type listPage struct {
	view
	nav
	Owner  owner
	Rows   []row
	Total  int // of all the user's credentials
	Query  string
	Paging paging
	Notice string
	Closed string // why a password cannot be created, or empty

	New       string // address of the page to make one
	RevokeAll string // address of the page to do so
}

// nav leads from the viewer's own list to that over all users, and back.
type nav struct {
	MayAll  bool
	All     string // address of the page over all users
	Section string // own, all or neither
}

func (c *call) tabs(section string) (nav, error) {
	mayAll, err := c.maySearchAll()
	return nav{MayAll: mayAll, All: c.all(), Section: section}, err
}

// row is a credential in a table.
type row struct {
	*language
	Ref      string // names it in a form
	Name     string
	AppID    string
	User     string // on the page over all users
	UserList string // path of their list
	OfApp    string // address of the page with everything of the app ID
	Created  time.Time
	LastUsed time.Time
	LastIP   string
	History  string // address, or empty
	Rename   string // addresses
	Revoke   string
	Limits   string
	Rotate   string
	Badges   []badge
}

// row makes a row. list is the path of the owner's list, and back the address
// to come back to.
func (c *call) row(cr sparekey.Credential, list, back string) row {
	return row{
		language: c.lang,
		Ref:      refOf(cr),
		Name:     displayText(cr.Name),
		AppID:    displayText(cr.AppID),
		UserList: list,
		Created:  cr.Created,
		LastUsed: cr.LastUsed,
		LastIP:   displayText(cr.LastIP),
		History:  c.historyURL(list, cr.UUID, back),
		Rename:   below(list, "rename", cr.UUID, back),
		Revoke:   below(list, "revoke", cr.UUID, back),
		Limits:   below(list, "limits", cr.UUID, back),
		Rotate:   below(list, "rotate", cr.UUID, back),
		Badges:   c.badges(cr),
	}
}

// below is the address of a page about a credential in a list.
func below(list, page, uuid, back string) string {
	return urlquery.Add(strings.TrimRight(list, "/")+"/"+page+"/"+url.PathEscape(uuid),
		urlquery.Field{Name: "back", Value: back})
}

// paging says which part of a list a page has.
type paging struct {
	First, Last, Total int
	Here               string // address of this page
	Newer, Older       string // addresses of its neighbours, or empty
	offset             int
}

// pageNumber is which page of a list is asked for, from 1.
func (c *call) pageNumber() int {
	n, _ := strconv.Atoi(c.field("page")) // 0 for what is not a number
	return min(max(n, 1), math.MaxInt32/pageSizes[len(pageSizes)-1])
}

// pagingOf cuts a list of so many into pages of a size. Where page n is not there, the last
// one is meant. list is the address of the list.
func pagingOf(n, total, size int, list string) paging {
	last := max(1, (total+size-1)/size)
	n = min(n, last)
	at := func(n int) string {
		if n == 1 {
			return list
		}
		return urlquery.Add(list, urlquery.Field{Name: "page", Value: strconv.Itoa(n)})
	}
	p := paging{Total: total, Here: at(n), offset: (n - 1) * size}
	p.First, p.Last = min(p.offset+1, total), min(p.offset+size, total)
	if n > 1 {
		p.Newer = at(n - 1)
	}
	if n < last {
		p.Older = at(n + 1)
	}
	return p
}

func showList(c *call) (*answer, error) {
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	list, err := c.manager().List(c.r.Context(), o.ID)
	if err != nil {
		return nil, err
	}
	p := &listPage{
		Owner: o, Total: len(list), Query: c.field("q"), Notice: c.notice(), Closed: c.closed(o, len(list)),
		New: o.page("new"), RevokeAll: o.page("revoke-all"),
	}
	here := o.List
	if p.Query != "" {
		here = urlquery.Add(here, urlquery.Field{Name: "q", Value: p.Query})
		list = named(list, p.Query)
	}
	slices.Reverse(list) // the newest first
	p.Paging = pagingOf(c.pageNumber(), len(list), perPage, here)
	for _, cr := range list[p.Paging.offset:p.Paging.Last] {
		p.Rows = append(p.Rows, c.row(cr, o.List, p.Paging.Here))
	}
	title, section := c.lang.T("list.title"), "own"
	if !o.Own {
		title, section = c.lang.T("list.title_user", "user", o.Name()), ""
	}
	if p.nav, err = c.tabs(section); err != nil {
		return nil, err
	}
	return show("list", title, p), nil
}

// closed returns why an owner with so many credentials cannot create another one, so that users
// learn it before they fill in the form.
func (c *call) closed(o owner, total int) string {
	policy := c.svc.Policy()
	err := policy.MayHave(o.User)
	switch {
	case c.carriesBasic():
		err = errBasic
	case err == nil && policy.MaxPerUser > 0 && total >= policy.MaxPerUser:
		err = sparekey.ErrTooMany
	}
	if err == nil {
		return ""
	}
	_, key := outcome(err)
	return c.lang.T("error." + key + ".text")
}

// named returns the credentials with this text in their name, ignoring case.
func named(list []sparekey.Credential, text string) []sparekey.Credential {
	text = strings.ToLower(text)
	return slices.DeleteFunc(list, func(cr sparekey.Credential) bool {
		return !strings.Contains(strings.ToLower(cr.Name), text)
	})
}

// withStatus gives the page with a form the status of the form's problem.
func withStatus(problem error) func(*answer, error) (*answer, error) {
	return func(a *answer, err error) (*answer, error) {
		if err == nil {
			a.status, _ = outcome(problem)
		}
		return a, err
	}
}

// renamePage is the form to rename a credential.
type renamePage struct {
	view
	Name    string // the present one
	Typed   string
	Problem string
	Action  string
	Back    string
}

func showRename(c *call) (*answer, error) {
	o, cr, err := c.credential()
	if err != nil {
		return nil, err
	}
	return c.renamePage(o, cr, cr.Name, ""), nil
}

func (c *call) renamePage(o owner, cr sparekey.Credential, typed, problem string) *answer {
	name := displayText(cr.Name)
	return show("rename", c.lang.T("rename.title", "name", name), &renamePage{
		Name: name, Typed: editable(typed), Problem: problem, Action: c.r.URL.RequestURI(), Back: c.back(o.List),
	})
}

func rename(c *call) (*answer, error) {
	o, cr, err := c.credential()
	if err != nil {
		return nil, err
	}
	if redirected := c.confirm(o, c.r.URL.RequestURI()); redirected != nil {
		return redirected, nil
	}
	_, err = c.manager().Rename(c.r.Context(), o.ID, cr.UUID, c.field("name"))
	if problem := c.formProblem(err); problem != "" {
		return withStatus(err)(c.renamePage(o, cr, c.field("name"), problem), nil)
	}
	if err != nil {
		return nil, err
	}
	return redirect(done(c.back(o.List), "renamed")), nil
}

func (c *call) credential() (owner, sparekey.Credential, error) {
	o, err := c.owner()
	if err != nil {
		return owner{}, sparekey.Credential{}, err
	}
	cr, err := c.manager().Get(c.r.Context(), o.ID, c.r.PathValue("uuid"))
	return o, cr, err
}

// confirmPage asks before an action that cannot be undone. Its form is sent to the page's own URL,
// which has all parameters.
type confirmPage struct {
	view
	Text   string
	Items  []string // the credentials, if there are several
	More   int      // how many items are not listed
	Button string
	Action string
	Back   string
}

func (c *call) confirmPage(title string, p *confirmPage) (*answer, *confirmPage) {
	p.Action = c.r.URL.RequestURI()
	return show("confirm", title, p), p
}

func confirmRevoke(c *call) (*answer, error) {
	o, cr, err := c.credential()
	if err != nil {
		return nil, err
	}
	if redirected := c.confirm(o, c.r.URL.RequestURI()); redirected != nil {
		return redirected, nil
	}
	a, _ := c.confirmPage(c.lang.T("revoke.title", "name", displayText(cr.Name)), &confirmPage{
		Text: c.lang.T("revoke.text"), Button: c.lang.T("revoke.button"), Back: c.back(o.List),
	})
	return a, nil
}

func revoke(c *call) (*answer, error) {
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	if redirected := c.confirm(o, c.r.URL.RequestURI()); redirected != nil {
		return redirected, nil
	}
	_, err = c.manager().Revoke(c.r.Context(), o.ID, c.r.PathValue("uuid"))
	if err != nil && !errors.Is(err, sparekey.ErrNotFound) { // already revoked is what the user wanted
		return nil, err
	}
	return redirect(done(c.back(o.List), "revoked")), nil
}

func confirmRevokeAll(c *call) (*answer, error) {
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	if redirected := c.confirm(o, c.r.URL.RequestURI()); redirected != nil {
		return redirected, nil
	}
	list, err := c.manager().List(c.r.Context(), o.ID)
	if err != nil {
		return nil, err
	}
	title := c.lang.T("revoke_all.title")
	if !o.Own {
		title = c.lang.T("revoke_all.title_user", "user", o.Name())
	}
	slices.Reverse(list)
	items, more, err := itemsOf(list, nil)
	if err != nil {
		return nil, err
	}
	a, _ := c.confirmPage(title, &confirmPage{
		Text: c.lang.T("revoke_all.text"), Items: items, More: more,
		Button: c.lang.T("revoke_all.button", "total", len(list)), Back: o.List,
	})
	return a, nil
}

// itemsOf names the credentials that fit on a page, with their owners' names unless of is nil.
func itemsOf(list []sparekey.Credential, of func(userID string) (string, error)) (names []string, more int, err error) {
	for _, cr := range list[:min(len(list), perPage)] {
		name := displayText(cr.Name)
		if of != nil {
			owner, err := of(cr.UserID)
			if err != nil {
				return nil, 0, err
			}
			name += " (" + owner + ")"
		}
		names = append(names, name)
	}
	return names, len(list) - len(names), nil
}

func revokeAll(c *call) (*answer, error) {
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	if redirected := c.confirm(o, c.r.URL.RequestURI()); redirected != nil {
		return redirected, nil
	}
	gone, err := c.manager().RevokeAll(c.r.Context(), o.ID)
	if err != nil {
		return nil, err
	}
	c.codes.drop(o.ID)
	return redirect(doneWith(o.List, "revoked_many", len(gone))), nil
}

// back is the address of the list that the viewer came from, or else this one.
func (c *call) back(list string) string {
	if back := c.r.URL.Query().Get("back"); localPath(back) && strings.HasPrefix(back, c.base+"/") {
		return back
	}
	return list
}

// done is the address of a list with a notice.
func done(list, what string) string {
	return urlquery.Add(list, urlquery.Field{Name: "done", Value: what})
}

func doneWith(list, what string, count int) string {
	return urlquery.Add(done(list, what), urlquery.Field{Name: "count", Value: strconv.Itoa(count)})
}

// notice is the text of what was done, or "".
func (c *call) notice() string {
	if c.r.Method == http.MethodPost || c.field("done") == "" {
		return ""
	}
	if count, err := strconv.ParseUint(c.field("count"), 10, 31); err == nil {
		form := c.lang.form("done."+c.field("done"), int64(count))
		return strings.ReplaceAll(form, "#", strconv.FormatUint(count, 10))
	}
	if c.field("done") == "revoked_many" {
		return "" // without a count
	}
	return c.lang.T("done." + c.field("done")) // empty for an unknown key
}
