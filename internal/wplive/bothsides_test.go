package wplive_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// Paths of the API of both.
const (
	mePath     = "/wp-json/wp/v2/users/me"
	minePath   = mePath + "/application-passwords"
	introspect = minePath + "/introspect"
)

// item is an application password as REST shows it.
type item struct {
	UUID     string
	AppID    string `json:"app_id"`
	Name     string
	Password string
	Created  string
	LastUsed *string `json:"last_used"`
	LastIP   *string `json:"last_ip"`
}

// side is one of the two servers on the same database.
type side struct{ name, url string }

// call sends a request to one side and wants a status.
func (s side) call(t *testing.T, want int, c wptest.Call) wptest.Answer {
	t.Helper()
	answer := wptest.Send(t, s.url, c)
	if answer.Status != want {
		t.Fatalf("%s: %s %s: %s, want %d", s.name, c.Method, c.Path, answer, want)
	}
	return answer
}

// create makes an application password for the author, authenticated by one of the author's
// own.
func (s side) create(t *testing.T, secret, name string) (made item) {
	t.Helper()
	s.call(t, http.StatusCreated, wptest.Call{
		Method: http.MethodPost, Path: minePath, Login: wptest.Author, Secret: secret, JSON: `{"name":` + strconv.Quote(name) + `}`,
	}).Decode(t, &made)
	return made
}

// list is the caller's application passwords.
func (s side) list(t *testing.T, login, secret string) (items []item) {
	t.Helper()
	s.call(t, http.StatusOK, wptest.Call{Path: minePath, Login: login, Secret: secret}).Decode(t, &items)
	return items
}

func TestBothSides(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{})
	key := serve(t, site)
	wordpress, sparekey := side{"WordPress", site.URL}, side{"Sparekey", key.url}

	for _, pair := range [][2]side{{wordpress, sparekey}, {sparekey, wordpress}} {
		from, to := pair[0], pair[1]
		t.Run("from "+from.name+" to "+to.name, func(t *testing.T) {
			boot, _ := site.CreatePassword(t, wptest.Author, "boot")
			made := from.create(t, boot, "Téléphone \U0001F4F1 & \"co\"")
			testUse(t, from, to, boot, made)
			testRename(t, from, to, boot, made)
			testRevoke(t, from, to, boot, made)
			from.call(t, http.StatusOK, wptest.Call{Method: http.MethodDelete, Path: minePath, Login: wptest.Author, Secret: boot})
			to.call(t, http.StatusUnauthorized, wptest.Call{Path: introspect, Login: wptest.Author, Secret: boot})
		})
	}
	t.Run("command line", func(t *testing.T) { testCommandLine(t, site, key, wordpress, sparekey) })
	t.Run("answers", func(t *testing.T) { testAnswers(t, site, wordpress, sparekey) })
	if complaints := site.Errors(t); complaints != "" {
		t.Errorf("PHP says:\n%s", complaints)
	}
}

// testUse: what one side created the other one takes, and its first use shows on
// both, once.
func testUse(t *testing.T, from, to side, boot string, made item) {
	t.Helper()
	var used, again item
	to.call(t, http.StatusOK, wptest.Call{Path: introspect, Login: wptest.Author, Secret: made.Password}).Decode(t, &used)
	if used.UUID != made.UUID || used.Name != made.Name || used.Created != made.Created {
		t.Errorf("%+v, want %+v", used, made)
	}
	if used.LastUsed == nil || used.LastIP == nil || *used.LastIP != "127.0.0.1" {
		t.Errorf("not recorded: %+v", used)
	}
	from.call(t, http.StatusOK, wptest.Call{Path: introspect, Login: wptest.Author, Secret: made.Password}).Decode(t, &again)
	if diff := cmp.Diff(used, again); diff != "" {
		t.Errorf("used on the other side (-%s +%s):\n%s", to.name, from.name, diff)
	}
	if diff := cmp.Diff(from.list(t, wptest.Author, boot), to.list(t, wptest.Author, boot)); diff != "" {
		t.Errorf("lists (-%s +%s):\n%s", from.name, to.name, diff)
	}
}

