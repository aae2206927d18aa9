package cli

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPublicRequests asks a server with exceptions, as a client of its application and as
// a proxy, and reads the audit log and the metrics afterwards.
func TestPublicRequests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	database, config := filepath.Join(dir, "sparekey.db"), filepath.Join(dir, "sparekey.yaml")
	if err := os.WriteFile(config, []byte("public: [\"GET /feed*\", \"OPTIONS /api/*\"]\npublic-network: [198.51.100.0/24]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ann := newAccount(t, database)
	s := startServer(t, database, "--config", config, "--trusted-proxy=127.0.0.1", "--url=https://keys.example", "--metrics-listen=127.0.0.1:0",
		"--upstream", newApplication(t), "--upstream-auth=required")
	for _, c := range []struct {
		as           account
		path, from   string
		status, told int
	}{
		{account{}, "/feed?x=1", "203.0.113.9", http.StatusOK, http.StatusOK},
		{account{}, "/about", "203.0.113.9", http.StatusUnauthorized, http.StatusUnauthorized},
		{account{}, "/about?/feed", "203.0.113.9", http.StatusUnauthorized, http.StatusUnauthorized},
		{account{}, "/about", "198.51.100.4", http.StatusOK, http.StatusOK},
		{account{}, "/feed/../about", "203.0.113.9", http.StatusUnauthorized, http.StatusUnauthorized},
		{account{"ann", "wrong"}, "/feed", "203.0.113.9", http.StatusUnauthorized, http.StatusUnauthorized},
		{account{"ann", "wrong"}, "/about", "198.51.100.4", http.StatusUnauthorized, http.StatusUnauthorized},
		{ann, "/feed", "203.0.113.9", http.StatusOK, http.StatusOK},
	} {
		from := []string{"X-Forwarded-For", c.from, "X-Forwarded-Proto", "https"}
		status, body := s.ask(t, c.as, c.path, from...)
		if status != c.status || status == http.StatusOK && !strings.Contains(body, "user="+c.as.login+" ") {
			t.Errorf("%s %s from %s: %d %s", c.as.login, c.path, c.from, status, body)
		}
		tells := append(from, "X-Original-Method", "GET", "X-Original-URI", c.path, "X-Original-Host", "keys.example")
		if status, body := s.ask(t, c.as, "/-/auth/nginx", tells...); status != c.told {
			t.Errorf("told of %s %s from %s: %d %s", c.as.login, c.path, c.from, status, body)
		}
	}
	numbers := metricsURL.FindStringSubmatch(s.log.String())
	res, err := http.Get(numbers[1])
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if line, text := `sparekey_decisions_total{outcome="allowed",rule="public"} 4`, readAll(t, res.Body); !strings.Contains(text, line) {
		t.Errorf("the metrics lack %s:\n%s", line, text)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	records := mustCLI(t, database, "audit", "list", "--kind=public", "--fields=kind,addr,method,path,rule,count", "--format=csv")
	want := "kind,addr,method,path,rule,count\npublic,203.0.113.9,GET,/feed,public,2\npublic,198.51.100.4,GET,/about,public,2"
	if sorted := strings.ReplaceAll(records, "\r", ""); !sameLines(sorted, want) {
		t.Errorf("the audit log has\n%s\nwant\n%s", records, want)
	}
	if out, err := cli(t.Context(), database, "audit", "verify"); err != nil {
		t.Errorf("%s %v", out, err)
	}
}

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sameLines reports whether two texts have the same lines, in whatever order.
func sameLines(a, b string) bool {
	linesA, linesB := strings.Split(a, "\n"), strings.Split(b, "\n")
	slices.Sort(linesA)
	slices.Sort(linesB)
	return slices.Equal(linesA, linesB)
}
