package web_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web"
)

// ask is the query of an application that asks bob for a password.
func ask(fields ...string) string {
	values := url.Values{"app_name": {"My App"}, "app_id": {appID}}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	return authorizePath + "?" + values.Encode()
}

func TestAuthorizeShowsWhoAsksForWhat(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, c := range []struct {
		success, reject string
		want            []string
	}{
		{"", "", []string{"Connect My App to Example?", "Only you. It is shown here", "Shows you the password", "Takes you to your application passwords"}},
		{"https://connect.app.example:8443/cb?x=1", "", []string{
			"calls itself My App", "Anyone can use that name", "Gets the password https://connect.app.example:8443 A website",
			"App ID " + appID, "Your account bob", "everything that your account can do", "Takes you to https://connect.app.example:8443",
		}},
		{"https://xn--pple-43d.com/", "https://other.example/no", []string{"https://xn--pple-43d.com", "imitate another site", "Takes you to https://other.example"}},
		{"http://127.0.0.1:7777/cb", "", []string{"http://127.0.0.1:7777", "A program on this device"}},
		{"http://[::1]:7777/cb", "", []string{"http://[::1]:7777", "A program on this device"}},
		{"wordpress://app", "wordpress://no", []string{"An app on this device that opens wordpress: links", "Takes you to the app for wordpress: links"}},
		{"evil://connected/", "", []string{"opens evil: links"}},
	} {
		p := s.as("bob").get(ask("success_url", c.success, "reject_url", c.reject)).want(http.StatusOK)
		for _, want := range c.want {
			if !strings.Contains(p.text(), want) {
				t.Errorf("success_url %s: no %q in: %s", c.success, want, p.text())
			}
		}
		if valueOf(p.id("app_name"), "value") != "My App" || !p.has("approve") || !p.has("reject") {
			t.Errorf("the elements that automation looks for: %s", p.body)
		}
		for name, want := range map[string]string{"app_id": appID, "success_url": c.success} {
			if got := p.all("input", "type", "hidden", "name", name); len(got) != 1 || valueOf(got[0], "value") != want {
				t.Errorf("hidden field %s: %v", name, got)
			}
		}
	}
	unnamed := s.as("bob").get(authorizePath).want(http.StatusOK)
	if !strings.Contains(unnamed.text(), "Connect an application to Example?") || strings.Contains(unnamed.text(), "calls itself") {
		t.Errorf("without a name: %s", unnamed.text())
	}
}

func TestAuthorizeByQuery(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.as("bob")
	for i, c := range []struct{ success, prefix, fragment string }{
		{"https://app.example/cb?x=1#end", "https://app.example/cb?x=1&", "end"},
		{"http://127.0.0.1:7777/cb", "http://127.0.0.1:7777/cb?", ""},
		{"wordpress://app", "wordpress://app?", ""},
	} {
		name := "App " + string(rune('A'+i))
		p := bob.get(ask("success_url", c.success)).form().set("app_name", name).submit("approve").want(http.StatusSeeOther)
		to, err := url.Parse(p.location())
		if err != nil || !strings.HasPrefix(p.location(), c.prefix) || to.Fragment != c.fragment {
			t.Fatalf("%s leads to %s", c.success, p.location())
		}
		query := to.Query()
		if query.Get("site_url") != origin || query.Get("user_login") != "bob" || len(query.Get("password")) != 29 {
			t.Errorf("fields: %v", slices.Collect(maps.Keys(query)))
		}
		if !s.opens(query.Get("password")) {
			t.Errorf("%s: the password does not open", c.success)
		}
		list, _ := s.store.List(t.Context(), s.bob.ID)
		if got := list[len(list)-1]; got.Name != name || got.AppID != appID {
			t.Errorf("made %q with app ID %q", got.Name, got.AppID)
		}
		if strings.Contains(p.body, query.Get("password")) {
			t.Error("the password is in the body of the redirect, too")
		}
	}
}

func TestAuthorizeByHand(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*options){
		"no success_url":    func(*options) {},
		"no query redirect": func(o *options) { o.web.NoQueryRedirect = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, change)
			target := ""
			if name == "no query redirect" {
				target = "https://app.example/cb"
			}
			form := s.as("bob").get(ask("success_url", target)).want(http.StatusOK).form()
			p := form.submit("approve").want(http.StatusOK)
			if !s.opens(p.secret()) {
				t.Error("the password does not open")
			}
			if again := form.submit("approve").want(http.StatusSeeOther); again.location() != home+"?done=already" {
				t.Errorf("a reload leads to %s", again.location())
			}
			if got := s.names(s.bob); len(got) != 1 {
				t.Errorf("passwords: %q", got)
			}
		})
	}
}

