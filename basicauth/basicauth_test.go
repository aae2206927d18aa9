package basicauth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// newService returns a service with a user "ann" and one secret of hers.
func newService(t *testing.T, config sparekey.Config) (*sparekey.Service, sparekey.Secret) {
	t.Helper()
	store := memory.New()
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann", Email: "ann@example.com"}, "")
	if err != nil {
		t.Fatal(err)
	}
	svc := sparekey.New(store, store, config)
	secret, _, err := svc.AsOperator().Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "Script"})
	if err != nil {
		t.Fatal(err)
	}
	return svc, secret
}

// whoami answers with the caller's login, or "anonymous".
func whoami(w http.ResponseWriter, r *http.Request) {
	login := "anonymous"
	if id, ok := sparekey.FromContext(r.Context()); ok {
		login = id.User.Login
	}
	_, _ = io.WriteString(w, login)
}

// send passes a request from this machine, with these Authorization headers, to
// a handler.
func send(h http.Handler, authorization ...string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "127.0.0.1:4711"
	for _, value := range authorization {
		r.Header.Add("Authorization", value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func basic(plain string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(plain))
}

func TestHeader(t *testing.T) {
	t.Parallel()
	svc, secret := newService(t, sparekey.Config{})
	guard := basicauth.New(svc, basicauth.Config{})
	token := strings.TrimPrefix(basic("ann:"+secret.Chunked()), "Basic ")
	withDashes := strings.ReplaceAll(secret.Chunked(), " ", "-")
	const ok, anonymous, refused = "ann", "anonymous", "refused"
	for name, c := range map[string]struct {
		headers  []string
		optional string
	}{
		"chunked":                    {[]string{basic("ann:" + secret.Chunked())}, ok},
		"without spaces":             {[]string{basic("ann:" + secret.Reveal())}, ok},
		"with dashes":                {[]string{basic("ann:" + withDashes)}, ok},
		"with line ends and more":    {[]string{basic("ann:" + withDashes + "\r\n é\u2028!")}, ok},
		"colon in the secret":        {[]string{basic("ann:" + secret.Reveal() + ":")}, ok},
		"by e-mail address":          {[]string{basic("ann@example.com:" + secret.Reveal())}, ok},
		"lower case":                 {[]string{"basic " + token}, ok},
		"upper case":                 {[]string{"BASIC " + token}, ok},
		"two spaces":                 {[]string{"Basic  " + token}, ok},
		"space at the end":           {[]string{"Basic " + token + " "}, ok},
		"no padding":                 {[]string{"Basic " + base64.RawStdEncoding.EncodeToString([]byte("ann:"+secret.Reveal()+"-"))}, ok},
		"too much padding":           {[]string{basic("ann:"+secret.Reveal()) + "=="}, ok},
		"wrong secret":               {[]string{basic("ann:" + sparekey.NewSecret().Reveal())}, refused},
		"one letter too many":        {[]string{basic("ann:" + secret.Reveal() + "a")}, refused},
		"other case":                 {[]string{basic("ann:" + swapCase(secret.Reveal()))}, refused},
		"unknown login":              {[]string{basic("bob:" + secret.Reveal())}, refused},
		"empty login":                {[]string{basic(":" + secret.Reveal())}, refused},
		"empty secret":               {[]string{basic("ann:")}, refused},
		"secret of junk":             {[]string{basic("ann:--- !!!")}, refused},
		"no colon":                   {[]string{basic("ann")}, refused},
		"NUL in the login":           {[]string{basic("ann\x00:" + secret.Reveal())}, refused},
		"NUL in the secret":          {[]string{basic("ann:" + secret.Reveal() + "\x00")}, refused},
		"invalid UTF-8 in the login": {[]string{basic("ann\xff:" + secret.Reveal())}, refused},
		"tab after the scheme":       {[]string{"Basic\t" + token}, refused},
		"scheme alone":               {[]string{"Basic"}, refused},
		"scheme and a space":         {[]string{"Basic "}, refused},
		"not base64":                 {[]string{"Basic !!!!"}, refused},
		"padding in the middle":      {[]string{"Basic " + token[:8] + "=" + token[8:]}, refused},
		"two tokens":                 {[]string{"Basic " + token + " " + token}, refused},
		"joined by a comma":          {[]string{"Basic " + token + ", Basic " + token}, refused},
		"joined with another scheme": {[]string{"Basic " + token + ", Bearer x"}, refused},
		"two headers":                {[]string{"Basic " + token, "Basic " + token}, refused},
		"two headers, other first":   {[]string{"Bearer x", "Basic " + token}, refused},
		"another scheme":             {[]string{"Bearer " + token}, anonymous},
		"a scheme that begins alike": {[]string{"Basic2 " + token}, anonymous},
		"two of another scheme":      {[]string{"Bearer x", "Digest y"}, anonymous},
		"empty":                      {[]string{""}, anonymous},
		"none":                       {nil, anonymous},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			required := c.optional
			if required == anonymous {
				required = refused
			}
			checkAnswer(t, "Optional", send(guard.Optional(http.HandlerFunc(whoami)), c.headers...), c.optional)
			checkAnswer(t, "Require", send(guard.Require(http.HandlerFunc(whoami)), c.headers...), required)
		})
	}
}

