package upstream_test

import (
	"encoding/json"
	"io"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sparekey-dev/sparekey/scope"
)

// A model is a small application that reads requests as loosely as real ones do. It
// shares no code with package upstream, so that the two can disagree.

// The expressions of the models.
var (
	encoded       = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	token         = regexp.MustCompile(`^[A-Z-]+$`)
	slashes       = regexp.MustCompile(`/{2,}`)
	formPart      = regexp.MustCompile(`(?i)content-disposition:[^\r\n]*[;\s]name\s*=\s*("[^"\r\n]*"|'[^'\r\n]*'|[^\s;]+)[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n([^\r\n]*)`)
	jsonType      = regexp.MustCompile(`^application/([\w!#$&\-^.+]+\+)?json(\+oembed)?$`)
	leadingDigits = regexp.MustCompile(`^\s*[-+]?0*(\d+)`)
)

// sent is a request as it reaches the application.
type sent struct {
	method, target string
	header         http.Header
	trailer        []string // the names of the trailers that reach the application
	body           string
}

// done is something that a model does: a method on a path, and whether it found that in
// the body.
type done struct {
	method, path string
	named        string // see scope.Access
	byBody       bool
}

// environment is the headers as CGI has them: each name with underscores for what is
// not a letter or a digit, each value by itself and all of them joined.
func (s sent) environment() map[string][]string {
	folded := map[string][]string{}
	for name, values := range s.header {
		key := strings.Map(func(c rune) rune {
			switch {
			case 'a' <= c && c <= 'z':
				return c - 'a' + 'A'
			case 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
				return c
			}
			return '_'
		}, name)
		folded[key] = append(folded[key], values...)
	}
	for _, name := range s.trailer { // a server that merges them into the headers
		key := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		folded[key] = append(folded[key], "/in/a/trailer", "DELETE")
	}
	return folded
}

// urlPath is the path of a target in origin or absolute form, and its query.
func urlPath(target string) (p, query string) {
	if _, rest, ok := strings.Cut(target, "://"); ok && !strings.HasPrefix(target, "/") {
		at := strings.IndexByte(rest, '/')
		if at < 0 {
			return "/", ""
		}
		target = rest[at:]
	}
	p, query, _ = strings.Cut(target, "?")
	return p, query
}

// phpDecode is PHP's rawurldecode: what is not an encoding stays.
func phpDecode(text string) string {
	return encoded.ReplaceAllStringFunc(text, func(code string) string {
		n, _ := strconv.ParseUint(code[1:], 16, 8) // two digits
		return string([]byte{byte(n)})
	})
}

// looseModel is all that gunicorn, servlet containers, Rack, frameworks that obey method
// overrides, and stores of files may do with a request.
func looseModel(s sent) (all []done) {
	env := s.environment()
	p, query := urlPath(s.target)
	paths := append([]string{p}, mountedPaths(env, p)...)
	methods, bodyMethods := overriddenMethods(s, env, query)
	for _, p := range paths {
		for _, p := range cleanPaths(p) {
			for _, m := range methods {
				all = append(all, done{method: m, path: p})
			}
			for _, m := range bodyMethods {
				all = append(all, done{method: m, path: p, byBody: true})
			}
		}
	}
	for _, name := range []string{"DESTINATION"} {
		for _, value := range env[name] {
			if s.method == "COPY" || s.method == "MOVE" {
				p, _ := urlPath(value)
				for _, p := range cleanPaths(p) {
					all = append(all, done{method: "PUT", path: p})
				}
			}
		}
	}
	for name, values := range env {
		if strings.HasPrefix(name, "X_") && strings.HasSuffix(name, "_COPY_SOURCE") || name == "X_COPY_FROM" {
			for _, value := range values {
				p, _ := urlPath("/" + strings.TrimPrefix(value, "/"))
				all = append(all, done{method: "GET", path: phpDecode(p)})
			}
		}
	}
	for _, m := range methods {
		all = append(all, davObjects(m, s, env)...)
	}
	return all
}

