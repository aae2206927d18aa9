package upstream

import (
	"regexp"
	"slices"
	"strings"
)

// Routes are the routes of a WordPress REST API. They are needed because WordPress
// believes a parameter of the query or the body before the one of the same name in the
// path. They are safe for concurrent use.
type Routes struct {
	// prefix is what the site has in place of "wp-json" in the paths of its API, or empty.
	prefix string
	root   *routeNode
}

// routeNode is a place in the tree of routes, to which plain segments in lower case lead.
type routeNode struct {
	next     map[string]*routeNode
	isRoute  bool           // a route without parameters ends here
	patterns []routePattern // those that have their first parameter in the next segment
}

// at returns the node to which a path in lower case leads, which it makes where there is
// none.
func (n *routeNode) at(path string) *routeNode {
	for segment := range strings.SplitSeq(path, "/") {
		next := n.next[segment]
		if next == nil {
			next = &routeNode{next: map[string]*routeNode{}}
			n.next[segment] = next
		}
		n = next
	}
	return n
}

// routePattern is a route with parameters in its path.
type routePattern struct {
	// segments are those behind the prefix: the plain ones in lower case, and "*" for each
	// other one. It is empty where a parameter may have a slash in it.
	segments []string
	start    int // where its first segment that is not plain begins
	names    []string
	re       *regexp.Regexp // nil: PHP understands it and Go does not
	isGuess  bool           // of guessedRoutes
	spans    []bool         // by name: whether the parameter may have a slash in it
}

// maxRoutes bounds how many routes of an index count.
const maxRoutes = 20_000

// NewRoutes returns the routes that an index lists, beside those of WordPress 7.1.
// Each is a path below the API's root with PHP's regular expressions for parameters, such
// as "/wp/v2/posts/(?P<id>[\d]+)".
func NewRoutes(listed []string) *Routes {
	r := &Routes{root: &routeNode{next: map[string]*routeNode{}}}
	seen := map[string]bool{}
	for _, route := range slices.Concat(coreRoutes, listed[:min(len(listed), maxRoutes)]) {
		if !seen[route] {
			seen[route] = true
			r.add(route, false)
		}
	}
	for _, route := range guessedRoutes {
		r.add(route, true)
	}
	return r
}

// groupName is the beginning of a group with a name, in each of PHP's ways to write it.
var groupName = regexp.MustCompile(`\(\?P?[<']([A-Za-z_]\w*)[>']`)

