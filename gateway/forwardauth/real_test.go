package forwardauth_test

import (
	"context"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
	"github.com/sparekey-dev/sparekey/internal/testproc"
)

const remedy = "run scripts/proxies"

// example reads a file of examples/, changes the addresses and paths in it to those
// of a test, and returns where it put the result.
func example(t *testing.T, dir, file string, changes map[string]string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", file))
	if err != nil {
		t.Fatal(err)
	}
	changed := string(text)
	for from, to := range changes {
		if !strings.Contains(changed, from) {
			t.Fatalf("examples/%s does not have %q any more", file, from)
		}
		changed = strings.ReplaceAll(changed, from, to)
	}
	path := filepath.Join(dir, filepath.Base(file))
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// starter starts a front-end before a site.
type starter func(t *testing.T, site *gatewaytest.Site) gatewaytest.Front

// command makes the command that starts a proxy at an address, with its files in dir.
type command func(t *testing.T, site *gatewaytest.Site, dir, addr string) *exec.Cmd

// starting starts a real proxy. front says what else is to be known of it.
func starting(front gatewaytest.Front, run command) starter {
	return func(t *testing.T, site *gatewaytest.Site) gatewaytest.Front {
		dir := testproc.Dir(t)
		addr := net.JoinHostPort("127.0.0.1", testproc.FreePort(t))
		log := filepath.Join(dir, "log")
		p := testproc.Start(t, run(t, site, dir, addr), log, testproc.Accepts("tcp", addr))
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(p.Log())
			}
		})
		front := front
		front.Addr, front.TLS = addr, true
		return front
	}
}

// suite runs the suite on a real proxy.
func suite(t *testing.T, start starter) {
	t.Helper()
	gatewaytest.Run(t, start)
	t.Run("Pages", func(t *testing.T) { gatewaytest.RunPages(t, start) })
	t.Run("Optional", func(t *testing.T) { gatewaytest.RunOptional(t, start) })
	t.Run("Down", func(t *testing.T) { gatewaytest.RunDown(t, http.StatusServiceUnavailable, start) })
}

// lenient has nginx pass headers on that it drops by default. Sparekey refuses them.
const lenient = "underscores_in_headers on; ignore_invalid_headers off;"

func TestNginx(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]string{
		"usual":   "",
		"lenient": lenient,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite(t, nginx(t, settings))
		})
	}
}

// nginx starts the example of nginx with more settings.
func nginx(t *testing.T, settings string) starter {
	t.Helper()
	program := testproc.Program(t, remedy, "nginx")
	return starting(gatewaytest.Front{}, func(t *testing.T, site *gatewaytest.Site, dir, addr string) *exec.Cmd {
		server := nginxExample(t, site, dir, addr, nil)
		return nginxCommand(t, program, dir, settings+"\n\tinclude "+server+";")
	})
}

// nginxExample writes the example of nginx for a site, with further changes.
func nginxExample(t *testing.T, site *gatewaytest.Site, dir, addr string, more map[string]string) string {
	t.Helper()
	changes := map[string]string{
		"127.0.0.1:8443": addr, "127.0.0.1:8080": site.Sparekey.Host, "127.0.0.1:9000": site.Application.Host,
		"/etc/ssl/example.org.pem": site.Certificate.Cert, "/etc/ssl/example.org.key": site.Certificate.Key,
	}
	maps.Copy(changes, more)
	return example(t, dir, "nginx/example.conf", changes)
}

// nginxCommand runs nginx with these settings in its block "http".
func nginxCommand(t *testing.T, program, dir, settings string) *exec.Cmd {
	t.Helper()
	whole := filepath.Join(dir, "nginx.conf")
	config := strings.ReplaceAll(`daemon off; master_process off; pid DIR/pid; error_log stderr;
events {}
http {
	access_log off; client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi; uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
	`+settings+`
}
`, "DIR", dir)
	if err := os.WriteFile(whole, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(context.WithoutCancel(t.Context()), program, "-p", dir, "-e", "stderr", "-c", whole)
}

func TestCaddy(t *testing.T) {
	t.Parallel()
	suite(t, caddy(t))
}

// caddy starts the example of Caddy.
func caddy(t *testing.T) starter {
	t.Helper()
	program := testproc.Program(t, remedy, "caddy")
	return starting(gatewaytest.Front{}, func(t *testing.T, site *gatewaytest.Site, dir, addr string) *exec.Cmd {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		file := example(t, dir, "caddy/Caddyfile", map[string]string{
			":8443": ":" + port, "127.0.0.1:8080": site.Sparekey.Host, "127.0.0.1:9000": site.Application.Host,
			"/etc/ssl/example.org.pem": site.Certificate.Cert, "/etc/ssl/example.org.key": site.Certificate.Key,
		})
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "run", "--config", file, "--adapter", "caddyfile")
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
		return cmd
	})
}

func TestHAProxy(t *testing.T) {
	t.Parallel()
	suite(t, haproxy(t))
}

// haproxy starts the example of HAProxy.
func haproxy(t *testing.T) starter {
	t.Helper()
	return haproxyWith(t, nil)
}

// haproxyWith starts the example of HAProxy with further changes.
func haproxyWith(t *testing.T, more map[string]string) starter {
	t.Helper()
	program := testproc.Program(t, remedy, "haproxy")
	return starting(gatewaytest.Front{PassesTrailers: true}, func(t *testing.T, site *gatewaytest.Site, dir, addr string) *exec.Cmd {
		lua := example(t, dir, "haproxy/sparekey.lua", nil)
		changes := map[string]string{
			"127.0.0.1:8443": addr, "127.0.0.1:8080": site.Sparekey.Host, "127.0.0.1:9000": site.Application.Host,
			"/etc/ssl/example.org.both.pem": site.Certificate.Both, "/etc/haproxy/sparekey.lua": lua,
		}
		maps.Copy(changes, more)
		file := example(t, dir, "haproxy/haproxy.cfg", changes)
		return exec.CommandContext(context.WithoutCancel(t.Context()), program, "-f", file)
	})
}