func TestAuthorizeByFormPost(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) { o.web.NoQueryRedirect = true })
	p := s.as("bob").get(ask("success_url", "https://app.example/cb?x=1", "success_format", "form_post", "state", `s&"<>`)).
		form().submit("approve").want(http.StatusOK)
	form := p.form()
	if got := form.action(); got != "https://app.example/cb?x=1" {
		t.Errorf("posts to %s", got)
	}
	if !s.opens(form.fields.Get("password")) || form.fields.Get("site_url") != origin ||
		form.fields.Get("user_login") != "bob" || form.fields.Get("state") != `s&"<>` || len(form.fields) != 4 {
		t.Errorf("fields: %v", slices.Collect(maps.Keys(form.fields)))
	}
	if policy := p.header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "; form-action https:") {
		t.Errorf("policy: %s", policy)
	}
}

func TestAuthorizeReject(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for want, fields := range map[string][]string{
		home: {},
		"https://app.example/cb?x=1&success=false": {"success_url", "https://app.example/cb?x=1"},
		"wordpress://no": {"success_url", "https://app.example/cb", "reject_url", "wordpress://no"},
		"https://app.example/cb?success=false&error=access_denied&state=s%201": {"success_url", "https://app.example/cb", "response_type", "code", "code_challenge", challengeOf(verifier), "code_challenge_method", "S256", "state", "s 1"},
		"https://app.example/cb?success=false&state=s":                         {"success_url", "https://app.example/cb", "success_format", "form_post", "state", "s"},
	} {
		p := s.as("bob").get(ask(fields...)).form().set("app_name", "").submit("reject").want(http.StatusSeeOther)
		if p.location() != want {
			t.Errorf("%v leads to %s, want %s", fields, p.location(), want)
		}
	}
	both := s.as("bob").get(ask("success_url", "https://app.example/")).form().submit("approve", "reject")
	if both.location() != "https://app.example/?success=false" {
		t.Errorf("yes and no lead to %s", both.location())
	}
	neither := s.as("bob").get(ask("success_url", "https://app.example/")).form().submit().want(http.StatusOK)
	if !neither.has("approve") {
		t.Error("no answer is not asked for again")
	}
	if got := s.names(s.bob); len(got) != 0 {
		t.Errorf("passwords: %q", got)
	}
}

func TestAuthorizeNames(t *testing.T) {
	t.Parallel()
	for mode, fields := range map[string][]string{
		"query": {"success_url", "https://app.example/"},
		"code":  {"success_url", "https://app.example/", "response_type", "code", "code_challenge", challengeOf(verifier), "code_challenge_method", "S256"},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.make(s.bob, sparekey.NewCredential{Name: "Phone"})
			for typed, status := range map[string]int{"": 400, " ": 400, "0": 400} {
				p := s.as("bob").get(ask(fields...)).form().set("app_name", typed).submit("approve").want(status)
				if valueOf(p.id("app_name"), "value") != typed || valueOf(p.id("app_name"), "aria-invalid") != "true" || !p.has("problem") {
					t.Errorf("%q: %s", typed, p.text())
				}
				p.form().set("app_name", "Other").submit("reject").want(http.StatusSeeOther) // the form goes on working
			}
		})
	}
}

// badTargets are success_urls to which no user may be sent.
var badTargets = []string{
	"javascript:alert(1)", "JavaScript://x/%0aalert(1)", "data:text/html,x", "data://h/", "vbscript://x", "file://host/x", "blob:https://x/y",
	"HTTP://evil.example/cb", "hTTp://evil.example/", "http://evil.example/", "http://127.0.0.1.evil.example/", "http://localhost.evil.example/",
	"https://user:pw@evil.example/", "https://bank.example@evil.example/", `https://bank.example\@evil.example/`, "//evil.example/", "/local",
	"https:evil.example", "https://evil.example/\r\nSet-Cookie: a=b", "https://evil.example/ x", "https://b\u00fccher.example/", "about:blank",
}

func TestAuthorizeRefusesBadTargets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.as("bob")
	for _, target := range badTargets {
		for _, fields := range []url.Values{
			{"app_name": {"Evil"}, "success_url": {target}},
			{"app_name": {"Evil"}, "success_url": {"https://ok.example/"}, "reject_url": {target}},
			{"app_name": {"Evil"}, "success_url": {target}, "success_format": {"form_post"}},
		} {
			shown := bob.get(authorizePath + "?" + fields.Encode())
			fields.Set("approve", "1")
			answered := bob.post(authorizePath, fields) // as if the fields had been changed after they were shown
			fields.Del("approve")
			fields.Set("reject", "1")
			rejected := bob.post(authorizePath, fields)
			for _, p := range []*page{shown, answered, rejected} {
				p.want(http.StatusBadRequest)
				if p.location() != "" {
					t.Errorf("%s leads to %s", target, p.location())
				}
				for _, a := range p.all("a") {
					if href := valueOf(a, "href"); !strings.HasPrefix(href, "/") && !strings.HasPrefix(href, "#") || href == target {
						t.Errorf("%s: the page links to %s", target, href)
					}
				}
				if !strings.HasSuffix(p.header.Get("Content-Security-Policy"), "form-action 'self'") {
					t.Errorf("%s: policy %s", target, p.header.Get("Content-Security-Policy"))
				}
			}
		}
	}
	if got := s.names(s.bob); len(got) != 0 {
		t.Errorf("passwords: %q", got)
	}
}

