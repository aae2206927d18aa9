package scope

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Request is what is to be judged.
type Request struct {
	Method string
	// Target is the request-target as it was received (RFC 9112, section 3.2), in
	// origin form ("/path?query") or absolute form, neither decoded nor cleaned.
	Target string
	// Overrides are the values of headers that name another method, such as
	// X-HTTP-Method-Override.
	Overrides []string
	// Reroutes are the values of headers that name another target, such as
	// X-Original-URL.
	Reroutes []string
	// Form says that the body is a form that nobody has looked at. WordPress takes
	// the route from there if there is one.
	Form bool
	// Foreign says that another program will answer, which knows nothing of what a
	// credential is narrowed to.
	Foreign bool
}

// IsZero reports whether there is nothing to judge, because whoever asks does not
// speak HTTP.
func (r Request) IsZero() bool { return r.Method == "" && r.Target == "" }

// Path is the request's path as it was received, without the query, which may
// hold what is nobody's business.
func (r Request) Path() string {
	path, _ := r.split()
	return path
}

// Verdict is what List.Judge finds.
type Verdict struct {
	Allowed bool
	Rule    string // the rule that covers the request, or the bundle that has it; empty where nothing is narrowed
	Why     string // of a denial: the reason, for people
}

// Judge reports whether the rules cover a request. It allocates nothing unless it
// denies or the request is encoded.
func (l List) Judge(r Request, b Bundles) Verdict {
	if l == "" {
		return Verdict{Allowed: true}
	}
	if r.IsZero() {
		return deny("it is limited to requests over HTTP, and this is none")
	}
	path, query := r.split()
	decoded, ok := decode(path)
	if !ok {
		return deny("programs read the path %q in different ways; send it without \"//\", \".\", \"..\" and encoded slashes", clip(path))
	}
	if r.Form && isWordPress(decoded) {
		return deny("a form can name another route of WordPress than the path does; send JSON or a raw body")
	}
	if !mayRedirect(query) && len(r.Overrides) == 0 && len(r.Reroutes) == 0 { // nearly always
		return l.judge(r.Method, decoded, b)
	}
	return l.judgeAll(r, decoded, query, b)
}

// maxMeanings bounds how many methods, and how many paths, one request may name: each
// is judged with each.
const maxMeanings = 8

// judgeAll judges every method and path that a request may turn out to mean.
func (l List) judgeAll(r Request, path, query string, b Bundles) Verdict {
	values, err := parseQuery(query)
	if err != nil {
		return deny("the query cannot be read")
	}
	paths, methods := paths(r, path, values), methods(r, values)
	if len(paths) > maxMeanings || len(methods) > maxMeanings {
		return deny("it names too many methods or routes; send one of each")
	}
	var first Verdict
	for i, path := range paths {
		if name := renamed(path, values); name != "" {
			return deny("the query has another %s than the path, and WordPress believes the query", name)
		}
		if isAmbiguous(path) || strings.ContainsAny(path, "%?#") {
			return deny("programs read the route %q in different ways", clip(path))
		}
		for j, method := range methods {
			v := l.judge(method, path, b)
			if !v.Allowed {
				return v
			}
			if i == 0 && j == 0 {
				first = v
			}
		}
	}
	return first
}

// methods lists the methods that a request names, its own first.
func methods(r Request, query url.Values) []string {
	all := []string{r.Method}
	for _, m := range slices.Concat(r.Overrides, query["_method"]) {
		all = append(all, strings.ToUpper(strings.TrimSpace(m)))
	}
	return all
}

// paths lists the paths that a request names, its own first, unless that is only
// the way in to WordPress's API where a site has no pretty URLs.
func paths(r Request, path string, query url.Values) (all []string) {
	if query["rest_route"] == nil || path != "/" && path != "/index.php" {
		all = append(all, path)
	}
	for _, route := range query["rest_route"] {
		all = append(all, "/wp-json/"+strings.TrimPrefix(route, "/"))
	}
	return append(all, r.Reroutes...)
}

// renamed returns the name of a parameter with which a query names another object
// than a path of WordPress's API does, or "": there, the path comes last.
func renamed(path string, query url.Values) string {
	if !isWordPress(path) {
		return ""
	}
	segments := strings.Split(path, "/")
	for _, name := range []string{"id", "parent", "user_id", "uuid"} {
		if name == "parent" && !strings.Contains(path, "/revisions") && !strings.Contains(path, "/autosaves") {
			continue // elsewhere it selects from a collection
		}
		for _, value := range query[name] {
			if !slices.Contains(segments, value) {
				return name
			}
		}
	}
	return ""
}

// parseQuery returns all parameters of a query that say anything, by the names that
// PHP takes them for.
func parseQuery(query string) (url.Values, error) {
	given, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	all := url.Values{}
	for name, values := range given {
		if values = slices.DeleteFunc(values, func(v string) bool { return v == "" }); len(values) > 0 {
			name = parameter(name)
			all[name] = append(all[name], values...)
		}
	}
	return all, nil
}

// isWordPress reports whether WordPress's API may be what answers at a path.
func isWordPress(path string) bool {
	return path == "/" || path == "/index.php" || strings.HasPrefix(path, "/wp-json")
}

