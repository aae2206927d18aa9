package web

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// allPage is the credentials of all users.
type allPage struct {
	view
	nav
	Filter  filter
	Rows    []row
	Paging  paging
	Notice  string
	Action  string // address of the page to revoke what is selected
	OfApp   string // address of the page to revoke everything of the app ID
	User    string // whom the filter names, if it is a user
	UserURL string // path of their list
	Unknown bool   // the filter names nobody
}

// filter is what was typed to select credentials.
type filter struct {
	User, Name, AppID, UsedBefore string
	Never                         bool
}

func (c *call) filter() filter {
	return filter{
		User: strings.TrimSpace(c.field("user")), Name: strings.TrimSpace(c.field("name")),
		AppID: strings.TrimSpace(c.field("app_id")), UsedBefore: c.field("used_before"), Never: c.fields().Has("never"),
	}
}

// IsZero reports whether the filter selects everything.
func (f filter) IsZero() bool { return f == filter{} }

// address is that of a list with this filter.
func (f filter) address(list string) string {
	var fields []sparekey.Field
	for _, field := range []sparekey.Field{
		{Name: "user", Value: f.User}, {Name: "name", Value: f.Name},
		{Name: "app_id", Value: f.AppID}, {Name: "used_before", Value: f.UsedBefore},
	} {
		if field.Value != "" {
			fields = append(fields, field)
		}
	}
	if f.Never {
		fields = append(fields, sparekey.Field{Name: "never", Value: "1"})
	}
	return sparekey.AddFields(list, fields...)
}

// showAll is the page with the credentials of all users, newest first.
func showAll(c *call) (*answer, error) {
	if err := c.mustSearchAll(); err != nil { // before the filter tells who is a user
		return nil, err
	}
	p := &allPage{
		nav:    nav{MayAll: true, All: c.all(), Section: "all"},
		Filter: c.filter(), Notice: c.notice(), Action: c.all() + "/revoke",
	}
	query := sparekey.CredentialQuery{Name: p.Filter.Name, AppID: p.Filter.AppID, NeverUsed: p.Filter.Never, Limit: perPage}
	if day, err := time.Parse(time.DateOnly, p.Filter.UsedBefore); err != nil || p.Filter.Never {
		p.Filter.UsedBefore = "" // what was never used was not used before any day
	} else {
		query.UsedBefore = day
	}
	title := c.lang.T("all.title")
	if p.Filter.User != "" {
		user, err := c.userNamed(p.Filter.User)
		if errors.Is(err, sparekey.ErrUserNotFound) {
			p.Unknown = true
			return show("all", title, p), nil
		}
		if err != nil {
			return nil, err
		}
		query.UserID, p.User, p.UserURL = user.ID, nameOf(user), c.listOf(user.ID)
	}
	list := p.Filter.address(c.all())
	query.Offset = (c.pageNumber() - 1) * perPage
	found, total, err := c.manager().Search(c.r.Context(), query)
	if err != nil {
		return nil, err
	}
	if p.Paging = pagingOf(c.pageNumber(), total, list); p.Paging.offset != query.Offset {
		return redirect(p.Paging.Here), nil // the list has become shorter
	}
	if p.Rows, err = c.rows(found, p.Paging.Here); err != nil {
		return nil, err
	}
	if p.Filter.AppID != "" && total > 0 {
		p.OfApp = sparekey.AddFields(p.Action,
			sparekey.Field{Name: "app_id", Value: p.Filter.AppID}, sparekey.Field{Name: "back", Value: list})
	}
	return show("all", title, p), nil
}

// all is the path of the page over all users.
func (c *call) all() string { return c.base + "/all" }

// mustSearchAll refuses who may not look through the credentials of all users.
func (c *call) mustSearchAll() error { return c.manager().MaySearch(c.r.Context(), "") }

// maySearchAll is mustSearchAll as a question.
func (c *call) maySearchAll() (bool, error) {
	err := c.mustSearchAll()
	if errors.Is(err, sparekey.ErrForbidden) || errors.Is(err, sparekey.ErrUnavailable) {
		return false, nil
	}
	return err == nil, err
}

// userNamed finds the user with a login, an e-mail address or an ID.
func (c *call) userNamed(name string) (sparekey.User, error) {
	u, err := c.svc.Directory().UserByLogin(c.r.Context(), name)
	if errors.Is(err, sparekey.ErrUserNotFound) {
		return c.svc.Directory().UserByID(c.r.Context(), name)
	}
	return u, err
}

