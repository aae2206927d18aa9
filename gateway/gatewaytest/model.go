package gatewaytest

import (
	"bufio"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Act is one method on one path that an application would carry out.
type Act struct{ Method, Path string }

// Acts returns all for which the loosest application would take a request that arrived
// at it as these bytes. It is a model of many applications at once: it obeys every trick
// that PHP, WSGI, a servlet container, a WebDAV server, a store of objects, a registry or
// WordPress obeys. It is written from their documentation and shares no code with
// package gateway/upstream, which has to foresee every one of its answers.
func Acts(raw string) []Act {
	seen, err := readSeen(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		return nil // its head does not end
	}
	return seen.acts()
}

func (s Seen) acts() (all []Act) {
	raw, query := s.address()
	for _, name := range targetHeaders {
		for _, value := range s.values(name) {
			_, named, _ := strings.Cut(value, "?")
			query += "&" + named
		}
	}
	fields := formFields(query)
	if s.Method == http.MethodPost {
		fields = append(fields, s.formFields()...)
	}
	paths := append(readings(raw), s.otherPaths(raw)...)
	for _, f := range fields {
		if f.name == "REST_ROUTE" {
			paths = append(paths, readings("/wp-json/"+strings.TrimLeft(f.value, "/"))...)
		}
	}
	methods := s.methods(fields)
	for _, p := range paths {
		for _, m := range methods {
			all = append(all, Act{m, p})
		}
	}
	return append(all, s.otherObjects(raw, fields)...)
}

// address is the path and the query of the request line.
func (s Seen) address() (raw, query string) {
	target := s.Target
	if scheme, rest, ok := strings.Cut(target, "://"); ok && !strings.Contains(scheme, "/") {
		_, target, _ = strings.Cut(rest, "/")
		target = "/" + target
	}
	raw, query, _ = strings.Cut(target, "?")
	return raw, query
}

// methods are the request's own, and those by which headers, trailers and parameters
// override it (WordPress, Rack::MethodOverride, Symfony, Laravel, OData).
func (s Seen) methods(fields []field) []string {
	all := []string{s.Method}
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		all = append(all, s.values(name)...)
	}
	for _, f := range fields {
		if f.name == "_METHOD" {
			all = append(all, f.value)
		}
	}
	for i, m := range all {
		all[i] = strings.ToUpper(strings.TrimSpace(m))
	}
	return slices.DeleteFunc(all, func(m string) bool { return m == "" })
}

// targetHeaders name another path, perhaps with a query.
var targetHeaders = []string{
	"X-Original-URL", "X-Rewrite-URL", "X-Original-Path", "X-Envoy-Original-Path", "Request-URI", "X-Request-URI", "Path-Info", "X-Path-Info", "Path-Translated",
	"X-Matched-Path", "X-Invoke-Path",
}

// otherPaths are those to which headers lead. A header with a target takes the place of
// the request's. A prefix is what gunicorn cuts off the path for SCRIPT_NAME (RFC 3875,
// section 4.1.13), with all that stands before it; others put it before the path.
func (s Seen) otherPaths(raw string) (all []string) {
	for _, name := range targetHeaders {
		for _, value := range s.values(name) {
			for part := range strings.SplitSeq(value, ",") { // of several that a proxy has joined
				part, _, _ = strings.Cut(strings.TrimSpace(part), "?")
				all = append(all, readings(part)...)
			}
		}
	}
	for _, name := range []string{"Script-Name", "X-Script-Name", "Script-URL", "X-Forwarded-Prefix", "X-Forwarded-Path", "X-Forwarded-Context", "X-Ingress-Path", "X-Accel-Mapping"} {
		for _, prefix := range s.values(name) {
			for _, p := range readings(raw) {
				if _, rest, ok := strings.Cut(p, prefix); ok && prefix != "" {
					all = append(all, readings(rest)...)
				}
				all = append(all, readings(prefix+p)...)
			}
		}
	}
	return all
}

