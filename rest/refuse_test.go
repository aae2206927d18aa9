package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/rest"
)

// TestRefuse has a gateway refuse requests to routes of the API that are not
// Sparekey's.
func TestRefuse(t *testing.T) {
	t.Parallel()
	api := newSite(t, options{}).api
	refused := func(reason sparekey.Reason) error { return sparekey.Refuse(reason, "of the hook") }
	for name, c := range map[string]struct {
		authorization string
		status        int
		err           error
		code, message string
	}{
		"anonymous":     {"", http.StatusUnauthorized, &sparekey.AuthError{Reason: sparekey.ReasonMalformed}, "rest_not_logged_in", "You are not signed in"},
		"other scheme":  {"Bearer x", http.StatusUnauthorized, &sparekey.AuthError{Reason: sparekey.ReasonMalformed}, "rest_not_logged_in", ""},
		"malformed":     {"Basic x", http.StatusUnauthorized, &sparekey.AuthError{Reason: sparekey.ReasonMalformed}, "incorrect_password", ""},
		"unknown":       {"Basic x", http.StatusUnauthorized, refused(sparekey.ReasonUnknownLogin), "incorrect_password", "is wrong"},
		"wrong":         {"Basic x", http.StatusUnauthorized, refused(sparekey.ReasonWrongSecret), "incorrect_password", "is wrong"},
		"expired":       {"Basic x", http.StatusUnauthorized, refused(sparekey.ReasonExpired), "application_password_expired", "of the hook"},
		"out of scope":  {"Basic x", http.StatusForbidden, refused(sparekey.ReasonOutOfScope), "application_password_out_of_scope", "of the hook"},
		"throttled":     {"Basic x", http.StatusTooManyRequests, sparekey.Throttled(time.Minute), "too_many_attempts", ""},
		"broken":        {"Basic x", http.StatusServiceUnavailable, errors.New("dial 10.0.0.1"), "service_unavailable", "Try again"},
		"by a rule":     {"Basic x", http.StatusForbidden, sparekey.ErrForbidden, "rest_forbidden", "of the gateway"},
		"cross-site":    {"Basic x", http.StatusForbidden, basicauth.ErrCrossOrigin, "rest_cookie_invalid_nonce", "A page of another origin"},
		"address":       {"", http.StatusBadRequest, nil, "rest_bad_request", "of the gateway"},
		"away":          {"", http.StatusBadGateway, nil, "bad_gateway", "of the gateway"},
		"slow":          {"", http.StatusGatewayTimeout, nil, "gateway_timeout", "of the gateway"},
		"loop":          {"", http.StatusLoopDetected, nil, "loop_detected", "of the gateway"},
		"anything else": {"", http.StatusServiceUnavailable, nil, "service_unavailable", "of the gateway"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/wp-json/wp/v2/posts", nil)
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		w := httptest.NewRecorder()
		api.Refuse(w, r, c.status, "of the gateway", c.err)
		var body struct {
			Code, Message string
			Data          struct{ Status int }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Errorf("%s: %v: %s", name, err, w.Body)
			continue
		}
		if w.Code != c.status || body.Data.Status != c.status || body.Code != c.code || !strings.Contains(body.Message, c.message) ||
			strings.Contains(w.Body.String(), "10.0.0.1") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") || !strings.Contains(w.Header().Get("Cache-Control"), "no-store") {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
	w := httptest.NewRecorder()
	api.Refuse(w, httptest.NewRequest(http.MethodHead, "/wp-json/", nil), http.StatusBadGateway, "x", nil)
	if w.Code != http.StatusBadGateway || w.Body.Len() > 0 {
		t.Errorf("HEAD: %d %s", w.Code, w.Body)
	}
}

func TestIsFor(t *testing.T) {
	t.Parallel()
	api := newSite(t, options{rest: rest.Config{BaseURL: "https://example.org/blog/wp-json/"}}).api
	for target, want := range map[string]bool{
		"/blog/wp-json": true, "/blog/wp-json/": true, "/blog/wp-json/wp/v2/posts?x": true, "/?rest_route=/wp/v2/posts": true,
		"/about?a=b&rest_route=%2F": true, "http://example.org/blog/wp-json/": true,
		"/": false, "/wp-json/": false, "/blog/wp-jsonx": false, "/blog?x=/blog/wp-json/": false, "*": false, "//": false, "/%zz": false, "": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/-/auth/nginx", nil) // by way of a proxy that asks
		r.RequestURI = target
		if got := api.IsFor(r); got != want {
			t.Errorf("%q: %v", target, got)
		}
	}
}

// TestReasonHeader wants programs to be told no more than the body tells.
func TestReasonHeader(t *testing.T) {
	t.Parallel()
	for reason, want := range map[sparekey.Reason]string{
		sparekey.ReasonWrongSecret: "wrong_secret", sparekey.ReasonUnknownLogin: "wrong_secret", sparekey.ReasonUnknownEmail: "wrong_secret",
		sparekey.ReasonMalformed: "wrong_secret", sparekey.ReasonExpired: "expired", sparekey.ReasonOutOfScope: "out_of_scope",
		sparekey.ReasonDisabled: "disabled", sparekey.ReasonInsecure: "disabled", sparekey.ReasonThrottled: "throttled", "a_hooks": "",
	} {
		refuse := func(context.Context, sparekey.Attempt) error { return sparekey.Refuse(reason, "No.") }
		s := newSite(t, options{service: sparekey.Config{Admit: refuse}})
		for _, path := range []string{"/wp-json/", s.passwords("sub")} {
			if got := s.do("GET", path, "sub", "").Header().Get("Sparekey-Reason"); got != want {
				t.Errorf("%s at %s: got %q, want %q", reason, path, got, want)
			}
			if got := s.do("GET", path, "", "").Header().Get("Sparekey-Reason"); got != "" {
				t.Errorf("%s at %s, anonymous: got %q", reason, path, got)
			}
		}
	}
}
