package doctor_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/internal/doctor"
	"github.com/sparekey-dev/sparekey/rest"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// site is a real server behind a proxy of the test's, which does TLS.
type site struct {
	t      *testing.T
	svc    *sparekey.Service
	ann    sparekey.User
	secret string
	mux    *http.ServeMux
	server *httptest.Server // in the clear, as behind a proxy
	proxy  *httptest.Server

	mu   sync.Mutex
	seen []string // the Authorization headers that reached anybody
}

// options are what is wrong with a site.
type options struct {
	config   sparekey.Config
	limits   sparekey.Limits
	isUsed   bool // the credential was used before
	telling  bool
	origin   clientip.Resolver // default: believes the proxy
	rewrite  func(*httputil.ProxyRequest)
	front    func(next http.Handler) http.Handler // in front of the proxy
	noAnswer bool                                 // the server does not say how requests arrive
}

func newSite(t *testing.T, o options) *site {
	t.Helper()
	s := &site{t: t, mux: http.NewServeMux()}
	store := memory.New()
	s.svc = sparekey.New(store, store, o.config)
	var err error
	if s.ann, err = store.CreateUser(t.Context(), sparekey.User{Login: "ann", Email: "ann@example.com"}, ""); err != nil {
		t.Fatal(err)
	}
	secret, _, err := sparekey.New(store, store, sparekey.Config{Now: longAgo}).AsOperator().
		Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "Phone", Limits: o.limits})
	if err != nil {
		t.Fatal(err)
	}
	s.secret = secret.Chunked()
	if o.isUsed {
		a := sparekey.Attempt{Login: "ann", Secret: secret, Secure: true}
		if _, err := s.svc.Authenticate(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if o.origin == nil {
		o.origin = clientip.FromForwardedFor(netip.MustParsePrefix("127.0.0.0/8"))
	}
	s.server = httptest.NewServer(s.mux)
	t.Cleanup(s.server.Close)
	s.startProxy(o)
	api := rest.New(s.svc, nil, rest.Config{BaseURL: s.proxy.URL + "/wp-json", Origin: o.origin, WordPressErrors: o.telling})
	s.mux.Handle("/wp-json/", api)
	s.mux.Handle("/", api.Discover(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html>Welcome</html>")
	})))
	s.mux.Handle("/api/", basicauth.New(s.svc, basicauth.Config{Origin: o.origin}).Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	if !o.noAnswer {
		s.mux.Handle(doctor.Path, doctor.Answer(o.origin))
	}
	return s
}

func (s *site) startProxy(o options) {
	target, err := url.Parse(s.server.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	rewrite := o.rewrite
	if rewrite == nil {
		rewrite = func(r *httputil.ProxyRequest) { r.SetXForwarded() }
	}
	var h http.Handler = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		rewrite(r)
	}}
	if o.front != nil {
		h = o.front(h)
	}
	s.proxy = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, r.Header.Get("Authorization"))
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	s.proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.proxy.StartTLS()
	s.t.Cleanup(s.proxy.Close)
}

