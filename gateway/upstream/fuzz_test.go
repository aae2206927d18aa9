package upstream_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/scope"
)

// pluginRoutes are routes of plugins that the models have and the profiles know.
var pluginRoutes = []string{`/shop/v1/orders/(?P<order>\d+)`, `/shop/v1/carts/(?P<cart>[\w-]+)/?`, `/shop/v1/\S+/(?P<item>\d+)`}

// setting is a profile, and the models of applications that it is for.
type setting struct {
	profile upstream.Profile
	models  []func(sent) []done
}

// settings are the profiles with their models.
func settings() []setting {
	routes := upstream.NewRoutes(pluginRoutes)
	wordPress := upstream.WordPress(upstream.WordPressConfig{Routes: func() *upstream.Routes { return routes }})
	return []setting{
		{upstream.Generic(), []func(sent) []done{looseModel}},
		{wordPress, []func(sent) []done{newWordPressModel("/", pluginRoutes...).do, newWordPressModel("/blog", pluginRoutes...).do, newWordPressModel("/a/b", pluginRoutes...).do}},
	}
}

// violation is the violation that judge finds.
func (s setting) violation(rules, text string, proxied bool) string {
	violation, _ := s.judge(rules, text, proxied)
	return violation
}

// judge describes what a model does with a request that the limits do not allow and
// that would not be refused. It is empty where there is nothing of the kind. Without
// rules, a limit of another kind is meant. allowed says whether they allow the request.
func (s setting) judge(rules, text string, proxied bool) (violation string, allowed bool) {
	var list scope.List
	if rules != "" {
		parsed, err := scope.Parse(strings.Split(rules, "\n"))
		if err != nil {
			return "", false
		}
		list = parsed
	}
	r, err := tryRequest(text)
	if err != nil {
		return "", false
	}
	asked := upstream.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Trailer: r.Trailer}
	if proxied {
		asked.Body, asked.DropsForwarded, asked.DropsOddNames = upstream.NewBody(r), true, true
	}
	if s.profile.Blocked(&asked) != "" || !isTarget(r.RequestURI) {
		return "", false
	}
	reader := &upstream.Reader{Profile: s.profile, Request: asked}
	managesPasswords := reader.ManagesPasswords()
	readings := reader.Readings(list != "")
	all := s.does(r, proxied)
	bundles := scope.BuiltIn()
	for _, d := range all {
		if d.named == scope.NamePasswords && !d.byBody && !managesPasswords {
			return fmt.Sprintf("an unlimited credential manages application passwords by %s %s", d.method, d.path), false
		}
	}
	for _, reading := range readings.All {
		if list == "" && reading.Named != "" {
			return "", false
		}
		if _, ok := list.Covers(reading, bundles); !ok {
			return "", false
		}
	}
	if readings.UnclearManages || list != "" && (readings.Unclear != "" || len(readings.All) == 0) {
		return "", false
	}
	for _, d := range all {
		if list == "" && d.named != "" {
			return fmt.Sprintf("a limited credential manages %s by %s %s", d.named, d.method, d.path), true
		}
		if _, ok := list.Covers(scope.Access{Method: d.method, Path: d.path, Named: d.named}, bundles); list != "" && !ok {
			return fmt.Sprintf("it does %s %s", d.method, d.path), true
		}
	}
	return "", true
}

// isTarget reports whether a front-end passes a request with this target on.
func isTarget(target string) bool {
	isAbsolute := strings.HasPrefix(target, "http://") || strings.HasPrefix(target, "https://")
	return (strings.HasPrefix(target, "/") || isAbsolute) && !strings.ContainsFunc(target, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' })
}

// does is what the models do with a request when it has come through the front-end.
func (s setting) does(r *http.Request, proxied bool) (all []done) {
	m := sent{method: r.Method, target: r.RequestURI, header: r.Header.Clone()}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if errors.Is(err, upstream.ErrForbiddenField) {
			return nil
		}
		m.body = string(body)
	}
	for name := range m.header {
		folded := strings.ToLower(strings.Map(func(c rune) rune {
			if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
				return c
			}
			return '-'
		}, name))
		isForwarding := strings.HasPrefix(folded, "x-forwarded-") || slices.Contains([]string{"x-original-url", "x-rewrite-url"}, folded)
		if proxied && (isForwarding || folded != strings.ToLower(name)) {
			delete(m.header, name)
		}
	}
	for name := range r.Trailer {
		if !proxied {
			m.trailer = append(m.trailer, name)
		}
	}
	for _, model := range s.models {
		all = append(all, model(m)...)
	}
	return all
}

