package upstream_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// multiget is a REPORT of CalDAV (RFC 4791, section 7.9) that names these objects.
func multiget(hrefs ...string) string {
	text := `<?xml version="1.0" encoding="utf-8" ?><C:calendar-multiget xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/><C:calendar-data/></D:prop>`
	if len(hrefs) > 0 {
		text += "<D:href>" + strings.Join(hrefs, "</D:href><D:href>") + "</D:href>"
	}
	return text + "</C:calendar-multiget>"
}

const (
	report = "REPORT /cal/ann/\n\n"
	itself = "REPORT /cal/ann/"
)

// search is a SEARCH below an href (RFC 5323, section 5).
func search(href string) string {
	return `<d:searchrequest xmlns:d="DAV:"><d:basicsearch><d:select><d:allprop/></d:select><d:from><d:scope><d:href>` + href +
		`</d:href><d:depth>infinity</d:depth></d:scope></d:from></d:basicsearch></d:searchrequest>`
}

// davCases are requests with XML bodies that are seen, and what an application may take them for.
var davCases = map[string]string{
	// Requests that concern the path alone.
	report + `<C:calendar-query xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:"><D:prop><D:getetag/></D:prop><C:filter><C:comp-filter name="VCALENDAR"/></C:filter></C:calendar-query>`: itself,
	report + `<sync-collection xmlns="DAV:"><sync-token>http://sabre.io/ns/sync/5</sync-token><sync-level>1</sync-level><prop><getetag/></prop></sync-collection>`:                             itself,
	report + `<C:calendar-query xmlns:C="urn:x"><C:timezone><![CDATA[BEGIN:VCALENDAR <D:href>/x</D:href>]]></C:timezone><!-- <D:href>/y</D:href> --></C:calendar-query>`:                       itself,
	report + `<D:version-tree xmlns:D="DAV:"/>`:                                                 itself,
	report + `<D:expand-property xmlns:D="DAV:"><D:property name="owner"/></D:expand-property>`: itself,
	"REPORT /cal/ann/\n\n": itself, "REPORT /cal/ann/\n\n \r\n": itself,
	"PROPFIND /cal/ann/\nDepth: 1\n\n" + multiget("/cal/bob/1"):                                                               "PROPFIND /cal/ann/",
	"LOCK /cal/ann/1\n\n<D:lockinfo xmlns:D=\"DAV:\"><D:owner><D:href>mailto:ann@example.org</D:href></D:owner></D:lockinfo>": "LOCK /cal/ann/1",
	"POST /cal/ann/\nContent-Type: application/xml\n\n" + multiget("/cal/bob/1"):                                              "POST /cal/ann/",

	// Paths, and URIs of the same host.
	report + multiget("/cal/ann/1.ics", "/cal/ann/2.ics"):                                 "GET /cal/ann/1.ics, GET /cal/ann/2.ics, " + itself,
	report + multiget("/cal/bob/1.ics"):                                                   "GET /cal/bob/1.ics, " + itself,
	report + multiget("\n  /cal/bob/a%20b.ics\t"):                                         "GET /cal/bob/a b.ics, " + itself,
	report + multiget("&#x2f;cal&#47;bob/a&amp;b"):                                        "GET /cal/bob/a&b, " + itself,
	report + multiget("http://example.org/cal/bob/1", "HTTPS://EXAMPLE.org/c"):            "GET /c, GET /cal/bob/1, " + itself,
	report + multiget("/cal/bob/1;x=2"):                                                   "GET /cal/bob/1, GET /cal/bob/1;x=2, " + itself,
	report + "\ufeff" + multiget("/b"):                                                    "GET /b, " + itself,
	report + strings.ReplaceAll(multiget("/b"), "D:href", "HREF"):                         "GET /b, " + itself,
	report + strings.ReplaceAll(multiget("/b"), "D:href", "Any:Href"):                     "GET /b, " + itself,
	report + `<addressbook-multiget xmlns="urn:x"><href>/b</href></addressbook-multiget>`: "GET /b, " + itself,
	report + `<calendar-multiget><x><y><href>/b</href></y></x></calendar-multiget>`:       "GET /b, " + itself,
	"POST /cal/ann/\nX-HTTP-Method-Override: REPORT\n\n" + multiget("/b"):                 "GET /b, POST /cal/ann/, " + itself,
	"REPORT /cal/ann;x\n\n" + multiget("/b"):                                              "GET /b, REPORT /cal/ann, REPORT /cal/ann;x",

	// A relative path counts from the request's path, with and without a slash at its end, and from the root.
	report + multiget("1.ics"):                       "GET /1.ics, GET /cal/ann/1.ics, " + itself,
	"REPORT /cal/ann\n\n" + multiget("1.ics"):        "GET /1.ics, GET /cal/1.ics, GET /cal/ann/1.ics, REPORT /cal/ann",
	"REPORT /cal/a%20n/?x=/y/\n\n" + multiget("b/1"): "GET /b/1, GET /cal/a n/b/1, REPORT /cal/a n/",

	// Addresses that programs read in different ways.
	report + multiget("../bob/1"): "unclear", report + multiget("/cal/ann/../bob/1"): "unclear", report + multiget("/cal/ann/%2e%2e/bob"): "unclear", report + multiget("/cal/ann%2f..%2fbob"): "unclear",
	report + multiget("./1"): "unclear", report + multiget("/cal//bob"): "unclear", report + multiget("//example.org/b"): "unclear", report + multiget(`\cal\bob`): "unclear", report + multiget(`/a\..\b`): "unclear",
	report + multiget("http://other.example/b"): "unclear", report + multiget("http://example.org:81/b"): "unclear", report + multiget("http://example.org"): "unclear", report + multiget("http://a@example.org/b"): "unclear",
	report + multiget("http:/b"): "unclear", report + multiget("ftp://example.org/b"): "unclear", report + multiget("mailto:ann"): "unclear", report + multiget("urn:uuid:1"): "unclear", report + multiget("b:/c"): "unclear",
	report + multiget(""): "unclear", report + multiget(" "): "unclear", report + multiget("/b?x"): "unclear", report + multiget("/b#x"): "unclear", report + multiget("/b%3fx"): "unclear", report + multiget("?x"): "unclear",
	report + multiget("/a\nb"): "unclear", report + multiget("/a&#9;b"): "unclear", report + multiget("/%00"): "unclear", report + multiget("/%ff"): "unclear", report + multiget("/%zz"): "unclear", report + multiget("/;/b"): "unclear",
	report + multiget("/a<!-- x -->/b"): "unclear", report + multiget("/a<![CDATA[/b]]>"): "unclear", report + multiget("<![CDATA[/b]]>"): "unclear", report + multiget("/a<b/>/c"): "unclear", report + multiget("<b/>/c"): "unclear", report + multiget("/a<?x?>/b"): "unclear",
	report + multiget("<href>/b</href>"): "unclear", report + strings.Replace(multiget("1"), "<D:prop>", `<D:prop xml:base="/b/">`, 1): "unclear",

	// Bodies that are not XML as its standard has it.
	report + "x": "unclear", report + "<a>": "unclear", report + "<a></b>": "unclear", report + "<a/>x": "unclear", report + "<a/><b/>": "unclear", report + "</a>": "unclear", report + "<a b></a>": "unclear", report + "<a>\x01</a>": "unclear",
	report + `<!DOCTYPE a [<!ENTITY b "/c">]>` + multiget("/d"): "unclear", report + multiget("&b;"): "unclear", report + "<?x y?>" + multiget("/b"): "unclear", report + `<?xml version="1.1"?>` + multiget("/b"): "unclear",
	report + strings.Replace(multiget("/b"), "utf-8", "utf-7", 1): "unclear", report + "\xfe\xff\x00<\x00a": "unclear", report + "<a>\xff</a>": "unclear", report + strings.Repeat("<a>", 65) + strings.Repeat("</a>", 65): "unclear",
	"REPORT /a\nContent-Type: text/xml; charset=utf-7\n\n" + multiget("/b"): "unclear", "REPORT /a\nContent-Type: text/xml; x=\"y\"; CHARSET = \"utf-16\"\n\n" + multiget("/b"): "unclear",
	"REPORT /a\nContent-Type: text/xml; charset\n\n" + multiget("/b"): "unclear", "REPORT /a\nContent-Type: text/xml; charset=utf-8; charset=utf-7\n\n" + multiget("/b"): "unclear",
	"REPORT /a\nContent-Type: application/xml; charset=\"UTF-8\"\n\n" + multiget("/b"): "GET /b, REPORT /a", "REPORT /a\nContent-Type: application/xml\n\n" + multiget("/b"): "GET /b, REPORT /a",

	// Reports that lead to other objects than they name, or may.
	report + `<D:expand-property xmlns:D="DAV:"><D:property name="owner"><D:property name="displayname"/></D:property></D:expand-property>`: "GET /*, " + itself,
	report + `<D:acl-principal-prop-set xmlns:D="DAV:"><D:prop/></D:acl-principal-prop-set>`:                                                "GET /*, " + itself,
	report + `<D:principal-property-search xmlns:D="DAV:"><D:apply-to-principal-collection-set/></D:principal-property-search>`:             "GET /*, " + itself,
	report + `<X:everything xmlns:X="urn:x"/>`: "GET /*, " + itself, report + `<X:everything xmlns:X="urn:x"><href>/b</href></X:everything>`: "GET /*, GET /b, " + itself,
	report + multiget(long): "GET /*, " + itself, "REPORT /a\nContent-Encoding: gzip\n\nx": "GET /*, REPORT /a",

	// Subversion.
	"REPORT /svn/r/!svn/vcc/default\n\n" + `<S:update-report xmlns:S="svn:"><S:src-path>http://example.org/svn/r/trunk</S:src-path><S:dst-path>/svn/r/b</S:dst-path><S:entry rev="3"></S:entry></S:update-report>`: "GET /svn/r/b, GET /svn/r/trunk, REPORT /svn/r/!svn/vcc/default",
	"REPORT /svn/r\n\n" + `<S:log-report xmlns:S="svn:"><S:path>trunk</S:path><S:path/><S:path>/b</S:path></S:log-report>`:                                                                                         "GET /svn/r/, GET /svn/r/b, GET /svn/r/trunk, REPORT /svn/r",
	"REPORT /svn/r\n\n" + `<log-report xmlns="svn:"><path>../other</path></log-report>`:                                                                                                                            "unclear",
	"REPORT /svn/r\n\n" + `<S:update-report xmlns:S="svn:"><S:entry linkpath="/b"/></S:update-report>`:                                                                                                             "GET /*, REPORT /svn/r",
	"REPORT /svn/r/!svn/me\n\n" + `<S:update-report xmlns:S="svn:"><S:entry linkpath="/b/c d"/></S:update-report>`:                                                                                                 "GET /svn/r/b/c d, REPORT /svn/r/!svn/me",
	"REPORT /svn/r/!svn/me\n\n" + `<S:update-report xmlns:S="svn:"><S:entry linkpath="/../x"/></S:update-report>`:                                                                                                  "unclear",
	"REPORT /svn/r\n\n" + `<S:log-report xmlns:S="urn:x" xmlns:T="svn:"/>`:                                                                                                                                         "GET /*, REPORT /svn/r",
	"MERGE /svn/r\n\n" + `<D:merge xmlns:D="DAV:"><D:source><D:href>/svn/r/!svn/act/1</D:href></D:source></D:merge>`:                                                                                               "GET /svn/r/!svn/act/1, MERGE /svn/r",

	// Searches.
	"SEARCH /files/ann/\n\n" + search("/files/bob/"): "GET /files/bob/, GET /files/bob/*, SEARCH /files/ann/", "SEARCH /f\n\n" + search("/"): "GET /, GET /*, SEARCH /f",
	"SEARCH /f\n\n" + search("/files/ann/../bob"): "unclear", "SEARCH /f\n\n" + `<d:searchrequest xmlns:d="DAV:"><d:sql>SELECT "DAV:href" FROM SCOPE('/b')</d:sql></d:searchrequest>`: "GET /*, SEARCH /f",
	"SEARCH /f\n\n<d:basicsearch><d:from/></d:basicsearch>": "GET /*, SEARCH /f", "SEARCH /f\nContent-Type: application/json\n\n{}": "unclear",

	// Bindings that are made, moved or removed (RFC 5842).
	"BIND /a/\n\n<D:bind xmlns:D=\"DAV:\"><D:segment>x%20y</D:segment><D:href>/b/y</D:href></D:bind>":                                                                                                 "BIND /a/, GET /b/y, PUT /a/x y, PUT /b/y",
	"REBIND /a\n\n<D:rebind xmlns:D=\"DAV:\"><D:segment>x</D:segment><D:href>/b/y</D:href></D:rebind>":                                                                                                "DELETE /b/y, GET /b/y, PUT /a/x, PUT /b/y, REBIND /a",
	"UNBIND /a/\n\n<D:unbind xmlns:D=\"DAV:\"><D:segment>x</D:segment></D:unbind>":                                                                                                                    "DELETE /a/x, UNBIND /a/",
	"UNBIND /a/\n\n<D:unbind xmlns:D=\"DAV:\"><D:segment>../b/x</D:segment></D:unbind>":                                                                                                               "unclear",
	"UNBIND /a/\n\n<D:unbind xmlns:D=\"DAV:\"><D:segment>..</D:segment></D:unbind>":                                                                                                                   "unclear",
	"UNBIND /a/\n\n<D:unbind xmlns:D=\"DAV:\"><D:segment/></D:unbind>":                                                                                                                                "unclear",
	"UNBIND /a/\n\n<D:unbind xmlns:D=\"DAV:\"><D:segment>/b</D:segment></D:unbind>":                                                                                                                   "unclear",
	"UNBIND /a/\n\n<D:unbind xmlns:D=\"DAV:\"><D:segment>b%2fx</D:segment></D:unbind>":                                                                                                                "unclear",
	"ORDERPATCH /a/\n\n<D:orderpatch xmlns:D=\"DAV:\"><D:ordering-type><D:href>http://x.example/o</D:href></D:ordering-type><D:order-member><D:segment>x</D:segment></D:order-member></D:orderpatch>": "ORDERPATCH /a/, ORDERPATCH /a/x",

	// Others.
	"ACL /a\n\n<D:acl xmlns:D=\"DAV:\"><D:ace><D:principal><D:href>/principals/bob</D:href></D:principal></D:ace></D:acl>":     "ACL /a, GET /principals/bob",
	"UPDATE /a\n\n<D:update xmlns:D=\"DAV:\"><D:version><D:href>/his/23/ver/33</D:href></D:version></D:update>":                "GET /his/23/ver/33, UPDATE /a",
	"VERSION-CONTROL /a\n\n<D:version-control xmlns:D=\"DAV:\"><D:version><D:href>/b</D:href></D:version></D:version-control>": "GET /b, VERSION-CONTROL /a",
	"CHECKOUT /a\n\n<D:checkout xmlns:D=\"DAV:\"><D:activity-set><D:href>/act/1</D:href></D:activity-set></D:checkout>":        "CHECKOUT /a, GET /act/1",
	"LABEL /a\n\n<D:label xmlns:D=\"DAV:\"><D:set><D:label-name>x</D:label-name></D:set></D:label>":                            "LABEL /a",
	"LINK /a\nLink: </b>; rel=\"x\", <http://example.org/c>; rel=y\n\n":                                                        "LINK /a, LINK /b, LINK /c", "UNLINK /a\nlink: </b>\n\n": "UNLINK /a, UNLINK /b", "LINK /a\n\n": "LINK /a",
	"LINK /a\nLink: b\n\n": "unclear", "LINK /a\nLink: <http://other.example/b>\n\n": "unclear", "LINK /a\nLink: </b>; anchor=\"/c\"\n\n": "unclear", "GET /a\nLink: </b>": "GET /a",
}

