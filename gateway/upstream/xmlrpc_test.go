package upstream_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// xmlrpc is a call of a method, with the XML of its parameters.
func xmlrpc(method string, params ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0"?><methodCall><methodName>%s</methodName><params>`, method)
	for _, p := range params {
		fmt.Fprintf(&b, "<param>%s</param>", p)
	}
	return b.String() + "</params></methodCall>"
}

func text(s string) string { return "<value><string>" + s + "</string></value>" }

func array(items ...string) string {
	return "<value><array><data>" + strings.Join(items, "") + "</data></array></value>"
}

func inner(method string, params ...string) string {
	return "<value><struct><member><name>methodName</name>" + text(method) + "</member><member><name>params</name>" + array(params...) + "</member></struct></value>"
}

// logins returns what a profile finds in a call: the logins, or the beginning of why not.
func logins(t *testing.T, method, target, body string) string {
	t.Helper()
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	all, why := upstream.WordPress(upstream.WordPressConfig{XMLRPC: true}).(upstream.LoginFinder).Logins(&upstream.Request{
		Method: method, Target: target, Header: http.Header{}, Body: upstream.NewBody(r),
	})
	if why != "" {
		if len(all) > 0 {
			t.Errorf("%s: has logins and %q", body, why)
		}
		return "refused: " + why
	}
	found := []string{}
	for _, l := range all {
		found = append(found, l.Login+"/"+l.Secret)
	}
	return strings.Join(found, " ")
}

// TestLoginsOfXMLRPC finds the logins where WordPress's methods have them.
func TestLoginsOfXMLRPC(t *testing.T) {
	t.Parallel()
	const one = "<value><int>1</int></value>"
	ann, pass := text("ann"), text("s e c")
	for _, c := range []struct{ body, want string }{
		{xmlrpc("wp.getUsersBlogs", ann, pass), "ann/s e c"},
		{xmlrpc("wp.getPosts", one, ann, pass), "ann/s e c"},
		{xmlrpc("wp.getPosts", "<value><i4>1</i4></value>", "<value>ann</value>", "<value>s e c</value>"), "ann/s e c"},
		{xmlrpc("wp.getPosts", array(one, ann, pass)), "ann/s e c"}, // WordPress takes the only one for all
		{xmlrpc("wp.getUsersBlogs", array(ann, pass)), "ann/s e c"},
		{xmlrpc("metaWeblog.newPost", one, ann, pass, "<value><struct></struct></value>"), "ann/s e c"},
		{xmlrpc("metaWeblog.deletePost", one, one, ann, pass), "ann/s e c"},
		{xmlrpc("metaWeblog.getUsersBlogs", one, ann, pass), "ann/s e c"},
		{xmlrpc("blogger.getUserInfo", one, ann, pass), "ann/s e c"},
		{xmlrpc("blogger.editPost", one, one, ann, pass, text("x")), "ann/s e c"},
		{xmlrpc("mt.publishPost", one, ann, pass), "ann/s e c"},
		{xmlrpc("mt.supportedMethods"), ""},
		{xmlrpc("system.listMethods"), ""},
		{xmlrpc("pingback.ping", text("https://a.example/"), text("https://b.example/")), ""},
		{"<methodCall><methodName>demo.sayHello</methodName></methodCall>", ""},
		{"<methodCall> <methodName> demo.sayHello </methodName>\n<params/> </methodCall>\n", ""},
		{xmlrpc("wp.getUsersBlogs", text("a&amp;&#98;"), text("<![CDATA[x<y]]>")), "a&b/x<y"},
		{xmlrpc("system.multicall", array(inner("wp.getUsersBlogs", ann, pass), inner("wp.getPosts", one, ann, pass), inner("demo.sayHello"))), "ann/s e c"},
		{xmlrpc("system.multicall", array(inner("wp.getUsersBlogs", ann, pass), inner("wp.getUsersBlogs", text("bob"), pass))), "ann/s e c bob/s e c"},
		{xmlrpc("system.multicall", inner("wp.getUsersBlogs", ann, pass), inner("wp.getPost", array(one, ann, text("other")))), "ann/s e c ann/other"},
	} {
		if got := logins(t, "POST", "/xmlrpc.php", c.body); got != c.want {
			t.Errorf("%s:\n%q, want %q", c.body, got, c.want)
		}
	}
	for target, method := range map[string]string{"/": "POST", "/xmlrpc.php?rsd": "GET", "/a?xmlrpc.php": "POST"} {
		if got := logins(t, method, target, "no call"); got != "" {
			t.Errorf("%s %s: %s", method, target, got)
		}
	}
}

