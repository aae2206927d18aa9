package cli

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// TestAllowCallbackIsChecked refuses rules that are too wide, at the start.
func TestAllowCallbackIsChecked(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{
		"*", "chrome-extension://*/x", "chrome-extension://abc", "chrome-*://abc/x", "http://example.com/*", "https://app.example/*", "http://user:word@device.local/",
	} {
		out, err := command(t.Context(), filepath.Join(t.TempDir(), "sparekey.db"), "serve", "--listen=127.0.0.1:0", "--allow-callback="+rule).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "--allow-callback") || strings.Contains(string(out), "word") {
			t.Errorf("%q: %v %s", rule, err, out)
		}
	}
}

// TestAllowCallback has the authorise screen take such an address with the setting only.
func TestAllowCallback(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	const rule = "chrome-extension://abcdefghijklmnopabcdefghijklmnop/*"
	target := "/authorize?" + url.Values{"app_name": {"x"}, "success_url": {"chrome-extension://abcdefghijklmnopabcdefghijklmnop/cb"}}.Encode()
	for want, args := range map[int][]string{
		http.StatusFound:      {"--allow-callback", "http://device.local/*", "--allow-callback", rule}, // to the sign-in
		http.StatusBadRequest: {"--allow-callback", "http://device.local/*"},
	} {
		s := startServer(t, database, args...)
		if status, body := s.ask(t, account{}, target); status != want {
			t.Errorf("%v: %d %s, want %d", args, status, body, want)
		}
	}
}
