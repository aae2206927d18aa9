package web

import (
	"cmp"
	"errors"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/humantime"
)

// rotatePage has the form to give a credential another secret.
type rotatePage struct {
	view
	Name   string
	Action string
	Grace  []choice
	Form   string // one-time token
	Back   string
}

// showRotate is the page to give a credential another secret.
func showRotate(c *call) (*answer, error) {
	o, cr, err := c.credential()
	if err != nil {
		return nil, err
	}
	graces := []struct{ value, key string }{
		{"0s", "rotate.none"}, {"1h", "rotate.hour"}, {"1d", "rotate.day"}, {"7d", "rotate.week"},
	}
	if !c.svc.HasGrace() {
		graces = graces[:1]
	}
	p := &rotatePage{Name: displayText(cr.Name), Action: c.r.URL.RequestURI(), Form: newFormToken(), Back: c.back(o.List)}
	for _, g := range graces {
		p.Grace = append(p.Grace, choice{Value: g.value, Text: c.lang.T(g.key)})
	}
	return show("rotate", c.lang.T("rotate.title", "name", p.Name), p), nil
}

// rotate shows the new secret in its answer, and nowhere else.
func rotate(c *call) (*answer, error) {
	o, cr, err := c.credential()
	if err != nil {
		return nil, err
	}
	if c.carriesBasic() {
		return nil, errBasic
	}
	if redirected := c.confirm(o, c.r.URL.RequestURI()); redirected != nil {
		return redirected, nil
	}
	grace, err := humantime.Parse(cmp.Or(strings.TrimSpace(c.field("grace")), "0s"))
	if err != nil || grace < 0 || grace > sparekey.MaxGrace || grace > 0 && !c.svc.HasGrace() {
		return nil, errBadForm
	}
	secret, cr, err := c.idempotent(func() (sparekey.Secret, sparekey.Credential, error) {
		return c.manager().Rotate(c.r.Context(), o.ID, cr.UUID, grace)
	})
	switch {
	case errors.Is(err, errDuplicateForm):
		return redirect(done(o.List, "already")), nil
	case err != nil:
		return nil, err
	}
	return c.secretPage(o, cr, secret, "rotate.done")
}