// checkAnswer compares an answer of whoami behind a guard: who it is, or "refused".
func checkAnswer(t *testing.T, guard string, res *http.Response, want string) {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if want != "refused" {
		if res.StatusCode != http.StatusOK || string(body) != want {
			t.Errorf("%s: %d %q, want %q", guard, res.StatusCode, body, want)
		}
		return
	}
	if res.StatusCode != http.StatusUnauthorized || strings.TrimSpace(string(body)) == "" {
		t.Errorf("%s: %d %q, want a refusal", guard, res.StatusCode, body)
	}
	if got, want := res.Header.Get("WWW-Authenticate"), `Basic realm="Application passwords", charset="UTF-8"`; got != want {
		t.Errorf("%s: WWW-Authenticate %q, want %q", guard, got, want)
	}
}

func TestLoginsThatAreNotASCII(t *testing.T) {
	t.Parallel()
	store := memory.New()
	svc := sparekey.New(store, store, sparekey.Config{})
	secrets := map[string]string{}
	for _, login := range []string{"Jos\u00e9", "g\u00f6ran", "日本", "Ã¤nn", "ann"} {
		u, err := store.CreateUser(t.Context(), sparekey.User{Login: login}, "")
		if err != nil {
			t.Fatal(err)
		}
		secret, _, err := svc.AsOperator().Create(t.Context(), u.ID, sparekey.NewCredential{Name: "Script"})
		if err != nil {
			t.Fatal(err)
		}
		secrets[login] = secret.Reveal()
	}
	h := basicauth.New(svc, basicauth.Config{}).Require(http.HandlerFunc(whoami))
	for _, c := range []struct{ sent, want string }{
		{"Jos\u00e9", "José"},
		{"Jos\xe9", "José"},     // requests, btoa
		{"JOS\xc9", "José"},     // the same in upper case
		{"Jose\u0301", "José"},  // macOS
		{"jOSE\u0301 ", "José"}, // and a blank
		{"g\xf6ran", "göran"},
		{"go\u0308ran\u200b", "göran"},
		{"\ufeffg\u00f6ran", "göran"},
		{"\xa0g\xf6ran\xa0", "göran"}, // no-break spaces in Latin-1
		{"\u65e5\u672c", "日本"},
		{"\u65e5\u672c\u2060", "日本"},
		{"Ã¤nn", "Ã¤nn"}, // which is UTF-8, and not twice encoded
		{"\ufeffann", "ann"},
		{"ann\xad", "ann"}, // a soft hyphen in Latin-1
		{"ann\r\n", "ann"},
		{"\u202aann\u202c", "ann"},
	} {
		if res := send(h, basic(c.sent+":"+secrets[c.want])); res.StatusCode != http.StatusOK {
			t.Errorf("%+q: %d", c.sent, res.StatusCode)
		} else if who, err := io.ReadAll(res.Body); err != nil || string(who) != c.want {
			t.Errorf("%+q: %q, %v, want %q", c.sent, who, err, c.want)
		}
	}
	for _, sent := range []string{"Jose", "Jos\xe8", "a\u200bnn", "\u65e5", "\u00e4nn", "ann\xff", "\u200b", "\ufeff"} {
		for _, secret := range secrets {
			if res := send(h, basic(sent+":"+secret)); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("%+q: %d", sent, res.StatusCode)
			}
		}
	}
}

