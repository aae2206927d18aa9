package doctor_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/doctor"
)

// hostile is a server that answers as it likes, and wants the credential.
type hostile struct {
	tb                   testing.TB
	status               int
	location, link, body string
	requests             int
}

const hunter = "hunter2hunter2hunter2xyz"

func (h *hostile) RoundTrip(r *http.Request) (*http.Response, error) {
	h.requests++
	sent := r.Header.Get("Authorization")
	if r.Body != nil {
		body, _ := io.ReadAll(r.Body)
		sent += string(body)
	}
	basic := base64.StdEncoding.EncodeToString([]byte("ann:" + hunter))
	if host := strings.ToLower(r.URL.Hostname()); (strings.Contains(sent, hunter) || strings.Contains(sent, basic)) && (host != "keys.example" || r.URL.Scheme != "https") {
		h.tb.Errorf("the secret went to %s", r.URL)
	}
	if strings.Contains(r.URL.String(), hunter) {
		h.tb.Errorf("the secret is in a URL: %s", r.URL)
	}
	return &http.Response{
		StatusCode: h.status, Request: r, Body: io.NopCloser(strings.NewReader(h.body)), ContentLength: -1,
		Header: http.Header{"Location": {h.location}, "Link": {h.link}, "Www-Authenticate": {"Basic"}},
	}, nil
}

// FuzzHostileServer proves that no answer makes the doctor panic, ask for ever,
// or give the secret to another host or to a network in the clear.
func FuzzHostileServer(f *testing.F) {
	f.Add(true, 200, "", `<https://evil.example/wp-json/>; rel="https://api.w.org/"`, "")
	f.Add(false, 301, "https://evil.example/", "", "")
	f.Add(true, 302, "//evil.example/wp-json/", "", "")
	f.Add(true, 401, "", "", `{"code":"rest_not_logged_in","message":"no"}`)
	f.Add(true, 200, "", "", `{"namespaces":["wp/v2"],"authentication":{"application-passwords":{}},"product":"sparekey","secure":true}`)
	f.Add(true, 200, "", `<//evil.example/wp-json/>; rel="https://api.w.org/"`, `<link rel="https://api.w.org/" href="http://keys.example/wp-json/">`)
	f.Add(true, 307, "http://keys.example/", "", "")
	f.Add(true, 429, "", "", "\x1b[2J")
	f.Fuzz(func(t *testing.T, isTLS bool, status int, location, link, body string) {
		if status < 200 || status > 599 {
			return
		}
		h := &hostile{tb: t, status: status, location: location, link: link, body: body}
		url := "http://keys.example/"
		if isTLS {
			url = "https://keys.example/"
		}
		if _, err := doctor.Examine(t.Context(), doctor.Patient{URL: url, Login: "ann", Secret: hunter, Transport: h}); err != nil {
			t.Error(err)
		}
		if h.requests > 20 {
			t.Errorf("%d requests", h.requests)
		}
	})
}

// TestRedirectToAThief sends to another host, which asks for a credential.
func TestRedirectToAThief(t *testing.T) {
	t.Parallel()
	asked := false
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		h := &hostile{tb: t, status: http.StatusMovedPermanently, location: "https://evil.example/api"}
		if r.URL.Hostname() == "evil.example" {
			asked = true
			h = &hostile{tb: t, status: http.StatusUnauthorized}
		}
		return h.RoundTrip(r)
	})
	r, err := doctor.Examine(t.Context(), doctor.Patient{URL: "http://keys.example/", Login: "ann", Secret: hunter, Transport: transport})
	if err != nil || !asked {
		t.Fatalf("asked %v, %v", asked, err)
	}
	want(t, r, doctor.Redirect)
}
