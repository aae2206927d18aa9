package gateway_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway"
)

var loopback = clientip.Origin{Addr: netip.MustParseAddr("127.0.0.1"), Secure: true}

// outcome is an Authenticator that always comes to the same end.
type outcome struct {
	id  sparekey.Identity
	err error
}

func (o outcome) Authenticate(context.Context, sparekey.Attempt) (sparekey.Identity, error) {
	return o.id, o.err
}

func request(method, target string, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// TestDecide goes through every outcome, and the rule that each is put down to.
func TestDecide(t *testing.T) {
	t.Parallel()
	refuse := func(r sparekey.Reason) error { return &sparekey.AuthError{Reason: r} }
	for _, c := range []struct {
		name     string
		rule     string // of the credential
		err      error
		optional bool
		header   []string
		outcome  gateway.Outcome
		status   int
		want     string
	}{
		{"right", "", nil, false, []string{"Authorization", "Basic eDp5"}, gateway.Allowed, 200, gateway.RuleCredential},
		{"right by a rule", "GET /a*", nil, false, []string{"Authorization", "Basic eDp5"}, gateway.Allowed, 200, "GET /a*"},
		{"anonymous", "", nil, false, nil, gateway.Refused, 401, gateway.RuleNoCredential},
		{"anonymous, optional", "", nil, true, nil, gateway.Allowed, 200, gateway.RuleAnonymous},
		{"another scheme, optional", "", nil, true, []string{"Authorization", "Bearer x"}, gateway.Allowed, 200, gateway.RuleAnonymous},
		{"wrong, optional", "", refuse(sparekey.ReasonWrongSecret), true, []string{"Authorization", "Basic eDp5"}, gateway.Refused, 401, "wrong_secret"},
		{"malformed, optional", "", nil, true, []string{"Authorization", "Basic"}, gateway.Refused, 401, "malformed"},
		{"expired", "", refuse(sparekey.ReasonExpired), false, []string{"Authorization", "Basic eDp5"}, gateway.Refused, 401, "expired"},
		{"used up", "", refuse(sparekey.ReasonUsedUp), false, []string{"Authorization", "Basic eDp5"}, gateway.Refused, 401, "used_up"},
		{"out of scope", "", refuse(sparekey.ReasonOutOfScope), false, []string{"Authorization", "Basic eDp5"}, gateway.Refused, 403, "out_of_scope"},
		{"out of network", "", refuse(sparekey.ReasonOutOfNetwork), false, []string{"Authorization", "Basic eDp5"}, gateway.Refused, 403, "out_of_network"},
		{"throttled", "", sparekey.Throttled(time.Second), false, []string{"Authorization", "Basic eDp5"}, gateway.Refused, 429, "throttled"},
		{"forbidden by a hook", "", fmt.Errorf("hook: %w", sparekey.ErrForbidden), false, []string{"Authorization", "Basic eDp5"}, gateway.Refused, 403, gateway.RuleForbidden},
		{"broken", "", errors.New("disk on fire"), false, []string{"Authorization", "Basic eDp5"}, gateway.Broken, 503, gateway.RuleBroken},
		{"broken, optional", "", context.Canceled, true, []string{"Authorization", "Basic eDp5"}, gateway.Broken, 503, gateway.RuleBroken},
		{"forged", "", nil, false, []string{"Authorization", "Basic eDp5", "Sec-Fetch-Site", "cross-site"}, gateway.Refused, 403, gateway.RuleCrossOrigin},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := gateway.New(outcome{sparekey.Identity{User: sparekey.User{ID: "1"}, Rule: c.rule}, c.err}, gateway.Config{Optional: c.optional})
			r := request(http.MethodPost, "/a", c.header...)
			d := g.Decide(r, loopback)
			if d.Outcome != c.outcome || d.Rule != c.want || d.Status() != c.status {
				t.Errorf("%v by %q, status %d", d.Outcome, d.Rule, d.Status())
			}
			allowed := c.outcome == gateway.Allowed
			if (d.Err == nil) != allowed || (d.Message() == "") != allowed || strings.Contains(d.Message(), "fire") {
				t.Errorf("%v, %q", d.Err, d.Message())
			}
			if known := d.Identity.User.ID != ""; known != (allowed && c.want != gateway.RuleAnonymous) {
				t.Errorf("the decision names %q", d.Identity.User.ID)
			}
			if !allowed {
				w := httptest.NewRecorder()
				g.Fail(w, r, d)
				if w.Code != c.status || strings.TrimSpace(w.Body.String()) != d.Message() || w.Header().Get("Cache-Control") != "no-store" {
					t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
				}
			}
		})
	}
	if d := (gateway.Decision{}); d.Outcome == gateway.Allowed || d.Status() != http.StatusServiceUnavailable {
		t.Errorf("the zero decision is %v, %d", d.Outcome, d.Status())
	}
	if d := gateway.Refuse("x", "Do that."); d.Status() != http.StatusForbidden || d.Message() != "Do that." || d.Rule != "x" {
		t.Errorf("%+v", d)
	}
}