// TestSlipsAreNamed has the mistakes that users make most. The answer depends only on the
// header, never on whether the login exists.
func TestSlipsAreNamed(t *testing.T) {
	t.Parallel()
	svc, secret := newService(t, sparekey.Config{})
	h := basicauth.New(svc, basicauth.Config{}).Require(http.HandlerFunc(whoami))
	good := basic("ann:" + secret.Reveal())
	for name, c := range map[string]struct {
		headers []string
		told    string
	}{
		"the app's name as the login": {[]string{basic("Script:" + secret.Reveal())}, "not the name of the application"},
		"the main password":           {[]string{basic("ann:correct horse")}, "not your main password"},
		"unknown login":               {[]string{basic("bob:correct horse")}, "not your main password"},
		"two headers":                 {[]string{good, good}, "several Authorization headers"},
		"one of another scheme":       {[]string{"Bearer x", good}, "several Authorization headers"},
		"two of unknown logins":       {[]string{basic("bob:x"), basic("eve:x")}, "several Authorization headers"},
		"joined on the way":           {[]string{good + ", " + good}, "several Authorization headers"},
		"joined with another":         {[]string{good + ", Bearer x"}, "several Authorization headers"},
		"no colon":                    {[]string{basic("ann")}, "Send your login"},
		"nothing":                     {nil, "Send your login"},
	} {
		res := send(h, c.headers...)
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusUnauthorized || !strings.Contains(string(body), c.told) {
			t.Errorf("%s: %d %s, %v, want %q", name, res.StatusCode, body, err, c.told)
		}
	}
}

func swapCase(s string) string {
	return strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' {
			return c - 'a' + 'A'
		}
		if 'A' <= c && c <= 'Z' {
			return c - 'A' + 'a'
		}
		return c
	}, s) + "x" // a secret of digits alone would not change
}

func TestUnknownUserAndWrongSecretLookAlike(t *testing.T) {
	t.Parallel()
	svc, secret := newService(t, sparekey.Config{})
	h := basicauth.New(svc, basicauth.Config{}).Require(http.HandlerFunc(whoami))
	answers := map[string]bool{}
	for _, plain := range []string{"ann:wrongwrong", "bob:" + secret.Reveal(), "bob@example.com:x", "ann@example.com:x"} {
		res := send(h, basic(plain))
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		answers[fmt.Sprint(res.StatusCode, res.Header, string(body))] = true
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
}

// banning is an Authenticator with all methods of a Service. It refuses every caller.
type banning struct{ *sparekey.Service }

func (banning) Authenticate(context.Context, sparekey.Attempt) (sparekey.Identity, error) {
	return sparekey.Identity{}, sparekey.Refuse("banned", "You are banned.")
}

func TestServiceInAnotherAuthenticator(t *testing.T) {
	t.Parallel()
	svc, secret := newService(t, sparekey.Config{})
	guard := basicauth.New(banning{svc}, basicauth.Config{})
	for _, h := range []http.Handler{guard.Require(http.HandlerFunc(whoami)), guard.Optional(http.HandlerFunc(whoami))} {
		if res := send(h, basic("ann:"+secret.Reveal())); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%d: the other's Authenticate was not asked", res.StatusCode)
		}
	}
}

// outcome is an Authenticator that always comes to the same end.
type outcome struct{ err error }

