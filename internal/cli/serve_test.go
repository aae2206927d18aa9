package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// get asks the server for a page without credentials.
func (s *serverProcess) get(t *testing.T, client *http.Client, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// TestFirstStart does what a person does first: starts the server and pastes the
// command that it shows, also where the site has a policy.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ config, flags string }{
		"no policy":           {"", ""},
		"scopes":              {"require-scopes: true", " --scope=read"},
		"expiry":              {"require-expiry: true", " --expires=7d"},
		"expiry by itself":    {"require-expiry: true\nmax-lifetime: 90d", ""},
		"scopes, with expiry": {"require-scopes: true\nrequire-expiry: true", " --scope=read --expires=7d"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			firstStart(t, c.config, c.flags)
		})
		t.Run(name+", in front of an application", func(t *testing.T) {
			t.Parallel()
			application := httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(application.Close)
			firstStart(t, c.config, c.flags, "--upstream", application.URL)
		})
	}
}

// firstStart wants flags in the command that a site with a configuration shows.
func firstStart(t *testing.T, config, flags string, args ...string) {
	t.Helper()
	dir := t.TempDir()
	database := filepath.Join(dir, "my data's.db")
	if config != "" {
		file := filepath.Join(dir, "my site.yaml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", file)
	}
	var greeting lines
	s := startServerTo(t, &greeting, database, args...)
	if err := s.stop(); err != nil {
		t.Errorf("the server did not stop well: %v\n%s", err, s.log)
	}
	paste := regexp.MustCompile(`SECRET=\$\((.* user application-password create admin "My first app"(.*) --porcelain)\)\n\s+curl -u "admin:\$SECRET" (http://[^/]+)(/\S+)\n`).
		FindStringSubmatch(greeting.String())
	if paste == nil || paste[2] != flags || !regexp.MustCompile(`password    [A-Z2-7]{26}\n`).MatchString(greeting.String()) {
		t.Fatalf("the greeting is\n%s", greeting.String())
	}
	pasted := exec.CommandContext(t.Context(), "sh", "-c", paste[1])
	secret, err := pasted.Output()
	if err != nil {
		t.Fatalf("%s: %v", pasted, err)
	}
	var again lines
	s = startServerTo(t, &again, database, args...)
	made, err := s.send(t.Context(), account{"admin", strings.TrimSpace(string(secret))}, http.MethodGet, paste[4], "")
	if err != nil || made.status != http.StatusOK {
		t.Errorf("status %d, %v", made.status, err)
	}
	if again.String() != "" {
		t.Errorf("the second start says %s", again.String())
	}
}

func TestPagesOfTheServer(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	s := startServer(t, database)
	const discovery = `/wp-json/>; rel="https://api.w.org/"`
	for path, want := range map[string]struct {
		status int
		body   string
		link   bool
	}{
		"/healthz":                              {http.StatusOK, "ok", false},
		"/readyz":                               {http.StatusOK, "ok", false},
		"/":                                     {http.StatusOK, "Sparekey", true},
		"/wp-admin/profile.php":                 {http.StatusOK, "Sparekey", true},
		"/wp-json":                              {http.StatusOK, `"namespaces"`, true},
		"/wp-json/":                             {http.StatusOK, `authorize-application.php`, true},
		"/wp-json/wp/v2":                        {http.StatusOK, `"namespace":"wp\/v2"`, true},
		"/?rest_route=/":                        {http.StatusOK, `"namespaces"`, true},
		"/index.php?rest_route=/wp/v2/users/me": {http.StatusUnauthorized, "rest_not_logged_in", true},
		"/?rest_route[]=/":                      {http.StatusBadRequest, "rest_invalid_param", true},
		"/index.php":                            {http.StatusNotFound, "", false},
		"/nope":                                 {http.StatusNotFound, "", false},
		"/wp-json/wp/v2//":                      {http.StatusOK, `"namespace":"wp\/v2"`, true},
		"/wp-json//wp/v2":                       {http.StatusNotFound, "rest_no_route", true},
		"/wp-json/../healthz":                   {http.StatusNotFound, "rest_no_route", true},
	} {
		res, body := s.get(t, http.DefaultClient, path)
		if res.StatusCode != want.status || !strings.Contains(body, want.body) || strings.Contains(res.Header.Get("Link"), discovery) != want.link {
			t.Errorf("%s: %d, Link %q, %s", path, res.StatusCode, res.Header.Get("Link"), body)
		}
	}
}

