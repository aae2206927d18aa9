package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

func TestGuardedHandler(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "guard.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	svc := sparekey.New(store, store, sparekey.Config{})
	secret, _, err := svc.AsOperator().Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "My script"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(basicauth.New(svc, basicauth.Config{}).Require(http.HandlerFunc(hello)))
	t.Cleanup(server.Close)
	for password, want := range map[string]string{
		secret.Chunked(): "Hello ann, you came with \"My script\".\n",
		"wrong": "The login or the application password is wrong. Send the login of your account, " +
			"not the name of the application, and an application password, not your main password.\n",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("ann", password)
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || string(body) != want {
			t.Errorf("status %d, %q, want %q (%v)", res.StatusCode, body, want, err)
		}
	}
}
