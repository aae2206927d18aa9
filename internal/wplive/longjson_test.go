package wplive_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// TestLongJSON writes a post of two megabytes with an application password that may write
// that post alone, and tries to have WordPress take it for another one.
func TestLongJSON(t *testing.T) {
	t.Parallel()
	const postsPath = "/wp-json/wp/v2/posts"
	site := wptest.Start(t, wptest.Config{})
	key := serve(t, site, "--upstream="+site.URL)
	send := func(secret string, c wptest.Call) wptest.Answer {
		c.Login, c.Secret = wptest.Admin, secret
		return wptest.Send(t, key.url, c)
	}
	all := key.cli(t, "user", "application-password", "create", wptest.Admin, "all", "--porcelain")
	var ids []string
	for _, title := range []string{"one", "two"} {
		made := send(all, wptest.Call{Method: http.MethodPost, Path: postsPath, JSON: `{"title":"` + title + `","status":"publish"}`})
		var post struct{ ID int }
		if err := json.Unmarshal([]byte(made.Body), &post); err != nil || made.Status != http.StatusCreated {
			t.Fatalf("a post: %s", made)
		}
		ids = append(ids, strconv.Itoa(post.ID))
	}
	one, two := postsPath+"/"+ids[0], postsPath+"/"+ids[1]
	narrowed := key.cli(t, "user", "application-password", "create", wptest.Admin, "narrowed", "--scope=POST "+one, "--porcelain")
	content := `"content":"` + strings.Repeat("some text ", 200_000) + `"`
	for _, body := range []string{
		`{"title":"changed",` + content + `}`, `{"id":` + ids[0] + `,"title":"changed",` + content + `}`, `{` + content + `,"meta":{"id":` + ids[1] + `},"title":"changed"}`,
	} {
		if answer := send(narrowed, wptest.Call{Method: http.MethodPost, Path: one, JSON: body}); answer.Status != http.StatusOK {
			t.Errorf("%.50s: %.300s", body, answer)
		}
	}
	for _, body := range []string{
		`{"id":` + ids[1] + `,"title":"taken",` + content + `}`, `{"title":"taken",` + content + `,"id":` + ids[1] + `}`, `{"title":"taken",` + content + `,"\u0069d":"` + ids[1] + `"}`,
		`{"title":"taken",` + content + `,"id":` + ids[0] + `,"id":` + ids[1] + `}`, `{"title":"taken",` + content,
	} {
		answer := send(narrowed, wptest.Call{Method: http.MethodPost, Path: one, JSON: body})
		if answer.Status != http.StatusForbidden || !strings.Contains(answer.Body, "for another request") {
			t.Errorf("%.50s: %.300s", body, answer)
		}
	}
	for path, want := range map[string]string{one: "changed", two: "two"} {
		answer := send(all, wptest.Call{Path: path + "?_fields=title"})
		if !strings.Contains(answer.Body, `"rendered":"`+want+`"`) {
			t.Errorf("%s: %s", path, answer)
		}
	}
}
