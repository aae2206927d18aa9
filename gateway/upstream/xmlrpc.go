package upstream

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// Login is a login and its secret that a request has in its body.
type Login struct{ Login, Secret string }

// LoginFinder is an optional interface of a [Profile], for an application that finds
// logins in the body of a request and checks them by itself, as WordPress does in XML-RPC.
type LoginFinder interface {
	// Logins returns each of them once, and none where the application looks for none in
	// this request. All of them must be right, or the request must not reach the
	// application. why says in a sentence for people why they cannot be found, and is empty
	// where they are. It may read the body ahead.
	Logins(r *Request) (all []Login, why string)
}

// IsForXMLRPC reports whether a request-target may lead to WordPress's XML-RPC, in
// whatever spelling.
func IsForXMLRPC(target string) bool {
	path, _ := rawpath.Split(target)
	return rawpath.ContainsFold(rawpath.Unescape(path), "xmlrpc.php")
}

// isXMLRPC reports whether a request may be a call of XML-RPC. WordPress answers GET with a
// description of the service, and carries out nothing else than POST.
func isXMLRPC(r *Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions && IsForXMLRPC(r.Target)
}

// boundless says why limits do not hold in XML-RPC.
const boundless = "limits do not hold in XML-RPC, where WordPress checks the application password by itself: use the REST API, or an application password without limits"

// The sentences for calls that are refused to all callers.
const (
	xmlrpcOff     = "XML-RPC is refused here, since the limits of an application password do not hold in it. Use the REST API, or have the operator start Sparekey with --upstream-xmlrpc."
	xmlrpcUnseen  = "XML-RPC is refused here, since the login is in the body of the request, which the proxy does not show to Sparekey. Use the REST API, or have the operator put Sparekey in front with --upstream."
	xmlrpcUnknown = "Sparekey does not know this method of XML-RPC, and so not where its login is. Use the REST API."
	xmlrpcBad     = "Sparekey cannot read this call of XML-RPC, so it cannot check its login. "
	xmlrpcMany    = "This call of XML-RPC has too many logins. Send one call for each."
)

// maxLogins bounds how many logins one request may have.
const maxLogins = 4

// Logins is part of LoginFinder.
func (w *wordPress) Logins(r *Request) (all []Login, why string) {
	if !w.config.XMLRPC || r.Body == nil || !isXMLRPC(r) {
		return nil, ""
	}
	body, why := r.Body.peek()
	switch {
	case why == tooLong:
		return nil, "A call of XML-RPC may have 1 MiB here, since Sparekey reads it for the login. Upload larger files by the REST API."
	case why != "":
		return nil, xmlrpcBad + "It must arrive whole and uncompressed."
	}
	c, err := readCall(body)
	if err != nil {
		return nil, xmlrpcBad + sentence(err)
	}
	return c.logins(nil, true)
}

func sentence(err error) string { return strings.ToUpper(err.Error()[:1]) + err.Error()[1:] + "." }

// xmlrpcCall is a call of a method.
type xmlrpcCall struct {
	method string
	params []xmlrpcValue
}

// xmlrpcValue is a value of XML-RPC. Only texts, arrays and structs matter here.
type xmlrpcValue struct {
	kind    string // the element with its type; "string" where there is none
	text    string
	items   []xmlrpcValue // of an array
	members map[string]xmlrpcValue
}

// WordPress's methods have the login and the secret beside each other among their
// parameters. This is where the login is, by the beginning of the method's name.
var loginPlaces = map[string]int{"wp.": 1, "metaWeblog.": 1, "mt.": 1, "blogger.": 2}

// otherPlaces are where methods have it otherwise: see class-wp-xmlrpc-server.php of
// WordPress 5.6 to 7.1. noLogin is for those that have none.
var otherPlaces = map[string]int{
	"wp.getUsersBlogs":        0,
	"blogger.getUsersBlogs":   1,
	"blogger.getUserInfo":     1,
	"metaWeblog.deletePost":   2,
	"wp.getPage":              2,
	"wp.editPage":             2,
	"mt.supportedMethods":     noLogin,
	"mt.supportedTextFilters": noLogin,
	"mt.getTrackbackPings":    noLogin,
	"system.listMethods":      noLogin,
	"system.getCapabilities":  noLogin,
	"pingback.ping":           noLogin,
	"demo.sayHello":           noLogin,
	"demo.addTwoNumbers":      noLogin,

	"pingback.extensions.getPingbacks": noLogin,
}

const noLogin = -1

