package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

const urlencoded = "application/x-www-form-urlencoded"

// TestLimitedSendsForms sends forms with credentials that have one limit each to an
// application behind the running server.
func TestLimitedSendsForms(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v", body, err)
	}))
	t.Cleanup(application.Close)
	s := startServer(t, database, "--upstream", application.URL)
	send := func(as account, kind string, body io.Reader) (status int, answer string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/wp-json/wp/v2/posts", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", kind)
		if as.login != "" {
			r.SetBasicAuth(as.login, as.secret)
		}
		res, err := http.DefaultClient.Do(r)
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
	const smuggled = "rest_route=/wp/v2/users"
	for _, limit := range []string{"--expires=1d", "--network=127.0.0.0/8", "--scope=write", "--scope=wp:posts", "--max-uses=9"} {
		as := account{"ann", mustCLI(t, database, "user", "application-password", "create", "ann", "app of "+limit, limit, "--porcelain")}
		inChunks := func(text string) io.Reader {
			return io.MultiReader(strings.NewReader(text[:4]), strings.NewReader(text[4:]))
		}
		for _, body := range []io.Reader{strings.NewReader("title=x"), inChunks("title=x")} {
			if status, answer := send(as, urlencoded, body); status != http.StatusOK || answer != "title=x <nil>" {
				t.Errorf("%s: %d %s", limit, status, answer)
			}
		}
		for _, body := range []io.Reader{strings.NewReader(smuggled), inChunks(smuggled)} {
			if status, answer := send(as, urlencoded, body); status != http.StatusForbidden || !strings.Contains(answer, `wp\/v2\/users`) {
				t.Errorf("%s, another route: %d %s", limit, status, answer)
			}
		}
		const part = "--x\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n/wp/v2/users\r\n--x--\r\n"
		for field, want := range map[string]int{"title": http.StatusOK, "rest_route": http.StatusForbidden} {
			body := fmt.Sprintf(part, field)
			if status, answer := send(as, "multipart/form-data; boundary=x", strings.NewReader(body)); status != want || want == http.StatusOK && answer != body+" <nil>" {
				t.Errorf("%s, field %s: %d %s", limit, field, status, answer)
			}
		}
	}
}

// TestExplainTellsOfForms wants explain to agree with what becomes of a form.
func TestExplainTellsOfForms(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	mustCLI(t, database, "user", "application-password", "create", "ann", "short", "--expires=1d", "--porcelain")
	for _, name := range []string{"main", "short"} {
		uuid := mustCLI(t, database, "user", "application-password", "list", "ann", "--name="+name, "--field=uuid")
		for request, isTold := range map[string]bool{"POST /wp-json/wp/v2/posts": name == "short", "GET /wp-json/wp/v2/posts": false, "POST /upload": false} {
			out := mustCLI(t, database, append([]string{"user", "application-password", "explain", uuid}, strings.Fields(request)...)...)
			if !strings.HasPrefix(out, "Yes") || strings.Contains(out, "Forms are another matter") != isTold {
				t.Errorf("%s, %s: %s", name, request, out)
			}
		}
	}
}
