// Package upstream knows how an application may read a request. It is the only place
// that does.
//
// Two programs may take one request for different ones: an application may obey a
// header that names another method, remove a part of the path, or look for the path in
// a form. A credential with limits must not gain anything by that. So a request is
// judged by all its readings: every method and path for which the application may take
// it. The limits must allow each of them.
//
// A [Profile] is what is known of one kind of application. The operator says which kind
// stands behind the gateway, which never guesses. A newly found trick is one more reading
// in a profile, and changes nothing elsewhere.
package upstream

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/rawpath"
	"github.com/sparekey-dev/sparekey/scope"
)

// Request is a request as the client sent it. Its fields must not change once a profile has
// read it.
type Request struct {
	Method string
	Target string      // the request-target as it was received, in origin or absolute form
	Host   string      // the Host header
	Header http.Header // the header fields, in any spelling of their names

	// Trailer has the names of the trailers that the client announced; values do not
	// matter.
	Trailer http.Header

	// DropsForwarded says that the front-end removes the headers X-Forwarded-* of the
	// client, so that none of them moves the path. Whether a front-end like nginx does
	// is not known here, so it counts as one that does not.
	DropsForwarded bool

	// DropsOddNames says that the front-end removes headers whose names have other
	// characters than letters, digits and hyphens.
	DropsOddNames bool

	// Body is the body, or nil where the front-end does not see it.
	Body *Body

	headers   summary   // of Header
	collector collector // of the profile that reads the request
}

// Line returns the reading that every program has of the request line. ok is false where
// programs read its path in different ways.
func (r *Request) Line() (line sparekey.Reading, ok bool) {
	raw, _ := rawpath.Split(r.Target)
	path, ok := rawpath.Decode(raw)
	return sparekey.Reading{Method: r.Method, Path: path}, ok
}

// Profile knows how one kind of application may read a request. It is safe for
// concurrent use.
type Profile interface {
	// Read adds what the application may take a request for to readings that are
	// empty. Without scoped it may leave out what matters to credentials with scopes
	// only. With Request.Body nil it adds what holds for any body.
	Read(r *Request, scoped bool, readings *sparekey.Readings)

	// Blocked says, in a sentence for people, why a request must not reach the
	// application, with or without a credential. Empty: it may.
	Blocked(r *Request) string

	// IgnoresBasic reports whether the application certainly takes this request for one
	// in which it pays no heed to a Basic login. It may read the body ahead, or have it
	// end with [ErrForbiddenField] where that turns out to be wrong.
	IgnoresBasic(r *Request) bool
}

// Reader reads one request by a profile. It is a [sparekey.Upstream], for one attempt
// and one goroutine. The zero Reader is ready to use once Profile and Request are set.
type Reader struct {
	Profile Profile
	Request Request

	all    sparekey.Readings
	isRead bool
	scoped bool
	room   [4]sparekey.Reading // for the usual number of them
}

// ManagesPasswords reports whether the application may create, change or revoke
// application passwords because of the request, whatever is in its body: a reading does
// so, or the request has their name in it and cannot be read. It does not read the body.
func (r *Reader) ManagesPasswords() bool {
	if !r.Request.summary().hasRouting && isPlainTarget(r.Request.Target) && !mayManagePasswords(r.Request.Target) {
		return false // as nearly always
	}
	var head sparekey.Readings
	body := r.Request.Body
	r.Request.Body = nil
	r.Profile.Read(&r.Request, false, &head)
	r.Request.Body = body
	return head.ManagePasswords()
}

