package cli

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// fault is what clients of XML-RPC read of one.
type fault struct {
	Members []struct {
		Name string `xml:"name"`
		Int  int    `xml:"value>int"`
		Text string `xml:"value>string"`
	} `xml:"fault>value>struct>member"`
}

// call sends a call that needs no login to an address and reads a fault, if the answer is
// one.
func (s *serverProcess) call(t *testing.T, as account, method, path string) (status, code int, text string) {
	t.Helper()
	return s.callWith(t, as, method, path, `<?xml version="1.0"?><methodCall><methodName>demo.sayHello</methodName><params/></methodCall>`)
}

// callWith is call for a body.
func (s *serverProcess) callWith(t *testing.T, as account, method, path, body string) (status, code int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/xml")
	if as.login != "" {
		r.SetBasicAuth(as.login, as.secret)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var f fault
	if xml.Unmarshal(answer, &f) != nil || len(f.Members) != 2 {
		return res.StatusCode, 0, string(answer)
	}
	if got := res.Header.Get("Content-Type"); got != "text/xml; charset=UTF-8" || res.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("%s: %v", path, res.Header)
	}
	return res.StatusCode, f.Members[0].Int, f.Members[1].Text
}

// TestXMLRPCFaults wants refusals of XML-RPC to be faults with the status 200.
func TestXMLRPCFaults(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	wrong, unknown := account{"ann", "wrong"}, account{"staging", "letmein"}
	application := newApplication(t)
	blocked := startServer(t, database, "--upstream", application, "--upstream-kind=wordpress")
	open := startServer(t, database, "--upstream", application, "--upstream-kind=wordpress", "--upstream-xmlrpc")
	throttled := startServer(t, database, "--upstream", application, "--upstream-kind=wordpress", "--upstream-xmlrpc", "--throttle=on", "--throttle-per-login=1/1h")
	throttled.call(t, account{"ann", "first"}, http.MethodPost, "/xmlrpc.php")
	for _, c := range []struct {
		s      *serverProcess
		as     account
		method string
		path   string
		status int
		code   int
		text   string
	}{
		{blocked, account{}, http.MethodPost, "/xmlrpc.php", http.StatusOK, 405, "XML-RPC is refused here"},
		{blocked, ann, http.MethodPost, "/blog/xmlrpc.php", http.StatusOK, 405, "--upstream-xmlrpc"},
		{blocked, wrong, http.MethodPost, "/XMLRPC.php?rsd", http.StatusOK, 405, "XML-RPC is refused here"},
		{blocked, account{}, http.MethodGet, "/xmlrpc.php?rsd", http.StatusForbidden, 0, "XML-RPC is refused here"},
		{open, wrong, http.MethodPost, "/xmlrpc.php", http.StatusOK, 403, "is wrong"},
		{open, unknown, http.MethodPost, "//xmlrpc.php", http.StatusOK, 403, "is wrong"},
		{open, account{}, http.MethodPost, "/xmlrpc.php", http.StatusOK, 0, "application: POST /xmlrpc.php"},
		{open, ann, http.MethodPost, "/xmlrpc.php", http.StatusOK, 0, "application: POST /xmlrpc.php user=ann"},
		{throttled, account{"ann", "second"}, http.MethodPost, "/xmlrpc.php", http.StatusOK, 429, "Too many attempts"},
	} {
		status, code, text := c.s.call(t, c.as, c.method, c.path)
		if status != c.status || code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%s %s as %q: %d, fault %d, %s; want %d, %d, %q", c.method, c.path, c.as.login, status, code, text, c.status, c.code, c.text)
		}
	}
}

// blogsOf is a call of XML-RPC with a login in its body.
func blogsOf(as account) string {
	return `<?xml version="1.0"?><methodCall><methodName>wp.getUsersBlogs</methodName><params>` +
		`<param><value><string>` + as.login + `</string></value></param><param><value><string>` + as.secret + `</string></value></param></params></methodCall>`
}

// blogsOfAll is one call of XML-RPC that makes many.
func blogsOfAll(all ...account) string {
	const begin = `<?xml version="1.0"?><methodCall><methodName>system.multicall</methodName><params><param><value><array><data>`
	calls := ""
	for _, as := range all {
		calls += `<value><struct><member><name>methodName</name><value><string>wp.getUsersBlogs</string></value></member><member><name>params</name><value><array><data>` +
			`<value><string>` + as.login + `</string></value><value><string>` + as.secret + `</string></value></data></array></value></member></struct></value>`
	}
	return begin + calls + `</data></array></value></param></params></methodCall>`
}

