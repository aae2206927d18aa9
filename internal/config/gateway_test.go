package config

import (
	"strings"
	"testing"
)

// TestUpstreamLeadsBack names the server itself as the application, in ways that are
// known before it starts.
func TestUpstreamLeadsBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		upstream, listen, home string
		want                   string // part of the error, or nothing
	}{
		{"http://127.0.0.1:8080", "127.0.0.1:8080", "", "--listen"},
		{"http://127.0.0.1:8080/", "127.0.0.1:8080", "", "--listen"},
		{"http://localhost:8080", "127.0.0.1:8080", "", "--listen"},
		{"http://LOCALHOST:8080", "[::1]:8080", "", "--listen"},
		{"http://127.0.0.1:8080", "localhost:8080", "", "--listen"},
		{"https://127.0.0.1:8080", ":8080", "https://a.example", "--listen"},
		{"http://[::1]:8080", "0.0.0.0:8080", "https://a.example", "--listen"},
		{"http://127.0.0.1", "127.0.0.1:80", "", "--listen"},
		{"https://a.example", "0.0.0.0:8443", "https://a.example", "--url"},
		{"https://A.example:443", "0.0.0.0:8443", "https://a.example/", "--url"},
		{"http://127.0.0.1:9000", "127.0.0.1:8080", "http://127.0.0.1:9000", "--url"},
		{"http://127.0.0.1:8088", "127.0.0.1:8080", "https://a.example", ""},
		{"http://a.example", "0.0.0.0:8443", "https://a.example", ""},
		{"http://b.example:8080", ":8080", "https://a.example", ""},
	} {
		err := (&GatewaySettings{Upstream: c.upstream}).validate(c.listen, c.home)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("--upstream %s --listen %s --url %s: %v", c.upstream, c.listen, c.home, err)
		}
	}
}