// multicall is a method that carries out other calls.
const multicall = "system.multicall"

// logins adds the logins of a call to all.
func (c *xmlrpcCall) logins(all []Login, isOuter bool) (_ []Login, why string) {
	params := c.params
	if len(params) == 1 { // which WordPress takes for the parameters, if it is a list
		switch params[0].kind {
		case "array":
			params = params[0].items
		case "struct":
			return nil, xmlrpcBad + "Its parameters must be a list."
		}
	}
	if c.method == multicall && isOuter {
		return innerLogins(all, params)
	}
	place, isKnown := otherPlaces[c.method]
	if !isKnown {
		begin, _, _ := strings.Cut(c.method, ".")
		if place, isKnown = loginPlaces[begin+"."]; !isKnown {
			return nil, xmlrpcUnknown
		}
	}
	if place == noLogin {
		return all, ""
	}
	if len(params) < place+2 || params[place].kind != "string" || params[place+1].kind != "string" {
		return nil, xmlrpcBad + "The login and the application password must be texts at their usual places."
	}
	found := Login{params[place].text, params[place+1].text}
	switch {
	case slices.Contains(all, found):
		return all, ""
	case len(all) == maxLogins:
		return nil, xmlrpcMany
	}
	return append(all, found), ""
}

// innerLogins adds the logins of the calls in one of many.
func innerLogins(all []Login, calls []xmlrpcValue) (_ []Login, why string) {
	for _, call := range calls {
		method, params := call.members["methodName"], call.members["params"]
		if len(call.members) != 2 || method.kind != "string" || params.kind != "array" {
			return nil, xmlrpcBad + "Each call in a system.multicall must have a methodName and a list of params."
		}
		inner := xmlrpcCall{method.text, params.items}
		if all, why = inner.logins(all, false); why != "" {
			return nil, why
		}
	}
	return all, ""
}

// Calls must keep to the following. WordPress reads much that is not XML-RPC, in ways of its
// own: it skips empty values, say, and so moves the others. Sparekey refuses calls that are not
// written as the specification has it, so that both find the same login.
var (
	errNotXML     = errors.New("it is not well-formed XML in UTF-8, without a document type")
	errNotCall    = errors.New("it is not written as the specification of XML-RPC says")
	errEmptyValue = errors.New("it has an empty value, which WordPress leaves out; write <value><string></string></value>")
	errTooDeep    = errors.New("its values are too deep within each other")
)

// Bounds of what is read of a call.
const (
	maxNested = 32
	maxValues = 30_000 // WordPress's own bound of elements
)

// callReader reads a call, element by element.
type callReader struct {
	decoder *xml.Decoder
	values  int
}

// readCall reads a call of XML-RPC.
func readCall(body []byte) (*xmlrpcCall, error) {
	body = bytes.Trim(body, " \t\r\n") // as WordPress does
	if !utf8.Valid(body) {
		return nil, errNotXML
	}
	r := &callReader{decoder: xml.NewDecoder(bytes.NewReader(body))}
	r.decoder.Entity = map[string]string{}
	if _, err := r.element("methodCall"); err != nil {
		return nil, err
	}
	if _, err := r.element("methodName"); err != nil {
		return nil, err
	}
	name, err := r.text("methodName")
	if err != nil {
		return nil, err
	}
	c := &xmlrpcCall{method: trim(name)}
	open, err := r.element("params", "/methodCall")
	if err != nil {
		return nil, err
	}
	if open == "params" {
		if c.params, err = r.params(); err != nil {
			return nil, err
		}
		if _, err := r.element("/methodCall"); err != nil {
			return nil, err
		}
	}
	return c, r.end()
}

func (r *callReader) params() (all []xmlrpcValue, err error) {
	for {
		open, err := r.element("param", "/params")
		if err != nil || open == "/params" {
			return all, err
		}
		v, err := r.value(0)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
		if _, err := r.element("/param"); err != nil {
			return nil, err
		}
	}
}

// trim removes what PHP's trim does.
func trim(text string) string { return strings.Trim(text, " \t\n\r\x00\x0b") }

// next returns the next part of the document, which is an element's begin or end, or text.
// Comments and instructions are left out only before the call.
func (r *callReader) next() (xml.Token, error) {
	start := r.decoder.InputOffset()
	token, err := r.decoder.RawToken()
	switch t := token.(type) {
	case xml.StartElement:
		if err == nil && (len(t.Attr) > 0 || t.Name.Space != "") {
			return nil, errNotCall
		}
	case xml.EndElement:
		if err == nil && t.Name.Space != "" {
			return nil, errNotCall
		}
	case xml.ProcInst:
		if !isPlainDeclaration(t, start) || r.decoder.InputOffset() > maxDeclaration {
			return nil, errNotCall
		}
	case xml.Comment, xml.Directive:
		return nil, errNotXML
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errNotXML
	}
	return token, err
}