func TestAuthorizeRefusesBadParameters(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const web = "https://app.example/"
	for field, fields := range map[string][]string{
		"app_id":                {"app_id", "not-a-uuid"},
		"response_type":         {"response_type", "token", "success_url", web},
		"code_challenge_method": {"response_type", "code", "success_url", web, "code_challenge", challengeOf(verifier), "code_challenge_method", "plain"},
		"code_challenge":        {"response_type", "code", "success_url", web, "code_challenge_method", "S256"},
		"success_format":        {"success_format", "fragment", "success_url", web},
		"success_format ":       {"success_format", "code", "success_url", web},
		"success_format  ":      {"success_format", "form_post", "response_type", "code", "success_url", web},
		"success_url":           {"success_format", "form_post"},
		"success_url ":          {"success_format", "form_post", "success_url", "my-app://done"},
	} {
		get := s.as("bob").get(ask(fields...)).want(http.StatusBadRequest)
		values, err := url.ParseQuery(strings.TrimPrefix(ask(fields...), authorizePath+"?"))
		if err != nil {
			t.Fatal(err)
		}
		values.Set("approve", "1")
		post := s.as("bob").post(authorizePath, values).want(http.StatusBadRequest)
		for _, p := range []*page{get, post} {
			if !strings.Contains(p.text(), strings.TrimSpace(field)+" must") && !strings.Contains(p.text(), strings.TrimSpace(field)+" is needed") {
				t.Errorf("%v: the fault is not named: %s", fields, p.text())
			}
		}
	}
	// Parameters in the query of a POST are not the user's answer.
	s.as("bob").post(ask("success_url", "https://evil.example/", "approve", "1"), url.Values{"app_name": {"App"}}).want(http.StatusOK)
	if got := s.names(s.bob); len(got) != 0 {
		t.Errorf("passwords: %q", got)
	}
}

func TestAuthorizeFormAction(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, c := range []struct{ success, reject, want string }{
		{"", "", "'self'"},
		{"https://app.example/", "", "'self' https:"},
		{"https://app.example/", "my-app://no", "'self' https: my-app:"},
		{"http://127.0.0.1:7777/cb", "", "'self' http: https:"},
		{"http://[::1]:7777/cb", "", "'self' http: https:"},
		{"My.App+x-1://cb", "", "'self' my.app+x-1:"},
		{"https://a.example/x;script-src,*;script-src%20*", "", "'self' https:"},
		{"my-app://a/;script-src,b/", "", "'self' my-app:"},
	} {
		p := s.as("bob").get(ask("success_url", c.success, "reject_url", c.reject)).want(http.StatusOK)
		policy := p.header.Get("Content-Security-Policy")
		if _, got, _ := strings.Cut(policy, "form-action "); got != c.want {
			t.Errorf("%s, %s: form-action %s, want %s", c.success, c.reject, got, c.want)
		}
		if strings.Count(policy, "script-src") != 1 {
			t.Errorf("%s is in the policy: %s", c.success, policy)
		}
	}
}

func TestAuthorizeUnavailable(t *testing.T) {
	t.Parallel()
	available := true
	s := newSite(t, func(o *options) {
		o.service.Available = func(context.Context) (bool, error) { return available, nil }
	})
	form := s.as("bob").get(ask("success_url", "https://a.b/c", "reject_url", "my-app://no")).want(http.StatusOK).form()
	available = false
	for _, p := range []*page{form.submit("approve"), s.as("bob").get(ask("success_url", "https://a.b/c", "reject_url", "my-app://no"))} {
		p.want(http.StatusNotImplemented)
		if got := p.link("Back to my-app:"); got != "my-app://no?error=disabled" {
			t.Errorf("back to %s", got)
		}
	}
	if p := s.as("bob").get(ask("success_url", "https://a.b/c")); p.link("Back to https://a.b") != "https://a.b/c?success=false&error=disabled" {
		t.Errorf("back: %s", p.body)
	}
	available = true
	basic := s.as("bob").with("Authorization", "Basic YTpi")
	basic.get(ask("success_url", "https://a.b/c")).want(http.StatusNotImplemented)
	basic.post(authorizePath, form.fields).want(http.StatusNotImplemented)
	if got := s.names(s.bob); len(got) != 0 {
		t.Errorf("passwords: %q", got)
	}
}