func testRename(t *testing.T, from, to side, boot string, made item) {
	t.Helper()
	path := minePath + "/" + made.UUID
	for _, step := range []struct {
		by, seen side
		name     string
	}{{from, to, "renamed once"}, {to, from, "renamed twice"}} {
		var got item
		step.by.call(t, http.StatusOK, wptest.Call{
			Method: http.MethodPut, Path: path, Login: wptest.Author, Secret: boot, JSON: `{"name":` + strconv.Quote(step.name) + `}`,
		})
		step.seen.call(t, http.StatusOK, wptest.Call{Path: path, Login: wptest.Author, Secret: boot}).Decode(t, &got)
		if got.Name != step.name {
			t.Errorf("renamed on %s: %+v", step.by.name, got)
		}
	}
}

// testRevoke: what one side revokes is gone on the other.
func testRevoke(t *testing.T, from, to side, boot string, made item) {
	t.Helper()
	for _, by := range []side{to, from} {
		victim := from.create(t, boot, "to be revoked on "+by.name)
		for _, s := range []side{from, to} {
			s.call(t, http.StatusOK, wptest.Call{Path: introspect, Login: wptest.Author, Secret: victim.Password})
		}
		by.call(t, http.StatusOK, wptest.Call{
			Method: http.MethodDelete, Path: minePath + "/" + victim.UUID, Login: wptest.Author, Secret: boot,
		})
		for _, s := range []side{from, to} {
			s.call(t, http.StatusUnauthorized, wptest.Call{Path: introspect, Login: wptest.Author, Secret: victim.Password})
			s.call(t, http.StatusNotFound, wptest.Call{Path: minePath + "/" + victim.UUID, Login: wptest.Author, Secret: boot})
			s.call(t, http.StatusOK, wptest.Call{Path: introspect, Login: wptest.Author, Secret: made.Password})
		}
	}
}

// testCommandLine: the program's commands work on WordPress's users.
func testCommandLine(t *testing.T, site *wptest.Site, key *server, wordpress, sparekey side) {
	editor := strconv.Itoa(site.Users[wptest.Editor].ID)
	secret := key.cli(t, "user", "application-password", "create", editor, "from the command line", "--porcelain")
	for _, s := range []side{wordpress, sparekey} {
		items := s.list(t, wptest.Editor, secret)
		if len(items) != 1 || items[0].Name != "from the command line" {
			t.Errorf("%s: %+v", s.name, items)
		}
	}
	if names := key.cli(t, "user", "application-password", "list", wptest.Editor, "--field=name"); names != "from the command line" {
		t.Errorf("listed %q", names)
	}
	key.cli(t, "user", "application-password", "delete", wptest.Editor, "--all")
	for _, s := range []side{wordpress, sparekey} {
		s.call(t, http.StatusUnauthorized, wptest.Call{Path: introspect, Login: wptest.Editor, Secret: secret})
	}
	key.checkLog(t, secret)
}