// TestOnlyWhatItReads has a decision made about a request of which nothing is known
// but what a proxy tells.
func TestOnlyWhatItReads(t *testing.T) {
	t.Parallel()
	g := gateway.New(outcome{}, gateway.Config{})
	r := (&http.Request{Method: "POST", RequestURI: "/a", Host: "x", Header: http.Header{"Authorization": {"Basic eDp5"}}}).WithContext(t.Context())
	if d := g.Decide(r, clientip.Origin{}); d.Outcome != gateway.Allowed {
		t.Errorf("%+v", d)
	}
}

func TestIdentityHeaders(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 5)
	key := []byte("0123456789abcdef0123456789abcdef")
	signer, err := gateway.NewSigner(key, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	g := gateway.New(outcome{}, gateway.Config{Signer: signer})
	d := gateway.Decision{Outcome: gateway.Allowed, Identity: sparekey.Identity{
		User:       sparekey.User{ID: "17", Login: " jo\u00e9 100%\n", Roles: []string{"a,b", "c d"}},
		Credential: sparekey.Credential{UUID: "u", Limits: sparekey.Limits{Scopes: "GET,POST /a*\nread"}},
	}}
	h := http.Header{}
	g.SetIdentity(h, "GET", "/a?b", d)
	lines := "v1\n1700000000\nGET\n/a?b\n%20jo%C3%A9 100%25%0A\n17\na%2Cb,c d\nu\nGET%2CPOST /a*,read"
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(lines))
	want := http.Header{
		"X-Sparekey-User": {"%20jo%C3%A9 100%25%0A"}, "X-Sparekey-User-Id": {"17"}, "X-Sparekey-Roles": {"a%2Cb,c d"},
		"X-Sparekey-Credential": {"u"}, "X-Sparekey-Scopes": {"GET%2CPOST /a*,read"},
		"X-Sparekey-Signature": {"v1;t=1700000000;s=" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))},
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Error(diff)
	}
	if len(h) != len(gateway.IdentityHeaders()) {
		t.Errorf("%q", gateway.IdentityHeaders())
	}
	for _, nobody := range []gateway.Decision{{Outcome: gateway.Allowed}, {Outcome: gateway.Refused, Identity: d.Identity}, {Identity: d.Identity}} {
		h := http.Header{}
		if g.SetIdentity(h, "GET", "/", nobody); len(h) > 0 {
			t.Errorf("%+v got %v", nobody, h)
		}
	}
	if _, err := gateway.NewSigner(key[:31], time.Now); err == nil {
		t.Error("a short key is accepted")
	}
}

