package rest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/rest"
)

// TestPathCannotBeReplaced sends another user and another UUID everywhere except in the path.
func TestPathCannotBeReplaced(t *testing.T) {
	t.Parallel()
	const (
		asJSON = "application/json"
		asForm = "application/x-www-form-urlencoded"
	)
	for _, method := range []string{"GET", "PUT", "PATCH", "POST", "DELETE"} {
		for _, place := range []string{"query", asJSON, asForm} {
			t.Run(method+" "+place, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, options{})
				values := url.Values{"user_id": {"6"}, "id": {"6"}, "uuid": {s.uuids["other"]}, "name": {"taken"}}
				path, body := s.passwords("sub")+"/"+s.uuids["sub"], ""
				switch place {
				case "query":
					path += "?" + values.Encode()
				case asForm:
					body = values.Encode()
				case asJSON:
					body = fmt.Sprintf(`{"user_id":6,"id":"6","uuid":%q,"name":"taken"}`, s.uuids["other"])
				}
				r := s.request(method, path, "admin", strings.NewReader(body))
				if body != "" {
					r.Header.Set("Content-Type", place)
				}
				w := s.send(r)
				wantStatus(t, w, http.StatusOK)
				if !strings.Contains(w.Body.String(), s.uuids["sub"]) || strings.Contains(w.Body.String(), s.uuids["other"]) {
					t.Errorf("the answer is about another: %s", w.Body)
				}
				if got := s.names(t, "other"); len(got) != 1 || got[0] != "seed" {
					t.Errorf("another user's application passwords are now %v", got)
				}
			})
		}
	}
}

func TestUserCannotBeReplaced(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	for _, path := range []string{"me", "5"} {
		w := s.do("GET", "/wp-json/wp/v2/users/"+path+"?id=1&user_id=1&_fields=slug", "sub", `{"id":1,"user_id":1}`)
		if got := w.Body.String(); got != `{"slug":"sub"}` {
			t.Errorf("%s: got %s", path, got)
		}
	}
}

func TestOtherUsersUUIDs(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		w := s.do(method, s.passwords("other")+"/"+s.uuids["sub"], "other", "")
		wantError(t, w, http.StatusNotFound, "rest_application_password_not_found")
		w = s.do(method, s.passwords("sub")+"/"+s.uuids["sub"], "other", "")
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: got status %d", method, w.Code)
		}
	}
	if got := s.names(t, "sub"); len(got) != 1 || got[0] != "seed" {
		t.Errorf("application passwords are now %v", got)
	}
}

// TestTraversal sends paths that read differently once a program decodes or cleans them. None
// of them is a route.
func TestTraversal(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	uuid := s.uuids["sub"]
	for _, path := range []string{
		"/wp-json//wp/v2/users/me",
		"//wp-json/wp/v2/users/me",
		"/wp-json/wp/v2//users/me",
		"/wp-json/wp/v2/users/../users/me",
		"/wp-json/../wp-json/wp/v2/users/me",
		"/wp-json/./wp/v2/users/me",
		"/wp-json/wp/v2/users/me/application-passwords/../../me",
		"/wp-json%2Fwp/v2/users/me",
		"/wp-json/wp%2Fv2/users/me",
		"/wp-json/wp/v2/users/6%2F..%2F5/application-passwords",
		"/wp-json/wp/v2/users/%35/application-passwords",
		"/wp-json/wp/v2/users/5%00/application-passwords",
		"/wp-json/wp/v2/users/5%0A/application-passwords",
		"/wp-json/wp/v2/users/5/application-passwords/%69ntrospect",
		"/wp-json/wp/v2/users/5/application-passwords/" + uuid + "%0A",
		"/wp-json/wp/v2/users/5/application-passwords/" + uuid + "%2F",
		"/wp-json/wp/v2/users/5/application-passwords/" + uuid + ";a=b",
		"/wp-json/wp/v2/u%C5%BFers/me", // a long s, which folds to s
		"/?rest_route=/wp/v2/u%C5%BFers/me",
		"/?rest_route=/wp/v2/users/me%0A",
		"/?rest_route=/wp/v2/users/../users/me",
		"/?rest_route=//wp/v2/users/me",
		"/?rest_route=http://example.org/wp-json/wp/v2/users/me",
	} {
		for _, method := range []string{"GET", "DELETE"} {
			r := s.request(method, path, "sub", nil)
			wantError(t, s.send(r), http.StatusNotFound, "rest_no_route")
		}
	}
	if len(s.names(t, "sub")) != 1 {
		t.Error("an application password is gone")
	}
}