// TestUnreadableXMLRPC refuses what WordPress may read in another way than Sparekey does.
func TestUnreadableXMLRPC(t *testing.T) {
	t.Parallel()
	const one, empty = "<value><int>1</int></value>", "<value></value>"
	ann, pass := text("ann"), text("secret")
	many := []string{}
	for i := range 5 {
		many = append(many, inner("wp.getUsersBlogs", ann, text(fmt.Sprint("guess", i))))
	}
	good := xmlrpc("wp.getUsersBlogs", ann, pass)
	for name, body := range map[string]string{
		"nothing":               "",
		"no XML":                "hello",
		"half":                  good[:len(good)-5],
		"more after it":         good + good,
		"text after it":         good + "x",
		"a document type":       "<!DOCTYPE a>" + good,
		"an entity":             `<!DOCTYPE a [<!ENTITY b "ann">]>` + xmlrpc("wp.getUsersBlogs", text("&b;"), pass),
		"an unknown entity":     xmlrpc("wp.getUsersBlogs", text("ann&nbsp;"), pass),
		"a comment":             xmlrpc("wp.getUsersBlogs", text("an<!-- -->n"), pass),
		"an instruction":        xmlrpc("wp.getUsersBlogs", text("an<?x y?>n"), pass),
		"Latin-1":               xmlrpc("wp.getUsersBlogs", text("\xe4nn"), pass),
		"another encoding":      strings.Replace(good, `"1.0"`, `"1.0" encoding="UTF-7"`, 1),
		"attributes":            strings.Replace(good, "<value>", `<value a="b">`, 1),
		"a namespace":           strings.ReplaceAll(good, "string>", "x:string>"),
		"an empty value":        xmlrpc("wp.getPosts", one, empty, ann, pass, text("x")), // which WordPress skips
		"nil":                   xmlrpc("wp.getPosts", one, "<value><nil/></value>", ann, pass),
		"a number as login":     xmlrpc("wp.getPosts", one, one, pass),
		"base64 as secret":      xmlrpc("wp.getPosts", one, ann, "<value><base64>eA==</base64></value>"),
		"an array as login":     xmlrpc("wp.getPosts", one, array(ann), pass),
		"too few":               xmlrpc("wp.getPosts", one, ann),
		"none":                  xmlrpc("wp.getPosts"),
		"a struct for all":      xmlrpc("wp.getPosts", "<value><struct><member><name>1</name>"+ann+"</member><member><name>2</name>"+pass+"</member></struct></value>"),
		"two names":             xmlrpc("system.multicall", array(strings.Replace(inner("demo.sayHello"), "<struct>", "<struct><member><name>methodName</name>"+text("wp.getPosts")+"</member>", 1))),
		"text beside a type":    xmlrpc("wp.getUsersBlogs", "<value>bob<string>ann</string></value>", pass),
		"an unknown type":       xmlrpc("wp.getUsersBlogs", "<value><text>ann</text></value>", pass),
		"value without param":   strings.ReplaceAll(strings.ReplaceAll(good, "<param>", ""), "</param>", ""),
		"two methods":           strings.Replace(good, "<params>", "<methodName>demo.sayHello</methodName><params>", 1),
		"an unknown method":     xmlrpc("jetpack.verify", ann, pass),
		"letters of other case": xmlrpc("WP.getPosts", one, ann, pass),
		"many within many":      xmlrpc("system.multicall", array(inner("system.multicall", array(inner("wp.getUsersBlogs", ann, pass))))),
		"no call in many":       xmlrpc("system.multicall", array(text("x"))),
		"many guesses":          xmlrpc("system.multicall", array(many...)),
		"too deep":              xmlrpc("demo.sayHello", strings.Repeat("<value><array><data>", 99)+strings.Repeat("</data></array></value>", 99)),
		"too long":              xmlrpc("wp.getUsersBlogs", ann, text(strings.Repeat("x", 1<<20))),
	} {
		if got := logins(t, "POST", "/xmlrpc.php", body); !strings.HasPrefix(got, "refused: ") || !strings.HasSuffix(got, ".") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestNoLimitsInXMLRPC has calls say that limits do not hold in them.
func TestNoLimitsInXMLRPC(t *testing.T) {
	t.Parallel()
	profile := upstream.WordPress(upstream.WordPressConfig{XMLRPC: true})
	for target, want := range map[string]bool{"/xmlrpc.php": true, "/blog/XMLRPC.PHP/x": true, "/xmlrpc%2ephp": true, "/": false, "/?xmlrpc.php": false} {
		var readings sparekey.Readings
		profile.Read(&upstream.Request{Method: "POST", Target: target, Header: http.Header{}}, false, &readings)
		if got := readings.Boundless != ""; got != want {
			t.Errorf("%s: %v", target, got)
		}
	}
}
