package wplive_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
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
		if status, answer := postWhileAnswered(t, key.url+one, narrowed, body); status != http.StatusForbidden || !strings.Contains(answer, "for another request") {
			t.Errorf("%.50s: %d %.300s", body, status, answer)
		}
	}
	for path, want := range map[string]string{one: "changed", two: "two"} {
		answer := send(all, wptest.Call{Path: path + "?_fields=title"})
		if !strings.Contains(answer.Body, `"rendered":"`+want+`"`) {
			t.Errorf("%s: %s", path, answer)
		}
	}
}

// postWhileAnswered posts JSON and reads the answer meanwhile, as curl does: a refusal comes
// before the body is sent, and net/http's client may see only that it cannot be sent.
func postWhileAnswered(t *testing.T, address, secret, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(wptest.Admin, secret)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.URL.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _ = r.Write(conn) }() // which fails where the answer comes first
	res, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}