// TestAuthorizeNotForThisAccount has a user who may not have an application password. The
// page says so instead of asking, and leads back to the application.
func TestAuthorizeNotForThisAccount(t *testing.T) {
	t.Parallel()
	for tag, language := range web.NewCatalogue() {
		s := newSite(t, func(o *options) { o.service.Policy = sparekey.Policy{Creators: []string{sparekey.RoleAdministrator}} })
		request := ask("success_url", "https://a.b/c", "reject_url", "my-app://no")
		form := s.as("ann").get(request).want(http.StatusOK).form().set("approve", "1").set("shown_to", s.bob.ID)
		bob := s.as("bob").with("Accept-Language", tag)
		for _, p := range []*page{bob.get(request), bob.post(authorizePath, form.fields)} {
			p.want(http.StatusForbidden)
			if got := p.all("h1"); textOf(got[0]) != language.T("error.not_creator.title") || p.has("approve") {
				t.Errorf("%s: %s", tag, p.text())
			}
			if got := p.link(unmarked(language.T("error.back_to", "target", "my-app:"))); got != "my-app://no?error=disabled" {
				t.Errorf("%s: back to %s", tag, got)
			}
		}
	}
}

// TestAuthorizeTooMany: what only the answer finds out leads back as well.
func TestAuthorizeTooMany(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) { o.service.Policy = sparekey.Policy{MaxPerUser: 1} })
	s.make(s.bob, sparekey.NewCredential{Name: "App"})
	for _, more := range [][]string{nil, {"response_type", "code", "code_challenge", challengeOf(verifier), "code_challenge_method", "S256"}} {
		p := s.as("bob").get(ask(append(more, "success_url", "https://a.b/c")...)).form().submit("approve").want(http.StatusConflict)
		if got := p.link("Back to https://a.b"); got != "https://a.b/c?success=false&error=disabled" {
			t.Errorf("back to %s", got)
		}
	}
}

func TestAuthorizeNotSignedIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const success = "my-app://done?a=b&c=d#e"
	form := s.as("bob").get(ask("success_url", success, "state", "x", "success_format", "")).form()
	for _, p := range []*page{
		s.as("").get(ask("success_url", success, "state", "x")).want(http.StatusFound),
		s.as("").post(authorizePath, form.set("approve", "1").fields).want(http.StatusSeeOther),
	} {
		to, err := url.Parse(p.location())
		if err != nil || to.Path != "/sign-in" {
			t.Fatalf("leads to %s", p.location())
		}
		back := s.as("bob").get(to.Query().Get("redirect_to")).want(http.StatusOK).form()
		if back.fields.Get("success_url") != success || back.fields.Get("app_id") != appID || back.fields.Get("state") != "x" ||
			back.fields.Get("app_name") != "My App" {
			t.Errorf("the request is lost on the way: %v", back.fields)
		}
	}
}

// TestSecretsLeaveOnlyWhereTheUserSent wants no address and no log to hold a secret, except
// the one address that the user agreed to.
func TestSecretsLeaveOnlyWhereTheUserSent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.as("bob")
	secrets := []string{bob.get(home+"new").form().set("name", "One").submit().secret()}
	secrets = append(secrets, bob.get(ask()).form().set("app_name", "Two").submit("approve").secret())
	posted := bob.get(ask("success_url", "https://app.example/", "success_format", "form_post")).form().set("app_name", "Three").submit("approve")
	secrets = append(secrets, posted.form().fields.Get("password"))
	coded := bob.get(askForCode("https://app.example/")).form().set("app_name", "Four").submit("approve")
	secrets = append(secrets, s.exchange(url.Values{"code": {codeOf(coded)}, "code_verifier": {verifier}}).field("password"))
	redirected := bob.get(ask("success_url", "https://chosen.example/")).form().set("app_name", "Five").submit("approve")
	chosen, err := url.Parse(redirected.location())
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, chosen.Query().Get("password"))
	bob.get(bob.get(home).link("Revoke One")).form().submit().follow()

	for i, secret := range secrets {
		if !s.opens(secret) && i != 0 {
			t.Fatalf("secret %d does not open", i)
		}
		forms := []string{secret, strings.ReplaceAll(secret, " ", ""), url.QueryEscape(secret), url.PathEscape(secret)}
		for _, form := range forms {
			for _, p := range s.visited {
				if strings.Contains(p.url, form) || p != redirected && strings.Contains(p.location(), form) {
					t.Errorf("secret %d is in an address: %s %s", i, p.method, p.url)
				}
			}
			if strings.Contains(s.log.String(), form) {
				t.Errorf("secret %d is in the log", i)
			}
		}
	}
	if len(s.visited) < 10 {
		t.Fatalf("only %d answers were looked at", len(s.visited))
	}
}