// tryRequest is request for a text that need not be one.
func tryRequest(text string) (*http.Request, error) {
	line, rest, _ := strings.Cut(text, "\n")
	method, target, ok := strings.Cut(line, " ")
	head, body, hasBody := strings.Cut("\n"+rest, "\n\n")
	if !ok || target == "" {
		return nil, errors.New("no request line")
	}
	head = strings.TrimSpace(method + " / HTTP/1.1\nHost: example.org" + head)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n")))
	if err != nil {
		return nil, err
	}
	r.RequestURI = target
	if hasBody {
		r.ContentLength, r.Body = int64(len(body)), readCloser{strings.NewReader(body)}
	}
	return r, nil
}

// tricks are requests with rules that do not allow what they are after: the table of what
// was done against running programs, and what was found since.
var tricks = []struct{ rules, text string }{
	{"GET /files/*", "GET /files/admin/users\nSCRIPT_NAME: /files"},
	{"GET /files/*", "GET /files/admin/users\nScript-Name: /files"},
	{"GET /files/*", "GET /files/a\nPATH_INFO: /admin"},
	{"GET /files/*", "GET /files/a\nX-Script-Name: /files"},
	{"GET /files/*", "GET /files/a\nX-Forwarded-Prefix: /files"},
	{"POST /a", "POST /a\nTransfer-Encoding: chunked\nTrailer: X-HTTP-Method-Override"},
	{"* /dav/ann/*", "MOVE /dav/ann/a\nDestination: /dav/bob/b"},
	{"GET /reports/*.pdf", "GET /reports/secret.html;.pdf"},
	{"GET /projects/*/comments", "GET /projects/;/comments"},
	{"GET /files/*", "GET /files/\xff"},
	{"GET /files/*", "GET /files/%2e%2e/admin"},
	{"GET /files/*", `GET /files/..\admin`},
	{"GET,POST /*", "POST /index.php/wp-json/batch/v1"},
	{"GET,POST /*", "POST /blog/wp-json/batch/v1"},
	{"* /*", "POST /a/b/index.php/wp-json/wp/v2/users/me"},
	{"", "POST /blogwp-json/wp/v2/users/me" + jsonBody + "{}"},
	{"* /*", "POST /blog/index.php/blogwp-json/batch/v1"},
	{"GET /wp-json/wp/v2/posts/7/revisions", "GET /wp-json/wp/v2/posts/7/revisions" + jsonBody + `{"parent":8}`},
	{"PUT /wp-json/wp/v2/widgets/block-2", "PUT /wp-json/wp/v2/widgets/block-2" + jsonBody + `{"id":"block-3"}`},
	{"POST /wp-json/wp-abilities/v1/abilities/a/b/run", "POST /wp-json/wp-abilities/v1/abilities/a/b/run" + jsonBody + `{"name":"c/d"}`},
	{"POST /wp-json/wp-abilities/v1/abilities/a/b/run", "POST /wp-json/wp-abilities/v1/abilities/a/b/run?name=c/d"},
	{"GET /wp-json/shop/v1/orders/7", "GET /wp-json/shop/v1/orders/7?order=8"},
	{"GET /wp-json/shop/v1/carts/a", "GET /wp-json/shop/v1/carts/a?cart=b"},
	{"GET /wp-json/shop/v1/x/y/7", "GET /wp-json/shop/v1/x/y/7?item=8"},
	{"GET /wp-json/wp/v2/posts/7", "GET /wp-json/wp/v2/posts/7?id[]=1"},
	{"PUT,POST /wp-json/wp/v2/posts/7", "POST /wp-json/wp/v2/posts/7?_method=PUT\n\nid=8"},
	{"PUT,GET /wp-json/wp/v2/posts/7", "GET /wp-json/wp/v2/posts/7\nX-HTTP-Method-Override: PUT\n\nid=8"},
	{"PUT /wp-json/wp/v2/posts/7", "PUT /wp-json/wp/v2/posts/7\nContent-Type: application/x-www-form-urlencoded; a=json\n\n" + `{"a":"&id=8&b="}`},
	{"PUT /wp-json/wp/v2/posts/7", "PUT /wp-json/wp/v2/posts/7\nContent-Type: json\n\n" + `{"a":"&id=8&b="}`},
	{"POST /contact", "POST /contact" + form + "rest_route=/wp/v2/users/me"},
	{"", "POST /contact" + form + "rest_route=/wp/v2/users/me"},
	{"POST /a", "POST /a" + form + "_method=DELETE"},
	{"POST,PUT,PATCH,DELETE /a", "POST /a" + form + "_method=GET"},
	{"POST /a", "POST /a" + multipart + "--x\nContent-Disposition: form-data; name=\"_method\"\n\nDELETE\n--x--"},
	{"", "POST /contact" + multipart + "--x\nContent-Disposition: form-data; name=rest.route\n\n/wp/v2/users/me\n--x--"},
	{"POST /wp-json/wp/v2/posts/7", "POST /wp-json/wp/v2/posts/7" + multipart + "--x\nContent-Disposition: form-data; name=\" id\"\n\n8\n--x--"},
	{"", "POST /wp-json/wp/v2/users/me" + jsonBody + `{"password":"x"}`},
	{"write", "POST /wp-json/wp/v2/settings" + jsonBody + "{}"},
	{"* /*", "DELETE /wp-json/wp/v2/plugins/a/b"},
	{"", "POST /x?rest%5Froute=/wp/v2/users/me/application-passwords"},
	{"", "POST //wp-json/wp/v2/users/me/application-passwords"},
	{"", "GET /blog/wp-json/wp/v2/users/me/application-passwords?_method=POST"},
	{"GET /?", "GET /+x?_method=GET"},
	{"GET,REPORT /cal/ann/*", report + multiget("/cal/bob/1")},
	{"GET,REPORT /cal/ann/*", report + multiget("bob/1")},
	{"GET,REPORT /cal/ann/*", report + multiget("/cal/ann/1", "http://other.example/cal/bob/1")},
	{"GET,REPORT /cal/ann/*", report + multiget("/cal/ann/<!-- -->../bob/1")},
	{"GET,SEARCH /f/ann/*", "SEARCH /f/ann/\n\n" + search("/f/")},
	{"* /f/ann/*", "BIND /f/ann/\n\n<bind><segment>x</segment><href>/f/bob/x</href></bind>"},
	{"* /f/ann/*", "UNBIND /f/ann/\n\n<unbind><segment>..</segment></unbind>"},
	{"UNBIND /f/ann/*", "UNBIND /f/ann/\n\n<unbind><segment>x</segment></unbind>"},
	{"LINK /f/ann/*", "LINK /f/ann/\nLink: </f/bob/x>\n\n"},
}

