package web_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web"
)

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636, appendix B

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func askForCode(success string) string {
	return ask("success_url", success, "response_type", "code", "code_challenge", challengeOf(verifier), "code_challenge_method", "S256", "state", "s 1")
}

// code gets a code for a name.
func (s *site) code(user, name string) string {
	s.t.Helper()
	p := s.as(user).get(askForCode("https://app.example/cb")).form().set("app_name", name).submit("approve").want(http.StatusSeeOther)
	return codeOf(p)
}

func codeOf(p *page) string {
	p.t.Helper()
	to, err := url.Parse(p.location())
	if err != nil || to.Query().Get("code") == "" {
		p.t.Fatalf("no code in %s", p.location())
	}
	return to.Query().Get("code")
}

// reply is an answer of the token endpoint.
type reply struct {
	*httptest.ResponseRecorder
	t *testing.T
}

func (r reply) field(name string) string {
	r.t.Helper()
	var object map[string]string
	if err := json.Unmarshal(r.Body.Bytes(), &object); err != nil {
		r.t.Fatalf("%d %s: %v", r.Code, r.Body, err)
	}
	return object[name]
}

// exchange posts a form to the token endpoint, as a program does.
func (s *site) exchange(fields url.Values) reply {
	if !fields.Has("grant_type") {
		fields.Set("grant_type", "authorization_code")
	}
	return s.token("application/x-www-form-urlencoded", fields.Encode())
}

func (s *site) token(kind, body string) reply {
	r := httptest.NewRequest(http.MethodPost, base+"/token", strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:4711"
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return reply{w, s.t}
}

func TestChallengeOfRFC7636(t *testing.T) {
	t.Parallel()
	if got := challengeOf(verifier); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Error(got)
	}
}

func TestCode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.as("bob").get(askForCode("my-app://done?x=1")).form().submit("approve").want(http.StatusSeeOther)
	to, err := url.Parse(p.location())
	if err != nil || !strings.HasPrefix(p.location(), "my-app://done?x=1&code=") || to.Query().Get("state") != "s 1" || to.Query().Has("password") {
		t.Fatalf("leads to %s", p.location())
	}
	if got := s.names(s.bob); len(got) != 0 {
		t.Errorf("made before the exchange: %q", got)
	}
	answer := s.exchange(url.Values{"code": {codeOf(p)}, "code_verifier": {verifier}, "success_url": {"my-app://done?x=1"}})
	if answer.Code != http.StatusOK || answer.field("site_url") != origin || answer.field("user_login") != "bob" {
		t.Fatalf("%d", answer.Code)
	}
	if !s.opens(answer.field("password")) {
		t.Error("the password does not open")
	}
	if answer.Header().Get("Cache-Control") != "no-store" || answer.Header().Get("Content-Type") != "application/json" {
		t.Errorf("headers: %v", answer.Header())
	}
	if list, _ := s.store.List(t.Context(), s.bob.ID); len(list) != 1 || list[0].AppID != appID || list[0].Name != "My App" {
		t.Errorf("made: %v", list)
	}

	again := s.exchange(url.Values{"code": {codeOf(p)}, "code_verifier": {verifier}})
	if again.Code != http.StatusBadRequest || again.field("error") != "invalid_grant" {
		t.Errorf("replayed: %d %s", again.Code, again.Body)
	}
	if got := s.names(s.bob); len(got) != 1 {
		t.Errorf("passwords: %q", got)
	}
}

func TestCodeAsJSON(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	body := fmt.Sprintf(`{"grant_type":"authorization_code","code":%q,"code_verifier":%q}`, s.code("bob", "App"), verifier)
	if answer := s.token("application/json; charset=utf-8", body); !s.opens(answer.field("password")) {
		t.Errorf("%d", answer.Code)
	}
}

