package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/sparekey-dev/sparekey"
)

// isLimited reports whether a credential is narrowed in any way, by itself or by the
// site's policy. Nobody's is not.
func (s *site) isLimited(c sparekey.Credential) bool {
	return c.UUID != "" && (!c.Limits.IsZero() || !s.service.Expires(c).IsZero() || !s.service.MayManage(c))
}

// maxInspected is how much of a body is looked at. A longer one is refused where it
// would have to be.
const maxInspected = 1 << 20

// mayNameRoute reports whether WordPress may take another route from the body of a
// request than its address has, which it does from forms, on every page. What it
// reads of the body can be read again.
func mayNameRoute(r *http.Request) bool {
	types := contentTypes(r.Header)
	if r.Method != http.MethodPost || !slices.ContainsFunc(types, mayBeForm) {
		return false
	}
	if len(types) > 1 || !isPlainForm(types[0]) {
		return true
	}
	body, ok := peek(r)
	return !ok || slices.ContainsFunc(fields(body), field.reroutes)
}

// mayNameObject reports whether a request about one object of WordPress's API has
// another one in its body, which WordPress would take instead. What it reads of the
// body can be read again.
func mayNameObject(r *http.Request) bool {
	segments, sure := route(r)
	if !slices.ContainsFunc(segments, isNumber) {
		return false
	}
	named := objectsInForm
	switch types := contentTypes(r.Header); {
	case len(types) > 1 || !sure:
		return true
	case slices.ContainsFunc(types, mayBeJSON):
		named = objects
	case !slices.ContainsFunc(types, isNoForm):
	default:
		return false
	}
	body, ok := peek(r)
	if !ok {
		return true
	}
	ids, err := named(body)
	return err != nil || slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(segments, id) })
}

// route returns the segments of the address that a request has in WordPress's API,
// or none. The one in a query counts before the path. sure is false where there are
// several.
func route(r *http.Request) (segments []string, sure bool) {
	var routes []string
	for name, values := range r.URL.Query() {
		if isRoute(name) {
			routes = append(routes, values...)
		}
	}
	if len(routes) == 0 && strings.HasPrefix(r.URL.Path, "/wp-json/") {
		routes = []string{r.URL.Path}
	}
	return strings.Split(strings.Join(routes, "/"), "/"), len(routes) <= 1
}

// peek reads a body that can be read again. ok is false for one that is too long,
// does not arrive, or is compressed, which only some undo.
func peek(r *http.Request) (body []byte, ok bool) {
	if r.Body == http.NoBody {
		return nil, true
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxInspected+1))
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
	return body, err == nil && len(body) <= maxInspected && len(r.Header["Content-Encoding"]) == 0
}

func isNumber(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsDigit(c) })
}

// contentTypes returns all that WordPress may take for the type of a body. In CGI
// and its heirs a header with an underscore is one with a hyphen.
func contentTypes(h http.Header) (all []string) {
	for name, values := range h {
		if len(name) == len("Content-Type") && strings.EqualFold(name[:7], "Content") && strings.EqualFold(name[8:], "Type") {
			all = append(all, values...)
		}
	}
	return all
}

func mayBeJSON(contentType string) bool {
	return strings.Contains(strings.ToLower(contentType), "json")
}

// mayBeForm reports whether PHP may take a body of this type for a form.
func mayBeForm(contentType string) bool {
	return strings.Contains(strings.ToLower(contentType), "form-")
}

// isPlainForm reports whether everybody reads a body of this type alike, as a form
// without files.
func isPlainForm(contentType string) bool {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if charset, ok := parameters["charset"]; ok && strings.EqualFold(charset, "utf-8") {
		delete(parameters, "charset")
	}
	return err == nil && mediaType == "application/x-www-form-urlencoded" && len(parameters) == 0
}

// isNoForm reports whether WordPress's API certainly does not take a body of this
// type for an urlencoded form, as it does where there is no type.
func isNoForm(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.Contains(mediaType, "/") && !strings.Contains(strings.ToLower(mediaType), "urlencoded")
}

// field is one of a form, still encoded.
type field struct{ name, value string }

// fields splits a form, also where only some split it.
func fields(body []byte) (all []field) {
	for pair := range strings.FieldsFuncSeq(string(body), func(c rune) bool { return c == '&' || c == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		all = append(all, field{name, value})
	}
	return all
}

// reroutes reports whether an application may take the field for another route or
// method. PHP has "_" for some characters, and drops what follows others.
func (f field) reroutes() bool {
	name := underscored(f.name)
	return isRoute(f.name) || strings.HasPrefix(name, "_") && strings.HasPrefix(strings.TrimLeft(name, "_"), "method")
}

// isRoute reports whether a parameter of this name may be WordPress's rest_route.
func isRoute(name string) bool {
	return strings.Contains(strings.ReplaceAll(underscored(name), "_", ""), "restroute")
}

// underscored is a name with "_" for whatever is no letter or digit.
func underscored(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, unfold(name))
}

// objectsInForm is objects for a form. PHP has lists of what is before a bracket, and
// ends a name at a NUL.
func objectsInForm(body []byte) (named []string, err error) {
	for _, f := range fields(body) {
		list, _, _ := strings.Cut(unfold(f.name), "[")
		whole, _, _ := strings.Cut(unfold(f.name), "\x00")
		if namesObject(strings.Trim(underscored(list), "_")) || namesObject(strings.Trim(underscored(whole), "_")) {
			named = append(named, decode(f.value))
		}
	}
	return named, nil
}

func namesObject(name string) bool { return name == "id" || name == "user_id" || name == "uuid" }

// objects returns what a JSON object says of id and the like, as it would be in an
// address. What is no object says nothing.
func objects(body []byte) (named []string, err error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	first, err := decoder.Token()
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	case first != json.Delim('{'):
		return nil, nil
	}
	for decoder.More() { // every one of a name that is there twice
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		if name, _ := name.(string); !namesObject(name) {
			continue
		}
		switch id := value.(type) {
		case string:
			named = append(named, id)
		case json.Number:
			named = append(named, id.String())
		default:
			return nil, errors.New("an id that is neither a number nor a text")
		}
	}
	_, err = decoder.Token() // the end of the object
	return named, err
}
