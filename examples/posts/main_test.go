package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestWellKnownCommand sends what
// curl -X GET …/wp-json/wp/v2/posts -u "username:xxxx xxxx xxxx xxxx xxxx xxxx"
// sends, with and without the spaces.
func TestWellKnownCommand(t *testing.T) {
	t.Parallel()
	handler, secret, err := newSite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	ask := func(method, body, password string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/wp-json/wp/v2/posts", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if password != "" {
			req.SetBasicAuth("username", password)
		}
		res, err := server.Client().Do(req)
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
	if status, text := ask(http.MethodPost, `{"title":"A draft"}`, secret.Chunked()); status != http.StatusCreated {
		t.Fatalf("create: %d %s", status, text)
	}
	for _, c := range []struct {
		method, password string
		status           int
		drafts           bool
	}{
		{http.MethodGet, secret.Chunked(), http.StatusOK, true},
		{http.MethodGet, secret.Reveal(), http.StatusOK, true},
		{http.MethodGet, "", http.StatusOK, false},
		{http.MethodGet, "wrong", http.StatusUnauthorized, false},
		{http.MethodPost, "", http.StatusUnauthorized, false},
	} {
		status, text := ask(c.method, "", c.password)
		if status != c.status || strings.Contains(text, "A draft") != c.drafts {
			t.Errorf("%s with %d characters: %d %s", c.method, len(c.password), status, text)
		}
	}
}
