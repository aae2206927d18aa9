package gatewaytest

import (
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strings"
)

// xmlBody writes a request with a body in XML.
func xmlBody(method, target, as, body string) string {
	return ask(method, target, as, "Content-Type: application/xml; charset=utf-8", fmt.Sprintf("Content-Length: %d", len(strings.ReplaceAll(body, "\n", "\r\n"))), "", body)
}

// multiget is a REPORT of CalDAV about these objects (RFC 4791, section 7.9).
func multiget(hrefs ...string) string {
	text := `<C:calendar-multiget xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><C:calendar-data/></D:prop>`
	for _, href := range hrefs {
		text += "<D:href>" + href + "</D:href>"
	}
	return text + "</C:calendar-multiget>"
}

// davAttack has methods of WebDAV and its kin go to objects that their bodies name.
func davAttack() Attack {
	a := Attack{Name: "objects-in-a-dav-body", After: "REPORT, SEARCH and BIND of WebDAV and CalDAV go to the objects that their bodies name", As: "files"}
	for _, hrefs := range [][]string{
		{"/files/bob/1.ics"}, {"/files/ann/1.ics", "/files/bob/1.ics"}, {" /files/bob/1.ics\n"}, {"http://example.org/files/bob/1.ics"}, {"HTTPS://EXAMPLE.ORG/files/bob/1.ics"},
		{"../../bob/1.ics"}, {"files/bob/1.ics"}, {"/files/ann/../bob/1.ics"}, {"/files/%62ob/1.ics"}, {"/files/ann/%2e%2e/bob/1.ics"}, {"/files/ann/..%2fbob/1.ics"}, {"/files//bob/1.ics"},
		{"&#47;files&#x2f;bob/1.ics"}, {"<![CDATA[/files/bob/1.ics]]>"}, {"/files/<!-- x -->bob/1.ics"}, {"http://other.example/files/bob/1.ics"}, {"//example.org/files/bob/1.ics"}, {"/files/ann/;/../bob/1.ics"},
	} {
		a.Requests = append(a.Requests, xmlBody("REPORT", "/files/ann/cal/", a.As, multiget(hrefs...)))
	}
	return a.with(
		xmlBody("REPORT", "/files/ann/cal/", a.As, strings.ReplaceAll(multiget("/files/bob/1.ics"), "D:href", "HREF")),
		xmlBody("REPORT", "/files/ann/cal/", a.As, `<!DOCTYPE a [<!ENTITY b "/files/bob/1.ics">]>`+multiget("&b;")),
		xmlBody("REPORT", "/files/ann/cal/", a.As, multiget(strings.Repeat(" ", 1<<20)+"/files/bob/1.ics")),
		xmlBody("REPORT", "/files/ann/cal/", a.As, `<expand-property xmlns="DAV:"><property name="owner"><property name="displayname"/></property></expand-property>`),
		xmlBody("POST", "/files/ann/cal/\nX-HTTP-Method-Override: REPORT", a.As, multiget("/files/bob/1.ics")),
		xmlBody("SEARCH", "/files/ann/cal/", a.As, "<searchrequest xmlns=\"DAV:\"><basicsearch><from><scope><href>/files/bob/</href></scope></from></basicsearch></searchrequest>"),
		xmlBody("SEARCH", "/files/ann/cal/", a.As, "<searchrequest xmlns=\"DAV:\"><basicsearch><from><scope><href>/files/</href></scope></from></basicsearch></searchrequest>"),
		xmlBody("BIND", "/files/ann/cal/", a.As, "<bind xmlns=\"DAV:\"><segment>x</segment><href>/files/bob/x</href></bind>"),
		xmlBody("REBIND", "/files/ann/cal/", a.As, "<rebind xmlns=\"DAV:\"><segment>x</segment><href>/files/bob/x</href></rebind>"),
		xmlBody("UNBIND", "/files/ann/cal/", a.As, "<unbind xmlns=\"DAV:\"><segment>../../bob/x</segment></unbind>"),
		xmlBody("UPDATE", "/files/ann/a", a.As, "<update xmlns=\"DAV:\"><version><href>/files/bob/x</href></version></update>"),
		ask("LINK", "/files/ann/a", a.As, "Link: </files/bob/x>; rel=\"x\"", "Content-Length: 0"),
	)
}

