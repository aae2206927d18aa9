package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// index is what matters of an API's index.
type index struct {
	Namespaces     []string        `json:"namespaces"`
	Authentication json.RawMessage `json:"authentication"` // [] where there is nothing, as PHP writes that
}

// readIndex reads the index of an API, if a reply is one.
func readIndex(r reply) (index, bool) {
	var i index
	err := json.Unmarshal(r.body, &i)
	return i, err == nil && r.isOK() && len(i.Namespaces) > 0
}

func (i index) hasPasswords() bool {
	return strings.Contains(string(i.Authentication), `"application-passwords"`)
}

func readSeen(r reply) (Seen, bool) {
	var s Seen
	err := json.Unmarshal(r.body, &s)
	return s, err == nil && s.Product == product
}

// find looks for an API at the URL, beside it, or where the page says; or else
// for a guard.
func (e *exam) find(ctx context.Context) bool {
	if _, ok := readIndex(e.first); ok {
		return e.useAPI(ctx, e.first.url, "")
	}
	if root := apiRootIn(e.first.url); root != "" {
		return e.useAPI(ctx, root, e.first.url)
	}
	if e.first.status == http.StatusUnauthorized && (e.seen == nil || asksBasic(e.first)) {
		return e.useGuard()
	}
	if root := e.first.apiLink(); root != "" {
		if origin(root) != origin(e.first.url) {
			e.found(Redirect, "%s says that its API is elsewhere, at %s.", e.first.url, root)
			return false
		}
		return e.useAPI(ctx, root, "")
	}
	home := strings.TrimRight(withoutQuery(e.first.url), "/")
	for _, root := range []string{home + "/wp-json/", home + "/?rest_route=/"} {
		r, err := e.probe(ctx, root, nil)
		if err != nil {
			continue
		}
		if _, ok := readIndex(r); ok || r.problem().Code != "" && r.status == http.StatusUnauthorized {
			return e.useAPI(ctx, root, "")
		}
	}
	switch c := classify(e.first); {
	case c == Broken || c == Throttled:
		e.found(c, "Without a credential, %s answers: %s", e.first.url, e.first.says())
	case e.seen != nil:
		return e.useFront()
	case e.first.status == http.StatusNotFound:
		e.nothingThere()
	default:
		e.found(NotAnAPI, "%s is neither an API of WordPress or Sparekey nor asks for a credential (it answers %d).", e.first.url, e.first.status)
	}
	return false
}

// useFront takes the URL for one of an application that Sparekey stands in front
// of: it lets everybody pass who brings no credential, and refuses a wrong one. If
// there is nothing at the URL, judgeFront sees that.
func (e *exam) useFront() bool {
	e.target, e.available, e.isFront = e.first.url, true, true
	return true
}

// nothingThere is about an address at which there is nothing to be guarded.
func (e *exam) nothingThere() {
	home, err := url.Parse(e.first.url)
	if err != nil || strings.Trim(home.Path, "/") == "" {
		e.found(NotAnAPI, "There is nothing at %s (404).", e.first.url)
		return
	}
	e.found(NotAnAPI, "There is nothing at %s (404): examine %s://%s.", e.first.url, home.Scheme, home.Host)
}

// useAPI takes root for the API's, and target for where to try credentials; empty
// for where an API tells who one is.
func (e *exam) useAPI(ctx context.Context, root, target string) bool {
	r, err := e.probe(ctx, root, nil)
	if err != nil {
		e.unreachable(root, err)
		return false
	}
	i, ok := readIndex(r)
	e.root, e.isAPI = root, true
	e.available = !ok || i.hasPasswords() // an index that is not for everybody tells nothing
	e.target = target
	if target == "" {
		e.target = join(root, "wp/v2/users/me")
	}
	e.fine("The API is at %s.", root)
	return true
}

// useGuard takes the URL itself for something guarded.
func (e *exam) useGuard() bool {
	if !asksBasic(e.first) {
		e.found(NotAnAPI, "%s asks for a credential, but not with Basic authentication, as application passwords are sent.", e.first.url)
		return false
	}
	e.target, e.available = e.first.url, true
	e.fine("%s asks for a credential.", e.target)
	return true
}

// asksBasic reports whether a reply asks for a credential as application passwords
// are sent.
func asksBasic(r reply) bool {
	return strings.HasPrefix(strings.ToLower(r.header.Get("WWW-Authenticate")), "basic")
}

// apiRootIn is the root of the API that a URL is a route of, by its look.
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

// join is the address of a route below a root.
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

// The places in which a page says where the API is.
var (
	linkHeader  = regexp.MustCompile(`<([^>]+)>;\s*rel="https://api\.w\.org/"`)
	linkElement = regexp.MustCompile(`(?i)<link\s+rel=["']https://api\.w\.org/["']\s+href=["']([^"']+)["']`)
)

// apiLink is the address of the API that a page names, or "".
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