// TestLinksOfUsersLead follows the links of the list of all users: in the list, alone, and
// as it is embedded.
func TestLinksOfUsersLead(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	mustCLI(t, database, "user", "create", "J\u00f6 rg.x", "joerg@example.com", "--user_pass=x")
	mustCLI(t, database, "user", "set-role", "ann", "administrator")
	s := startServer(t, database)
	for _, path := range []string{
		"/wp-json/wp/v2/users", "/wp-json/wp/v2/users?context=edit", "/wp-json/wp/v2/users?context=embed&search=joerg", "/wp-json/wp/v2/users?_fields=link",
	} {
		status, body := s.ask(t, ann, path)
		var users []struct{ Link string }
		if err := json.Unmarshal([]byte(body), &users); err != nil || status != http.StatusOK || len(users) == 0 {
			t.Fatalf("%s: %d %s, %v", path, status, body, err)
		}
		for _, u := range users {
			res, _ := s.get(t, http.DefaultClient, strings.TrimPrefix(u.Link, s.url))
			if !strings.HasPrefix(u.Link, s.url+"/") || res.StatusCode != http.StatusOK {
				t.Errorf("%s: the link %q is %d", path, u.Link, res.StatusCode)
			}
		}
	}
}

// TestNoSuchPage has browsers see a page in their language, and programs what they
// always got.
func TestNoSuchPage(t *testing.T) {
	t.Parallel()
	s := startServer(t, filepath.Join(t.TempDir(), "sparekey.db"))
	browser := []string{"Accept", "text/html,*/*;q=0.8", "Accept-Language", "de"}
	for _, path := range []string{"/no/such/page", "/index.php"} {
		if res, body := s.get(t, http.DefaultClient, path, browser...); res.StatusCode != http.StatusNotFound || !strings.Contains(body, "Seite nicht gefunden") {
			t.Errorf("%s in a browser: %d %s", path, res.StatusCode, body)
		}
	}
	for _, path := range []string{"/wp-admin", "/account"} { // which lead on to the sign-in page
		if res, body := s.get(t, http.DefaultClient, path, browser...); res.StatusCode != http.StatusOK {
			t.Errorf("%s in a browser: %d %s", path, res.StatusCode, body)
		}
	}
	if res, body := s.get(t, http.DefaultClient, "/no/such/page", "Accept", "*/*"); res.StatusCode != http.StatusNotFound || body != "404 page not found\n" {
		t.Errorf("to a program: %d %s", res.StatusCode, body)
	}
}

