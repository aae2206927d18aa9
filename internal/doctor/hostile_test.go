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
	isNamed := r.URL.Scheme == "https" && strings.EqualFold(strings.TrimSuffix(r.URL.Host, ":443"), "keys.example")
	if !isNamed && (strings.Contains(sent, hunter) || strings.Contains(sent, basic)) {
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

// FuzzHostileServer proves that no answer makes the doctor panic, ask forever, or give the
// secret to another host or to a network in the clear.
func FuzzHostileServer(f *testing.F) {
	f.Add(true, 200, "", `<https://evil.example/wp-json/>; rel="https://api.w.org/"`, "")
	f.Add(false, 301, "https://evil.example/", "", "")
	f.Add(true, 302, "//evil.example/wp-json/", "", "")
	f.Add(true, 401, "", "", `{"code":"rest_not_logged_in","message":"no"}`)
	f.Add(true, 200, "", "", `{"namespaces":["wp/v2"],"authentication":{"application-passwords":{}},"product":"sparekey","secure":true}`)
	f.Add(true, 200, "", `<//evil.example/wp-json/>; rel="https://api.w.org/"`, `<link rel="https://api.w.org/" href="http://keys.example/wp-json/">`)
	f.Add(true, 307, "http://keys.example/", "", "")
	f.Add(true, 302, "https://keys.example:8443/wp-json/", "", "")
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
		if _, err := doctor.Examine(t.Context(), doctor.Target{URL: url, Login: "ann", Secret: hunter, Transport: h}); err != nil {
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
	r, err := doctor.Examine(t.Context(), doctor.Target{URL: "http://keys.example/", Login: "ann", Secret: hunter, Transport: transport})
	if err != nil || !asked {
		t.Fatalf("asked %v, %v", asked, err)
	}
	want(t, r, doctor.Redirect)
}

// TestRedirectToAnotherOrigin sends on to a server that asks for a credential, as
// anybody can open one at another port of the same host.
func TestRedirectToAnotherOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		named, location string
		isNamed         bool
	}{
		{"https://keys.example/", "https://keys.example/api", true},
		{"https://keys.example/", "https://KEYS.example:443/api", true},
		{"https://keys.example:8443/", "https://keys.example:8443/api", true},
		{"http://keys.example/", "https://keys.example/api", true},
		{"http://keys.example:80/", "https://keys.example:443/api", true},
		{"https://keys.example/", "https://keys.example:8443/api", false},
		{"https://keys.example:8443/", "https://keys.example/api", false},
		{"http://keys.example/", "https://keys.example:8443/api", false},
		{"http://keys.example:8080/", "https://keys.example/api", false},
		{"http://127.0.0.1:8080/", "http://127.0.0.1:8081/api", false},
		{"http://127.0.0.1/", "http://127.0.0.2/api", false},
		{"https://127.0.0.1/", "http://127.0.0.1/api", false},
		{"http://localhost/", "http://127.0.0.1/api", false},
		{"https://keys.example/", "https://keys.example.evil.example/api", false},
		{"https://keys.example/", "https://keys.example@evil.example/api", false},
		{"https://keys.example/", "https://evil.example/keys.example", false},
	} {
		got := ""
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			h := http.Header{"Location": {c.location}}
			status := http.StatusFound
			if r.URL.Path == "/api" || r.URL.Path == "/keys.example" {
				h, status = http.Header{"Www-Authenticate": {"Basic"}}, http.StatusUnauthorized
			}
			if login, secret, _ := r.BasicAuth(); login == "ann" && secret == hunter {
				got += r.URL.String()
			}
			return &http.Response{StatusCode: status, Request: r, Body: http.NoBody, Header: h}, nil
		})
		r, err := doctor.Examine(t.Context(), doctor.Target{URL: c.named, Login: "ann", Secret: hunter, Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		if (got != "") != c.isNamed {
			t.Errorf("%s sends on to %s: the credential went to %q: %+v", c.named, c.location, got, r)
		}
		if !c.isNamed {
			want(t, r, doctor.Redirect)
		}
	}
}