// examine asks about the proxy's URL and a path.
func (s *site) examine(path, login, secret string) doctor.Report {
	s.t.Helper()
	r, err := doctor.Examine(s.t.Context(), doctor.Target{
		URL: s.proxy.URL + path, Login: login, Secret: secret, Transport: s.proxy.Client().Transport,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// want compares the first cause, "" for none.
func want(t *testing.T, r doctor.Report, want doctor.Cause) {
	t.Helper()
	got := doctor.Cause("")
	if len(r.Findings) > 0 {
		got = r.Findings[0].Cause
	}
	if got != want {
		t.Errorf("found %q, want %q: %+v", got, want, r)
	}
	if (want == "") != (r.ExitStatus() == 0) {
		t.Errorf("exit status %d", r.ExitStatus())
	}
}

// TestCauses makes each thing go wrong that can, at an API and at a guard.
func TestCauses(t *testing.T) {
	t.Parallel()
	drop := func(r *httputil.ProxyRequest) { r.SetXForwarded(); r.Out.Header.Del("Authorization") }
	silent := func(r *httputil.ProxyRequest) { r.Out.Header.Set("X-Forwarded-For", "192.0.2.1") }
	networks, err := sparekey.ParseNetworks([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	posts, err := scope.Parse([]string{"GET /wp-json/wp/v2/posts"})
	if err != nil {
		t.Fatal(err)
	}
	off := func(context.Context) (bool, error) { return false, nil }
	for name, c := range map[string]struct {
		options
		login, secret string // default: ann's
		api, guard    doctor.Cause
	}{
		"nothing":                       {},
		"Authorization is stripped":     {options: options{rewrite: drop}, api: doctor.Stripped, guard: doctor.Stripped},
		"TLS not seen":                  {options: options{rewrite: silent}, api: doctor.TLSNotSeen, guard: doctor.TLSNotSeen},
		"proxy not named":               {options: options{origin: notBelieved}, api: doctor.TLSNotSeen, guard: doctor.TLSNotSeen},
		"TLS not seen, server silent":   {options: options{rewrite: silent, noAnswer: true}, api: doctor.Disabled, guard: doctor.TLSNotSeen},
		"stripped, server silent":       {options: options{rewrite: drop, noAnswer: true}, api: doctor.NoEffect, guard: doctor.Stripped},
		"off":                           {options: options{config: sparekey.Config{Available: off}}, api: doctor.Disabled, guard: doctor.Disabled},
		"off for the user":              {options: options{config: sparekey.Config{AvailableFor: forNobody}}, api: doctor.DisabledForUser, guard: doctor.DisabledForUser},
		"wrong secret":                  {secret: "wrong", api: doctor.WrongCredential, guard: doctor.WrongCredential},
		"unknown login":                 {login: "bob", api: doctor.WrongCredential, guard: doctor.WrongCredential},
		"wrong secret, telling server":  {options: options{telling: true}, secret: "wrong", api: doctor.WrongSecret, guard: doctor.WrongCredential},
		"unknown login, telling server": {options: options{telling: true}, login: "bob", api: doctor.WrongLogin, guard: doctor.WrongCredential},
		"expired":                       {options: options{limits: sparekey.Limits{Expires: time.Now().Add(-24 * time.Hour)}}, api: doctor.Expired, guard: doctor.Expired},
		"used up":                       {options: options{limits: sparekey.Limits{MaxUses: 1}, isUsed: true}, api: doctor.UsedUp, guard: doctor.UsedUp},
		"unused":                        {options: options{config: sparekey.Config{Policy: sparekey.Policy{RevokeUnused: time.Hour}}}, api: doctor.Unused, guard: doctor.Unused},
		"out of network":                {options: options{limits: sparekey.Limits{Networks: networks}}, api: doctor.OutOfNetwork, guard: doctor.OutOfNetwork},
		"out of scope":                  {options: options{limits: sparekey.Limits{Scopes: posts}}, api: doctor.OutOfScope, guard: doctor.OutOfScope},
		"throttled":                     {options: options{config: sparekey.Config{Admit: throttleAnn}}, api: doctor.Throttled, guard: doctor.Throttled},
		"all are throttled":             {options: options{config: sparekey.Config{Admit: throttleAll}}, api: doctor.Throttled, guard: doctor.Throttled},
		"store down":                    {options: options{config: sparekey.Config{Admit: breakDown}}, api: doctor.Broken, guard: doctor.Broken},
		"a reason of the site's own":    {options: options{config: sparekey.Config{Check: notAtNight}}, api: doctor.Refused, guard: doctor.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c.options)
			login, secret := c.login, c.secret
			if login == "" {
				login = "ann"
			}
			if secret == "" {
				secret = s.secret
			}
			for path, cause := range map[string]doctor.Cause{
				"": c.api, "/wp-json/": c.api, "/wp-json/wp/v2/users/me": c.api, "/api/x": c.guard,
			} {
				r := s.examine(path, login, secret)
				want(t, r, cause)
				for _, f := range r.Findings {
					if f.What == "" || f.Cause.Advice() == "" || strings.Contains(f.What, s.secret) {
						t.Errorf("%s says %+v", path, f)
					}
				}
			}
		})
	}
}

// notBelieved does not believe the proxy, which is not of this machine as far as
// it is concerned.
func notBelieved(*http.Request) clientip.Origin { return clientip.Origin{} }

func forNobody(context.Context, sparekey.User) (bool, error) { return false, nil }

func throttleAnn(_ context.Context, a sparekey.Attempt) error {
	if a.Login == "ann" {
		return sparekey.Throttled(time.Minute)
	}
	return nil
}

func throttleAll(context.Context, sparekey.Attempt) error { return sparekey.Throttled(time.Minute) }

func breakDown(context.Context, sparekey.Attempt) error { return errors.New("disk on fire") }

func notAtNight(context.Context, sparekey.Identity, sparekey.Attempt) error {
	return sparekey.Refuse("moon", "Not at night.")
}

// longAgo is when credentials are made.
func longAgo() time.Time { return time.Now().Add(-48 * time.Hour) }

// TestReasonNotMessage has a proxy put its own page in place of every message: the reason is
// in a header.
func TestReasonNotMessage(t *testing.T) {
	t.Parallel()
	ownPages := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r)
			maps.Copy(w.Header(), answer.Header())
			w.Header().Del("Content-Length")
			w.WriteHeader(answer.Code)
			fmt.Fprintln(w, "Kein Zutritt.")
		})
	}
	s := newSite(t, options{limits: sparekey.Limits{Expires: time.Now().Add(-24 * time.Hour)}, front: ownPages})
	want(t, s.examine("/api/x", "ann", s.secret), doctor.Expired)
}

