package web

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web/internal/urlquery"
)

// allPage is the credentials of all users.
type allPage struct {
	view
	nav
	Filter  filter
	States  []choice
	Sorts   []choice
	Sizes   []choice
	Rows    []row
	Paging  paging
	Notice  string
	Action  string // address of the page to revoke what is selected
	OfApp   string // address of the page to revoke everything of the app ID
	Match   string // address of the page to revoke everything that the filter selects
	User    string // the user that the filter names, if it names one
	UserURL string // path of their list
	Unknown bool   // the filter names an unknown user
}

// showAll is the page with the credentials of all users.
func showAll(c *call) (*answer, error) {
	if err := c.mustSearchAll(); err != nil { // before the filter reveals which users exist
		return nil, err
	}
	f := filterOf(c.fields())
	p := &allPage{
		nav:    nav{MayAll: true, All: c.all(), Section: "all"},
		Filter: f, Notice: c.notice(), Action: c.all() + "/revoke",
	}
	p.States, p.Sorts, p.Sizes = f.choices(c.lang)
	title, userID := c.lang.T("all.title"), ""
	if f.User != "" {
		user, err := c.userNamed(f.User)
		if errors.Is(err, sparekey.ErrUserNotFound) {
			p.Unknown = true
			return show("all", title, p), nil
		}
		if err != nil {
			return nil, err
		}
		userID, p.User, p.UserURL = user.ID, nameOf(user), c.listOf(user.ID)
	}
	list, offset := f.address(c.all()), (c.pageNumber()-1)*f.size()
	found, total, err := c.search(f, userID, offset, f.size())
	if err != nil {
		return nil, err
	}
	if p.Paging = pagingOf(c.pageNumber(), total, f.size(), list); p.Paging.offset != offset {
		return redirect(p.Paging.Here), nil // the list has become shorter
	}
	if p.Rows, err = c.rows(found, p.Paging.Here); err != nil {
		return nil, err
	}
	back := urlquery.Field{Name: "back", Value: list}
	switch onlyApp := (filter{AppID: f.AppID}); {
	case total == 0 || !f.Selects():
	case f.AppID != "" && f.address("") == onlyApp.address(""):
		p.OfApp = urlquery.Add(p.Action, urlquery.Field{Name: "app_id", Value: f.AppID}, back)
	default:
		p.Match = f.address(p.Action, urlquery.Field{Name: "match", Value: "1"}, back)
	}
	return show("all", title, p), nil
}

// all is the path of the page over all users.
func (c *call) all() string { return c.base + "/all" }

func (c *call) mustSearchAll() error { return c.manager().MaySearch(c.r.Context(), "") }

func (c *call) maySearchAll() (bool, error) {
	err := c.mustSearchAll()
	if errors.Is(err, sparekey.ErrForbidden) || errors.Is(err, sparekey.ErrUnavailable) {
		return false, nil
	}
	return err == nil, err
}

// userNamed takes a login, an e-mail address or an ID.
func (c *call) userNamed(name string) (sparekey.User, error) {
	u, err := c.svc.Directory().UserByLogin(c.r.Context(), name)
	if errors.Is(err, sparekey.ErrUserNotFound) {
		return c.svc.Directory().UserByID(c.r.Context(), name)
	}
	return u, err
}

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

// userName is the name of a user, or the ID of a deleted one.
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

// selected returns the credentials that a request is about: those that match a filter, those
// with an app ID, or those that were ticked. It leaves out credentials that no longer exist.
func (c *call) selected() ([]sparekey.Credential, error) {
	query := c.r.URL.Query()
	f := filterOf(query)
	switch id := query.Get("app_id"); {
	case query.Has("match") && f.Selects():
		return c.matching(f, c.askedAt())
	case query.Has("match"):
		return nil, nil
	case id != "":
		return c.matching(filter{AppID: id}, c.askedAt())
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

// askedAt is when the viewer was asked to confirm the selection. Without the parameter, that is
// now.
func (c *call) askedAt() time.Time {
	if at, err := strconv.ParseInt(c.r.URL.Query().Get("asked"), 10, 64); err == nil {
		return time.Unix(at, 0)
	}
	return c.config.Now()
}

func confirmRevokeMany(c *call) (*answer, error) {
	found, redirected, err := c.toRevoke()
	if redirected != nil || err != nil {
		return redirected, err
	}
	back := c.back(c.all())
	if len(found) == 0 {
		return redirect(done(back, "nothing")), nil
	}
	title := c.lang.T("revoke_many.title")
	if id := c.r.URL.Query().Get("app_id"); id != "" {
		title = c.lang.T("revoke_many.title_app", "id", displayText(id))
	}
	items, more, err := itemsOf(found, c.userName)
	if err != nil {
		return nil, err
	}
	a, p := c.confirmPage(title, &confirmPage{
		Text: c.lang.T("revoke_many.text"), Items: items, More: more,
		Button: c.lang.T("revoke_all.button", "total", len(found)), Back: back,
	})
	if !c.r.URL.Query().Has("c") && !c.r.URL.Query().Has("asked") {
		p.Action = urlquery.Add(p.Action, urlquery.Field{Name: "asked", Value: strconv.FormatInt(c.config.Now().Unix(), 10)})
	}
	return a, nil
}

func revokeMany(c *call) (*answer, error) {
	found, redirected, err := c.toRevoke()
	if redirected != nil || err != nil {
		return redirected, err
	}
	count := 0
	for _, cr := range found {
		_, err := c.manager().Revoke(c.r.Context(), cr.UserID, cr.UUID)
		switch {
		case err == nil:
			count++
		case !errors.Is(err, sparekey.ErrNotFound): // already revoked is what the user wanted
			return nil, err
		}
	}
	return redirect(doneWith(c.back(c.all()), "revoked_many", count)), nil
}

// toRevoke returns the selection, if the viewer may revoke it now.
func (c *call) toRevoke() (found []sparekey.Credential, redirected *answer, err error) {
	if err := c.mustSearchAll(); err != nil {
		return nil, nil, err
	}
	if !c.confirmed() {
		return nil, c.redirectVia(c.config.ConfirmURL, c.r.URL.RequestURI()), nil
	}
	found, err = c.selected()
	return found, nil, err
}