// mountedPaths are the paths that headers make of one.
func mountedPaths(env map[string][]string, p string) (all []string) {
	for _, name := range []string{"SCRIPT_NAME", "X_SCRIPT_NAME", "X_FORWARDED_PREFIX", "X_INGRESS_PATH"} {
		for _, prefix := range env[name] {
			prefix = strings.TrimRight(prefix, "/")
			if rest, ok := strings.CutPrefix(p, prefix); ok && prefix != "" {
				all = append(all, "/"+strings.TrimPrefix(rest, "/"))
			}
			if strings.HasPrefix(prefix, "/") {
				all = append(all, prefix+p)
			}
		}
	}
	for _, name := range []string{"PATH_INFO", "X_PATH_INFO", "X_ORIGINAL_URL", "X_REWRITE_URL", "REQUEST_URI", "X_REQUEST_URI", "X_ORIGINAL_PATH", "X_ENVOY_ORIGINAL_PATH"} {
		for _, value := range env[name] {
			other, _, _ := strings.Cut(value, "?")
			all = append(all, "/"+strings.TrimPrefix(other, "/"))
		}
	}
	return all
}

// overriddenMethods are the methods that headers and the query name, and those that a
// form names.
func overriddenMethods(s sent, env map[string][]string, query string) (methods, inBody []string) {
	methods = []string{s.method}
	add := func(to *[]string, value string) {
		if value = strings.ToUpper(strings.TrimSpace(value)); isToken(value) {
			*to = append(*to, value)
		}
	}
	for _, name := range []string{"X_HTTP_METHOD_OVERRIDE", "X_HTTP_METHOD", "X_METHOD_OVERRIDE"} {
		for _, value := range env[name] {
			add(&methods, value)
		}
	}
	for name, values := range phpQuery(query) {
		if strings.EqualFold(name, "_method") {
			for _, value := range values {
				add(&methods, value)
			}
		}
	}
	if s.method == http.MethodPost {
		for name, values := range phpForm(s, env) {
			if name == "_method" {
				for _, value := range values {
					if formMethods[strings.ToUpper(value)] {
						add(&inBody, value)
					}
				}
			}
		}
	}
	return methods, inBody
}

// formMethods are those for which applications have routes that a form leads to.
var formMethods = map[string]bool{"GET": true, "HEAD": true, "PUT": true, "PATCH": true, "DELETE": true}

func isToken(text string) bool { return token.MatchString(text) }

