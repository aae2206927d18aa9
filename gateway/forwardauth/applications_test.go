package forwardauth_test

import (
	"context"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
	"github.com/sparekey-dev/sparekey/internal/testproc"
)

const applicationRemedy = "run scripts/applications"

// attacked is a real application with something that a limited credential must not get.
type attacked struct {
	address *url.URL
	allowed map[string]string // requests that must get through, and what their answers have in them
	attacks []string
	got     func(t *testing.T, a gatewaytest.Answer) bool // whether an attack got what it must not
}

// test makes the attacks on the application itself, which must obey each of them, and
// then through every front-end, where none may.
func (a attacked) test(t *testing.T) {
	t.Helper()
	site := gatewaytest.NewSite(t)
	site.Application = a.address
	direct := gatewaytest.Front{Addr: a.address.Host}
	for _, request := range a.attacks {
		if answer := site.Send(t, direct, request); !a.got(t, answer) {
			t.Errorf("the application itself does not obey, so this proves nothing: %s\n%d %s", request, answer.Status, answer.Body)
		}
	}
	for name, front := range map[string]func(t *testing.T) starter{
		"proxy":         func(*testing.T) starter { return ownProxy },
		"nginx":         func(t *testing.T) starter { t.Helper(); return nginx(t, "") },
		"lenient nginx": func(t *testing.T) starter { t.Helper(); return nginx(t, lenient) },
		"Caddy":         caddy, "HAProxy": haproxy,
	} {
		t.Run(name, func(t *testing.T) {
			front := front(t)(t, site)
			for request, part := range a.allowed {
				if answer := site.Send(t, front, request); answer.Status/100 != 2 || !strings.Contains(answer.Body, part) {
					t.Errorf("%s%d %s, want %q", request, answer.Status, answer.Body, part)
				}
			}
			for _, request := range a.attacks {
				if answer := site.Send(t, front, request); a.got(t, answer) {
					t.Errorf("%s gets through: %d %s", request, answer.Status, answer.Body)
				}
			}
		})
	}
}

// realFronts are package proxy and the real proxies that are started with their examples.
func realFronts(t *testing.T) map[string]starter {
	t.Helper()
	return map[string]starter{"nginx": nginx(t, ""), "caddy": caddy(t), "haproxy": haproxy(t), "proxy": ownProxy}
}

// ownProxy starts package proxy before a site.
func ownProxy(t *testing.T, site *gatewaytest.Site) gatewaytest.Front {
	t.Helper()
	server := httptest.NewServer(proxy.New(site.Gateway, site.Application, proxy.Config{}))
	t.Cleanup(server.Close)
	return gatewaytest.Front{Addr: server.Listener.Addr().String()}
}

// serve starts a server that listens at an address.
func serve(t *testing.T, dir, addr string, cmd *exec.Cmd) *url.URL {
	t.Helper()
	p := testproc.Start(t, cmd, filepath.Join(dir, "log"), testproc.Accepts("tcp", addr))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.Log())
		}
	})
	return &url.URL{Scheme: "http", Host: addr}
}

// write writes files below a directory.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// as writes a request without a body, with these headers.
func as(credential, method, target string, headers ...string) string {
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: example.org", "Authorization: {" + credential + "}"}, headers...)
	return strings.Join(lines, "\n") + "\n\n"
}

// TestGunicorn has SCRIPT_NAME move the path in a real WSGI server.
func TestGunicorn(t *testing.T) {
	t.Parallel()
	program := testproc.Program(t, applicationRemedy, "gunicorn")
	dir, addr := testproc.Dir(t), net.JoinHostPort("127.0.0.1", testproc.FreePort(t))
	write(t, dir, map[string]string{"application.py": `
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("SCRIPT_NAME=%s PATH_INFO=%s" % (environ["SCRIPT_NAME"], environ["PATH_INFO"])).encode()]
`})
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "--bind", addr, "--chdir", dir, "--worker-tmp-dir", dir, "--workers", "1", "application:application")
	cmd.Env = append(os.Environ(), "HOME="+dir, "PYTHONDONTWRITEBYTECODE=1")
	attacked{
		address: serve(t, dir, addr, cmd),
		allowed: map[string]string{as("files", "GET", "/files/ann/x"): "SCRIPT_NAME= PATH_INFO=/files/ann/x"},
		attacks: []string{
			as("files", "GET", "/files/ann/admin/users", "SCRIPT_NAME: /files/ann"),
			as("files", "GET", "/files/ann/admin/users", "script_name: /files/ann"),
			as("files", "DELETE", "/files/ann/admin/users", "Script_Name: /files/ann"),
			as("files", "GET", "/files/ann/admin/users?x=1", "SCRIPT_NAME: /x", "SCRIPT_NAME: /files/ann"),
		},
		got: func(_ *testing.T, a gatewaytest.Answer) bool {
			return strings.Contains(a.Body, "PATH_INFO=/admin/users")
		},
	}.test(t)
}