// with adds requests to an attack.
func (a Attack) with(requests ...string) Attack {
	a.Requests = append(a.Requests, requests...)
	return a
}

// The expressions by which the model looks for objects in a body. It reads no XML: what
// looks like an element is one.
var (
	hrefElement    = regexp.MustCompile(`(?is)<(?:[\w-]+:)?href[^>]*>(.*?)</`)
	segmentElement = regexp.MustCompile(`(?is)<(?:[\w-]+:)?segment[^>]*>(.*?)</`)
	entity         = regexp.MustCompile(`<!ENTITY\s+(\w+)\s+"([^"]*)"`)
	linkTarget     = regexp.MustCompile(`<([^>]*)>`)
	noText         = regexp.MustCompile(`(?s)<!--.*?-->|<!\[CDATA\[|\]\]>`)
)

// objectsInBody are those to which methods of WebDAV and its kin go because of the body, or
// of a Link header: RFC 3253, RFC 5323, RFC 5842.
func (s Seen) objectsInBody(raw string) (all []Act) {
	add := func(method, p string) {
		for _, reading := range readings(p) {
			all = append(all, Act{method, reading})
		}
	}
	for _, method := range s.methods(nil) {
		switch method {
		case "REPORT", "SEARCH", "UPDATE", "MERGE", "VERSION-CONTROL", "BIND", "REBIND":
			for _, href := range s.named(hrefElement) {
				for _, p := range s.resolve(raw, href) {
					add(http.MethodGet, p)
					if method == "REBIND" {
						add(http.MethodDelete, p)
					}
				}
			}
			if strings.Count(s.Body, "<property ") > 1 {
				add(http.MethodGet, "/the/object/of/a/property")
			}
		case "LINK", "UNLINK":
			for _, value := range s.values("Link") {
				for _, found := range linkTarget.FindAllStringSubmatch(value, -1) {
					add(method, s.destination(raw, found[1]))
				}
			}
		}
		for _, segment := range s.named(segmentElement) {
			switch method {
			case "UNBIND":
				add(http.MethodDelete, strings.TrimRight(raw, "/")+"/"+segment)
			case "BIND", "REBIND":
				add(http.MethodPut, strings.TrimRight(raw, "/")+"/"+segment)
			}
		}
	}
	return all
}

// named are the texts of elements, with what stands for characters undone.
func (s Seen) named(element *regexp.Regexp) (all []string) {
	for _, found := range element.FindAllStringSubmatch(s.Body, -1) {
		text := noText.ReplaceAllString(found[1], "")
		for _, e := range entity.FindAllStringSubmatch(s.Body, -1) {
			text = strings.ReplaceAll(text, "&"+e[1]+";", e[2])
		}
		text = strings.NewReplacer("&#47;", "/", "&#x2f;", "/", "&amp;", "&").Replace(text)
		all = append(all, strings.TrimSpace(text))
	}
	return all
}

// resolve are the paths to which an href leads: an address at any host, a path, and a
// relative path from the request's or, as Xandikos has it, from the root.
func (s Seen) resolve(raw, href string) []string {
	if _, rest, ok := strings.Cut(href, "://"); ok {
		_, p, _ := strings.Cut(rest, "/")
		return []string{"/" + p}
	}
	if rest, ok := strings.CutPrefix(href, "//"); ok {
		_, p, _ := strings.Cut(rest, "/")
		return []string{"/" + p}
	}
	if strings.HasPrefix(href, "/") {
		return []string{href}
	}
	return []string{path.Dir(decode(raw)+"x") + "/" + href, "/" + href}
}
