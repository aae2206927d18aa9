package web

import (
	"errors"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web/internal/urlquery"
)

type newPage struct {
	view
	nav
	Owner   owner
	Name    string            // as typed
	Problem string            // with the form
	Wrong   map[string]string // what is wrong, by field
	Limits  limitsForm
	Closed  string // why a password cannot be created, or empty
	Form    string // one-time token
	Action  string
}

func showNew(c *call) (*answer, error) {
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	return c.newPage(o, &newPage{Name: editable(c.field("name"))})
}

func (c *call) newPage(o owner, p *newPage) (*answer, error) {
	list, err := c.manager().List(c.r.Context(), o.ID)
	if err != nil {
		return nil, err
	}
	p.Owner, p.Closed, p.Form, p.Action = o, c.closed(o, len(list)), newFormToken(), o.page("new")
	p.Limits = c.limitsForm(sparekey.Limits{}, false, p.Wrong)
	p.Limits.setOwner(o)
	c.restoreAfterRedirect(&p.Limits)
	title := c.lang.T("create.title")
	if !o.Own {
		title = c.lang.T("create.title_user", "user", o.Name())
	}
	if p.nav, err = c.tabs(""); err != nil {
		return nil, err
	}
	return show("new", title, p), nil
}

// create shows the secret in its answer, and nowhere else.
func create(c *call) (*answer, error) {
	o, err := c.owner()
	if err != nil {
		return nil, err
	}
	if c.carriesBasic() {
		return nil, errBasic
	}
	name := c.field("name")
	back := urlquery.Add(o.page("new"), append(c.typedFields(), urlquery.Field{Name: "name", Value: name})...)
	if redirected := c.confirm(o, back); redirected != nil {
		return redirected, nil
	}
	c.latest = c.latestOf(c.config.Now())
	limits, err := c.typedLimits()
	if err != nil {
		return c.newPageWithProblem(o, err)
	}
	secret, cr, err := c.createIdempotent(o.ID, sparekey.NewCredential{Name: name, Limits: limits.Of(sparekey.Limits{})})
	switch {
	case errors.Is(err, errDuplicateForm):
		return redirect(done(o.List, "already")), nil
	case c.formProblem(err) != "":
		return c.newPageWithProblem(o, err)
	case err != nil:
		return nil, err
	}
	return c.secretPage(o, cr, secret, "secret.title")
}

func (c *call) newPageWithProblem(o owner, problem error) (*answer, error) {
	p := &newPage{Name: editable(c.field("name")), Problem: c.formProblem(problem), Wrong: c.problems(problem)}
	return withStatus(problem)(c.newPage(o, p))
}

// secretPage shows a new secret, and the other settings of an application.
type secretPage struct {
	view
	Secret *newSecret
	Back   string // address of the list
}

type newSecret struct {
	Name     string
	Heading  string
	Value    string // plaintext, in groups
	Login    string
	Site     string
	Curl     string // a command to try it
	Facts    []fact
	Previous timed // until when the previous secret works; no time: it does not
}

// title is a key of the catalogue.
func (c *call) secretPage(o owner, cr sparekey.Credential, secret sparekey.Secret, title string) (*answer, error) {
	s := &newSecret{
		Name: displayText(cr.Name), Value: secret.Chunked(), Login: o.Login, Site: c.config.SiteURL,
		Curl:  "curl --user " + shellQuote(o.Login+":"+secret.Chunked()) + " " + shellQuote(c.config.TryURL),
		Facts: c.facts(o.User, cr), Heading: c.lang.T("secret.label"),
	}
	if title == "authorize.done" { // which does not have the name
		s.Heading = c.lang.T("secret.title", "name", s.Name)
	}
	if until := c.svc.OldSecretUntil(cr); !until.IsZero() {
		s.Previous = c.lang.timed("secret.old_until", until)
	}
	return show("secret_page", c.lang.T(title, "name", s.Name), &secretPage{Secret: s, Back: o.List}), nil
}

// shellQuote writes an argument as a POSIX shell reads it.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
