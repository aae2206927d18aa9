package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestClientLeavesDuringTheExchange has the client leave once its password is made, so
// that the session cannot be asked about: the password is revoked all the same.
func TestClientLeavesDuringTheExchange(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	asked := 0
	s := newSite(t, func(o *options) {
		o.web.Session = func(*http.Request) func(context.Context) (bool, error) {
			return func(ctx context.Context) (bool, error) {
				if asked++; asked == 2 {
					leave()
				}
				return true, ctx.Err()
			}
		}
	})
	body := url.Values{"grant_type": {"authorization_code"}, "code": {s.code("bob", "App")}, "code_verifier": {verifier}}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, base+"/token", strings.NewReader(body.Encode()))
	r.RemoteAddr = "127.0.0.1:4711"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	if w.Code == http.StatusOK || asked != 2 {
		t.Errorf("got %d after %d questions: %s", w.Code, asked, w.Body)
	}
	if got := s.names(s.bob); len(got) != 0 {
		t.Errorf("there are %q", got)
	}
}