// isPlainTarget reports whether a request-target has only printable ASCII, and nothing encoded.
func isPlainTarget(target string) bool {
	for i := range len(target) {
		if c := target[i]; c == '%' || c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// Readings is part of sparekey.Upstream. It reads the body where the application may
// find another method, path or object there.
func (r *Reader) Readings(scoped bool) *sparekey.Readings {
	if !r.isRead || scoped != r.scoped {
		r.all = sparekey.Readings{All: r.room[:0]}
		r.Profile.Read(&r.Request, scoped, &r.all)
		r.isRead, r.scoped = true, scoped
	}
	return &r.all
}

// maxMeanings bounds how many methods, and how many paths, one request may name: each
// is judged with each.
const maxMeanings = 8

// collector gathers the readings of one request.
type collector struct {
	methods, paths []string
	types          []string           // all that an application may take for the type of the body
	others         []sparekey.Reading // of a method and a path of their own
	unclear        string
	manages        bool   // what is unclear may manage users, credentials or code
	unclearMethod  bool   // what is unclear may be another method
	unreadable     bool   // programs read one of the paths in different ways
	mayBeAPI       bool   // one that they read so may be a path of WordPress's API
	routes         int    // how many of the paths a parameter has named
	hint           string // see [sparekey.Readings.Hint]

	methodRoom, pathRoom [2]string // for the usual numbers of them
}

// begin begins with what every application finds in the request line, and returns the
// query.
func (r *Request) begin() (c *collector, query string) {
	c = &r.collector
	*c = collector{}
	path, query := rawpath.Split(r.Target)
	c.methods, c.paths = append(c.methodRoom[:0], r.Method), c.pathRoom[:0]
	c.addPath(path)
	return c, query
}

// addPath adds a path as it was sent, and the paths that applications make of its
// parameters.
func (c *collector) addPath(raw string) {
	decoded, ok := rawpath.Decode(raw)
	if !ok {
		c.cannotTell(sparekey.UnclearPath(raw))
		c.addUnreadable(raw)
		return
	}
	c.addDecoded(decoded)
}

// addUnreadable notes a path that programs read in different ways.
func (c *collector) addUnreadable(raw string) {
	c.unreadable = true
	c.manages = c.manages || loosely(raw, mayManagePasswords)
	c.mayBeAPI = c.mayBeAPI || loosely(raw, func(path string) bool {
		_, isAPI := routeOf(path)
		return isAPI
	})
}

// loosely reports whether a text that was sent has a property as the most generous programs
// read it: decoded again and again, with "/" for a backslash, and perhaps without the bytes
// that are not printable ASCII.
func loosely(raw string, has func(text string) bool) bool {
	text := strings.ReplaceAll(rawpath.Unescape(raw), `\`, "/")
	return has(text) || has(onlyPrintable(text))
}

// onlyPrintable drops all bytes but those of printable ASCII.
func onlyPrintable(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; ' ' < c && c < 0x7f {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// addDecoded adds a decoded path.
func (c *collector) addDecoded(path string) {
	c.addOnePath(path)
	for _, other := range rawpath.Parameters(path) {
		if rawpath.IsAmbiguous(other) || !strings.HasPrefix(other, "/") {
			c.cannotTell(sparekey.UnclearPath(path))
			return
		}
		c.addOnePath(other)
	}
}

func (c *collector) addOnePath(path string) {
	if len(c.paths) == maxMeanings {
		c.tooMany()
		return
	}
	c.paths = append(c.paths, path)
}

// addMethod adds a method that a request names beside its own.
func (c *collector) addMethod(method string) {
	if len(c.methods) == maxMeanings {
		c.tooMany()
		return
	}
	c.methods = append(c.methods, strings.ToUpper(strings.TrimSpace(method)))
}

// tooMany gives up on a request that names more than is judged.
func (c *collector) tooMany() {
	c.cannotTell("it names too many methods or paths; send one of each")
	c.manages, c.unclearMethod = true, true
}

// cannotTell notes why there may be other readings. The first reason stays.
func (c *collector) cannotTell(why string) {
	if c.unclear == "" {
		c.unclear = why
	}
}

// isSafe reports whether none of the methods changes anything.
func (c *collector) isSafe() bool {
	return !slices.ContainsFunc(c.methods, func(m string) bool { return !scope.IsSafe(m) })
}

// put writes what was collected: each method with each path, and the others. named
// says which name a rule must have in its path to cover a reading.
func (c *collector) put(r *Request, readings *sparekey.Readings, named func(method, path string) string) {
	for _, path := range c.paths {
		for _, method := range c.methods {
			readings.All = append(readings.All, sparekey.Reading{Method: method, Path: path, Named: named(method, path)})
		}
	}
	for _, other := range c.others {
		other.Named = named(other.Method, other.Path)
		readings.All = append(readings.All, other)
	}
	readings.Unclear, readings.UnclearManages, readings.Hint = c.unclear, c.unclear != "" && c.manages, c.hint
	if c.unclear == "" || c.isSafe() && !c.unclearMethod {
		return
	}
	// A path of the API that cannot be read may be one at which users or code are managed.
	if c.mayBeAPI && named(http.MethodPost, api+scope.NameUsers) != "" {
		readings.UnclearManages = true
	}
	if !r.namesPasswords() {
		return
	}
	// An unreadable request with the name of application passwords in it counts as managing
	// them: the sender chose to write it so.
	const path = api + "/" + scope.NamePasswords
	if name := named(http.MethodPost, path); name != "" {
		readings.All = append(readings.All, sparekey.Reading{Method: http.MethodPost, Path: path, Named: name})
	}
}

// namesPasswords reports whether the name of application passwords is in the target or
// in a routing header, however it is encoded.
func (r *Request) namesPasswords() bool {
	if loosely(r.Target, mayManagePasswords) {
		return true
	}
	for name, values := range r.Header {
		if IsRouting(name) && slices.ContainsFunc(values, func(value string) bool { return loosely(value, mayManagePasswords) }) {
			return true
		}
	}
	return false
}

// mayManagePasswords reports whether a path is one at which application passwords are
// managed, in Sparekey's REST API or WordPress's.
func mayManagePasswords(path string) bool {
	return indexFold(path, scope.NamePasswords, 0) >= 0
}

// indexFold returns where the first occurrence of part ends in s, whatever the case of
// ASCII letters, or -1. It looks from a place on. part is in lower case and has a hyphen,
// which is looked for first, since paths have few.
func indexFold(s, part string, from int) int {
	before := strings.IndexByte(part, '-')
	for at := from; ; at++ {
		next := strings.IndexByte(s[at:], '-')
		if next < 0 {
			return -1
		}
		at += next
		begin := at - before
		if end := begin + len(part); begin >= from && end <= len(s) && strings.EqualFold(s[begin:end], part) {
			return end
		}
	}
}

// quote bounds what a sentence repeats of a text that a client has chosen.
func quote(text string) string {
	const most = 100
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return fmt.Sprintf("%q", text)
}
