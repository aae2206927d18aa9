package cli

import (
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var metricsURL = regexp.MustCompile(`msg=metrics url=(\S+)`)

// TestMetrics scrapes a server, after what happens to one: a right and a wrong
// credential, a decision for a proxy, and a failed sign-in.
func TestMetrics(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database, "--metrics-listen=127.0.0.1:0", "--throttle=on", "--throttle-per-login=2/1h",
		"--trusted-proxy=127.0.0.1", "--url=https://keys.example")
	for _, secret := range []string{ann.secret, "wrong 1", "wrong 2", "wrong 3"} {
		s.knock(t, account{"ann", secret}, "192.0.2.1", mine)
	}
	s.get(t, http.DefaultClient, "/-/auth/nginx", "X-Original-Method", "GET", "X-Original-URI", "/", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https", "X-Original-Host", "keys.example")
	found := metricsURL.FindStringSubmatch(s.log.String())
	if found == nil {
		t.Fatalf("the log does not say where the metrics are:\n%s", s.log)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, found[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`sparekey_attempts_total{outcome="ok",reason=""} 1`,
		`sparekey_attempts_total{outcome="refused",reason="wrong_secret"} 2`,
		`sparekey_throttled_total 1`,
		`sparekey_decisions_total{outcome="refused",rule="no_credential"} 1`,
		`go_build_info{`, `go_goroutines `,
	} {
		if !strings.Contains(string(body), line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	for _, word := range []string{ann.secret, `"ann"`, "192.0.2", "127.0.0.1"} {
		if strings.Contains(string(body), word) {
			t.Errorf("the metrics have %q", word)
		}
	}
	if res, _ := s.get(t, http.DefaultClient, "/metrics"); res.StatusCode != http.StatusNotFound {
		t.Errorf("the server itself answers %d for /metrics", res.StatusCode)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}