// TestWithoutACredential finds what is between here and the server.
func TestWithoutACredential(t *testing.T) {
	t.Parallel()
	drop := func(r *httputil.ProxyRequest) { r.SetXForwarded(); r.Out.Header.Del("Authorization") }
	want(t, newSite(t, options{}).examine("", "", ""), "")
	want(t, newSite(t, options{rewrite: drop}).examine("", "", ""), doctor.Stripped)
	want(t, newSite(t, options{rewrite: drop, noAnswer: true}).examine("", "", ""), doctor.NoEffect)
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, _, ok := r.BasicAuth(); ok {
			t.Errorf("%s was sent to the server that redirects", user)
		}
		http.Redirect(w, r, s.proxy.URL+r.URL.Path, http.StatusMovedPermanently)
	}))
	defer elsewhere.Close()
	r, err := doctor.Examine(t.Context(), doctor.Target{URL: elsewhere.URL, Login: "ann", Secret: s.secret, Transport: s.proxy.Client().Transport})
	if err != nil {
		t.Fatal(err)
	}
	want(t, r, doctor.Redirect) // to another port
	for _, sent := range s.seen {
		if login, _, _ := (&http.Request{Header: http.Header{"Authorization": {sent}}}).BasicAuth(); login == "ann" {
			t.Error("the credential was sent to another port")
		}
	}
	loop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }))
	defer loop.Close()
	r, err = doctor.Examine(t.Context(), doctor.Target{URL: loop.URL})
	if err != nil {
		t.Fatal(err)
	}
	want(t, r, doctor.Redirect)
}

func TestNotAnAPI(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"a page":     func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Hello</html>") },
		"nothing":    http.NotFound,
		"other JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"hello":"world"}`) },
		"another sign-in": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(401)
		},
	} {
		server := httptest.NewServer(h)
		r, err := doctor.Examine(t.Context(), doctor.Target{URL: server.URL, Login: "ann", Secret: "x"})
		server.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		want(t, r, doctor.NotAnAPI)
	}
}

// TestOpenPage asks for a page without a guard, on a host on which Sparekey answers: that the
// page is public says nothing about a credential.
func TestOpenPage(t *testing.T) {
	t.Parallel()
	origin := clientip.FromPeer
	mux := http.NewServeMux()
	mux.Handle(doctor.Path, doctor.Answer(origin))
	visits := 0
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		visits++
		_, _ = io.WriteString(w, "Visitor "+strconv.Itoa(visits))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r, err := doctor.Examine(t.Context(), doctor.Target{URL: server.URL, Login: "ann", Secret: "x"})
	if err != nil {
		t.Fatal(err)
	}
	want(t, r, doctor.NoEffect)
}

// TestNothingThere asks for an address that is not there, on a host on which
// Sparekey answers and stands in front of nothing.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path, login string
		drop        bool // the proxy takes Authorization out
		want        doctor.Cause
		says        string
	}{
		"with a login":    {"/nope", "ann", false, doctor.NotAnAPI, "/nope (404): examine http://127.0.0.1:"},
		"without a login": {"/nope", "", false, doctor.NotAnAPI, "/nope (404): examine http://127.0.0.1:"},
		"the site itself": {"/", "ann", false, doctor.NotAnAPI, "/ (404)."},
		"stripped":        {"/nope", "ann", true, doctor.Stripped, "it gets no Authorization"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.Handle(doctor.Path, doctor.Answer(clientip.FromPeer))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c.drop {
					r.Header.Del("Authorization")
				}
				mux.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			r, err := doctor.Examine(t.Context(), doctor.Target{URL: server.URL + c.path, Login: c.login, Secret: "x"})
			if err != nil {
				t.Fatal(err)
			}
			want(t, r, c.want)
			if len(r.Findings) != 1 || !strings.Contains(r.Findings[0].What, c.says) {
				t.Errorf("found %+v, want %q", r.Findings, c.says)
			}
			if strings.Contains(strings.Join(r.OK, " "), "in front of") {
				t.Errorf("in order is %q", r.OK)
			}
		})
	}
}

func TestAPIElsewhereIsNotAsked(t *testing.T) {
	t.Parallel()
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("asked with %q", r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", `<`+thief.URL+`/wp-json/>; rel="https://api.w.org/"`)
	}))
	defer server.Close()
	r, err := doctor.Examine(t.Context(), doctor.Target{URL: server.URL, Login: "ann", Secret: "x"})
	if err != nil {
		t.Fatal(err)
	}
	want(t, r, doctor.Redirect)
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	_ = listener.Close()
	s := newSite(t, options{})
	for _, c := range []struct {
		url  string
		want doctor.Cause
	}{
		{"http://" + addr, doctor.Unreachable},
		{"https://" + strings.TrimPrefix(s.server.URL, "http://"), doctor.Unreachable}, // which speaks no TLS
		{s.proxy.URL, doctor.Certificate},                                              // made for tests
	} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}}
		r, err := doctor.Examine(t.Context(), doctor.Target{URL: c.url, Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		want(t, r, c.want)
		transport.CloseIdleConnections()
	}
}

