package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUpstreamOfNoKind names addresses that are not applications, and files that are not
// authorities.
func TestUpstreamOfNoKind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := write("key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	const form = "must be a scheme and a host"
	for _, c := range []struct{ upstream, authority, want string }{
		{"127.0.0.1:8088", "", form},
		{"h2c:127.0.0.1:8088", "", form},
		{"h2c://", "", form},
		{"h2c://127.0.0.1:99999", "", form},
		{"h2c://ann:hidden@127.0.0.1:8088", "", form},
		{"grpc://127.0.0.1:50051", "", form},
		{"http://unix:/run/app.sock", "", form},
		{"/run/app.sock", "", form},
		{"unix:app.sock", "", "by its whole path"},
		{"unix://app.sock", "", "by its whole path"},
		{"unix:", "", "by its whole path"},
		{"unix:/run/", "", "by its whole path"},
		{"unix+h2c:run/app.sock", "", "by its whole path"},
		{"unix:/" + strings.Repeat("a", 107), "", "of 108 bytes"},
		{"h2c://127.0.0.1:8080", "", "the address of --listen"},
		{"https://a.internal", filepath.Join(dir, "gone"), "no such file"},
		{"https://a.internal", dir, "is a directory"},
		{"https://a.internal", write("empty", ""), "has no certificate"},
		{"https://a.internal", write("text", "certificate"), "has no certificate"},
		{"https://a.internal", key, "has no certificate"},
		{"https://a.internal", write("bad", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "certificate 1 cannot be read"},
		{"http://a.internal", write("any", ""), "needs an --upstream that begins with https://"},
		{"unix:/run/app.sock", key, "needs an --upstream that begins with https://"},
		{"", key, "needs an --upstream that begins with https://"},
	} {
		err := (&GatewaySettings{Upstream: c.upstream, UpstreamCA: c.authority}).validate("127.0.0.1:8080", "")
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("--upstream %s --upstream-ca %s: %v", c.upstream, c.authority, err)
		}
	}
	for _, upstream := range []string{"unix:/" + strings.Repeat("a", 106), "unix:///run/app.sock", "unix+h2c:/run/a b.sock", "h2c://127.0.0.1:50051", "h2c://[::1]:1", "h2c://a.internal"} {
		if err := (&GatewaySettings{Upstream: upstream}).validate("127.0.0.1:8080", ""); err != nil {
			t.Errorf("%s: %v", upstream, err)
		}
	}
}