// maxDeclaration is how much of a call WordPress searches for its XML declaration.
const maxDeclaration = 100

// element reads the begin of one of these elements, or the end of one with a slash before
// its name, and returns which.
func (r *callReader) element(names ...string) (string, error) {
	for {
		token, err := r.next()
		if err != nil {
			return "", errNotXML
		}
		got := ""
		switch t := token.(type) {
		case xml.CharData:
			if trim(string(t)) != "" {
				return "", errNotCall
			}
			continue
		case xml.ProcInst:
			if !slices.Contains(names, "methodCall") {
				return "", errNotCall
			}
			continue
		case xml.StartElement:
			got = t.Name.Local
		case xml.EndElement:
			got = "/" + t.Name.Local
		}
		if !slices.Contains(names, got) {
			return "", errNotCall
		}
		return got, nil
	}
}

// text reads the text of an element as far as its end.
func (r *callReader) text(name string) (string, error) {
	var text strings.Builder
	for {
		token, err := r.next()
		if err != nil {
			return "", errNotXML
		}
		switch t := token.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			if t.Name.Local == name {
				return text.String(), nil
			}
			return "", errNotCall
		default:
			return "", errNotCall
		}
	}
}

// scalars are the types of values that are a text.
var scalars = []string{"int", "i4", "double", "string", "dateTime.iso8601", "boolean", "base64"}

// value reads a value, from its begin to its end.
func (r *callReader) value(depth int) (v xmlrpcValue, err error) {
	if _, err := r.element("value"); err != nil {
		return v, err
	}
	return r.valueRest(depth)
}

// valueRest reads a value whose begin is read.
func (r *callReader) valueRest(depth int) (v xmlrpcValue, err error) {
	if r.values++; depth > maxNested || r.values > maxValues {
		return v, errTooDeep
	}
	var text strings.Builder
	for v.kind == "" {
		token, err := r.next()
		if err != nil {
			return v, errNotXML
		}
		switch t := token.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			switch {
			case t.Name.Local != "value":
				return v, errNotCall
			case trim(text.String()) == "":
				return v, errEmptyValue
			}
			return xmlrpcValue{kind: "string", text: text.String()}, nil
		case xml.StartElement:
			if trim(text.String()) != "" {
				return v, errNotCall
			}
			v.kind = t.Name.Local
		default:
			return v, errNotCall
		}
	}
	if err := r.typed(&v, depth); err != nil {
		return v, err
	}
	_, err = r.element("/value")
	return v, err
}

// typed reads what is in the element with the type of a value, and its end.
func (r *callReader) typed(v *xmlrpcValue, depth int) (err error) {
	switch {
	case v.kind == "array":
		if _, err := r.element("data"); err != nil {
			return err
		}
		for {
			open, err := r.element("value", "/data")
			if err != nil {
				return err
			}
			if open == "/data" {
				break
			}
			item, err := r.valueRest(depth + 1)
			if err != nil {
				return err
			}
			v.items = append(v.items, item)
		}
		_, err = r.element("/array")
		return err
	case v.kind == "struct":
		return r.members(v, depth)
	case slices.Contains(scalars, v.kind):
		text, err := r.text(v.kind)
		v.text = trim(text)
		return err
	}
	return errNotCall // such as <nil/>, which WordPress leaves out
}

// members reads the members of a struct, and its end.
func (r *callReader) members(v *xmlrpcValue, depth int) error {
	v.members = map[string]xmlrpcValue{}
	for {
		open, err := r.element("member", "/struct")
		if err != nil || open == "/struct" {
			return err
		}
		if _, err := r.element("name"); err != nil {
			return err
		}
		name, err := r.text("name")
		if err != nil {
			return err
		}
		name = trim(name)
		if _, isTwice := v.members[name]; isTwice {
			return errNotCall
		}
		if v.members[name], err = r.value(depth + 1); err != nil {
			return err
		}
		if _, err := r.element("/member"); err != nil {
			return err
		}
	}
}

// end wants nothing after the call.
func (r *callReader) end() error {
	for {
		token, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if text, ok := token.(xml.CharData); err != nil || !ok || trim(string(text)) != "" {
			return errNotCall
		}
	}
}