func (o outcome) Authenticate(context.Context, sparekey.Attempt) (sparekey.Identity, error) {
	return sparekey.Identity{}, o.err
}

func TestRefusedAndBrokenAreKeptApart(t *testing.T) {
	t.Parallel()
	refuse := func(r sparekey.Reason) error { return &sparekey.AuthError{Reason: r} }
	for _, c := range []struct {
		err     error
		status  int
		message string
	}{
		{errors.New("open /var/lib/x.db: disk on fire"), http.StatusServiceUnavailable, "Try again"},
		{context.Canceled, http.StatusServiceUnavailable, "Try again"},
		{fmt.Errorf("limits: %w", sparekey.ErrForbidden), http.StatusForbidden, "may not do that"},
		{refuse(sparekey.ReasonWrongSecret), http.StatusUnauthorized, "login or the application password is wrong"},
		{refuse(sparekey.ReasonUnknownLogin), http.StatusUnauthorized, "login or the application password is wrong"},
		{refuse(sparekey.ReasonInsecure), http.StatusUnauthorized, "HTTPS"},
		{refuse(sparekey.ReasonDisabled), http.StatusUnauthorized, "switched off here"},
		{refuse(sparekey.ReasonDisabledForUser), http.StatusUnauthorized, "for this user"},
		{refuse("moon"), http.StatusUnauthorized, "is wrong"},
		{sparekey.Refuse("moon", "Not at night."), http.StatusUnauthorized, "Not at night."},
	} {
		called := false
		next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })
		guard := basicauth.New(outcome{c.err}, basicauth.Config{})
		for _, h := range []http.Handler{guard.Require(next), guard.Optional(next)} {
			res := send(h, basic("ann:x"))
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if called || res.StatusCode != c.status || !strings.Contains(string(body), c.message) || strings.Contains(string(body), "disk") {
				t.Errorf("%v: status %d, %q, handler called: %v", c.err, res.StatusCode, body, called)
			}
			if has := res.Header.Get("WWW-Authenticate") != ""; has != (c.status == http.StatusUnauthorized) {
				t.Errorf("%v: WWW-Authenticate there: %v", c.err, has)
			}
		}
	}
}

func TestEveryReasonHasAMessage(t *testing.T) {
	t.Parallel()
	reasons := sparekey.Reasons()
	if len(reasons) == 0 {
		t.Fatal("no reasons")
	}
	for _, r := range reasons {
		if basicauth.Message(&sparekey.AuthError{Reason: r}) == "" {
			t.Errorf("%s has no message", r)
		}
	}
}

func TestSecretInTheClear(t *testing.T) {
	t.Parallel()
	svc, secret := newService(t, sparekey.Config{})
	proxy := netip.MustParsePrefix("192.0.2.0/24")
	for name, c := range map[string]struct {
		config basicauth.Config
		proto  string
		status int
	}{
		"over a network":              {basicauth.Config{}, "", http.StatusUnauthorized},
		"header of a stranger":        {basicauth.Config{}, "https", http.StatusUnauthorized},
		"header of a trusted proxy":   {basicauth.Config{Origin: clientip.FromForwardedFor(proxy)}, "https", http.StatusOK},
		"trusted proxy without TLS":   {basicauth.Config{Origin: clientip.FromForwardedFor(proxy)}, "http", http.StatusUnauthorized},
		"trusted proxy without words": {basicauth.Config{Origin: clientip.FromForwardedFor(proxy)}, "", http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = "192.0.2.7:4711"
			r.Header.Set("X-Forwarded-For", "203.0.113.9")
			if c.proto != "" {
				r.Header.Set("X-Forwarded-Proto", c.proto)
			}
			r.SetBasicAuth("ann", secret.Chunked())
			w := httptest.NewRecorder()
			basicauth.New(svc, c.config).Require(http.HandlerFunc(whoami)).ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
		})
	}
}

