package upstream_test

import (
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// hidden is text of UTF-7 that has elements only for programs that read it as such.
const hidden = "+ADw-/methodName+AD4APA-methodName+AD4-wp.getUsersBlogs"

// declarations are what may stand before the root element, and whether every program takes
// it for UTF-8.
var declarations = map[string]bool{
	"":                      true,
	`<?xml version="1.0"?>`: true,
	`<?xml version='1.0' encoding='utf-8' ?>`:                  true,
	`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`:  true,
	"<?xml version=\"1.0\"\n\tencoding=\"UTF-8\"?>\n":          true,
	`<?xml version="1.0" encoding="UTF-7"?>`:                   false,
	`<?xml version="1.0" encoding = "UTF-7"?>`:                 false,
	`<?xml version="1.0" encoding ="UTF-7"?>`:                  false,
	"<?xml version=\"1.0\" encoding\n='UTF-7'?>":               false,
	`<?xml version = "1.0" encoding = "IBM037"?>`:              false,
	`<?xml version="1.0" xencoding="utf-8" encoding="UTF-7"?>`: false,
	`<?xml ?>`: false,
	`<?xml version="1.0"?><?xml version="1.0"?>`:   false,
	`<?xml ?><?xml encoding = "UTF-7"?>`:           false,
	`<?xml version="1.1"?>`:                        false,
	`<?XML version="1.0" encoding = "UTF-7"?>`:     false,
	"<!-- --><?xml version=\"1.0\"?>":              false,
	`<?xml version="1.0" standalone="perhaps"?>`:   false,
	`<?xml version="1.0" encoding="UTF-8" x="y"?>`: false,
}

// TestDeclarations refuses XML that programs may read in another encoding, in which it may
// have other elements: PHP reads UTF-7 so.
func TestDeclarations(t *testing.T) {
	t.Parallel()
	for declaration, isPlain := range declarations {
		got := logins(t, "POST", "/xmlrpc.php", declaration+"<methodCall><methodName>demo.sayHello</methodName><params><param>"+text(hidden)+"</param></params></methodCall>")
		if isRead := got == ""; isRead != isPlain {
			t.Errorf("a call of XML-RPC with %q: %q", declaration, got)
		}
		body := multiget("/b")
		body = declaration + body[strings.Index(body, "?>")+2:]
		if got, want := readDAV(t, report+body), "GET /b, "+itself; got != want && (isPlain || got != "unclear") || got == want && !isPlain {
			t.Errorf("a REPORT with %q: %q", declaration, got)
		}
	}
}

// TestLoginsOfPages finds the logins of the calls for one page, which have the page before it.
func TestLoginsOfPages(t *testing.T) {
	t.Parallel()
	ann, secret, page := text("ann"), text("secret"), text("7")
	for body, want := range map[string]string{
		xmlrpc("wp.getPage", page, page, ann, secret):             "ann/secret",
		xmlrpc("wp.editPage", page, page, ann, secret, text("x")): "ann/secret",
		xmlrpc("wp.deletePage", page, ann, secret, page):          "ann/secret",
		xmlrpc("wp.newPage", page, ann, secret, text("x")):        "ann/secret",
		xmlrpc("wp.getPages", page, ann, secret):                  "ann/secret",
		xmlrpc("wp.getPageList", page, ann, secret):               "ann/secret",
	} {
		if got := logins(t, "POST", "/xmlrpc.php", body); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// readDAV returns the readings of a request whose body is seen.
func readDAV(t *testing.T, text string) string {
	t.Helper()
	r := request(t, text)
	asked := upstream.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Body: upstream.NewBody(r)}
	reader := &upstream.Reader{Profile: upstream.Generic(), Request: asked}
	return lines(reader.Readings(true))
}
