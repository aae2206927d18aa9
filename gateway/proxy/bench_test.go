package proxy_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// nowhere is an application at no cost, so that what the proxy does is what is measured.
type nowhere struct{}

func (nowhere) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// BenchmarkShortRequests sends short requests through a proxy, without a network.
func BenchmarkShortRequests(b *testing.B) {
	store := memory.New()
	user, err := store.CreateUser(b.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		b.Fatal(err)
	}
	svc := sparekey.New(store, store, sparekey.Config{})
	secret, _, err := svc.AsOperator().Create(b.Context(), user.ID, sparekey.NewCredential{Name: "App"})
	if err != nil {
		b.Fatal(err)
	}
	p := proxy.New(gateway.New(svc, gateway.Config{}), &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, proxy.Config{Transport: nowhere{}})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		b.Run(method, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), method, "/a", nil)
				if method == http.MethodPost {
					r = httptest.NewRequestWithContext(b.Context(), method, "/a", strings.NewReader("1234"))
				}
				r.RemoteAddr = "127.0.0.1:1234"
				r.SetBasicAuth("ann", secret.Reveal())
				w := httptest.NewRecorder()
				if p.ServeHTTP(w, r); w.Code != http.StatusNoContent {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
