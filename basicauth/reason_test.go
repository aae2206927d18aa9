package basicauth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
)

// refusing is an Authenticator that refuses everything.
type refusing struct{ err error }

func (r refusing) Authenticate(context.Context, sparekey.Attempt) (sparekey.Identity, error) {
	return sparekey.Identity{}, r.err
}

// TestReasonHeader wants the reason of a refusal for programs, and no more than people are
// told.
func TestReasonHeader(t *testing.T) {
	t.Parallel()
	type answer struct {
		err    error
		header string // Authorization; default: a Basic credential
		want   string
	}
	cases := map[string]answer{
		"throttled":              {err: sparekey.Throttled(time.Second), want: "throttled"},
		"a hook's reason":        {err: sparekey.Refuse("in_the_blocklist_of_bob", "No."), want: ""},
		"forbidden":              {err: sparekey.ErrForbidden, want: ""},
		"broken":                 {err: context.DeadlineExceeded, want: ""},
		"no credential":          {header: "-", want: ""},
		"another scheme":         {header: "Bearer abc", want: ""},
		"not a Basic credential": {header: "Basic !", want: "malformed"},
	}
	for _, reason := range sparekey.Reasons() {
		want := string(reason)
		if reason == sparekey.ReasonUnknownLogin || reason == sparekey.ReasonUnknownEmail {
			want = "wrong_secret"
		}
		cases[string(reason)] = answer{err: &sparekey.AuthError{Reason: reason}, want: want}
	}
	for name, c := range cases {
		guard := basicauth.New(refusing{c.err}, basicauth.Config{})
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = "127.0.0.1:1"
		switch c.header {
		case "":
			r.SetBasicAuth("ann", "abcd EFGH")
		case "-":
		default:
			r.Header.Set("Authorization", c.header)
		}
		w := httptest.NewRecorder()
		guard.Require(http.NotFoundHandler()).ServeHTTP(w, r)
		if got := w.Header().Get("Sparekey-Reason"); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