// TestNoSecretIsLogged looks for everything secret in all that the server writes
// at its most talkative.
func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		database := filepath.Join(t.TempDir(), "sparekey.db")
		ann := newAccount(t, database)
		s := startServer(t, database, "--log-level=debug", "--log-format="+format)
		made, err := s.send(t.Context(), ann, http.MethodPost, mine, `{"name":"Phone"}`)
		if err != nil {
			t.Fatal(err)
		}
		phone := account{"ann", made.Password}
		for _, a := range []account{phone, {"ann@example.com", strings.ReplaceAll(made.Password, " ", "")}, {"unknown", made.Password}, {made.Password, "ann"}, {"ann", ann.secret + "x"}} {
			for _, path := range []string{mine, "/wp-json/", "/wp-json/wp/v2/users/me?password=" + strings.ReplaceAll(made.Password, " ", "%20")} {
				if _, err := s.send(t.Context(), a, http.MethodGet, path, ""); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := s.send(t.Context(), phone, http.MethodDelete, mine+"/"+made.UUID, ""); err != nil {
			t.Fatal(err)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		log := s.log.String()
		for _, word := range []string{"created", "revoked", "authenticated", "refused", "request"} {
			if !strings.Contains(log, word) {
				t.Errorf("the log says nothing of %q:\n%s", word, log)
			}
		}
		squeezed := strings.ReplaceAll(log, " ", "")
		for _, secret := range []string{ann.secret, strings.ReplaceAll(made.Password, " ", ""), "$generic$", "Basic"} {
			if strings.Contains(squeezed, secret) {
				t.Errorf("the log has %q:\n%s", secret, log)
			}
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key, roots := certificate(t, dir)
	database := filepath.Join(dir, "sparekey.db")
	newAccount(t, database)
	s := startServer(t, database, "--tls-cert", cert, "--tls-key", key)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	res, body := s.get(t, client, "/wp-json/")
	if res.StatusCode != http.StatusOK || !strings.Contains(body, `"url":"https:\/\/127.0.0.1`) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// certificate makes one for 127.0.0.1, signed by itself.
func certificate(t *testing.T, dir string) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(certFile, certPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600); err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, roots
}

// TestTrustedProxy is a server behind a proxy that says what came to it.
func TestTrustedProxy(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database, "--trusted-proxy=127.0.0.0/8", "--url=https://keys.example/")
	ask := func(proto string) (*http.Response, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+mine+"/introspect", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(ann.login, ann.secret)
		r.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.9")
		r.Header.Set("X-Forwarded-Proto", proto)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	if res, body := ask("http"); res.StatusCode != http.StatusNotImplemented || !strings.Contains(body, "application_passwords_disabled") {
		t.Errorf("in the clear: %d %s", res.StatusCode, body)
	}
	res, body := ask("https")
	if res.StatusCode != http.StatusOK || !strings.Contains(body, `"last_ip":"203.0.113.9"`) || !strings.Contains(body, `https:\/\/keys.example\/wp-json\/wp`) {
		t.Errorf("through the proxy: %d %s", res.StatusCode, body)
	}
}

// TestTwoServersOnOneFile starts at the same moment on a file that is not there.
func TestTwoServersOnOneFile(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ready := make(chan *serverProcess)
	for range 3 {
		go func() { ready <- startServer(t, database) }()
	}
	for range 3 {
		s := <-ready
		if res, _ := s.get(t, http.DefaultClient, "/readyz"); res.StatusCode != http.StatusOK {
			t.Errorf("status %d", res.StatusCode)
		}
	}
	if got, err := cli(ctx, database, "user", "list", "--format=count"); got != "1" || err != nil {
		t.Errorf("%s administrators, %v", got, err)
	}
}

// TestServerMaintenance has something to clean up when the server starts.
func TestServerMaintenance(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	mustCLI(t, database, "user", "application-password", "create", "ann", "short", "--expires=5s", "--porcelain")
	names := func() string {
		return mustCLI(t, database, "user", "application-password", "list", "ann", "--field=name", "--order=asc")
	}
	time.Sleep(7100 * time.Millisecond) // it expired, and that is more than a second ago
	startServer(t, database).kill()
	if got := names(); got != "main\nshort" {
		t.Errorf("one that expired is gone without a setting that says so: %q", got)
	}
	s := startServer(t, database, "--keep-expired=1s")
	s.log.waitFor(t, "msg=maintenance ")
	if log := s.log.String(); !strings.Contains(log, "msg=revoked") || !strings.Contains(log, "reason=expired") {
		t.Errorf("the log does not say that it was revoked, and why:\n%s", log)
	}
	if got := names(); got != "main" {
		t.Errorf("there are %q", got)
	}
	if out := mustCLI(t, database, "audit", "list", "--fields=kind,reason"); !strings.Contains(out, "revoked\texpired") {
		t.Errorf("the audit log does not say why it was revoked:\n%s", out)
	}
}

// TestPortInUse starts a second server on the port of the first, which leaves no
// database behind.
func TestPortInUse(t *testing.T) {
	t.Parallel()
	listen := strings.TrimPrefix(startServer(t, filepath.Join(t.TempDir(), "sparekey.db")).url, "http://")
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--listen", listen}, "make run LISTEN="},
		{[]string{"--listen=127.0.0.1:0", "--metrics-listen", listen}, "choose another port with --metrics-listen"},
	} {
		unmade := filepath.Join(t.TempDir(), "unmade.db")
		_, err := cli(t.Context(), unmade, append([]string{"serve"}, c.flags...)...)
		if err == nil || !strings.Contains(err.Error(), "another program has this port") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, which is in use: %v", c.flags, err)
		}
		if _, err := os.Stat(unmade); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: a database is made where nothing is served: %v", c.flags, err)
		}
	}
}
