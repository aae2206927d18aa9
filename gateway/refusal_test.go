package gateway_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway"
)

// TestWriteRefusal has each kind of client read the message and the code in its own form.
func TestWriteRefusal(t *testing.T) {
	t.Parallel()
	const (
		text     = "text/plain; charset=utf-8"
		registry = "application/json"
		lfs      = "application/vnd.git-lfs+json"
		message  = `no scope covers GET /"x"`
	)
	for target, want := range map[string]string{
		"/v2": registry, "/v2/": registry, "/v2/?x": registry, "/v2/_catalog?n=5": registry, "/v2/a/manifests/1.0": registry,
		"/v2/a/b/blobs/uploads/?mount=x&from=y": registry, "/v2/a/tags/list": registry, "/v2/a/referrers/sha256:01": registry,
		"/v2/users/7": text, "/v20/": text, "/api/v2/": text, "/v2/a?x=/tags/": text, "/": text, "/x?/v2/": text, "": text,
		"/r.git/info/lfs/objects/batch": lfs, "/a/b/info/lfs/locks?path=x": lfs, "/r.git/info/lfs/objects/01": lfs,
		"/r.git/info/refs?service=git-receive-pack": text, "/r.git/info/lfs": text, "/x?/info/lfs/": text,
	} {
		for status, code := range map[int]string{
			http.StatusUnauthorized: "UNAUTHORIZED", http.StatusForbidden: "DENIED", http.StatusTooManyRequests: "TOOMANYREQUESTS",
			http.StatusServiceUnavailable: "UNAVAILABLE", http.StatusBadGateway: "UNKNOWN",
		} {
			r := &http.Request{Method: http.MethodGet, RequestURI: target}
			w := httptest.NewRecorder()
			w.Header().Set("WWW-Authenticate", "Basic")
			gateway.WriteRefusal(w, r, status, message)
			if got := w.Header().Get("Content-Type"); w.Code != status || got != want || w.Header().Get("WWW-Authenticate") != "Basic" {
				t.Errorf("%s: %d %v, want %d and %s", target, w.Code, w.Header(), status, want)
			}
			var said struct {
				Message string
				Errors  []struct{ Code, Message string }
			}
			if want != text {
				if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil {
					t.Errorf("%s: %q: %v", target, w.Body, err)
				}
			}
			switch {
			case want == text && w.Body.String() != message+"\n",
				want == lfs && said.Message != message,
				want == registry && (len(said.Errors) != 1 || said.Errors[0].Code != code || said.Errors[0].Message != message):
				t.Errorf("%s: %d %q", target, status, w.Body)
			}
		}
	}
	r := &http.Request{Method: http.MethodPut, RequestURI: "/objects/0123", Header: http.Header{"Accept": {lfs + "; charset=utf-8"}}}
	w := httptest.NewRecorder()
	if gateway.WriteRefusal(w, r, http.StatusForbidden, message); w.Header().Get("Content-Type") != lfs {
		t.Errorf("a client of Git LFS elsewhere gets %v", w.Header())
	}
}