// TestHeadersCannotBeInjected sends line breaks wherever something of a request
// goes into a header of its answer.
func TestHeadersCannotBeInjected(t *testing.T) {
	t.Parallel()
	const evil = "x\r\nSet-Cookie: a=b"
	s := newSite(t, options{})
	encoded := url.QueryEscape(evil)
	requests := []*http.Request{
		s.request("POST", s.passwords("sub")+"?name="+encoded+"&app_id="+encoded, "sub", nil),
		s.request("POST", s.passwords("sub")+"?name="+encoded, "sub", nil),
		s.request("GET", s.passwords("sub")+"?_jsonp="+encoded, "sub", nil),
		s.request("GET", "/wp-json/wp/v2/users?per_page=1&search="+url.QueryEscape("\r\n")+"&x="+encoded, "admin", nil),
		s.request("POST", s.passwords("sub")+"?_method="+encoded, "sub", nil),
	}
	for name, value := range map[string]string{"Origin": "https://" + evil, "X-HTTP-Method-Override": evil, "Content-Type": evil} {
		r := s.request("POST", s.passwords("sub")+"?name=x", "sub", nil)
		r.Header[name] = []string{value}
		requests = append(requests, r)
	}
	for _, r := range requests {
		w := s.send(r)
		for name, values := range w.Header() {
			for _, value := range values {
				if strings.ContainsAny(name+value, "\r\n") || strings.Contains(value, "Set-Cookie") && name != "Link" {
					t.Errorf("%s: header %q: %q", r.URL, name, value)
				}
			}
		}
	}
}

func TestTwoAuthorizationHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	mine := s.request("GET", "/", "sub", nil).Header.Get("Authorization")
	theirs := s.request("GET", "/", "other", nil).Header.Get("Authorization")
	for _, values := range [][]string{{mine, mine}, {mine, theirs}, {"Bearer x", mine}, {mine + ", " + theirs}} {
		r := s.request("GET", "/wp-json/", "", nil)
		r.Header["Authorization"] = values
		wantError(t, s.send(r), http.StatusUnauthorized, "incorrect_password")
	}
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	for _, callback := range []string{
		"alert(1)", "a;b", "a b", "<script>", "a\nb", "a[0]", "a-b", "a,b", "é", "a\u2028", `a"`, "a'", "a/", "a%", strings.Repeat("a", 129),
	} {
		w := s.do("GET", "/wp-json/?_jsonp="+url.QueryEscape(callback), "", "")
		if w.Code != http.StatusBadRequest || w.Header().Get("Content-Type") != "application/javascript; charset=UTF-8" ||
			!strings.HasPrefix(w.Body.String(), `{"code":"rest_callback_invalid"`) {
			t.Errorf("%q: got status %d: %s", callback, w.Code, w.Body)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%q: may be sniffed", callback)
		}
	}
}