// judge reports whether the rules cover a method and a decoded path.
func (l List) judge(method, path string, b Bundles) Verdict {
	if !isMethod(method) {
		return deny("%q is no method", clip(method))
	}
	managing := isManaging(method, path)
	var unknown string
	for rule, rest := cut(string(l), '\n'); rule != ""; rule, rest = cut(rest, '\n') { // as All, which would allocate
		if strings.IndexByte(rule, ' ') > 0 {
			if covers(rule, method, path, managing) {
				return Verdict{Allowed: true, Rule: rule}
			}
			continue
		}
		bundle, ok := b[rule]
		if !ok {
			unknown = rule
		}
		for inner, rest := cut(string(bundle), '\n'); inner != ""; inner, rest = cut(rest, '\n') {
			if covers(inner, method, path, managing) {
				return Verdict{Allowed: true, Rule: rule}
			}
		}
	}
	switch {
	case managing:
		return deny("to manage application passwords takes the scope %q; it has: %s", passwords, clip(l.String()))
	case unknown != "":
		return deny("no scope covers %s %s; it has: %s (and nobody defined %q)", method, clip(path), clip(l.String()), unknown)
	}
	return deny("no scope covers %s %s; it has: %s", method, clip(path), clip(l.String()))
}

func deny(format string, args ...any) Verdict { return Verdict{Why: fmt.Sprintf(format, args...)} }

// clip bounds what an explanation repeats of what somebody else has chosen.
func clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// Manages reports whether another program may take a request for one that creates,
// changes or revokes application passwords, whatever else it seems to be.
func (r Request) Manages() bool {
	path, query := r.split()
	path = unescape(path)
	if !mayRedirect(query) && len(r.Overrides) == 0 && len(r.Reroutes) == 0 { // nearly always
		return isManaging(r.Method, path)
	}
	values, err := parseQuery(query)
	paths, methods := paths(r, path, values), methods(r, values)
	if err != nil || len(paths) > maxMeanings || len(methods) > maxMeanings {
		return true // who knows
	}
	for _, path := range paths {
		for _, method := range methods {
			if isManaging(method, unescape(path)) {
				return true
			}
		}
	}
	return false
}

// HidesRoute reports whether the body is a form in which WordPress may find another
// route than the address has.
func (r Request) HidesRoute() bool {
	path, _ := r.split()
	return r.Form && isWordPress(unescape(path))
}

// unescape undoes the percent-encoding of a path, also where that was done twice. What
// cannot be undone stays.
func unescape(path string) string {
	for range 2 {
		if strings.IndexByte(path, '%') < 0 {
			break
		}
		if plain, err := url.PathUnescape(path); err == nil {
			path = plain
		}
	}
	return path
}

// isManaging reports whether a request would create, change or revoke application
// passwords. WordPress takes routes in any case.
func isManaging(method, path string) bool {
	return method != "GET" && method != "HEAD" && method != "OPTIONS" && containsFold(path, passwords)
}

// covers reports whether a rule about methods and a path covers a request.
func covers(rule, method, path string, managing bool) bool {
	methods, pattern, _ := strings.Cut(rule, " ")
	if managing && !strings.Contains(pattern, passwords) {
		return false
	}
	return hasMethod(methods, method) && match(pattern, path) && (!isBatch(path) || mayBatch(methods, pattern))
}

// isBatch reports whether WordPress takes a request for a list of requests, each
// with a method and a path of its own.
func isBatch(path string) bool {
	return strings.HasPrefix(path, "/wp-json/") && containsFold(path, batch)
}

const batch = "/batch/v1"

// mayBatch reports whether a rule that covers the path of a list covers whatever is
// in it: because it names that path, or leaves out no method that can be in it.
func mayBatch(methods, pattern string) bool {
	return strings.Contains(pattern, batch) ||
		hasMethod(methods, "POST") && hasMethod(methods, "PUT") && hasMethod(methods, "PATCH") && hasMethod(methods, "DELETE")
}

func hasMethod(methods, method string) bool {
	if methods == "*" {
		return true
	}
	for m, rest := cut(methods, ','); m != ""; m, rest = cut(rest, ',') {
		if m == method || m == "GET" && method == "HEAD" {
			return true
		}
	}
	return false
}

// cut returns what is before the first separator, and what is after it.
func cut(s string, separator byte) (first, rest string) {
	if at := strings.IndexByte(s, separator); at >= 0 {
		return s[:at], s[at+1:]
	}
	return s, ""
}

// match reports whether a path has the form of a pattern, in a time that grows with
// the length of the path alone. A star before the end stays within its segment, so
// the first place where what follows it stands is the only one to try: either that
// is in the same segment, where a later one would be no better, or it has a slash
// in it, which only fits in one place.
func match(pattern, path string) bool {
	for {
		star := strings.IndexByte(pattern, '*')
		if star < 0 {
			return pattern == path
		}
		if !strings.HasPrefix(path, pattern[:star]) {
			return false
		}
		pattern, path = pattern[star+1:], path[star:]
		if pattern == "" {
			return true
		}
		skipped := skip(path, pattern)
		if skipped < 0 || strings.IndexByte(path[:skipped], '/') >= 0 {
			return false
		}
		path = path[skipped:]
	}
}

// skip returns how much of a path a star takes, before what follows it in the
// pattern; -1 where that does not follow.
func skip(path, pattern string) int {
	if next := strings.IndexByte(pattern, '*'); next >= 0 {
		return strings.Index(path, pattern[:next])
	}
	if !strings.HasSuffix(path, pattern) {
		return -1
	}
	return len(path) - len(pattern)
}