// TestXMLRPCLogins has calls with logins in their bodies: those of application passwords
// without limits reach the application, and no others.
func TestXMLRPCLogins(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database, "--upstream", newApplication(t), "--upstream-kind=wordpress", "--upstream-xmlrpc", "--throttle=off")
	limited := func(limit string) account {
		return account{"ann", mustCLI(t, database, "user", "application-password", "create", "ann", "limited by "+strings.TrimLeft(limit, "-"), limit, "--porcelain")}
	}
	const reached = "application: POST /xmlrpc.php user=ann"
	for name, c := range map[string]struct {
		basic account
		body  string
		code  int
		text  string
	}{
		"without limits":         {account{}, blogsOf(ann), 0, reached},
		"by e-mail":              {account{}, blogsOf(account{"ann@example.com", ann.secret}), 0, reached},
		"in capitals":            {account{}, blogsOf(account{"ANN", ann.secret}), 0, reached},
		"twice in one":           {account{}, blogsOfAll(ann, ann), 0, reached},
		"with Basic":             {ann, blogsOf(ann), 0, reached},
		"expires":                {account{}, blogsOf(limited("--expires=1h")), 403, "is limited, and limits do not hold in XML-RPC"},
		"uses":                   {account{}, blogsOf(limited("--max-uses=5")), 403, "is limited"},
		"network":                {account{}, blogsOf(limited("--network=127.0.0.0/8")), 403, "is limited"},
		"scopes":                 {account{}, blogsOf(limited("--scope=* /*")), 403, "is limited"},
		"limited in Basic":       {limited("--scope=POST /xmlrpc.php"), blogsOf(ann), 403, "is limited"},
		"wrong in Basic":         {account{"ann", "wrong"}, blogsOf(ann), 403, "is wrong"},
		"limited among others":   {account{}, blogsOfAll(ann, limited("--scope=read")), 403, "is limited"},
		"wrong":                  {account{}, blogsOf(account{"ann", "wrong"}), 403, "is wrong"},
		"unknown":                {account{}, blogsOf(account{"mallory", "abcd"}), 403, "is wrong"},
		"the main password":      {account{}, blogsOf(account{"ann", "x"}), 403, "is wrong"},
		"wrong among others":     {account{}, blogsOfAll(ann, account{"ann", "wrong"}), 403, "is wrong"},
		"a colon":                {account{}, blogsOf(account{"ann:x", ann.secret}), 403, "has no colon"},
		"unreadable":             {account{}, "<methodCall>", 403, "cannot read this call"},
		"a method of a plugin":   {account{}, strings.Replace(blogsOf(ann), "wp.get", "shop.get", 1), 403, "does not know this method"},
		"an unseen login":        {account{}, strings.Replace(blogsOf(ann), "<params>", "<params><param><value></value></param>", 1), 403, "empty value"},
		"five logins":            {account{}, blogsOfAll(ann, limited("--scope=write"), account{"a", "b"}, account{"b", "c"}, account{"c", "d"}), 403, "too many logins"},
		"without login, in full": {account{}, blogsOfAll(), 0, "application: POST /xmlrpc.php user= "},
	} {
		status, code, text := s.callWith(t, c.basic, http.MethodPost, "/xmlrpc.php", c.body)
		if status != http.StatusOK || code != c.code || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d, fault %d, %s; want fault %d, %q", name, status, code, text, c.code, c.text)
		}
	}
	used := mustCLI(t, database, "user", "application-password", "list", "ann", "--field=last_used")
	if strings.TrimSpace(used) == "" {
		t.Errorf("no use is recorded: %q", used)
	}
}

// TestXMLRPCBehindProxiesThatAsk refuses it by the status that such proxies go by: they do
// not show the body, in which the login is.
func TestXMLRPCBehindProxiesThatAsk(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	for _, args := range [][]string{{"--upstream-xmlrpc"}, nil} {
		s := startServer(t, database, append(args, "--upstream-kind=wordpress", "--trusted-proxy=127.0.0.1")...)
		for _, as := range []account{ann, {}, {"ann", "wrong"}} {
			for _, path := range []string{"/xmlrpc.php", "/blog/XMLRPC.php", "//xmlrpc%2Ephp"} {
				status, body := s.ask(t, as, "/-/auth/nginx", "X-Original-Method", "POST", "X-Original-URI", path, "X-Original-Host", "example.org",
					"X-Forwarded-For", "192.0.2.3", "X-Forwarded-Proto", "https")
				if status != http.StatusForbidden || !strings.Contains(body, "XML-RPC is refused here") {
					t.Errorf("%v: %s asks for %s: %d %s", args, as.login, path, status, body)
				}
			}
		}
	}
}

// TestXMLRPCGuesses counts one call with many logins as one guess, and throttles the next.
func TestXMLRPCGuesses(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	s := startServer(t, database, "--upstream", newApplication(t), "--upstream-kind=wordpress", "--upstream-xmlrpc", "--throttle=on", "--throttle-per-login=2/1h")
	for i, want := range []int{403, 403, 429, 429} {
		guesses := []account{}
		for j := range 3 {
			guesses = append(guesses, account{"ann", fmt.Sprintf("guess%dof%d", j, i)})
		}
		if _, code, text := s.callWith(t, account{}, http.MethodPost, "/xmlrpc.php", blogsOfAll(guesses...)); code != want {
			t.Errorf("call %d: fault %d, %s; want %d", i, code, text, want)
		}
	}
}