// TestLimits sends too much of everything.
func TestLimits(t *testing.T) {
	t.Parallel()
	const asForm = "application/x-www-form-urlencoded"
	parts := strings.Repeat("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n", 1001) + "--B--\r\n"
	nested := func(n int) string {
		return `{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `,"name":"x"}`
	}
	tests := map[string]struct {
		query, contentType, body string
		status                   int
		code                     string
	}{
		"a thousand parameters":  {body: strings.Repeat("a=b&", 999) + "name=x", contentType: asForm, status: 201},
		"more than a thousand":   {body: strings.Repeat("a=b&", 1001), contentType: asForm, status: 400, code: "rest_too_many_params"},
		"in the query":           {query: strings.Repeat("a=b&", 1001), status: 400, code: "rest_too_many_params"},
		"in parts":               {body: parts, contentType: "multipart/form-data; boundary=B", status: 400, code: "rest_too_many_params"},
		"nothing but ampersands": {query: strings.Repeat("&", 500_000) + "name=x", status: 201},
		"one long list":          {query: "name=x&" + strings.Repeat("a[]=b&", 900), status: 201},
		"many fields":            {query: "name=x&_fields=" + strings.Repeat("a.b,", 100_000), status: 201},
		"one deep field":         {query: "name=x&_fields=" + strings.Repeat("a.", 500_000), status: 201},
		"deep JSON":              {body: nested(510), contentType: "application/json", status: 201},
		"too deep":               {body: nested(511), contentType: "application/json", status: 400, code: "rest_invalid_json"},
		"far too deep":           {body: nested(500_000), contentType: "application/json", status: 400, code: "rest_invalid_json"},
		"deep and not closed":    {body: strings.Repeat(`{"a":`, 200_000), contentType: "application/json", status: 400, code: "rest_invalid_json"},
		"a large number":         {body: `{"name":1` + strings.Repeat("0", 1<<19) + `}`, contentType: "application/json", status: 400, code: "rest_invalid_param"},
		"an infinite number":     {body: `{"name":"x","n":1e999999999}`, contentType: "application/json", status: 201},
		"many members":           {body: "{" + strings.Repeat(`"a":1,`, 9_000) + `"name":"x"}`, contentType: "application/json", status: 201},
		"too many members":       {body: "{" + strings.Repeat(`"a":1,`, 100_000) + `"name":"x"}`, contentType: "application/json", status: 400, code: "rest_too_many_params"},
		"too many in a list":     {body: `{"name":"x","a":[` + strings.Repeat(`{"":0},`, 50_000) + `0]}`, contentType: "application/json", status: 400, code: "rest_too_many_params"},
		"a long name":            {body: "name=" + strings.Repeat("<", 1_000), contentType: asForm, status: 201},
		"a name beyond limits":   {body: "name=" + strings.Repeat("<", 500_000), contentType: asForm, status: 400, code: "rest_invalid_param"},
		"too long":               {body: "name=" + strings.Repeat("x", 1<<20), contentType: asForm, status: 413, code: "rest_body_too_large"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, options{})
			r := s.request("POST", s.passwords("sub"), "sub", bytes.NewBufferString(test.body))
			r.URL.RawQuery = test.query
			r.Header.Set("Content-Type", test.contentType)
			w := s.send(r)
			if test.code != "" {
				wantError(t, w, test.status, test.code)
				return
			}
			wantStatus(t, w, test.status)
		})
	}
}

// TestSecretsAreShownOnce looks for secrets and hashes in all answers but the
// ones to a create.
func TestSecretsAreShownOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{service: sparekey.Config{}})
	var everything strings.Builder
	ask := func(method, path, body string) {
		w := s.do(method, path, "sub", body)
		fmt.Fprintln(&everything, w.Header(), w.Body)
	}
	item := s.passwords("sub") + "/" + s.uuids["sub"]
	for _, context := range []string{"view", "edit", "embed"} {
		for _, path := range []string{s.passwords("sub"), item, s.passwords("sub") + "/introspect", "/wp-json/wp/v2/users/me", "/wp-json/wp/v2/users"} {
			ask("GET", path+"?context="+context, "")
			ask("GET", path+"?context="+context+"&_fields=password,hash,Hash,secret,name", "")
			ask("OPTIONS", path, "")
		}
	}
	ask("PUT", item+"?_envelope", `{"name":"new","password":"x"}`)
	ask("POST", item, `{"name":{}}`)
	ask("DELETE", item, "")
	text := everything.String()
	if len(text) < 1000 {
		t.Fatalf("only got %q", text)
	}
	secret := s.secrets["sub"]
	for _, never := range []string{secret.Reveal(), secret.Chunked(), secret.Hash(), "$generic$", `"password":"`} {
		if strings.Contains(text, never) {
			t.Errorf("%q is in %s", never, text)
		}
	}
}

