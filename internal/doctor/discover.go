package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// index has the fields of an API's index that matter here.
type index struct {
	Namespaces     []string        `json:"namespaces"`
	Authentication json.RawMessage `json:"authentication"` // PHP writes an empty object as []
}

func readIndex(r reply) (index, bool) {
	var i index
	err := json.Unmarshal(r.body, &i)
	return i, err == nil && r.isOK() && len(i.Namespaces) > 0
}

func (i index) hasPasswords() bool {
	return strings.Contains(string(i.Authentication), `"application-passwords"`)
}

func readArrival(r reply) (Arrival, bool) {
	var s Arrival
	err := json.Unmarshal(r.body, &s)
	return s, err == nil && s.Product == product
}

// discover looks for an API at the URL, next to it, and where the page links to one, and for a
// guard otherwise.
func (x *run) discover(ctx context.Context) bool {
	if _, ok := readIndex(x.first); ok {
		return x.useAPI(ctx, x.first.url, "")
	}
	if root := apiRootIn(x.first.url); root != "" {
		return x.useAPI(ctx, root, x.first.url)
	}
	if x.first.status == http.StatusUnauthorized && (x.arrival == nil || asksBasic(x.first)) {
		return x.useGuard()
	}
	if root := x.first.apiLink(); root != "" {
		if origin(root) != origin(x.first.url) {
			x.problem(Redirect, "%s says that its API is elsewhere, at %s.", x.first.url, root)
			return false
		}
		return x.useAPI(ctx, root, "")
	}
	home := strings.TrimRight(withoutQuery(x.first.url), "/")
	for _, root := range []string{home + "/wp-json/", home + "/?rest_route=/"} {
		r, err := x.probe(ctx, root, nil)
		if err != nil {
			continue
		}
		if _, ok := readIndex(r); ok || r.problem().Code != "" && r.status == http.StatusUnauthorized {
			return x.useAPI(ctx, root, "")
		}
	}
	switch c := classify(x.first); {
	case c == Broken || c == Throttled:
		x.problem(c, "Without a credential, %s answers: %s", x.first.url, x.first.says())
	case x.arrival != nil:
		return x.useProxied()
	case x.first.status == http.StatusNotFound:
		x.notFound()
	default:
		x.problem(NotAnAPI, "%s is neither an API of WordPress or Sparekey nor asks for a credential (it answers %d).", x.first.url, x.first.status)
	}
	return false
}

// useProxied assumes that Sparekey is in front of an application at the URL: there it allows
// anonymous requests, and refuses a wrong credential. checkProxied notices if the URL does not
// exist.
func (x *run) useProxied() bool {
	x.target, x.available, x.isProxied = x.first.url, true, true
	return true
}

func (x *run) notFound() {
	home, err := url.Parse(x.first.url)
	if err != nil || strings.Trim(home.Path, "/") == "" {
		x.problem(NotAnAPI, "There is nothing at %s (404).", x.first.url)
		return
	}
	x.problem(NotAnAPI, "There is nothing at %s (404): examine %s://%s.", x.first.url, home.Scheme, home.Host)
}

// useAPI tries credentials at target or, if that is empty, at the route of the current user.
func (x *run) useAPI(ctx context.Context, root, target string) bool {
	r, err := x.probe(ctx, root, nil)
	if err != nil {
		x.unreachable(root, err)
		return false
	}
	i, ok := readIndex(r)
	x.root, x.isAPI = root, true
	x.available = !ok || i.hasPasswords() // without a readable index, assume so
	x.target = target
	if target == "" {
		x.target = join(root, "wp/v2/users/me")
	}
	x.ok("The API is at %s.", root)
	return true
}

func (x *run) useGuard() bool {
	if !asksBasic(x.first) {
		x.problem(NotAnAPI, "%s asks for a credential, but not with Basic authentication, as application passwords are sent.", x.first.url)
		return false
	}
	x.target, x.available = x.first.url, true
	x.ok("%s asks for a credential.", x.target)
	return true
}

func asksBasic(r reply) bool {
	return strings.HasPrefix(strings.ToLower(r.header.Get("WWW-Authenticate")), "basic")
}

// apiRootIn returns the root of the API if the URL looks like one of its routes.
func apiRootIn(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	if u.Query().Has("rest_route") {
		u.RawQuery = "rest_route=/"
		return u.String()
	}
	const base = "/wp-json/"
	i := strings.Index(u.Path+"/", base)
	if i < 0 {
		return ""
	}
	u.Path, u.RawPath, u.RawQuery = u.Path[:min(len(u.Path), i+len(base))], "", ""
	u.Path = strings.TrimRight(u.Path, "/") + "/"
	return u.String()
}

func join(root, route string) string {
	u, err := url.Parse(root)
	if err != nil {
		return root
	}
	if u.Query().Has("rest_route") {
		return strings.TrimRight(root, "/") + "/" + route
	}
	return strings.TrimRight(root, "/") + "/" + route
}

func withoutQuery(text string) string {
	before, _, _ := strings.Cut(text, "?")
	return before
}

// How a page links to its API.
var (
	linkHeader  = regexp.MustCompile(`<([^>]+)>;\s*rel="https://api\.w\.org/"`)
	linkElement = regexp.MustCompile(`(?i)<link\s+rel=["']https://api\.w\.org/["']\s+href=["']([^"']+)["']`)
)

func (r reply) apiLink() string {
	for _, link := range r.header.Values("Link") {
		if m := linkHeader.FindStringSubmatch(link); m != nil {
			return absolute(r.url, m[1])
		}
	}
	if m := linkElement.FindSubmatch(r.body); m != nil {
		return absolute(r.url, string(m[1]))
	}
	return ""
}

func absolute(base, ref string) string {
	b, err := url.Parse(base)
	if err != nil {
		return ""
	}
	u, err := b.Parse(ref)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return u.String()
}