// testAnswers: the same request to both sides gets the same answer, except for the site's URL
// and known differences; see sameAnswer.
func testAnswers(t *testing.T, site *wptest.Site, wordpress, sparekey side) {
	secrets := map[string]string{}
	for login := range site.Users {
		secrets[login], _ = site.CreatePassword(t, login, "asking")
		for _, s := range []side{wordpress, sparekey} { // so that the first use is behind us
			s.call(t, http.StatusOK, wptest.Call{Path: introspect, Login: login, Secret: secrets[login]})
		}
	}
	_, uuid := site.CreatePassword(t, wptest.Subscriber, "back\\slash <b>and</b> \u2603 'quotes'")
	admin, subscriber := strconv.Itoa(site.Users[wptest.Admin].ID), strconv.Itoa(site.Users[wptest.Subscriber].ID)
	others := func(id, rest string) string { return "/wp-json/wp/v2/users/" + id + "/application-passwords" + rest }

	for _, login := range []string{wptest.Admin, wptest.Editor, wptest.Author, wptest.Contributor, wptest.Subscriber, wptest.NoRole} {
		for _, c := range []wptest.Call{
			{Path: minePath}, {Path: minePath + "?context=edit"}, {Path: minePath + "?context=embed"}, {Path: minePath + "?context=none"},
			{Path: minePath + "?_fields=uuid,name"}, {Path: minePath + "/"},
			{Path: introspect}, {Path: introspect + "?context=embed"},
			{Path: minePath + "/" + uuid}, {Path: minePath + "/00000000-0000-4000-8000-000000000000"},
			{Path: others(subscriber, "")}, {Path: others(subscriber, "/"+uuid)}, {Path: others(subscriber, "/introspect")},
			{Path: others(admin, "")}, {Path: others("999999", "")}, {Path: others("0", "")}, {Path: others("Me", "")},
			{Method: http.MethodPost, Path: minePath, JSON: `{}`},
			{Method: http.MethodPost, Path: minePath, JSON: `{"name":""}`},
			{Method: http.MethodPost, Path: minePath, JSON: `{"name":7}`},
			{Method: http.MethodPost, Path: minePath, JSON: `{"name":"<b></b>"}`},
			{Method: http.MethodPost, Path: minePath, JSON: `{"name":"x","app_id":"no"}`},
			{Method: http.MethodPost, Path: minePath, JSON: `{"name":`},
			{Method: http.MethodDelete, Path: others("999999", "")},
			{Method: http.MethodDelete, Path: minePath + "/00000000-0000-4000-8000-000000000000"},
			{Method: http.MethodPatch, Path: minePath},
			{Method: http.MethodPut, Path: minePath + "/00000000-0000-4000-8000-000000000000", JSON: `{"name":"x"}`},
			{Path: mePath}, {Path: mePath + "?context=embed"},
		} {
			c.Login, c.Secret = login, secrets[login]
			sameAnswer(t, wordpress, sparekey, c)
		}
	}
	for _, c := range []wptest.Call{ // anonymous
		{Path: minePath}, {Path: introspect}, {Path: others(admin, "")}, {Path: others("999999", "")}, {Path: mePath},
		{Method: http.MethodPost, Path: others(admin, ""), JSON: `{"name":"x"}`},
		{Method: http.MethodDelete, Path: others(admin, "")},
	} {
		sameAnswer(t, wordpress, sparekey, c)
	}
}

// sameAnswer compares status, code or body, and Allow.
func sameAnswer(t *testing.T, wordpress, sparekey side, c wptest.Call) {
	t.Helper()
	theirs, ours := wptest.Send(t, wordpress.url, c), wptest.Send(t, sparekey.url, c)
	what := strings.TrimSpace(c.Login + " " + c.Method + " " + c.Path + " " + c.JSON)
	if theirs.Status != ours.Status {
		t.Errorf("%s: WordPress says %s, Sparekey %s", what, theirs, ours)
		return
	}
	if diff := cmp.Diff(normal(t, theirs, wordpress.url), normal(t, ours, sparekey.url)); diff != "" {
		t.Errorf("%s (-WordPress +Sparekey):\n%s", what, diff)
	}
	if theirs.Header.Get("Allow") != ours.Header.Get("Allow") {
		t.Errorf("%s: Allow is %q at WordPress and %q at Sparekey", what, theirs.Header.Get("Allow"), ours.Header.Get("Allow"))
	}
}

// normal is a body as far as both are to agree: without the site's URL, the free
// text of errors, and what WordPress 6.1 does not have yet.
func normal(t *testing.T, a wptest.Answer, url string) any {
	t.Helper()
	var body any
	text := strings.ReplaceAll(strings.ReplaceAll(a.Body, `\/`, `/`), url, "SITE")
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	return without(body)
}

func without(body any) any {
	switch b := body.(type) {
	case []any:
		for i := range b {
			b[i] = without(b[i])
		}
	case map[string]any:
		delete(b, "targetHints")              // since 6.7
		if b["code"] == "rest_invalid_uuid" { // before app_id could be empty
			b["code"] = "rest_no_matching_schema"
		}
		if sizes, ok := b["avatar_urls"].(map[string]any); ok { // Sparekey does not link to other services
			for size := range sizes {
				sizes[size] = "url"
			}
			b["url"] = "url" // of the user's own site, which Sparekey does not read
		}
		if _, isError := b["code"]; isError {
			b["message"] = "text"
			if data, ok := b["data"].(map[string]any); ok {
				dropTexts(data)
			}
		}
		for name := range b {
			b[name] = without(b[name])
		}
	}
	return body
}

// dropTexts leaves the names of what is wrong.
func dropTexts(data map[string]any) {
	if params, ok := data["params"].(map[string]any); ok {
		for name := range params {
			params[name] = "text"
		}
	}
	delete(data, "json_error_message")
}