// seeds calls do with every trick, and with every request of the tables in other tests by
// several rules.
func seeds(do func(rules, text string)) {
	for _, trick := range tricks {
		do(trick.rules, trick.text)
	}
	for text := range davCases { // about one path, and what is below it
		if line, _, _ := strings.Cut(text, "\n"); len(text) < 4096 {
			do(line+"*\nGET "+line[strings.IndexByte(line, ' ')+1:]+"*", text)
		}
	}
	for _, c := range ruleCases {
		do(c.rule, c.request)
	}
	for _, table := range []map[string]string{genericCases, seenCases, wordPressCases, wordPressSeenCases} {
		for text := range table {
			if len(text) > 10_000 {
				continue
			}
			line, _, _ := strings.Cut(text, "\n")
			method, target, _ := strings.Cut(line, " ")
			p, _, _ := strings.Cut(target, "?")
			for _, rules := range []string{"", method + " " + p, "* /*", "GET,POST /*", "GET,POST,PUT " + p + "\nGET /wp-json/*"} {
				do(rules, text)
			}
		}
	}
}

// FuzzReadings sends requests to models of applications, by every profile. The limits must
// allow everything that a model does, or the request is refused.
func FuzzReadings(f *testing.F) {
	seeds(func(rules, text string) {
		f.Add(rules, text)
	})
	all := settings()
	f.Fuzz(func(t *testing.T, rules, text string) {
		if len(text) > 4096 || len(rules) > 512 {
			return
		}
		for i, s := range all {
			for _, proxied := range []bool{false, true} {
				if got := s.violation(rules, text, proxied); got != "" {
					t.Errorf("profile %d, proxied %v: %q with the rules %q: %s", i, proxied, text, rules, got)
				}
			}
		}
	})
}