// TestInTheClear sends no credential over a network without TLS.
func TestInTheClear(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	asked := 0
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		if asked++; r.Header.Get("Authorization") != "" {
			t.Error("a credential was sent in the clear")
		}
		r = r.Clone(r.Context())
		r.URL.Host = strings.TrimPrefix(s.server.URL, "http://")
		return http.DefaultTransport.RoundTrip(r)
	})
	r, err := doctor.Examine(t.Context(), doctor.Target{URL: "http://keys.example/", Login: "ann", Secret: s.secret, Transport: transport})
	if err != nil || asked == 0 {
		t.Fatalf("%d requests, %v", asked, err)
	}
	want(t, r, doctor.TLSNotSeen)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestClock(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	r, err := doctor.Examine(t.Context(), doctor.Target{
		URL: s.proxy.URL, Login: "ann", Secret: s.secret, Transport: s.proxy.Client().Transport,
		Now: func() time.Time { return time.Now().Add(-26 * time.Hour) },
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, r, doctor.Clock)
}

func TestWhatCannotBeExamined(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "example.org", "ftp://example.org", "https://", "https://ann:hunter2@example.org/", "https://exa mple.org"} {
		if _, err := doctor.Examine(t.Context(), doctor.Target{URL: u}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", u, err)
		}
	}
}

// TestExitStatuses are promised in docs/guides/troubleshooting.md.
func TestExitStatuses(t *testing.T) {
	t.Parallel()
	all := doctor.Causes()
	if all[0].ExitStatus() != 10 || all[len(all)-1].ExitStatus() != 10+len(all)-1 || doctor.Cause("moon").ExitStatus() != 1 {
		t.Error("the statuses have moved")
	}
	for _, c := range all {
		if c.Advice() == "" {
			t.Errorf("no advice about %s", c)
		}
	}
}

// TestAnswerTellsNothing asks how requests arrive, as a stranger.
func TestAnswerTellsNothing(t *testing.T) {
	t.Parallel()
	h := doctor.Answer(clientip.FromForwardedFor(netip.MustParsePrefix("10.0.0.0/8")))
	for _, c := range []struct {
		peer   string
		header http.Header
		want   string
	}{
		{"203.0.113.9:1", nil, `{"product":"sparekey","secure":false,"proto":"absent","authorization":"absent","address":"203.0.113.9"}`},
		{"10.0.0.7:1", http.Header{"X-Forwarded-For": {"10.0.0.8"}}, `{"product":"sparekey","secure":false,"proto":"absent","authorization":"absent","address":"private"}`},
		{"10.0.0.7:1", http.Header{"X-Forwarded-For": {"junk"}, "X-Forwarded-Proto": {"http, https"}}, `{"product":"sparekey","secure":true,"proto":"https","authorization":"absent","address":"unknown"}`},
		{"127.0.0.1:1", http.Header{"Authorization": {"Basic YW5uOmh1bnRlcjI="}, "X-Forwarded-Proto": {"wss"}}, `{"product":"sparekey","secure":true,"proto":"https","authorization":"basic","address":"loopback"}`},
		{"127.0.0.1:1", http.Header{"Authorization": {"Basic !"}}, `{"product":"sparekey","secure":true,"proto":"absent","authorization":"malformed","address":"loopback"}`},
		{"127.0.0.1:1", http.Header{"X-Forwarded-Proto": {"https, WS"}}, `{"product":"sparekey","secure":false,"proto":"http","authorization":"absent","address":"loopback"}`},
		{"127.0.0.1:1", http.Header{"X-Forwarded-Proto": {"h2"}}, `{"product":"sparekey","secure":true,"proto":"other","authorization":"absent","address":"loopback"}`},
		{"127.0.0.1:1", http.Header{"Authorization": {"Bearer x"}}, `{"product":"sparekey","secure":true,"proto":"absent","authorization":"other","address":"loopback"}`},
		{"127.0.0.1:1", http.Header{"Authorization": {"Basic x", "Basic x"}}, `{"product":"sparekey","secure":true,"proto":"absent","authorization":"several","address":"loopback"}`},
	} {
		r := httptest.NewRequest(http.MethodGet, doctor.Path, nil)
		r.RemoteAddr = c.peer
		for name, values := range c.header {
			r.Header[name] = values
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := strings.TrimSpace(w.Body.String()); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.peer, c.header, got, c.want)
		}
	}
}