// TestRememberedCredential sends what a browser with a remembered login sends on behalf of a
// page of another origin, and what programs send.
func TestRememberedCredential(t *testing.T) {
	t.Parallel()
	svc, secret := newService(t, sparekey.Config{})
	h := basicauth.New(svc, basicauth.Config{}).Require(http.HandlerFunc(whoami))
	const form, json = "application/x-www-form-urlencoded", "application/json"
	for name, c := range map[string]struct {
		method, contentType string
		header              map[string]string
		status              int
	}{
		"form of another site":             {http.MethodPost, form, map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, http.StatusForbidden},
		"script of another site":           {http.MethodPost, "text/plain;charset=UTF-8", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, http.StatusForbidden},
		"script of a neighbouring origin":  {http.MethodPost, "", map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, http.StatusForbidden},
		"multipart of an older browser":    {http.MethodPost, "multipart/form-data; boundary=x", map[string]string{"Origin": "https://evil.example"}, http.StatusForbidden},
		"page without an origin":           {http.MethodPost, form, map[string]string{"Origin": "null"}, http.StatusForbidden},
		"script that asked the browser":    {http.MethodPost, json, map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, http.StatusOK},
		"page of the same origin":          {http.MethodPost, form, map[string]string{"Sec-Fetch-Site": "same-origin"}, http.StatusOK},
		"same origin, older browser":       {http.MethodPost, form, map[string]string{"Origin": "http://example.com"}, http.StatusOK},
		"program":                          {http.MethodPost, form, nil, http.StatusOK},
		"reading changes nothing":          {http.MethodGet, "", map[string]string{"Sec-Fetch-Site": "cross-site"}, http.StatusOK},
		"browsers ask about other methods": {http.MethodDelete, "", map[string]string{"Sec-Fetch-Site": "cross-site"}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(c.method, "/", nil)
			r.RemoteAddr = "127.0.0.1:4711"
			r.SetBasicAuth("ann", secret.Reveal())
			for key, value := range c.header {
				r.Header.Set(key, value)
			}
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status || w.Header().Get("WWW-Authenticate") != "" {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
		})
	}
}