func TestStripIdentity(t *testing.T) {
	t.Parallel()
	gone := []string{
		"Remote-User", "remote_user", "REMOTE.USER", "X-Remote-User", "X-Remote-Extra-Scopes", "X-WEBAUTH-USER", "x_webauth-Anything", "X-Forwarded-User", "X_Forwarded_Email",
		"X-authentik-username", "X-Auth-Request-Access-Token", "X-Authenticated-Userid", "X-Auth-User", "Seat", "X~SEAT",
		"X-Sparekey-User", "x-sparekey-user", "X_Sparekey_User", "X-Sparekey_User", "X.Sparekey.Roles", "X~SPAREKEY!", "X-Sparekey-", "X-Sparekey-Anything",
	}
	kept := []string{"Remote-Users", "Remote-Addr", "XRemote-User", "X-Auth-Token", "X-Authentication", "X-Forwarded-For", "X-User-Id", "Seats", "X-Seat2", "X-Sparekey", "X-Sparekeys-User", "Sparekey-User", "X-X-Sparekey-User", "X-Spare-Key-User"}
	h := http.Header{}
	for _, name := range append(gone, kept...) {
		h[name] = []string{"x"}
	}
	g := gateway.New(outcome{}, gateway.Config{LoginHeaders: []string{"seat", "X-Seat", "SEAT"}})
	if got := g.LoginHeaders(); !slices.Equal(got, []string{"Seat", "X-Seat"}) {
		t.Errorf("LoginHeaders: %q", got)
	}
	g.StripIdentity(h)
	for _, name := range kept {
		if len(h[name]) == 0 {
			t.Errorf("%s is gone", name)
		}
	}
	if len(h) != len(kept) {
		t.Errorf("%v", h)
	}
	for name, want := range map[string]bool{"X-Sparekey-User": false, "X-Sparekey-User-Id": false, "X_Sparekey-User": true, "X-Sparekey_User": true, "X-Sparekey-User.Id": true, "X-Other_Header": false, "Remote-User": false, "Remote_User": true, "X-Seat": false, "x_seat": true, "Remote_Users": false} {
		if got := g.Misspelled(http.Header{name: {"x"}}); (got == name) != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	for line, want := range map[string]string{"X-Sparekey-User": "X-Sparekey-User", "X-Checksum, x_sparekey.roles": "x_sparekey.roles", "X-Checksum,X-Sparekey": "", "Seat": "Seat", "remote-user": "remote-user"} {
		if got := g.Misspelled(http.Header{"Trailer": {"X-Other", line}}); got != want {
			t.Errorf("trailers %q: %q, want %q", line, got, want)
		}
	}
}

// TestLoginHeaders has an application look for the login under its own name.
func TestLoginHeaders(t *testing.T) {
	t.Parallel()
	for login, isTold := range map[string]bool{
		"ann": true, "ann@example.org": true, "Ann Lee": true, "100%": true, "ümit": true, "a,b": true, "%C3%BCmit": true,
		"": false, " ann": false, "ann ": false, "ann\r\nX-Admin: 1": false, "ann\x00": false, "ann\t": false, "a\x7fb": false,
	} {
		g := gateway.New(outcome{id: sparekey.Identity{User: sparekey.User{ID: "1", Login: login}}}, gateway.Config{LoginHeaders: []string{"Remote-User", "X-WEBAUTH-USER"}})
		d := g.Decide(request(http.MethodGet, "/a", "Authorization", "Basic eDp5"), loopback)
		if (d.Outcome == gateway.Allowed) != isTold {
			t.Errorf("%q: %v by %s", login, d.Outcome, d.Rule)
			continue
		}
		h := http.Header{}
		g.SetIdentity(h, http.MethodGet, "/a", d)
		for _, name := range []string{"Remote-User", "X-Webauth-User"} {
			if got := h[name]; isTold && !slices.Equal(got, []string{login}) || !isTold && len(got) > 0 {
				t.Errorf("%q: %s is %q", login, name, got)
			}
		}
	}
	if d := gateway.New(outcome{id: sparekey.Identity{User: sparekey.User{ID: "1", Login: "a\n"}}}, gateway.Config{}).
		Decide(request(http.MethodGet, "/a", "Authorization", "Basic eDp5"), loopback); d.Outcome != gateway.Allowed {
		t.Errorf("without LoginHeaders, every login can be told: %v", d.Err)
	}
}

func TestCheckLoginHeader(t *testing.T) {
	t.Parallel()
	for name, isGood := range map[string]bool{
		"Remote-User": true, "X-Remote-User": true, "X-WEBAUTH-USER": true, "X-Forwarded-User": true, "X-Forwarded-Email": true, "x-authentik-username": true, "User": true, "X-Seat": true,
		"": false, "Remote_User": false, "Remote User": false, "Remote-User:": false, "Remote-User\r\n": false, "X-Sparekey-User": false, "x-sparekey-x": false,
		"Authorization": false, "Proxy-Authorization": false, "cookie": false, "Host": false, "Content-Type": false, "X-Forwarded-For": false, "x-forwarded-proto": false,
		"X-Forwarded-Prefix": false, "Forwarded": false, "X-Real-IP": false, "X-Original-URL": false, "X-HTTP-Method-Override": false, "Connection": false, "If-Match": false,
		"Accept": false, "Sec-Fetch-Site": false, "Destination": false, "Script-Name": false,
	} {
		if err := gateway.CheckLoginHeader(name); (err == nil) != isGood {
			t.Errorf("%q: %v", name, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("New takes every name")
		}
	}()
	gateway.New(outcome{}, gateway.Config{LoginHeaders: []string{"Host"}})
}

// FuzzIdentityHeaders puts any texts into the identity, and reads them back as the
// documentation says.
func FuzzIdentityHeaders(f *testing.F) {
	f.Add("ann", "editor", "")
	f.Add("ann", "", "editor")
	f.Add("a b%20\r\nX-Sparekey-User: root", ",", "é,%2C")
	f.Fuzz(func(t *testing.T, login, role, other string) {
		g := gateway.New(outcome{}, gateway.Config{})
		h := http.Header{}
		g.SetIdentity(h, "GET", "/", gateway.Decision{Outcome: gateway.Allowed, Identity: sparekey.Identity{
			User: sparekey.User{ID: "1", Login: login, Roles: []string{role, other}},
		}})
		for name, values := range h {
			for _, c := range []byte(values[0]) {
				if c < ' ' || c > '~' {
					t.Fatalf("%s: %q", name, values[0])
				}
			}
			if strings.TrimSpace(values[0]) != values[0] {
				t.Errorf("%s: %q", name, values[0])
			}
		}
		roles := strings.Split(h.Get("X-Sparekey-Roles"), ",")
		if len(roles) != 2 {
			t.Fatalf("%q", roles)
		}
		for got, want := range map[string]string{h.Get("X-Sparekey-User"): login, roles[0]: role, roles[1]: other} {
			if back, err := url.PathUnescape(got); err != nil || role != other && login != role && login != other && back != want {
				t.Errorf("%q became %q, %v", want, got, err)
			}
		}
	})
}

func TestNewNeedsAnAuthenticator(t *testing.T) {
	t.Parallel()
	defer func() {
		if p := fmt.Sprint(recover()); !strings.HasPrefix(p, "gateway.New: ") {
			t.Errorf("panic(%s)", p)
		}
	}()
	gateway.New(nil, gateway.Config{})
}