// TestDAV lists what an application may take requests of WebDAV and its kin for, where the
// front-end sees the body. The body must be there unchanged afterwards.
func TestDAV(t *testing.T) {
	t.Parallel()
	for text, want := range davCases {
		r := request(t, text)
		asked := upstream.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Body: upstream.NewBody(r)}
		reader := &upstream.Reader{Profile: upstream.Generic(), Request: asked}
		if got := lines(reader.Readings(true)); got != want {
			t.Errorf("%.200q: got %q, want %q", text, got, want)
		}
		_, body, _ := strings.Cut(text, "\n\n")
		if left, err := io.ReadAll(r.Body); err != nil || string(left) != body {
			t.Errorf("%.80q: what is left is %.40q, %v", text, left, err)
		}
	}
}

// TestDAVUnseen is about front-ends that do not see bodies, and about rules. Credentials
// without scopes are judged as before.
func TestDAVUnseen(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"REPORT /a/": "GET /*, REPORT /a/", "SEARCH /a/": "GET /*, SEARCH /a/", "ACL /a/": "ACL /a/, GET /*", "BIND /a/": "BIND /a/, GET /*, PUT /*, PUT /a/*",
		"REBIND /a": "DELETE /*, GET /*, PUT /*, PUT /a/*, REBIND /a", "UNBIND /a/": "DELETE /*, DELETE /a/*, UNBIND /a/", "PROPFIND /a/": "PROPFIND /a/", "LINK /a/": "LINK /*, LINK /a/", "UNLINK /a/\nLink: </b>": "UNLINK /a/, UNLINK /b",
		"POST /a\nX-HTTP-Method-Override: REPORT": "GET /*, POST /a, REPORT /a",
	} {
		if got := lines(read(t, upstream.Generic(), text, false)); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	for _, c := range []struct {
		rules, text      string
		isSeen, isUnseen bool
	}{
		{"dav:read", report + multiget("/cal/bob/1", "2"), true, true},
		{"read", "SEARCH /f\n\n" + search("/"), true, true},
		{"* /*", report + multiget("/cal/bob/1"), true, true},
		{"REPORT /cal/ann/*", report + "<calendar-query/>", true, false},
		{"REPORT,GET /cal/ann/*", report + multiget("/cal/ann/1", "http://example.org/cal/ann/2"), true, false},
		{"REPORT,GET /cal/ann/*", report + multiget("/cal/ann/1", "/cal/bob/1"), false, false},
		{"REPORT /cal/*\nGET /cal/ann/*", report + multiget("/cal/bob/1"), false, false},
		{"REPORT /cal/ann/*\nGET /*", report + multiget("/cal/bob/1"), true, true},
		{"* /a/*", "SEARCH /a/\n\n" + search("/a/b"), true, false},
		{"* /a/*", "SEARCH /a/\n\n" + search("/"), false, false},
		{"* /a/*", "BIND /a/\n\n<bind><segment>x</segment><href>/a/y</href></bind>", true, false},
		{"* /a/*\nGET /*", "BIND /a/\n\n<bind><segment>x</segment><href>/b/y</href></bind>", false, false},
		{"UNBIND /a/*", "UNBIND /a/\n\n<unbind><segment>x</segment></unbind>", false, false},
	} {
		rules := strings.Split(c.rules, "\n")
		seen, unseen := covered(t, rules, read(t, upstream.Generic(), c.text, true)), covered(t, rules, read(t, upstream.Generic(), c.text, false))
		if seen != c.isSeen || unseen != c.isUnseen {
			t.Errorf("%q, %.80q: %v where the body is seen, %v where it is not", c.rules, c.text, seen, unseen)
		}
	}
	r := request(t, report+multiget("/cal/bob/1"))
	unscoped := (&upstream.Reader{Profile: upstream.Generic(), Request: upstream.Request{Method: r.Method, Target: r.RequestURI, Header: r.Header}}).Readings(false)
	if got := lines(unscoped); got != itself {
		t.Errorf("without scopes: %s", got)
	}
}

