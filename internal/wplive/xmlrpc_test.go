package wplive_test

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// xmlrpcCall is a call of XML-RPC whose parameters are texts.
func xmlrpcCall(method string, params ...string) string {
	return "<?xml version=\"1.0\"?><methodCall><methodName>" + method + "</methodName><params>" + each("<param><value><string>", params, "</string></value></param>") + "</params></methodCall>"
}

func each(before string, texts []string, after string) string {
	var b strings.Builder
	for _, text := range texts {
		b.WriteString(before)
		_ = xml.EscapeText(&b, []byte(text)) // a Builder takes all
		b.WriteString(after)
	}
	return b.String()
}

// multicall makes many calls in one.
func multicall(calls ...[]string) string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?><methodCall><methodName>system.multicall</methodName><params><param><value><array><data>")
	for _, call := range calls {
		fmt.Fprintf(&b, "<value><struct><member><name>methodName</name><value><string>%s</string></value></member><member><name>params</name><value><array><data>%s</data></array></value></member></struct></value>",
			call[0], each("<value><string>", call[1:], "</string></value>"))
	}
	return b.String() + "</data></array></value></param></params></methodCall>"
}

// inUTF7 is a call of demo.sayHello for programs that read its bytes as UTF-8. For those that
// obey its second declaration, another call is in it.
func inUTF7(call string) string {
	_, call, _ = strings.Cut(call, "?>")
	_, call, _ = strings.Cut(call, "<methodCall>")
	call = strings.NewReplacer("<", "+ADw-", ">", "+AD4-").Replace(strings.TrimSuffix(call, "</methodCall>"))
	return `<?xml ?><?xml version="1.0" encoding = "UTF-7"?><methodCall><methodName>demo.sayHello</methodName><params><param><value><string>` +
		"x+ADw-/string+AD4APA-/value+AD4APA-/param+AD4APA-/params+AD4-" + call + "+ADw-params+AD4APA-param+AD4APA-value+AD4APA-string+AD4-x</string></value></param></params></methodCall>"
}

// TestXMLRPC has clients of XML-RPC use a live WordPress, by itself and through Sparekey:
// what is done with an application password without limits is the same, and nothing else
// reaches WordPress.
func TestXMLRPC(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{})
	key := serve(t, site, "--upstream="+site.URL, "--upstream-xmlrpc", "--log-level=info")
	send := func(base, body string) wptest.Answer {
		t.Helper()
		return wptest.Send(t, base, wptest.Call{
			Method: http.MethodPost, Path: "/xmlrpc.php", Body: strings.NewReader(body), Header: http.Header{"Content-Type": {"text/xml"}},
		})
	}
	secret := key.cli(t, "user", "application-password", "create", wptest.Author, "XML-RPC", "--porcelain")
	limited := key.cli(t, "user", "application-password", "create", wptest.Author, "limited", "--scope=* /*", "--porcelain")
	expiring := key.cli(t, "user", "application-password", "create", wptest.Author, "expiring", "--expires=1h", "--porcelain")
	blogs := func(secret string) []string { return []string{"wp.getUsersBlogs", wptest.Author, secret} }
	profile := func(secret string) []string { return []string{"wp.getProfile", "1", wptest.Author, secret} }
	call := func(c []string) string { return xmlrpcCall(c[0], c[1:]...) }
	oneArray := strings.NewReplacer("<params>", "<params><param><value><array><data>", "</params>", "</data></array></value></param></params>", "<param>", "", "</param>", "").
		Replace(call(profile(secret)))

	for name, c := range map[string]struct{ body, says string }{
		"wp.getUsersBlogs":       {call(blogs(secret)), "isAdmin"},
		"by e-mail":              {xmlrpcCall("wp.getUsersBlogs", wptest.Author+"@example.com", secret), "isAdmin"},
		"wp.getProfile":          {call(profile(secret)), "<string>author</string>"},
		"parameters as one list": {oneArray, "<string>author</string>"},
		"blogger.getUserInfo":    {xmlrpcCall("blogger.getUserInfo", "", wptest.Author, secret), "<string>author</string>"},
		"metaWeblog.getPosts":    {xmlrpcCall("metaWeblog.getRecentPosts", "1", wptest.Author, secret, "1"), "<methodResponse>"},
		"blogger.getRecentPosts": {xmlrpcCall("blogger.getRecentPosts", "", "1", wptest.Author, secret, "1"), "<methodResponse>"},
		"mt.getCategoryList":     {xmlrpcCall("mt.getCategoryList", "1", wptest.Author, secret), "Uncategorized"},
		"wp.getPage":             {xmlrpcCall("wp.getPage", "1", "2", wptest.Author, secret), "<methodResponse>"},
		"system.listMethods":     {xmlrpcCall("system.listMethods"), "wp.getPosts"},
		"demo.sayHello":          {xmlrpcCall("demo.sayHello"), "Hello!"},
		"system.multicall":       {multicall(blogs(secret), profile(secret), []string{"demo.sayHello"}), "Hello!"},
	} {
		direct, through := send(site.URL, c.body), send(key.url, c.body)
		plain := strings.ReplaceAll(direct.Body, site.URL, key.url)
		if !strings.Contains(through.Body, c.says) || through.Status != direct.Status || through.Body != plain {
			t.Errorf("%s: %s\nwithout Sparekey: %s", name, through, direct)
		}
	}

	main := site.Users[wptest.Author].Password
	for name, body := range map[string]string{
		"limited by a scope":      call(blogs(limited)),
		"limited by its end":      call(profile(expiring)),
		"limited among others":    multicall(blogs(secret), profile(limited)),
		"limited, as one list":    strings.ReplaceAll(oneArray, secret, limited),
		"wrong":                   call(blogs("wrong")),
		"the main password":       call(blogs(main)),
		"guesses beside a right":  multicall(blogs(secret), blogs("guess1"), blogs(main)),
		"moved by an empty value": strings.Replace(xmlrpcCall("wp.getProfile", "1", "EMPTY", wptest.Author, limited, secret), "<string>EMPTY</string>", "", 1),
		"hidden in UTF-7":         inUTF7(call(blogs(limited))),
		"unknown method":          xmlrpcCall("shop.getOrders", "1", wptest.Author, secret),
	} {
		answer := send(key.url, body)
		if answer.Status != http.StatusOK || !strings.Contains(answer.Body, "<int>403</int>") || strings.Contains(answer.Body, "example.com") {
			t.Errorf("%s: %s", name, answer)
		}
	}
	wptest.Send(t, key.url, wptest.Call{Path: "/readme.html?mark=last."})
	if got := strings.Count(waitForLog(t, site, "mark=last."), "POST /xmlrpc.php"); got != 2*12 {
		t.Errorf("%d calls have reached WordPress: a refused one has", got)
	}
	key.checkLog(t, secret, limited, expiring)
}
