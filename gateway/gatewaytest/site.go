package gatewaytest

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/forwardauth"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// Site is what a front-end under test stands in front of.
type Site struct {
	Gateway     *gateway.Gateway // allows right credentials, and in RunOptional anonymous requests; sends the login in Remote-User, too
	Application *url.URL         // tells in its answers what arrived
	Sparekey    *url.URL         // has the addresses of forwardauth, for a proxy on 127.0.0.1, and stands in for the pages
	Certificate Certificate      // for a front-end that speaks TLS

	// Warnings is what forwardauth had to say about the proxy that asks. Read it when the
	// proxy has its answers.
	Warnings *bytes.Buffer

	sparekey      *httptest.Server
	authorization map[string]string
	credential    map[string]sparekey.Credential
}

// Front is where a front-end under test listens, on 127.0.0.1.
type Front struct {
	Addr string
	TLS  bool // with the site's certificate

	// PassesTrailers says that it passes on trailers that were not announced, as
	// HAProxy before 3.2 does, and that this is written where operators read it.
	// Applications must not take such for headers (RFC 9110, section 6.5.1).
	PassesTrailers bool

	// LeavesCaching says that it cannot add to answers what caches must know, and that
	// this is written where operators read it.
	LeavesCaching bool
}

// ann is the owner of all credentials. The suite's requests name the credentials by the keys of
// limits.
var ann = sparekey.User{ID: "1", Login: "ann", Email: "ann@example.org", Roles: []string{"editor", "über,all"}}

// scoped is what the credential "scoped" may do.
const scoped = "GET /api/posts*"

// limits of the credentials, by name. Requests of the suite come from 127.0.0.2. The variable may
// has the same permissions in another form.
var limits = map[string]sparekey.Limits{
	"good":      {},
	"expired":   {Expires: time.Unix(1_000_000_000, 0).UTC()},
	"networked": {Networks: "10.9.0.0/16"},

	// Without scopes.
	"nearby":   {Networks: "127.0.0.2/32"},
	"expiring": {Expires: time.Unix(32_000_000_000, 0).UTC()},
	"counted":  {MaxUses: 100_000},

	// With scopes.
	"scoped":     {Scopes: scoped},
	"writer":     {Scopes: "POST /api/posts*"},
	"writing":    {Scopes: "write"},
	"everything": {Scopes: "* /*"},
	"files":      {Scopes: "* /files/ann/*"},
	"pusher":     {Scopes: "* /v2/mine/*"},
	"reports":    {Scopes: "GET /projects/*/comments\nGET /reports/*.pdf"},
}

// loginHeader is the application's own name for the header with the login.
const loginHeader = "Remote-User"

const signingKey = "the key of the suite, of 32 bytes or more"

var errDown = errors.New("the database is away")

// admit has two logins that never come through: one has tried too often, and with
// the other something breaks.
func admit(_ context.Context, a sparekey.Attempt) error {
	switch a.Login {
	case "eve":
		return sparekey.Throttled(30 * time.Second)
	case "down":
		return errDown
	}
	return nil
}

// NewSite starts a site, for tests that put a front-end before another application than
// the suite's: they change Application before they start it.
func NewSite(t testing.TB) *Site {
	t.Helper()
	return newSite(t, gateway.Config{}, nil)
}

// NewSiteWith is NewSite with a config of the gateway, and with more credentials, which
// have these limits. Where config names no LoginHeaders they are those of NewSite.
func NewSiteWith(t testing.TB, config gateway.Config, more map[string]sparekey.Limits) *Site {
	t.Helper()
	return newSite(t, config, more)
}

// newSite starts a site whose gateway has this config and a Signer, and which has more
// credentials than those of limits. What front-ends ask it for counts as sent by
// 127.0.0.1.
func newSite(t testing.TB, config gateway.Config, more map[string]sparekey.Limits) *Site {
	t.Helper()
	store := memory.New()
	user, err := store.CreateUser(t.Context(), ann, "")
	if err != nil {
		t.Fatal(err)
	}
	service := sparekey.New(store, store, sparekey.Config{Admit: admit})
	signer, err := gateway.NewSigner([]byte(signingKey), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	config.Signer = signer
	if config.LoginHeaders == nil {
		config.LoginHeaders = []string{loginHeader}
	}
	wrong := sparekey.NewSecret().Reveal()
	s := &Site{
		Gateway:     gateway.New(service, config),
		Application: newApplication(t),
		Certificate: newCertificate(t),
		authorization: map[string]string{
			"wrong": basic("ann", wrong), "unknown": basic("bob", wrong), "throttled": basic("eve", wrong), "broken": basic("down", wrong),
		},
		credential: map[string]sparekey.Credential{},
	}
	all := maps.Clone(limits)
	maps.Copy(all, more)
	for name, l := range all {
		secret := sparekey.NewSecret()
		c := sparekey.Credential{
			UUID: "00000000-0000-4000-8000-" + (name + "000000000000")[:12], UserID: user.ID,
			Name: name, Hash: secret.Hash(), Created: time.Unix(1_000_000_000, 0).UTC(), Limits: l,
		}
		if err := store.Insert(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
		s.authorization[name], s.credential[name] = basic("ann", secret.Reveal()), c
	}
	s.listen(t)
	return s
}

func (s *Site) listen(t testing.TB) {
	t.Helper()
	s.Warnings = new(bytes.Buffer)
	auth := forwardauth.New(s.Gateway, forwardauth.Config{
		Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Log: slog.New(slog.NewTextHandler(s.Warnings, nil)),
	})
	s.sparekey = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if forwardauth.Handles(r) {
			auth.ServeHTTP(w, r)
			return
		}
		fmt.Fprintf(w, "pages: %s %s from %v over %v, authorized=%v", r.Host, r.RequestURI,
			r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Proto"], r.Header.Get("Authorization") != "")
	}))
	s.sparekey.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	s.sparekey.Start()
	t.Cleanup(s.sparekey.Close)
	u, err := url.Parse(s.sparekey.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.Sparekey = u
}

// stop ends Sparekey, as far as others ask it.
func (s *Site) stop() { s.sparekey.Close() }

func basic(login, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(login+":"+secret))
}

// identity is the headers that the application is to get.
func (s *Site) identity(credential string) http.Header {
	h := http.Header{}
	h.Set("X-Sparekey-User", ann.Login)
	h.Set("X-Sparekey-User-Id", ann.ID)
	h.Set("X-Sparekey-Roles", "editor,%C3%BCber%2Call")
	h.Set("X-Sparekey-Credential", s.credential[credential].UUID)
	h.Set(loginHeader, ann.Login)
	h.Set("X-Sparekey-Scopes", string(s.credential[credential].Limits.Scopes))
	return h
}