// TestDAVMany bounds how many objects one body may name.
func TestDAVMany(t *testing.T) {
	t.Parallel()
	for count, clear := range map[int]bool{100: true, 1000: true, 1001: false, 20_000: false} {
		var hrefs []string
		for i := range count {
			hrefs = append(hrefs, fmt.Sprint("/cal/ann/", i))
		}
		readings := read(t, upstream.Generic(), report+multiget(hrefs...), true)
		if (readings.Unclear == "") != clear || len(readings.All) > 1001 || len(readings.Unclear) > 1000 {
			t.Errorf("%d: %d readings, %q", count, len(readings.All), readings.Unclear)
		}
	}
}

// TestDAVInHandlers has handlers of the same program go to what a body names.
func TestDAVInHandlers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		report + multiget("/cal/bob/1"): "GET /cal/bob/1, " + itself, report + "<calendar-query/>": itself, "LINK /a\nLink: </b>\n\n": "LINK /a, LINK /b",
		"POST /a\nX-HTTP-Method-Override: REPORT\n\n": "GET /*, POST /a, REPORT /a",
	} {
		r := request(t, text)
		readings := upstream.ForHandler(r, r.RequestURI).Readings(true)
		_, body, _ := strings.Cut(text, "\n\n")
		if left, err := io.ReadAll(r.Body); lines(readings) != want || err != nil || string(left) != body {
			t.Errorf("%q: got %q, and what is left is %q, %v", text, lines(readings), left, err)
		}
	}
	if r := httptest.NewRequest("PROPFIND", "/a", http.NoBody); upstream.ForHandler(r, "/a") != nil {
		t.Error("PROPFIND has other readings than its own")
	}
}