// TestSafeMethodsChangeNothing sends every route every invitation to take a safe
// method for another.
func TestSafeMethodsChangeNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
		for _, override := range []string{"DELETE", "POST", "PUT"} {
			for _, path := range []string{s.passwords("sub"), s.passwords("sub") + "/" + s.uuids["sub"]} {
				r := s.request(method, path+"?name=changed&_method="+override, "sub", strings.NewReader("name=changed&_method="+override))
				r.Header.Set("X-HTTP-Method-Override", override)
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				wantStatus(t, s.send(r), http.StatusOK)
			}
		}
	}
	if got := s.names(t, "sub"); len(got) != 1 || got[0] != "seed" {
		t.Errorf("application passwords are now %v", got)
	}
}

// TestCachesAreNotPoisoned has strangers ask for other answers than an address alone
// gives.
func TestCachesAreNotPoisoned(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	for name, c := range map[string]struct {
		change func(r *http.Request)
		body   string
		want   int
		cached bool
	}{
		"as it is":       {func(*http.Request) {}, "", http.StatusOK, true},
		"no body":        {func(r *http.Request) { r.Header.Set("X-HTTP-Method-Override", "HEAD") }, "", http.StatusOK, false},
		"the schema":     {func(r *http.Request) { r.Header.Set("x-http-method-override", "options") }, "", http.StatusOK, false},
		"no route":       {func(r *http.Request) { r.Header.Set("X-HTTP-Method-Override", "FETCH") }, "", http.StatusNotFound, false},
		"other fields":   {func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, `{"_fields":"nothing"}`, http.StatusOK, false},
		"a broken body":  {func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, `{`, http.StatusBadRequest, false},
		"of no length":   {func(r *http.Request) { r.Header.Set("Content-Type", "application/json"); r.ContentLength = -1 }, `{"_fields":"nothing"}`, http.StatusOK, false},
		"another origin": {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, "", http.StatusOK, true},
	} {
		r := s.request("GET", "/wp-json/", "", strings.NewReader(c.body))
		c.change(r)
		w := s.send(r)
		wantStatus(t, w, c.want)
		if cached := !strings.Contains(w.Header().Get("Cache-Control"), "no-store"); cached != c.cached || w.Header().Get("Vary") != "Origin" {
			t.Errorf("%s: Cache-Control %q, Vary %q", name, w.Header().Get("Cache-Control"), w.Header().Get("Vary"))
		}
	}
}

func TestMultipartReadsWhatIsThere(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	r := s.request("POST", s.passwords("sub"), "sub", strings.NewReader("--B\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\ncut o"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
	wantError(t, s.send(r), http.StatusBadRequest, "rest_invalid_body")
}

func TestBodyIsNotUTF8(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	w := s.do("POST", s.passwords("sub"), "sub", "{\"name\":\"\xff\"}")
	wantError(t, w, http.StatusBadRequest, "rest_invalid_json")
	if !strings.Contains(w.Body.String(), `"json_error_code":5`) {
		t.Errorf("got %s", w.Body)
	}
}

// brokenBody is a body that breaks off.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, http.ErrBodyReadAfterClose }

func TestBodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	for _, contentType := range []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=B"} {
		r := httptest.NewRequest("POST", s.passwords("sub"), brokenBody{})
		r.RemoteAddr = "127.0.0.1:1"
		r.SetBasicAuth("sub", s.secrets["sub"].Reveal())
		r.Header.Set("Content-Type", contentType)
		wantError(t, s.send(r), http.StatusBadRequest, "rest_invalid_body")
	}
}