func TestCodeIsGoodForOneTry(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, change := range map[string]func(url.Values){
		"another verifier":          func(v url.Values) { v.Set("code_verifier", strings.Repeat("a", 43)) },
		"short verifier":            func(v url.Values) { v.Set("code_verifier", "a") },
		"the challenge as verifier": func(v url.Values) { v.Set("code_verifier", challengeOf(verifier)) },
		"another target":            func(v url.Values) { v.Set("success_url", "https://evil.example/") },
	} {
		right := url.Values{"code": {s.code("bob", name)}, "code_verifier": {verifier}}
		wrong := url.Values{"code": right["code"], "code_verifier": {verifier}}
		change(wrong)
		if answer := s.exchange(wrong); answer.Code != http.StatusBadRequest || answer.field("error") != "invalid_grant" {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Body)
		}
		if answer := s.exchange(right); answer.Code != http.StatusBadRequest || answer.field("error") != "invalid_grant" {
			t.Errorf("after %s, the right one: %d", name, answer.Code)
		}
	}
	if got := s.names(s.bob); len(got) != 0 {
		t.Errorf("passwords: %q", got)
	}
}

func TestVerifierMustBeLongEnough(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for weak, want := range map[string]int{
		strings.Repeat("a", 42): http.StatusBadRequest, strings.Repeat("a", 43): http.StatusOK, strings.Repeat("a", 42) + "+": http.StatusBadRequest,
		strings.Repeat("b", 128): http.StatusOK, strings.Repeat("b", 129): http.StatusBadRequest,
	} {
		name := fmt.Sprint(len(weak), weak[len(weak)-1:])
		p := s.as("bob").get(ask("success_url", "my-app://done", "response_type", "code", "code_challenge", challengeOf(weak), "code_challenge_method", "S256"))
		code := codeOf(p.form().set("app_name", name).submit("approve"))
		if answer := s.exchange(url.Values{"code": {code}, "code_verifier": {weak}}); answer.Code != want {
			t.Errorf("%s: %d, want %d", name, answer.Code, want)
		}
	}
}

func TestCodeExpires(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	early, late := s.code("bob", "Early"), s.code("bob", "Late")
	s.clock.Pass(web.CodeLifetime - time.Second)
	if answer := s.exchange(url.Values{"code": {early}, "code_verifier": {verifier}}); answer.Code != http.StatusOK {
		t.Errorf("in time: %d %s", answer.Code, answer.Body)
	}
	s.clock.Pass(time.Second)
	if answer := s.exchange(url.Values{"code": {late}, "code_verifier": {verifier}}); answer.field("error") != "invalid_grant" {
		t.Errorf("too late: %d", answer.Code)
	}
}

func TestOneOfManyExchangesWins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	code := s.code("bob", "App")
	var group sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 16 {
		group.Go(func() {
			if s.exchange(url.Values{"code": {code}, "code_verifier": {verifier}}).Code == http.StatusOK {
				mu.Lock()
				defer mu.Unlock()
				won++
			}
		})
	}
	group.Wait()
	if got := s.names(s.bob); won != 1 || len(got) != 1 {
		t.Errorf("%d exchanges won, passwords %q", won, got)
	}
}

func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const form, object = "application/x-www-form-urlencoded", "application/json"
	for name, c := range map[string]struct {
		kind, body, want string
	}{
		"no grant_type":      {form, "code=a&code_verifier=b", "unsupported_grant_type"},
		"another grant_type": {form, "grant_type=password&username=a&password=b", "unsupported_grant_type"},
		"no code":            {form, "grant_type=authorization_code&code_verifier=b", "invalid_request"},
		"no verifier":        {form, "grant_type=authorization_code&code=b", "invalid_request"},
		"code twice":         {form, "grant_type=authorization_code&code=a&code=b&code_verifier=c", "invalid_request"},
		"unknown code":       {form, "grant_type=authorization_code&code=a&code_verifier=" + verifier, "invalid_grant"},
		"damaged form":       {form, "grant_type=%zz", "invalid_request"},
		"no JSON":            {object, "{", "invalid_request"},
		"JSON of another":    {object, `{"grant_type":["authorization_code"]}`, "invalid_request"},
		"two JSON objects":   {object, `{"grant_type":"authorization_code"} {}`, "invalid_request"},
		"null":               {object, "null", "unsupported_grant_type"},
		"multipart":          {"multipart/form-data; boundary=x", "--x--", "invalid_request"},
		"no type":            {"", "grant_type=authorization_code", "invalid_request"},
		"too large":          {form, "grant_type=" + strings.Repeat("x", 70<<10), "invalid_request"},
	} {
		answer := s.token(c.kind, c.body)
		if answer.Code != http.StatusBadRequest || answer.field("error") != c.want || answer.field("error_description") == "" {
			t.Errorf("%s: %d %s, want %s", name, answer.Code, answer.Body, c.want)
		}
	}
	query := httptest.NewRequest(http.MethodGet, base+"/token?grant_type=authorization_code&code="+s.code("bob", "App")+"&code_verifier="+verifier, nil)
	query.RemoteAddr = "127.0.0.1:4711"
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, query)
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost {
		t.Errorf("GET: %d", w.Code)
	}
	inTheClear := httptest.NewRequest(http.MethodPost, base+"/token", strings.NewReader("grant_type=authorization_code")) // not from this machine
	w = httptest.NewRecorder()
	s.mux.ServeHTTP(w, inTheClear)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "HTTPS") {
		t.Errorf("in the clear: %d %s", w.Code, w.Body)
	}
}