// otherObjects are those that a request names beside its path: where COPY and MOVE write
// (RFC 4918, section 10.3), what a store of objects copies, and the repository from
// which a registry takes a blob.
func (s Seen) otherObjects(raw string, fields []field) (all []Act) {
	add := func(method, p string) {
		for _, reading := range readings(p) {
			all = append(all, Act{method, reading})
		}
	}
	for _, value := range s.values("Destination") {
		for part := range strings.SplitSeq(value, ",") {
			add(http.MethodPut, s.destination(raw, strings.TrimSpace(part)))
		}
	}
	for _, h := range slices.Concat(s.Header, s.Trailer) {
		name, isRename := fold(h[0]), strings.HasSuffix(fold(h[0]), "_RENAME_SOURCE")
		source, _, _ := strings.Cut(h[1], "?")
		source = "/" + strings.TrimLeft(source, "/")
		if isRename || strings.HasSuffix(name, "_COPY_SOURCE") || slices.Contains([]string{"X_COPY_FROM", "X_SYMLINK_TARGET", "X_OBJECT_MANIFEST"}, name) {
			add(http.MethodGet, source)
		}
		if isRename {
			add(http.MethodDelete, source)
		}
	}
	all = append(all, s.objectsInBody(raw)...)
	if strings.HasSuffix(strings.TrimRight(decode(raw), "/"), "/blobs/uploads") {
		for _, from := range fields {
			if from.name == "FROM" {
				add(http.MethodGet, "/v2/"+from.value+"/blobs/x")
			}
		}
	}
	return all
}

// destination is the path that a Destination leads to. One at another host begins with
// two slashes: no rule is about it.
func (s Seen) destination(raw, value string) string {
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return value
	case u.Host != "" && !slices.ContainsFunc(s.values("Host"), func(host string) bool { return strings.EqualFold(host, u.Host) }):
		return "//" + u.Host + u.Path
	case strings.HasPrefix(u.Path, "/"):
		return u.Path
	}
	return path.Dir(decode(raw)) + "/" + u.Path
}

// field is a parameter of a query or a form, with its name as PHP has it, in capitals.
type field struct{ name, value string }

// formFields are those of an urlencoded text, which some programs also split at ";".
func formFields(text string) (all []field) {
	for _, pair := range strings.FieldsFunc(text, func(c rune) bool { return c == '&' || c == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		if value = unescape(value); value != "" {
			all = append(all, field{fieldName(unescape(name)), value})
		}
	}
	return all
}

// fieldName is a decoded name as PHP has it: without blanks before it, ended by NUL, an
// index of an array left out, and with "_" for blanks, dots and an open "[".
func fieldName(name string) string {
	name, _, _ = strings.Cut(strings.TrimLeft(name, " "), "\x00")
	if base, rest, ok := strings.Cut(name, "["); ok && strings.Contains(rest, "]") {
		name = base
	}
	return fold(name)
}

// boundaryOf finds the first boundary of a type that says something of a form, as PHP does.
var boundaryOf = regexp.MustCompile(`(?i)multipart/.*?form.*?boundary="?([^";, ]+)`)

// formFields are those of the body, by whatever Content-Type there is.
func (s Seen) formFields() (all []field) {
	for _, contentType := range s.values("Content-Type") {
		switch boundary := boundaryOf.FindStringSubmatch(contentType); {
		case strings.Contains(strings.ToLower(contentType), "urlencoded"):
			all = append(all, formFields(s.Body)...)
		case boundary != nil:
			parts := multipart.NewReader(strings.NewReader(s.Body), boundary[1])
			for part, err := parts.NextPart(); err == nil; part, err = parts.NextPart() {
				value, _ := io.ReadAll(part) // whatever there is of it
				all = append(all, field{fieldName(part.FormName()), strings.TrimSpace(string(value))})
			}
		}
	}
	return all
}

// readings are the ways in which programs read a path: decoded never, once or twice,
// with and without path parameters, with bytes that are not UTF-8 dropped, and with dots,
// empty segments and backslashes resolved.
func readings(raw string) (all []string) {
	for _, p := range []string{raw, decode(raw), decode(decode(raw))} {
		p = dropInvalid(strings.ReplaceAll(p, `\`, "/"))
		p, _, _ = strings.Cut(p, "\x00")
		p, _, _ = strings.Cut(p, "#")
		var withoutParameters []string
		for segment := range strings.SplitSeq(p, "/") {
			segment, _, _ = strings.Cut(segment, ";")
			withoutParameters = append(withoutParameters, segment)
		}
		all = append(all, p, path.Clean("/"+p), path.Clean("/"+strings.Join(withoutParameters, "/")))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// dropInvalid has overlong forms of "." and "/" as what they stand for, as old decoders
// have them, and drops other bytes that are not UTF-8.
func dropInvalid(p string) string {
	if utf8.ValidString(p) {
		return p
	}
	return strings.ToValidUTF8(strings.NewReplacer("\xc0\xae", ".", "\xc0\xaf", "/").Replace(p), "")
}

// decode undoes percent-encoding as far as there is some.
func decode(text string) string {
	if decoded, err := url.PathUnescape(text); err == nil {
		return decoded
	}
	return text
}

// unescape undoes the encoding of a form.
func unescape(text string) string {
	if decoded, err := url.QueryUnescape(text); err == nil {
		return decoded
	}
	return text
}