// TestRequestUnderWayWhenRevoked takes its time with a body, and has the credential
// that it came with revoked meanwhile.
func TestRequestUnderWayWhenRevoked(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	body, rest := io.Pipe()
	r := s.request("POST", s.passwords("sub"), "sub", body)
	r.Header.Set("Content-Type", "application/json")
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() { answer <- s.send(r) }()
	if _, err := io.WriteString(rest, `{"name":`); err != nil { // which the server has begun to read
		t.Fatal(err)
	}
	wantStatus(t, s.do("DELETE", s.passwords("sub")+"/"+s.uuids["sub"], "sub", ""), http.StatusOK)
	if _, err := io.WriteString(rest, `"survivor"}`); err != nil {
		t.Fatal(err)
	}
	if err := rest.Close(); err != nil {
		t.Fatal(err)
	}
	wantError(t, <-answer, http.StatusUnauthorized, "incorrect_password")
	if got := s.names(t, "sub"); len(got) != 0 {
		t.Errorf("application passwords are now %v", got)
	}
}

// counted is a body that counts what is read of it.
type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// TestLittleIsReadOfStrangers sends a large body without a right credential: nothing of it is
// read where the answer does not depend on it, and little otherwise.
func TestLittleIsReadOfStrangers(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	large := `{"name":"` + strings.Repeat("x", 1<<19) + `"}`
	for name, c := range map[string]struct {
		path, contentType string
		login             string // with a wrong secret
		most              int
		status            int
		code              string
	}{
		"a wrong secret":                 {s.passwords("sub"), "application/json", "sub", 0, http.StatusUnauthorized, "incorrect_password"},
		"an unknown login":               {s.passwords("sub"), "application/json", "unknown", 0, http.StatusUnauthorized, "incorrect_password"},
		"text":                           {"/wp-json/wp/v2/users/me", "text/plain", "", 0, http.StatusUnauthorized, "rest_not_logged_in"},
		"no route":                       {"/wp-json/nowhere", "application/json", "", 0, http.StatusNotFound, "rest_no_route"},
		"an anonymous caller's JSON":     {s.passwords("sub"), "application/json", "", 1 << 14, http.StatusUnauthorized, "rest_cannot_create_application_passwords"},
		"an anonymous caller's own ones": {"/wp-json/wp/v2/users/me/application-passwords", "application/json", "", 1 << 14, http.StatusUnauthorized, "rest_not_logged_in"},
		"an anonymous caller's form":     {s.passwords("sub"), "application/x-www-form-urlencoded", "", 1 << 14, http.StatusUnauthorized, "rest_cannot_create_application_passwords"},
		"for an unknown user":            {"/wp-json/wp/v2/users/99/application-passwords", "application/json", "", 1 << 14, http.StatusNotFound, "rest_user_invalid_id"},
	} {
		body := &counted{Reader: strings.NewReader(large)}
		r := s.request("POST", c.path, "", body)
		r.Header.Set("Content-Type", c.contentType)
		if c.login != "" {
			r.SetBasicAuth(c.login, sparekey.NewSecret().Chunked())
		}
		w := s.send(r)
		if w.Code != c.status || code(t, w) != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, c.status, c.code)
		}
		if body.n > c.most+1 {
			t.Errorf("%s: %d bytes were read, want at most %d", name, body.n, c.most)
		}
	}
	r := s.request("GET", "/wp-json/", "", strings.NewReader(large))
	r.Header.Set("Content-Type", "application/json")
	wantError(t, s.send(r), http.StatusRequestEntityTooLarge, "rest_body_too_large")
}