// rows makes the rows of a table with the credentials of several users.
func (c *call) rows(found []sparekey.Credential, back string) ([]row, error) {
	names := map[string]string{}
	var rows []row
	for _, cr := range found {
		if _, known := names[cr.UserID]; !known {
			name, err := c.userName(cr.UserID)
			if err != nil {
				return nil, err
			}
			names[cr.UserID] = name
		}
		r := c.row(cr, c.listOf(cr.UserID), back)
		r.User, r.OfApp = names[cr.UserID], filter{AppID: cr.AppID}.address(c.all())
		rows = append(rows, r)
	}
	return rows, nil
}

// userName is what a user is called, or the ID of one that is there no more.
func (c *call) userName(id string) (string, error) {
	u, err := c.svc.Directory().UserByID(c.r.Context(), id)
	switch {
	case errors.Is(err, sparekey.ErrUserNotFound):
		return id, nil
	case err != nil:
		return "", err
	}
	return nameOf(u), nil
}

// refOf names a credential in a form. ownerAndUUID reads it.
func refOf(cr sparekey.Credential) string { return cr.UserID + ":" + cr.UUID }

func ownerAndUUID(ref string) (userID, uuid string) {
	at := strings.LastIndexByte(ref, ':')
	if at < 0 {
		return "", ref
	}
	return ref[:at], ref[at+1:]
}

// selected returns the credentials that a request is about: those with an app ID,
// or those that were ticked. What is there no more is left out.
func (c *call) selected() ([]sparekey.Credential, error) {
	query := c.r.URL.Query()
	if id := query.Get("app_id"); id != "" {
		found, _, err := c.manager().Search(c.r.Context(), sparekey.CredentialQuery{AppID: id})
		return found, err
	}
	ticked := map[string][]string{} // UUIDs by user
	for _, ref := range query["c"] {
		userID, uuid := ownerAndUUID(ref)
		ticked[userID] = append(ticked[userID], uuid)
	}
	var found []sparekey.Credential
	for _, userID := range slices.Sorted(maps.Keys(ticked)) {
		list, err := c.manager().List(c.r.Context(), userID)
		if errors.Is(err, sparekey.ErrUserNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, slices.DeleteFunc(list, func(cr sparekey.Credential) bool {
			return !slices.Contains(ticked[userID], cr.UUID)
		})...)
	}
	return found, nil
}

// confirmRevokeMany asks before what is selected on the page over all users is
// revoked.
func confirmRevokeMany(c *call) (*answer, error) {
	found, detour, err := c.toRevoke()
	if detour != nil || err != nil {
		return detour, err
	}
	back := c.back(c.all())
	if len(found) == 0 {
		return redirect(done(back, "nothing")), nil
	}
	title := c.lang.T("revoke_many.title")
	if id := c.r.URL.Query().Get("app_id"); id != "" {
		title = c.lang.T("revoke_many.title_app", "id", shown(id))
	}
	items, more, err := itemsOf(found, c.userName)
	if err != nil {
		return nil, err
	}
	return c.confirmPage(title, &confirmPage{
		Text: c.lang.T("revoke_many.text"), Items: items, More: more,
		Button: c.lang.T("revoke_all.button", "total", len(found)), Back: back,
	}), nil
}

func revokeMany(c *call) (*answer, error) {
	found, detour, err := c.toRevoke()
	if detour != nil || err != nil {
		return detour, err
	}
	for _, cr := range found {
		_, err := c.manager().Revoke(c.r.Context(), cr.UserID, cr.UUID)
		if err != nil && !errors.Is(err, sparekey.ErrNotFound) { // one that is gone is what was asked for
			return nil, err
		}
	}
	return redirect(done(c.back(c.all()), "revoked_all")), nil
}

// toRevoke returns what is selected, if the viewer may revoke it now.
func (c *call) toRevoke() (found []sparekey.Credential, detour *answer, err error) {
	if err := c.mustSearchAll(); err != nil {
		return nil, nil, err
	}
	if !c.confirmed() {
		return nil, c.detour(c.config.ConfirmURL, c.r.URL.RequestURI()), nil
	}
	found, err = c.selected()
	return found, nil, err
}
