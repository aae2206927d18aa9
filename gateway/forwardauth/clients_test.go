package forwardauth_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
	"github.com/sparekey-dev/sparekey/internal/testproc"
	"github.com/sparekey-dev/sparekey/scope"
)

const clientRemedy = "run scripts/clients"

// client is a person's machine with real programs, which reach an application through a
// front-end.
type client struct {
	site    *gatewaytest.Site
	front   gatewaytest.Front
	asks    bool // the front-end asks Sparekey, and does not show it bodies
	arrived *arrivals
	home    string // of the programs, and empty at first
}

// fronted is an application for the clients of a test.
type fronted struct {
	start    func(t *testing.T, home string) *url.URL // home is the client's
	scopes   map[string]scope.List                    // of credentials beside those of the site, by name
	identity string                                   // the header in which it looks for the login; default: Remote-User
	optional bool                                     // requests without a credential are anonymous
}

// each runs a test with a client in front of package proxy and of the example of nginx,
// each with an application of its own behind it.
func (f fronted) each(t *testing.T, test func(t *testing.T, c *client)) {
	t.Helper()
	limits := map[string]sparekey.Limits{}
	for name, rules := range f.scopes {
		limits[name] = sparekey.Limits{Scopes: rules}
	}
	config := gateway.Config{Optional: f.optional}
	if f.identity != "" {
		config.LoginHeaders = []string{f.identity}
	}
	for name, front := range map[string]func(t *testing.T) starter{
		"proxy": func(*testing.T) starter { return ownProxy },
		"nginx": func(t *testing.T) starter { t.Helper(); return nginxFor(t, f.identity) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := front(t)
			c := &client{asks: name != "proxy", site: gatewaytest.NewSiteWith(t, config, limits), home: testproc.Dir(t)}
			c.site.Application, c.arrived = recording(t, f.start(t, c.home))
			c.front = before(t, c.site)
			test(t, c)
		})
	}
}

// nginxFor starts the example of nginx with another header for the login than Remote-User,
// if there is one, as its comments say.
func nginxFor(t *testing.T, identity string) starter {
	t.Helper()
	if identity == "" {
		return nginx(t, "")
	}
	program := testproc.Program(t, remedy, "nginx")
	return starting(gatewaytest.Front{}, func(t *testing.T, site *gatewaytest.Site, dir, addr string) *exec.Cmd {
		server := nginxExample(t, site, dir, addr, map[string]string{
			"proxy_set_header " + identity + ` "";`:                   "proxy_set_header Remote-User \"\";",
			"proxy_set_header Remote-User           $sparekey_login;": "proxy_set_header " + identity + " $sparekey_login;",
			"$upstream_http_remote_user;":                             "$upstream_http_" + strings.ReplaceAll(strings.ToLower(identity), "-", "_") + ";",
		})
		return nginxCommand(t, program, dir, "include "+server+";")
	})
}

// arrivals are the requests that reached an application: methods and targets.
type arrivals struct {
	mu  sync.Mutex
	all []string
}

// take returns what arrived since it was last called, a request in each line.
func (a *arrivals) take() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := strings.Join(a.all, "\n")
	a.all = nil
	return taken
}

// recording notes what reaches an application. It changes nothing but the address of the
// connection.
func recording(t *testing.T, application *url.URL) (*url.URL, *arrivals) {
	t.Helper()
	a := &arrivals{}
	through := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = application.Scheme, application.Host, r.In.Host
		for name, values := range r.In.Header { // Rewrite drops some, which front-ends set
			if strings.HasPrefix(name, "X-Forwarded-") {
				r.Out.Header[name] = values
			}
		}
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.all = append(a.all, r.Method+" "+r.RequestURI)
		a.mu.Unlock()
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return parseURL(t, server.URL), a
}

func parseURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// url is where the client reaches the application.
func (c *client) url(path string) string {
	scheme := map[bool]string{true: "https", false: "http"}[c.front.TLS]
	return scheme + "://" + c.front.Addr + path
}

// login is the user name and the secret of a credential, with a colon between them.
func (c *client) login(t *testing.T, credential string) string {
	t.Helper()
	login, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(c.site.Authorization(credential), "Basic "))
	if err != nil || len(login) == 0 {
		t.Fatalf("credential %q does not exist: %v", credential, err)
	}
	return string(login)
}

// run runs a program that trusts the site's certificate, and returns what it prints.
func (c *client) run(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	return c.runWith(t, nil, program, args...)
}

// runWith is run with more of the environment.
func (c *client) runWith(t *testing.T, env []string, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testproc.Program(t, clientRemedy, program), args...)
	cmd.Dir = c.home
	cmd.Env = append(os.Environ(), "HOME="+c.home, "XDG_CONFIG_HOME="+c.home, "XDG_DATA_HOME="+c.home, "XDG_CACHE_HOME="+c.home, "XDG_RUNTIME_DIR="+c.home,
		"SSL_CERT_FILE="+c.site.Certificate.Cert, "GIT_SSL_CAINFO="+c.site.Certificate.Cert, "CURL_CA_BUNDLE="+c.site.Certificate.Cert, "no_proxy=*", "NO_PROXY=*", "LC_ALL=C.UTF-8")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