func TestWhatChangedBeforeTheExchange(t *testing.T) {
	t.Parallel()
	available := true
	s := newSite(t, func(o *options) {
		o.service.AvailableFor = func(context.Context, sparekey.User) (bool, error) { return available, nil }
	})
	for name, change := range map[string]func(){
		"switched off": func() { available = false },
		"user gone": func() {
			if _, err := s.store.DeleteUser(t.Context(), s.bob.ID); err != nil {
				t.Fatal(err)
			}
		},
	} {
		s.bob = s.user("u" + strings.ReplaceAll(name, " ", ""))
		code := s.code(s.bob.Login, name)
		change()
		answer := s.exchange(url.Values{"code": {code}, "code_verifier": {verifier}})
		if answer.Code != http.StatusBadRequest || answer.field("error") != "invalid_grant" {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Body)
		}
		available = true
	}
	s.bob = s.user("carl")
	code := s.code("carl", "Broken")
	s.store.broken = true
	answer := s.exchange(url.Values{"code": {code}, "code_verifier": {verifier}})
	if answer.Code != http.StatusServiceUnavailable || strings.Contains(answer.Body.String(), errDown.Error()) {
		t.Errorf("broken store: %d %s", answer.Code, answer.Body)
	}
}

// TestRevokedBeforeTheExchange takes back what a user has, by the pages and from
// elsewhere, between the approval and the exchange.
func TestRevokedBeforeTheExchange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		has    int // application passwords at the approval
		revoke func(s *site)
		want   int
	}{
		"all, by the pages": {2, func(s *site) { s.as("bob").get(base + "/revoke-all").form().submit().want(http.StatusSeeOther) }, http.StatusBadRequest},
		"all of none, by the pages": {0, func(s *site) {
			s.as("bob").get(base + "/revoke-all").form().submit().want(http.StatusSeeOther)
		}, http.StatusBadRequest},
		"all, by an administrator": {1, func(s *site) {
			s.as("ann").get(base + "/users/" + s.bob.ID + "/revoke-all").form().submit().want(http.StatusSeeOther)
		}, http.StatusBadRequest},
		"all, elsewhere": {2, func(s *site) {
			if _, err := s.svc.AsOperator().RevokeAll(s.t.Context(), s.bob.ID); err != nil {
				s.t.Fatal(err)
			}
		}, http.StatusBadRequest},
		"one of two":          {2, func(s *site) { s.as("bob").get(s.as("bob").get(home).link("Revoke Old 0")).form().submit() }, http.StatusOK},
		"all of another user": {1, func(s *site) { s.as("ann").get(base + "/revoke-all").form().submit().want(http.StatusSeeOther) }, http.StatusOK},
	} {
		s := newSite(t)
		for i := range c.has {
			s.make(s.bob, sparekey.NewCredential{Name: fmt.Sprint("Old ", i)})
		}
		s.make(s.ann, sparekey.NewCredential{Name: "Ann's"})
		code := s.code("bob", "App")
		c.revoke(s)
		left := len(s.names(s.bob))
		answer := s.exchange(url.Values{"code": {code}, "code_verifier": {verifier}})
		if answer.Code != c.want || answer.Code != http.StatusOK && answer.field("error") != "invalid_grant" {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Body)
		}
		if got := s.names(s.bob); answer.Code != http.StatusOK && len(got) != left {
			t.Errorf("%s: there are %q", name, got)
		}
	}
}