func (r *Routes) add(route string, isGuess bool) {
	found := groupName.FindAllStringSubmatch(route, -1)
	if len(found) == 0 && !strings.ContainsAny(route, `([*+?\`) {
		r.root.at(strings.ToLower(strings.TrimSuffix(route, "/"))).isRoute = true
		return
	}
	prefix := plainPrefix(route)
	p := routePattern{isGuess: isGuess, start: len(prefix)}
	for _, match := range found {
		p.names = append(p.names, match[1])
		p.spans = append(p.spans, maySpan(route, match[0]))
	}
	if !slices.Contains(p.spans, true) {
		p.segments = segmentsOf(route[len(prefix):])
	}
	if len(route) < 1000 {
		p.re, _ = regexp.Compile(`(?i)^(?:` + route + `)$`) // where Go cannot read it, the names alone count
	}
	node := r.root // of a route that may match from its first byte on
	if prefix != "" {
		node = r.root.at(strings.TrimSuffix(prefix, "/"))
	}
	node.patterns = append(node.patterns, p)
}

// plainPrefix is, in lower case, what stands in a route before its first segment that is
// not plain.
func plainPrefix(route string) string {
	end := strings.IndexAny(route, `([*+?{\.|$^`)
	if end > 0 && strings.IndexByte("*?{", route[end]) >= 0 {
		end-- // the character before it may be missing
	}
	return strings.ToLower(route[:strings.LastIndexByte(route[:end], '/')+1])
}

// narrowEscapes are what certainly matches no slash, of what a backslash can stand before.
var narrowEscapes = strings.NewReplacer(`\d`, "", `\w`, "", `\-`, "")

// segmentsOf returns the segments of a pattern of which no parameter has a slash in it,
// or nothing where a slash may stand in a group, may be missing or may be repeated.
func segmentsOf(route string) (all []string) {
	for segment := range strings.SplitSeq(route, "/") {
		if strings.Count(segment, "(") != strings.Count(segment, ")") || strings.ContainsAny(segment, ".^|$") ||
			strings.Contains(narrowEscapes.Replace(segment), `\`) || segment != "" && strings.IndexByte("?*+{", segment[0]) >= 0 {
			return nil
		}
		if strings.ContainsAny(segment, `([*+?\{`) {
			segment = "*"
		}
		all = append(all, strings.ToLower(segment))
	}
	return all
}

// mayMatch reports whether a route in lower case can match, by what costs little. rest is
// what follows the pattern's prefix in it, and has so many segments.
func (p *routePattern) mayMatch(rest string, segments int) bool {
	if len(p.segments) == 0 {
		return true
	}
	if len(p.segments) != segments {
		return false
	}
	for _, segment := range p.segments {
		own, after, _ := strings.Cut(rest, "/")
		if segment != "*" && segment != own {
			return false
		}
		rest = after
	}
	return true
}

// narrowGroup is the rest of a group that certainly matches no slash.
var narrowGroup = regexp.MustCompile(`^(?:\[(?:\\d|\\w|\\-|[A-Za-z0-9_-])+\]|\\d|\\w|[A-Za-z0-9_-])[+*?]*\)`)

// maySpan reports whether the parameter that begins with this text may match a slash.
func maySpan(route, group string) bool {
	_, rest, _ := strings.Cut(route, group)
	return !narrowGroup.MatchString(rest)
}

// variable is a parameter in the path of a request.
type variable struct {
	name       string
	start, end int // of its value in the route; end is -1 where that is not known
	mayHave    bool
}

// match returns the parameters in the path of a route, by every route that WordPress may
// take it for. known is false for a route that is not listed; it may have others.
func (r *Routes) match(route string) (variables []variable, known bool) {
	route = strings.TrimSuffix(route, "/")
	folded := strings.ToLower(route)
	segments := 1 + strings.Count(route, "/") // from rest on
	for node, rest := r.root, folded; ; segments-- {
		for i := range node.patterns {
			if p := &node.patterns[i]; p.mayMatch(rest, segments) {
				found, ok := p.match(route)
				variables, known = append(variables, found...), known || ok && !p.isGuess
			}
		}
		segment, after, more := strings.Cut(rest, "/")
		if node = node.next[segment]; node == nil {
			break
		}
		if !more {
			known = known || node.isRoute
			break
		}
		rest = after
	}
	return variables, known
}

// match returns the parameters in the path of a route that may match.
func (p *routePattern) match(route string) (variables []variable, ok bool) {
	if p.re == nil {
		for _, name := range p.names {
			variables = append(variables, variable{name, p.start, -1, true})
		}
		return variables, true
	}
	at := p.re.FindStringSubmatchIndex(route)
	if at == nil {
		return nil, false
	}
	for i, name := range p.names {
		if group := p.re.SubexpIndex(name); group > 0 && at[2*group] >= 0 {
			variables = append(variables, variable{name, at[2*group], at[2*group+1], p.spans[i]})
		}
	}
	return variables, true
}

// guessedRoutes are what the routes of other types of posts usually are. A plugin may have
// other parameters there.
var guessedRoutes = []string{
	`/wp/v2/[\w-]+/(?P<id>[\d]+)`,
	`/wp/v2/[\w-]+/(?P<parent>[\d]+)/revisions`,
	`/wp/v2/[\w-]+/(?P<parent>[\d]+)/revisions/(?P<id>[\d]+)`,
	`/wp/v2/[\w-]+/(?P<id>[\d]+)/autosaves`,
	`/wp/v2/[\w-]+/(?P<parent>[\d]+)/autosaves/(?P<id>[\d]+)`,
}

// coreRoutes are the routes of WordPress 7.1 with parameters in their paths, and those
// without of which the query may have some. In the API's root and in each namespace,
// the index of that namespace is one.
var coreRoutes = []string{
	"/", "/batch/v1",
	"/oembed/1.0", "/oembed/1.0/embed", "/oembed/1.0/proxy",
	"/wp/v2", "/wp/v2/users/me", "/wp/v2/search", "/wp/v2/settings",
	`/wp/v2/[\w-]+`,
	`/wp/v2/posts/(?P<id>[\d]+)`,
	`/wp/v2/pages/(?P<id>[\d]+)`,
	`/wp/v2/media/(?P<id>[\d]+)`,
	`/wp/v2/blocks/(?P<id>[\d]+)`,
	`/wp/v2/navigation/(?P<id>[\d]+)`,
	`/wp/v2/menu-items/(?P<id>[\d]+)`,
	`/wp/v2/menus/(?P<id>[\d]+)`,
	`/wp/v2/categories/(?P<id>[\d]+)`,
	`/wp/v2/tags/(?P<id>[\d]+)`,
	`/wp/v2/comments/(?P<id>[\d]+)`,
	`/wp/v2/users/(?P<id>[\d]+)`,
	`/wp/v2/font-families/(?P<id>[\d]+)`,
	`/wp/v2/posts/(?P<parent>[\d]+)/revisions`, `/wp/v2/posts/(?P<parent>[\d]+)/revisions/(?P<id>[\d]+)`,
	`/wp/v2/pages/(?P<parent>[\d]+)/revisions`, `/wp/v2/pages/(?P<parent>[\d]+)/revisions/(?P<id>[\d]+)`,
	`/wp/v2/blocks/(?P<parent>[\d]+)/revisions`, `/wp/v2/blocks/(?P<parent>[\d]+)/revisions/(?P<id>[\d]+)`,
	`/wp/v2/navigation/(?P<parent>[\d]+)/revisions`, `/wp/v2/navigation/(?P<parent>[\d]+)/revisions/(?P<id>[\d]+)`,
	`/wp/v2/global-styles/(?P<parent>[\d]+)/revisions`, `/wp/v2/global-styles/(?P<parent>[\d]+)/revisions/(?P<id>[\d]+)`,
	`/wp/v2/posts/(?P<id>[\d]+)/autosaves`, `/wp/v2/posts/(?P<parent>[\d]+)/autosaves/(?P<id>[\d]+)`,
	`/wp/v2/pages/(?P<id>[\d]+)/autosaves`, `/wp/v2/pages/(?P<parent>[\d]+)/autosaves/(?P<id>[\d]+)`,
	`/wp/v2/blocks/(?P<id>[\d]+)/autosaves`, `/wp/v2/blocks/(?P<parent>[\d]+)/autosaves/(?P<id>[\d]+)`,
	`/wp/v2/navigation/(?P<id>[\d]+)/autosaves`, `/wp/v2/navigation/(?P<parent>[\d]+)/autosaves/(?P<id>[\d]+)`,
	`/wp/v2/menu-items/(?P<id>[\d]+)/autosaves`, `/wp/v2/menu-items/(?P<parent>[\d]+)/autosaves/(?P<id>[\d]+)`,
	`/wp/v2/media/(?P<id>[\d]+)/(?:post-process|edit)`,
	`/wp/v2/types/(?P<type>[\w-]+)`,
	`/wp/v2/statuses/(?P<status>[\w-]+)`,
	`/wp/v2/taxonomies/(?P<taxonomy>[\w-]+)`,
	`/wp/v2/users/(?P<user_id>(?:[\d]+|me))/application-passwords`,
	`/wp/v2/users/(?P<user_id>(?:[\d]+|me))/application-passwords/introspect`,
	`/wp/v2/users/(?P<user_id>(?:[\d]+|me))/application-passwords/(?P<uuid>[\w\-]+)`,
	`/wp/v2/block-types/(?P<namespace>[a-zA-Z0-9_-]+)`,
	`/wp/v2/block-types/(?P<namespace>[a-zA-Z0-9_-]+)/(?P<name>[a-zA-Z0-9_-]+)`,
	`/wp/v2/block-renderer/(?P<name>[a-z0-9-]+/[a-z0-9-]+)`,
	`/wp/v2/block-directory/search`,
	`/wp/v2/block-patterns/(?:patterns|categories)`,
	`/wp/v2/pattern-directory/patterns`,
	`/wp/v2/templates/(?P<id>.+)`,
	`/wp/v2/templates/(?P<parent>.+)/revisions`,
	`/wp/v2/templates/(?P<parent>.+)/revisions/(?P<id>[\d]+)`,
	`/wp/v2/templates/(?P<parent>.+)/autosaves`,
	`/wp/v2/templates/(?P<parent>.+)/autosaves/(?P<id>[\d]+)`,
	`/wp/v2/template-parts/(?P<id>.+)`,
	`/wp/v2/template-parts/(?P<parent>.+)/revisions`,
	`/wp/v2/template-parts/(?P<parent>.+)/revisions/(?P<id>[\d]+)`,
	`/wp/v2/template-parts/(?P<parent>.+)/autosaves`,
	`/wp/v2/template-parts/(?P<parent>.+)/autosaves/(?P<id>[\d]+)`,
	`/wp/v2/global-styles/(?P<id>[\/\d]+)`,
	`/wp/v2/global-styles/themes/(?P<stylesheet>.+)`,
	`/wp/v2/global-styles/themes/(?P<stylesheet>.+)/variations`,
	`/wp/v2/themes/(?P<stylesheet>.+)`,
	`/wp/v2/plugins/(?P<plugin>[^.\/]+(?:\/[^.\/]+)?)`,
	`/wp/v2/sidebars/(?P<id>[\w-]+)`,
	`/wp/v2/widget-types/(?P<id>[a-zA-Z0-9_-]+)`,
	`/wp/v2/widget-types/(?P<id>[a-zA-Z0-9_-]+)/(?:encode|render)`,
	`/wp/v2/widgets/(?P<id>[\w\-]+)`,
	`/wp/v2/menu-locations/(?P<location>[\w-]+)`,
	`/wp/v2/font-collections/(?P<slug>.+)`,
	`/wp/v2/font-families/(?P<font_family_id>[\d]+)/font-faces`,
	`/wp/v2/font-families/(?P<font_family_id>[\d]+)/font-faces/(?P<id>[\d]+)`,
	`/wp-abilities/v1`, `/wp-abilities/v1/abilities`, `/wp-abilities/v1/categories`,
	`/wp-abilities/v1/categories/(?P<slug>[a-z0-9]+(?:-[a-z0-9]+)*)`,
	`/wp-abilities/v1/abilities/(?P<name>[a-zA-Z0-9\-\/]+)`,
	`/wp-abilities/v1/abilities/(?P<name>[a-zA-Z0-9\-\/]+?)/run`,
	`/wp-site-health/v1`, `/wp-site-health/v1/directory-sizes`,
	`/wp-site-health/v1/tests/[\w-]+`,
	`/wp-block-editor/v1`, `/wp-block-editor/v1/export`, `/wp-block-editor/v1/url-details`, `/wp-block-editor/v1/navigation-fallback`,
}
