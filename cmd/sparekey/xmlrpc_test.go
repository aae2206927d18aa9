package main

import (
	"encoding/xml"
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

// call sends a body to an address and reads a fault, if the answer is one.
func (s *server) call(t *testing.T, as account, method, path string) (status, code int, text string) {
	t.Helper()
	const body = `<?xml version="1.0"?><methodCall><methodName>demo.sayHello</methodName><params/></methodCall>`
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
		s      *server
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