// TestRoleTakenBeforeTheExchange asks anew whether the user may.
func TestRoleTakenBeforeTheExchange(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) {
		o.service.Allow = func(_ context.Context, actor, _ sparekey.User) (bool, error) { return actor.HasRole("author"), nil }
	})
	s.user("eve", "author")
	code := s.code("eve", "App")
	eve, err := s.store.UserByLogin(t.Context(), "eve")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.UpdateUser(t.Context(), eve.ID, func(u *sparekey.User) error { u.Roles = nil; return nil }); err != nil {
		t.Fatal(err)
	}
	answer := s.exchange(url.Values{"code": {code}, "code_verifier": {verifier}})
	if answer.Code != http.StatusBadRequest || answer.field("error") != "invalid_grant" || len(s.names(eve)) != 0 {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

// TestSessionEndsBeforeTheExchange has the session end, or the application not know,
// when an exchange asks for the first or the second time.
func TestSessionEndsBeforeTheExchange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers []any // to the questions of the exchange: whether the session lasts, or an error
		want    int
	}{
		"it lasts":           {[]any{true, true}, http.StatusOK},
		"it ended":           {[]any{false}, http.StatusBadRequest},
		"it ended meanwhile": {[]any{true, false}, http.StatusBadRequest},
		"no answer":          {[]any{errDown}, http.StatusServiceUnavailable},
		"no answer later":    {[]any{true, errDown}, http.StatusServiceUnavailable},
	} {
		var user string
		s := newSite(t, func(o *options) {
			o.web.Session = func(r *http.Request) func(context.Context) (bool, error) {
				user = r.Header.Get("Test-User")
				return func(context.Context) (bool, error) {
					answer := c.answers[0]
					c.answers = c.answers[1:]
					lasts, _ := answer.(bool)
					err, _ := answer.(error)
					return lasts, err
				}
			}
		})
		answer := s.exchange(url.Values{"code": {s.code("bob", "App")}, "code_verifier": {verifier}})
		if answer.Code != c.want || answer.Code == http.StatusBadRequest && answer.field("error") != "invalid_grant" || user != "bob" {
			t.Errorf("%s: %d %s, session of %q", name, answer.Code, answer.Body, user)
		}
		if got := s.names(s.bob); len(got) > 0 != (c.want == http.StatusOK) {
			t.Errorf("%s: there are %q", name, got)
		}
	}
}

func TestCodesAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var codes []string
	for i := range 12 {
		codes = append(codes, s.code("bob", fmt.Sprintf("App %d", i)))
		s.clock.Pass(time.Second)
	}
	other := s.code("ann", "App")
	if got := s.pages.PendingCodes(); got != 8+1 {
		t.Errorf("%d codes wait", got)
	}
	if answer := s.exchange(url.Values{"code": {codes[0]}, "code_verifier": {verifier}}); answer.field("error") != "invalid_grant" {
		t.Errorf("the oldest of too many: %d", answer.Code)
	}
	for _, code := range []string{codes[11], other} {
		if answer := s.exchange(url.Values{"code": {code}, "code_verifier": {verifier}}); answer.Code != http.StatusOK {
			t.Errorf("a newer one: %d %s", answer.Code, answer.Body)
		}
	}
	s.as("").post(authorizePath, url.Values{"success_url": {"https://a.example/"}, "approve": {"1"}, "response_type": {"code"},
		"code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"}}).want(http.StatusSeeOther)
	if got := s.pages.PendingCodes(); got != 7 {
		t.Errorf("a stranger left something behind: %d codes wait", got)
	}
	s.clock.Pass(web.CodeLifetime)
	s.code("bob", "Last")
	if got := s.pages.PendingCodes(); got != 1 {
		t.Errorf("old codes stay: %d wait", got)
	}
}