// TestTomcat has a servlet container remove path parameters.
func TestTomcat(t *testing.T) {
	t.Parallel()
	java := testproc.Program(t, applicationRemedy, "java")
	home := ""
	for _, dir := range []string{"/usr/share/tomcat10", "/usr/share/tomcat11"} {
		if _, err := os.Stat(filepath.Join(dir, "bin", "bootstrap.jar")); err == nil {
			home = dir
		}
	}
	if home == "" {
		testproc.Missing(t, "Tomcat", applicationRemedy)
	}
	dir, port := testproc.Dir(t), testproc.FreePort(t)
	write(t, dir, map[string]string{
		"conf/server.xml": `<Server port="-1"><Service name="Catalina">
	<Connector address="127.0.0.1" port="` + port + `" protocol="HTTP/1.1"/>
	<Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps" autoDeploy="false"/></Engine>
</Service></Server>`,
		"webapps/ROOT/WEB-INF/web.xml": `<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="5.0" metadata-complete="true">
	<servlet><servlet-name>files</servlet-name><servlet-class>org.apache.catalina.servlets.DefaultServlet</servlet-class></servlet>
	<servlet-mapping><servlet-name>files</servlet-name><url-pattern>/</url-pattern></servlet-mapping>
</web-app>`,
		"webapps/ROOT/reports/secret.html": "a secret", "webapps/ROOT/reports/open.pdf": "a report",
		"webapps/ROOT/projects/comments": "a secret", "webapps/ROOT/projects/1/comments": "a comment",
		"temp/x": "",
	})
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), java, "-Xshare:auto", "-XX:TieredStopAtLevel=1",
		"-Djava.io.tmpdir="+filepath.Join(dir, "temp"), "-Dcatalina.home="+home, "-Dcatalina.base="+dir,
		"-cp", filepath.Join(home, "bin", "bootstrap.jar")+":"+filepath.Join(home, "bin", "tomcat-juli.jar"), "org.apache.catalina.startup.Bootstrap", "start")
	attacked{
		address: serve(t, dir, net.JoinHostPort("127.0.0.1", port), cmd),
		allowed: map[string]string{as("reports", "GET", "/reports/open.pdf"): "a report", as("reports", "GET", "/projects/1/comments"): "a comment"},
		attacks: []string{
			as("reports", "GET", "/reports/secret.html;.pdf"), as("reports", "GET", "/reports/secret.html;x=.pdf"), as("reports", "GET", "/reports/secret.html;a=b;.pdf"),
			as("reports", "GET", "/projects/;/comments"), as("reports", "GET", "/projects/;x=1/comments"),
			as("reports", "GET", "/projects/x/..;/comments"),
		},
		got: func(_ *testing.T, a gatewaytest.Answer) bool { return strings.Contains(a.Body, "a secret") },
	}.test(t)
}

// TestDAV has COPY and MOVE write to another path than the one they are sent to.
func TestDAV(t *testing.T) {
	t.Parallel()
	program := testproc.Program(t, applicationRemedy, "nginx")
	dir, addr := testproc.Dir(t), net.JoinHostPort("127.0.0.1", testproc.FreePort(t))
	reset := func() {
		write(t, dir, map[string]string{
			"root/files/ann/a": "ann's", "root/files/ann/c": "ann's", "root/files/ann/b c": "ann's", "root/files/bob/x": "bob's",
		})
	}
	reset()
	cmd := nginxCommand(t, program, dir, "server { listen "+addr+"; root "+filepath.Join(dir, "root")+"; client_body_temp_path "+filepath.Join(dir, "temp")+"; dav_methods PUT DELETE MKCOL COPY MOVE; }")
	attacked{
		address: serve(t, dir, addr, cmd),
		allowed: map[string]string{
			as("files", "GET", "/files/ann/c"):                                                     "ann's",
			as("files", "COPY", "/files/ann/c", "Destination: /files/ann/d"):                       "",
			as("files", "COPY", "/files/ann/c", "Destination: http://example.org/files/ann/e%20f"): "",
			as("files", "PUT", "/files/ann/g", "Content-Length: 0"):                                "",
		},
		attacks: []string{
			as("files", "MOVE", "/files/ann/a", "Destination: http://example.org/files/bob/x"),
			as("files", "MOVE", "/files/ann/a", "Destination: /files/bob/x"),
			as("files", "COPY", "/files/ann/a", "destination: /files/bob/x"),
			as("files", "COPY", "/files/ann/a", "DESTINATION: http://example.org/files/bob/x"),
			as("files", "COPY", "/files/ann/a", "Destination: http://example.org//files//bob/x"),
			as("files", "COPY", "/files/ann/a", "Destination: http://example.org/files/%62ob/x"),
		},
		got: func(t *testing.T, _ gatewaytest.Answer) bool {
			t.Helper()
			text, err := os.ReadFile(filepath.Join(dir, "root/files/bob/x"))
			if err != nil {
				t.Fatal(err)
			}
			reset()
			return string(text) != "bob's"
		},
	}.test(t)
}