func TestRealmCannotBreakTheHeader(t *testing.T) {
	t.Parallel()
	guard := basicauth.New(outcome{sparekey.Refuse("no", "No.")}, basicauth.Config{Realm: "a \"b\" \\ c\r\nX-Evil: 1"})
	res := send(guard.Require(http.HandlerFunc(whoami)), basic("ann:x"))
	if got, want := res.Header.Get("WWW-Authenticate"), `Basic realm="a \"b\" \\ cX-Evil: 1", charset="UTF-8"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzParse wants no header to make Parse panic, and every login and secret that it returns
// to be in the decoded text.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "Basic", "Basic ", "basic YTpi", "Basic\tYTpi", "Basic YTpi, Basic YTpi", "Bearer x",
		basic("ann:abcd EFGH"), basic("a:b:c"), basic(":"), basic("\x00:\x00"), basic("é:ü"), "Basic =",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		login, secret, presented, err := basicauth.Parse(header)
		switch {
		case err != nil && (!presented || !errors.Is(err, sparekey.ErrUnauthenticated)):
			t.Errorf("%q: presented %v, %v", header, presented, err)
		case (err != nil || !presented) && (login != "" || !secret.IsZero()):
			t.Errorf("%q is not taken, but gives %q", header, login)
		case strings.ContainsAny(login, ":\x00"):
			t.Errorf("%q gives the login %q", header, login)
		}
	})
}

func ExampleGuard_Require() {
	store := memory.New()
	svc := sparekey.New(store, store, sparekey.Config{})
	ctx := context.Background()
	ann, _ := store.CreateUser(ctx, sparekey.User{Login: "ann"}, "")
	secret, _, _ := svc.As(ann).Create(ctx, ann.ID, sparekey.NewCredential{Name: "Script"})

	guard := basicauth.New(svc, basicauth.Config{Realm: "Example API"})
	server := httptest.NewServer(guard.Require(http.HandlerFunc(whoami)))
	defer server.Close()

	for _, password := range []string{secret.Chunked(), "guess"} {
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		r.SetBasicAuth("ann", password)
		res, err := server.Client().Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		fmt.Println(res.StatusCode, strings.TrimSpace(string(body)))
	}
	// Output:
	// 200 ann
	// 401 The login or the application password is wrong. Send the login of your account, not the name of the application, and an application password, not your main password.
}

func BenchmarkGuard(b *testing.B) {
	ignore := func(http.ResponseWriter, *http.Request) {}
	ask := func(_ http.ResponseWriter, r *http.Request) { sparekey.FromContext(r.Context()) }
	for _, c := range []struct {
		name    string
		observe func(context.Context, sparekey.Event)
		handler http.HandlerFunc
	}{
		{"handler_that_ignores_who", nil, ignore},
		{"handler_that_asks_who", nil, ask},
		{"service_that_is_observed", func(context.Context, sparekey.Event) {}, ignore},
	} {
		b.Run(c.name, func(b *testing.B) {
			store := memory.New()
			svc := sparekey.New(store, store, sparekey.Config{Observe: c.observe})
			ann, err := store.CreateUser(b.Context(), sparekey.User{Login: "ann"}, "")
			if err != nil {
				b.Fatal(err)
			}
			secret, _, err := svc.As(ann).Create(b.Context(), ann.ID, sparekey.NewCredential{Name: "Script"})
			if err != nil {
				b.Fatal(err)
			}
			h := basicauth.New(svc, basicauth.Config{}).Require(c.handler)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = "127.0.0.1:4711"
			r.SetBasicAuth("ann", secret.Chunked())
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

// TestOtherReadings has a credential that may only read and create posts try to have a
// handler do more.
func TestOtherReadings(t *testing.T) {
	t.Parallel()
	store := memory.New()
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	svc := sparekey.New(store, store, sparekey.Config{})
	secret, _, err := svc.AsOperator().Create(t.Context(), ann.ID, sparekey.NewCredential{
		Name: "Script", Limits: sparekey.Limits{Scopes: "GET,POST /wp-json/wp/v2/posts*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	guard := basicauth.New(svc, basicauth.Config{})
	for _, c := range []struct {
		target, header, value string
		want                  bool
	}{
		{"", "Content-Type", "application/json", true},
		{"", "Content-Type", "application/x-www-form-urlencoded", true},
		{"", "X-HTTP-Method-Override", "DELETE", false},
		{"", "X-HTTP-Method-Override", "get", true},
		{"", "X-HTTP-Method", "PUT", false},
		{"", "X-Method-Override", "patch", false},
		{"", "X_HTTP_Method_Override", "DELETE", true}, // no CGI in between
		{"", "X-Original-URL", "/wp-json/wp/v2/users", true},
		{"", "X-Forwarded-Prefix", "/x", true},
		{"", "Destination", "/wp-json/wp/v2/users", false},
		{"?_method=DELETE", "Accept", "*/*", false},
		{"?rest_route=/wp/v2/users", "Accept", "*/*", false},
		{"?page=2", "Accept", "*/*", true},
		{";x", "Accept", "*/*", true},
		{"/../users", "Accept", "*/*", false},
		{"\xff", "Accept", "*/*", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/wp-json/wp/v2/posts", nil)
		r.RequestURI += c.target
		r.RemoteAddr = "127.0.0.1:4711"
		r.SetBasicAuth("ann", secret.Reveal())
		r.Header[c.header] = []string{c.value}
		r.Header.Set(c.header, c.value)
		if _, _, err := guard.Identify(r); (err == nil) != c.want {
			t.Errorf("%s %s: %s: %v", c.target, c.header, c.value, err)
		}
	}
}

func TestThrottled(t *testing.T) {
	t.Parallel()
	guard := basicauth.New(outcome{sparekey.Throttled(1500 * time.Millisecond)}, basicauth.Config{})
	res := send(guard.Optional(http.HandlerFunc(whoami)), basic("ann:x"))
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "2" || res.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}