// cleanPaths are the paths that programs make of one: decoded once and twice, without
// path parameters, with slashes merged and dots resolved.
func cleanPaths(p string) []string {
	all := map[string]bool{}
	add := func(p string) {
		if strings.HasPrefix(p, "/") {
			all[p] = true
		}
	}
	once := phpDecode(p)
	for _, p := range []string{once, phpDecode(once)} {
		add(p)
		var segments []string
		for segment := range strings.SplitSeq(p, "/") {
			segment, _, _ = strings.Cut(segment, ";")
			segments = append(segments, segment)
		}
		first, _, _ := strings.Cut(p, ";")
		for _, p := range []string{p, strings.Join(segments, "/"), first} {
			add(p)
			p, _, _ = strings.Cut(p, "\x00")
			p, _, _ = strings.Cut(p, "#")
			p = strings.ReplaceAll(p, `\`, "/")
			if p == "" || p[0] != '/' {
				continue
			}
			cleaned := path.Clean(p)
			if strings.HasSuffix(p, "/") && cleaned != "/" {
				cleaned += "/"
			}
			add(cleaned)
			add(slashes.ReplaceAllString(p, "/"))
		}
	}
	var paths []string
	for p := range all {
		paths = append(paths, p)
	}
	return paths
}

// phpName is what PHP makes of the name of a parameter, "" where it drops it. isList
// says that the value becomes a list.
func phpName(raw string) (name string, isList bool) {
	name, _, _ = strings.Cut(raw, "\x00")
	name = strings.TrimLeft(name, " ")
	base, rest, bracket := strings.Cut(name, "[")
	if bracket && strings.Contains(rest, "]") && base != "" {
		return phpUnderscores(base), true
	}
	return phpUnderscores(name), false
}

func phpUnderscores(name string) string {
	return strings.NewReplacer(".", "_", " ", "_", "[", "_").Replace(name)
}

// phpQuery is PHP's $_GET or $_POST, with all values of a name instead of the last one.
// A list is the value "1", which is what PHP's (int) makes of it.
func phpQuery(text string) map[string][]string {
	fields := map[string][]string{}
	for pair := range strings.SplitSeq(text, "&") {
		raw, value, _ := strings.Cut(pair, "=")
		name, isList := phpName(phpDecode(strings.ReplaceAll(raw, "+", " ")))
		if name == "" {
			continue
		}
		value = phpDecode(strings.ReplaceAll(value, "+", " "))
		if isList {
			value = "1"
		}
		fields[name] = append(fields[name], value)
	}
	return fields
}

// phpForm is PHP's $_POST of a POST.
func phpForm(s sent, env map[string][]string) map[string][]string {
	for _, kind := range env["CONTENT_TYPE"] {
		kind = strings.ToLower(kind)
		if end := strings.IndexAny(kind, ";, "); end >= 0 {
			kind = kind[:end]
		}
		switch kind {
		case "application/x-www-form-urlencoded":
			return phpQuery(s.body)
		case "multipart/form-data":
			return phpParts(s.body)
		}
	}
	return nil
}

// phpParts is PHP's $_POST of a multipart form, whatever its boundary.
func phpParts(body string) map[string][]string {
	fields := map[string][]string{}
	for _, part := range formPart.FindAllStringSubmatch(body, -1) {
		if name, isList := phpName(strings.Trim(part[1], `"'`)); isList {
			fields[name] = append(fields[name], "1")
		} else if name != "" {
			fields[name] = append(fields[name], part[2])
		}
	}
	return fields
}

// wordPressModel is what a WordPress does with a request to its REST API. Its home is
// the path below which the site is, and its routes are regular expressions as plugins
// register them.
type wordPressModel struct {
	home   *regexp.Regexp // what it takes away from the beginning of a path
	routes []*regexp.Regexp
}

func newWordPressModel(home string, routes ...string) wordPressModel {
	w := wordPressModel{home: regexp.MustCompile(`(?i)^` + regexp.QuoteMeta(strings.Trim(home, "/")))}
	for _, route := range append(routes,
		`/batch/v1`, `/wp/v2/posts`, `/wp/v2/posts/(?P<id>[\d]+)`, `/wp/v2/posts/(?P<parent>[\d]+)/revisions`, `/wp/v2/pages`, `/wp/v2/media`, `/wp/v2/media/(?P<id>[\d]+)`,
		`/wp/v2/users`, `/wp/v2/users/me`, `/wp/v2/users/(?P<id>[\d]+)`, `/wp/v2/users/(?P<user_id>(?:[\d]+|me))/application-passwords`, `/wp/v2/settings`,
		`/wp/v2/plugins/(?P<plugin>[^.\/]+(?:\/[^.\/]+)?)`, `/wp/v2/themes/(?P<stylesheet>[^\/]+)`, `/wp/v2/widgets/(?P<id>[\w\-]+)`, `/wp/v2/types/(?P<type>[\w-]+)`,
		`/wp/v2/taxonomies/(?P<taxonomy>[\w-]+)`, `/wp-abilities/v1/abilities/(?P<name>[a-zA-Z0-9\-\/]+?)/run`,
	) {
		w.routes = append(w.routes, regexp.MustCompile(`(?i)^`+route+`$`))
	}
	return w
}

// do returns what the site does.
func (w wordPressModel) do(s sent) (all []done) {
	env := s.environment()
	p, query := urlPath(s.target)
	get := phpQuery(query)
	var post map[string][]string
	if s.method == http.MethodPost {
		post = phpForm(s, env)
	}
	methods := []string{strings.ToUpper(s.method)}
	for _, value := range slices.Concat(get["_method"], env["X_HTTP_METHOD_OVERRIDE"]) {
		if value != "" { // which no route has
			methods = append(methods, strings.ToUpper(value))
		}
	}
	type found struct {
		route  string
		byBody bool
	}
	var routes []found
	for _, route := range post["rest_route"] {
		routes = append(routes, found{route, true})
	}
	for _, route := range get["rest_route"] {
		routes = append(routes, found{route, false})
	}
	for _, route := range w.permalinks(p) {
		routes = append(routes, found{route, false})
	}
	for _, r := range routes {
		for _, method := range methods {
			for _, d := range w.run(s, env, method, strings.TrimRight(r.route, `/\`), get, post) {
				d.byBody = d.byBody || r.byBody
				all = append(all, d)
			}
		}
	}
	return all
}

// permalinks are the routes that WordPress finds in a path, by the server's way with
// PATH_INFO and without.
func (w wordPressModel) permalinks(p string) (routes []string) {
	asked := []string{p}
	if _, info, ok := strings.Cut(p, ".php/"); ok {
		asked = append(asked, phpDecode(info))
	}
	for _, p := range asked {
		p = strings.Trim(w.home.ReplaceAllString(strings.Trim(p, "/"), ""), "/")
		for _, p := range []string{p, phpDecode(strings.ReplaceAll(p, "+", " "))} {
			p = strings.TrimPrefix(p, "index.php/")
			if rest, ok := strings.CutPrefix(p, "wp-json/"); ok {
				routes = append(routes, "/"+rest)
				break
			}
		}
	}
	return routes
}

// run is a REST request: parameters from JSON, form, query and path, in this order.
func (w wordPressModel) run(s sent, env map[string][]string, method, route string, get, post map[string][]string) (all []done) {
	isBodyMethod := slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE"}, method)
	kinds := env["CONTENT_TYPE"]
	if len(kinds) == 0 {
		kinds = []string{""}
	}
	for _, kind := range kinds {
		kind, _, _ = strings.Cut(strings.ToLower(kind), ";")
		kind = strings.TrimSpace(kind)
		hasKind := strings.Contains(kind, "/")
		sources := []map[string][]string{}
		if hasKind && jsonType.MatchString(kind) {
			sources = append(sources, phpJSON(s.body))
		}
		form := post
		if method != "POST" && form == nil && (!hasKind || kind == "application/x-www-form-urlencoded") {
			form = phpQuery(s.body)
		}
		if isBodyMethod {
			sources = append(sources, form)
		}
		for _, pattern := range w.routes {
			if strings.Contains(route, "%") {
				continue // it is looked for as it stands here, and nothing has such a name
			}
			if at := pattern.FindStringSubmatchIndex(route); at != nil {
				all = append(all, overridden(pattern, at, method, route, sources, get)...)
			}
		}
	}
	return all
}

// overridden are the accesses of a request to a route whose parameters other places name.
func overridden(pattern *regexp.Regexp, at []int, method, route string, bodies []map[string][]string, get map[string][]string) (all []done) {
	type value struct {
		text   string
		byBody bool
	}
	tries := [][]value{} // by group
	for i, name := range pattern.SubexpNames() {
		if name == "" || at[2*i] < 0 {
			tries = append(tries, nil)
			continue
		}
		values := []value{{route[at[2*i]:at[2*i+1]], false}}
		for _, source := range bodies {
			for _, text := range source[name] {
				values = append(values, value{text, true})
			}
		}
		for _, text := range get[name] {
			values = append(values, value{text, false})
		}
		tries = append(tries, values)
	}
	for i, values := range tries {
		for _, v := range values {
			text, own := v.text, route[at[2*i]:at[2*i+1]]
			if strings.Trim(own, "0123456789") == "" {
				text = phpInt(text)
			}
			p := "/wp-json" + route[:at[2*i]] + text + route[at[2*i+1]:]
			all = append(all, done{method: method, path: p, named: manages(method, route), byBody: v.byBody})
		}
	}
	p := "/wp-json" + route
	return append(all, done{method: method, path: p, named: manages(method, p)})
}

// phpInt is absint of a text.
func phpInt(text string) string {
	digits := leadingDigits.FindStringSubmatch(text)
	if digits == nil {
		return "0"
	}
	return digits[1]
}

// phpJSON is a JSON body of which PHP can read all.
func phpJSON(body string) map[string][]string {
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil
	}
	fields := map[string][]string{}
	for name, value := range object {
		switch value := value.(type) {
		case string:
			fields[name] = []string{value}
		case json.Number:
			fields[name] = []string{value.String()}
		case bool, []any, map[string]any:
			fields[name] = []string{"1"}
		}
	}
	return fields
}

// manages is the name of what a request to WordPress changes, or "".
func manages(method, p string) string {
	if method == "GET" || method == "HEAD" || method == "OPTIONS" {
		return ""
	}
	p = strings.ToLower(p) + "/"
	for _, name := range []string{scope.NamePasswords, scope.NameBatch, scope.NameUsers, scope.NamePlugins, scope.NameThemes, scope.NameSettings} {
		if strings.Contains(p, name+"/") {
			return name
		}
	}
	return ""
}
