package cli

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
)

const headerHSTS = "Strict-Transport-Security"

// TestHSTS asks a server for what it answers itself, under URLs that browsers may be
// held to, and others.
func TestHSTS(t *testing.T) {
	t.Parallel()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/app/own" {
			w.Header().Set(headerHSTS, "max-age=1")
		}
	}))
	t.Cleanup(application.Close)
	const (
		year   = "max-age=31536000"
		byName = "--url=https://keys.example"
		proxy  = "--trusted-proxy=127.0.0.1"
	)
	front := []string{byName, "--upstream", application.URL}
	pages := []string{"/sign-in", accountPath, "/wp-json/", mine, "/healthz", "/authorize"}
	for _, c := range []struct {
		args  []string
		proto string
		paths []string
		want  string
	}{
		{[]string{byName}, "", pages, year},
		{[]string{byName}, "http", pages, ""},
		{[]string{byName, proxy}, "https", append(pages, "/no/such/page"), year},
		{[]string{byName, proxy}, "http", pages, ""},
		{[]string{byName, "--hsts=off"}, "", pages, ""},
		{[]string{byName, "--hsts=max-age=60; includeSubDomains"}, "", pages, "max-age=60; includeSubDomains"},
		{front, "", []string{"/sign-in", accountPath, "/authorize"}, year},
		{front, "", []string{"/", "/app"}, ""},
		{front, "", []string{"/app/own"}, "max-age=1"},
		{[]string{"--url=https://localhost:8443"}, "", pages, ""},
		{[]string{"--url=https://keys.localhost"}, "", pages, ""},
		{[]string{"--url=https://192.0.2.1"}, "", pages, ""},
		{[]string{"--url=https://[2001:db8::1]"}, "", pages, ""},
		{nil, "", pages, ""},
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			s := startServer(t, filepath.Join(t.TempDir(), "sparekey.db"), c.args...)
			client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			}}
			for _, path := range c.paths {
				var header []string
				if c.proto != "" {
					header = []string{"X-Forwarded-Proto", c.proto, "X-Forwarded-For", "192.0.2.7"}
				}
				res, _ := s.get(t, client, path, header...)
				if got := res.Header.Values(headerHSTS); len(got) > 1 || res.Header.Get(headerHSTS) != c.want {
					t.Errorf("%q, %s %s: %q, want %q", c.args, c.proto, path, got, c.want)
				}
			}
		})
	}
}

// TestHSTSOverTLS serves TLS itself, under a name.
func TestHSTSOverTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key, roots := certificate(t, dir)
	s := startServer(t, filepath.Join(dir, "sparekey.db"),
		"--tls-cert", cert, "--tls-key", key, "--url=https://keys.example")
	trust := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
	if res, _ := s.get(t, client, "/healthz"); res.Header.Get(headerHSTS) == "" {
		t.Errorf("no %s over TLS", headerHSTS)
	}
}