// TestSessionUnderWayWhenEnded takes its time with a body, and has the session that it came
// with ended meanwhile.
func TestSessionUnderWayWhenEnded(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	var ended atomic.Bool
	api := rest.New(s.svc, func(r *http.Request) (sparekey.User, bool, error) {
		u, ok, err := s.viewer(r)
		return u, ok && !ended.Load(), err
	}, rest.Config{BaseURL: "https://example.org/wp-json", Now: now})
	body, more := io.Pipe()
	r := s.request("POST", s.passwords("sub"), "", body)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Session", "sub")
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		answer <- w
	}()
	if _, err := io.WriteString(more, `{"name":`); err != nil { // which the server has begun to read
		t.Fatal(err)
	}
	ended.Store(true)
	if _, err := io.WriteString(more, `"survivor"}`); err != nil {
		t.Fatal(err)
	}
	if err := more.Close(); err != nil {
		t.Fatal(err)
	}
	wantError(t, <-answer, http.StatusUnauthorized, "rest_cannot_create_application_passwords")
	if got := s.names(t, "sub"); len(got) != 1 {
		t.Errorf("application passwords are now %v", got)
	}
}

// sendSlowly sends a request with a body of JSON, and calls meanwhile once the API has begun to
// read it.
func (s *site) sendSlowly(t *testing.T, r *http.Request, text string, meanwhile func()) *httptest.ResponseRecorder {
	t.Helper()
	body, more := io.Pipe()
	r.Body, r.ContentLength = body, -1
	r.Header.Set("Content-Type", "application/json")
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		answer <- s.send(r)
		body.Close()
	}()
	if _, err := io.WriteString(more, text[:1]); err != nil {
		t.Fatal(err)
	}
	meanwhile()
	if _, err := io.WriteString(more, text[1:]); err != nil {
		t.Fatal(err)
	}
	if err := more.Close(); err != nil {
		t.Fatal(err)
	}
	return <-answer
}

// TestRequestUnderWayWhenDemoted takes its time with a body, and has the role that allows the
// request taken away from its user meanwhile.
func TestRequestUnderWayWhenDemoted(t *testing.T) {
	t.Parallel()
	s, _, by := newChangingSite(t, options{})
	for _, c := range []struct{ method, path, code string }{
		{"GET", s.passwords("sub"), "rest_cannot_list_application_passwords"},
		{"POST", s.passwords("sub"), "rest_cannot_create_application_passwords"},
		{"DELETE", s.passwords("sub"), "rest_cannot_delete_application_passwords"},
		{"PUT", s.userPath("sub"), "rest_cannot_edit"},
	} {
		setRole := func(role string) {
			t.Helper()
			if _, err := s.store.UpdateUser(t.Context(), s.users["admin"].ID, func(u *sparekey.User) error {
				u.Roles = []string{role}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		setRole("administrator")
		w := s.sendSlowly(t, s.request(c.method, c.path, "admin", nil), `{"name":"taken","password":"correct horse"}`, func() { setRole("subscriber") })
		wantError(t, w, http.StatusForbidden, c.code)
	}
	if got := s.names(t, "sub"); len(got) != 1 || len(*by) != 0 {
		t.Errorf("application passwords are now %v, changes by %v", got, *by)
	}
}

// TestRequestUnderWayWhenLimited takes its time with a change of a user, and has the credential
// that it came with limited meanwhile.
func TestRequestUnderWayWhenLimited(t *testing.T) {
	t.Parallel()
	s, _, by := newChangingSite(t, options{})
	soon := now().Add(time.Hour)
	w := s.sendSlowly(t, s.request("PUT", me, "sub", nil), `{"password":"correct horse"}`, func() {
		if _, err := s.svc.AsOperator().Edit(t.Context(), s.users["sub"].ID, s.uuids["sub"], sparekey.Edit{Expires: &soon}); err != nil {
			t.Fatal(err)
		}
	})
	wantError(t, w, http.StatusForbidden, "application_password_changed")
	if len(*by) != 0 {
		t.Errorf("changes by %v", *by)
	}
}