// without is a profile with one guard removed.
type without struct {
	upstream.Profile
	request  func(r *upstream.Request)         // hides a part of the request
	readings func(readings *sparekey.Readings) // hides a reading
}

func (w without) Read(r *upstream.Request, scoped bool, readings *sparekey.Readings) {
	if w.request != nil {
		hidden := upstream.Request{ // not a copy, which would have what was found in the headers
			Method: r.Method, Target: r.Target, Host: r.Host, Header: r.Header.Clone(), Trailer: r.Trailer,
			DropsForwarded: r.DropsForwarded, DropsOddNames: r.DropsOddNames, Body: r.Body,
		}
		w.request(&hidden)
		r = &hidden
	}
	w.Profile.Read(r, scoped, readings)
	if w.readings != nil {
		w.readings(readings)
	}
}

// TestModelsFindHoles removes one guard after the other, and sees that the models find
// that among the seeds.
func TestModelsFindHoles(t *testing.T) {
	t.Parallel()
	all := settings()
	noRoutes := upstream.NewRoutes(nil)
	for name, s := range map[string]setting{
		"headers":         {without{Profile: all[0].profile, request: func(r *upstream.Request) { r.Header = nil }}, all[0].models},
		"trailers":        {without{Profile: all[0].profile, request: func(r *upstream.Request) { r.Trailer = nil }}, all[0].models},
		"query":           {without{Profile: all[0].profile, request: func(r *upstream.Request) { r.Target, _, _ = strings.Cut(r.Target, "?") }}, all[0].models},
		"path parameters": {without{Profile: all[0].profile, readings: func(readings *sparekey.Readings) { readings.All = readings.All[:min(1, len(readings.All))] }}, all[0].models},
		"unclear":         {without{Profile: all[0].profile, readings: func(readings *sparekey.Readings) { readings.Unclear = "" }}, all[0].models},
		"forms":           {without{Profile: all[0].profile, request: func(r *upstream.Request) { delete(r.Header, "Content-Type") }}, all[0].models},
		"bodies of DAV": {without{Profile: all[0].profile, readings: func(readings *sparekey.Readings) {
			readings.Unclear, readings.All = "", slices.DeleteFunc(readings.All, func(r sparekey.Reading) bool { return r.Path != "/cal/ann/" })
		}}, all[0].models},
		"query of WordPress": {without{Profile: all[1].profile, request: func(r *upstream.Request) { r.Target, _, _ = strings.Cut(r.Target, "?") }}, all[1].models},
		"forms of WordPress": {without{Profile: all[1].profile, request: func(r *upstream.Request) { delete(r.Header, "Content-Type") }}, all[1].models},
		"other doors": {without{Profile: all[1].profile, readings: func(readings *sparekey.Readings) {
			readings.All = slices.DeleteFunc(readings.All, func(r sparekey.Reading) bool { return strings.HasPrefix(r.Path, "/wp-json") })
		}}, all[1].models},
		"what manages something": {without{Profile: all[1].profile, readings: func(readings *sparekey.Readings) {
			for i := range readings.All {
				readings.All[i].Named = ""
			}
		}}, all[1].models},
		"other objects": {upstream.WordPress(upstream.WordPressConfig{AddressFirst: true}), all[1].models},
		"routes of plugins": {without{Profile: upstream.WordPress(upstream.WordPressConfig{Routes: func() *upstream.Routes { return noRoutes }}), readings: func(readings *sparekey.Readings) {
			readings.Unclear = ""
		}}, all[1].models},
	} {
		found := 0
		seeds(func(rules, text string) {
			for _, proxied := range []bool{false, true} {
				if s.violation(rules, text, proxied) != "" {
					found++
				}
			}
		})
		if found == 0 {
			t.Errorf("%s: the models find nothing", name)
		}
	}
}