// TestHints has refusals say what to do.
func TestHints(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"REPORT /a":                     "serve --upstream",
		"POST /a" + form + "x=1":        "The request is a form",
		"POST /a" + multipart + "--x--": "The request is a form",
		"POST /a" + jsonBody + "{}":     "",
		"GET /a?_method=DELETE":         "",
		"POST /a\nContent-Type: multipart/mixed; boundary=x\n\n--x--": "send JSON, with one Content-Type",
	} {
		if got := read(t, upstream.Generic(), text, false).Hint; !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%q: %q", text, got)
		}
	}
	for text, want := range map[string]string{
		"REPORT /a\n\n" + multiget(long): "longer than Sparekey reads", "REPORT /a\nContent-Encoding: gzip\n\nx": "compressed", "REPORT /a\n\n<x/>": "any path", report + multiget("/b"): "", "POST /a" + form + "x=1": "",
	} {
		if got := read(t, upstream.Generic(), text, true).Hint; !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%.80q: %q", text, got)
		}
	}
}

// objectsOf is what encoding/xml finds in elements called href, by another way than the
// profile: all of a document at once.
func objectsOf(text string) (hrefs []string, ok bool) {
	type node struct {
		XMLName  xml.Name
		Text     string `xml:",chardata"`
		Children []node `xml:",any"`
	}
	var root node
	if err := xml.Unmarshal([]byte(text), &root); err != nil {
		return nil, false
	}
	var walk func(n node)
	walk = func(n node) {
		if strings.EqualFold(n.XMLName.Local, "href") {
			hrefs = append(hrefs, strings.TrimSpace(n.Text))
		}
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(root)
	return hrefs, true
}

// FuzzDAV has any text in the body of a REPORT. The content of an element called href must be a
// reading, or the request unclear. The body must be there unchanged.
func FuzzDAV(f *testing.F) {
	for text := range davCases {
		if _, body, ok := strings.Cut(text, "\n\n"); ok && len(body) < 10_000 {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) > 4096 {
			return
		}
		r := httptest.NewRequest("REPORT", "/cal/ann/", strings.NewReader(body))
		r.Host = "example.org"
		readings := (&upstream.Reader{Profile: upstream.Generic(), Request: upstream.Request{
			Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Body: upstream.NewBody(r),
		}}).Readings(true)
		if left, err := io.ReadAll(r.Body); err != nil || string(left) != body {
			t.Fatalf("what is left is %q, %v", left, err)
		}
		if readings.Unclear != "" {
			return
		}
		hrefs, ok := objectsOf(body)
		if !ok && strings.Trim(body, " \t\r\n") != "" {
			hrefs = nil // it has no root, or names of elements that only RawToken takes
		}
		for _, href := range hrefs {
			if !strings.HasPrefix(href, "/") || strings.ContainsAny(href, "%;") {
				continue
			}
			if !slices.Contains(readings.All, sparekey.Reading{Method: http.MethodGet, Path: href}) {
				t.Errorf("%q names %q, and the readings are %s", body, href, lines(readings))
			}
		}
	})
}
