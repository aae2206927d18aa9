package upstream

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// davBody is what an XML body of WebDAV or its kin names. Elements are told apart by their
// local names alone, in any case: an application may pay no heed to namespaces.
type davBody struct {
	root     string   // the name of the root element in lower case, or empty for an empty body
	child    string   // likewise for its first child
	isSVN    bool     // the root element is Subversion's
	hrefs    []string // what DAV:href says, without blanks around it
	segments []string // likewise DAV:segment
	below    []string // paths below that of the request, in reports of Subversion
	inside   []string // paths below the root of a repository of Subversion

	// mayNameAny says that the application may go to objects that others name: it expands
	// the links in their properties, or searches all its collections of principals.
	mayNameAny bool
}

// knownReports are those that show nothing but what is at or below the path of the request,
// and what they name by DAV:href: of RFC 3253, RFC 3744, RFC 4791, RFC 6352, RFC 6578, of
// Nextcloud and of Apple.
var knownReports = map[string]bool{
	"version-tree": true, "expand-property": true, "locate-by-history": true, "merge-preview": true, "compare-baseline": true, "latest-activity-version": true,
	"principal-match": true, "principal-property-search": true, "principal-search-property-set": true, "calendarserver-principal-search": true,
	"calendar-query": true, "calendar-multiget": true, "free-busy-query": true, "addressbook-query": true, "addressbook-multiget": true, "sync-collection": true,
	"filter-files": true, "filter-comments": true, "search-files": true,
}

// isKnownReport reports whether the objects that a report shows are known.
func (b *davBody) isKnownReport() bool { return b.root == "" || b.isSVN || knownReports[b.root] }

// isKnownSearch reports whether the objects that a search is about are known: those of
// another grammar than DAV:basicsearch may be in a text.
func (b *davBody) isKnownSearch() bool {
	return b.root == "" || (b.root == "searchrequest" || b.root == "query-schema-discovery") && b.child == "basicsearch"
}

// maxDepth bounds how deeply elements may be nested.
const maxDepth = 64

// The ends of sentences that begin with "the XML in the body".
const (
	whyXML      = "cannot be read; send it as its standard has it, in UTF-8 and without a document type"
	whyOneText  = "has a DAV:href or a name that is not one plain text; send it without comments, CDATA and elements"
	whyTooDeep  = "is nested too deeply; send it as its standard has it"
	whyBase     = "has xml:base, which moves relative paths; leave it out"
	whyOtherWay = "has text beside its elements; send it as its standard has it"
)

// readXML reads a body. It says, as the end of a sentence, why it cannot.
func readXML(text []byte) (body davBody, why string) {
	x := xmlReader{text: bytes.TrimPrefix(text, []byte("\ufeff"))}
	x.decoder = xml.NewDecoder(bytes.NewReader(x.text))
	for x.why == "" {
		x.begin = x.decoder.InputOffset()
		token, err := x.decoder.RawToken()
		switch {
		case errors.Is(err, io.EOF) && len(x.open) == 0:
			return x.body, ""
		case err != nil:
			return davBody{}, whyXML
		}
		x.take(token)
	}
	return davBody{}, x.why
}

// xmlReader reads a body token by token.
type xmlReader struct {
	decoder *xml.Decoder
	text    []byte
	begin   int64      // where the last token begins
	open    []xml.Name // the elements that are open
	from    int64      // where the content of the last one that was opened begins
	isPlain bool       // it has had no element in it
	body    davBody
	why     string
}

func (x *xmlReader) take(token xml.Token) {
	switch token := token.(type) {
	case xml.StartElement:
		x.start(token)
	case xml.EndElement:
		x.end(token)
	case xml.CharData:
		if len(x.open) == 0 && len(bytes.TrimSpace(token)) > 0 {
			x.why = whyOtherWay
		}
	case xml.ProcInst: // of which only the declaration has a meaning, and that at the beginning
		if !isPlainDeclaration(token, x.begin) {
			x.why = whyXML
		}
	case xml.Directive: // a document type, with entities
		x.why = whyXML
	}
}

// local is the name of an element or attribute without its namespace, in lower case.
func local(name xml.Name) string {
	return strings.ToLower(name.Local[strings.LastIndexByte(name.Local, ':')+1:])
}

func (x *xmlReader) start(element xml.StartElement) {
	name, parent := local(element.Name), ""
	switch depth := len(x.open); {
	case depth == 0 && x.body.root != "":
		x.why = whyXML // a second root
		return
	case depth == maxDepth:
		x.why = whyTooDeep
		return
	case depth == 0:
		x.body.root = name
	default:
		parent = local(x.open[depth-1])
		if depth == 1 && x.body.child == "" {
			x.body.child = name
		}
	}
	for _, attribute := range element.Attr {
		switch {
		case attribute.Name.Space == "xml" && local(attribute.Name) == "base":
			x.why = whyBase
		case attribute.Value == "svn:" && len(x.open) == 0 && isNamespaceOf(attribute.Name, element.Name):
			x.body.isSVN = true
		case local(attribute.Name) == "linkpath": // of a report of Subversion, from the root of the repository
			x.body.inside = append(x.body.inside, attribute.Value)
		}
	}
	switch {
	case name == "property" && parent == "property", // of DAV:expand-property (RFC 3253, section 3.8)
		name == "acl-principal-prop-set" || name == "apply-to-principal-collection-set": // RFC 3744, sections 9.2 and 9.4
		x.body.mayNameAny = true
	}
	x.open = append(x.open, element.Name)
	x.from, x.isPlain = x.decoder.InputOffset(), true
}

// isNamespaceOf reports whether an attribute declares the namespace of an element.
func isNamespaceOf(attribute, element xml.Name) bool {
	return attribute.Space == "xmlns" && attribute.Local == element.Space || attribute.Space == "" && attribute.Local == "xmlns" && element.Space == ""
}

func (x *xmlReader) end(element xml.EndElement) {
	depth := len(x.open)
	if depth == 0 || x.open[depth-1] != element.Name {
		x.why = whyXML
		return
	}
	x.open = x.open[:depth-1]
	parent := ""
	if depth > 1 {
		parent = local(x.open[depth-2])
	}
	isPlain := x.isPlain
	x.isPlain = false
	list := x.listFor(local(element.Name), parent)
	if list == nil {
		return
	}
	value, ok := x.value()
	if !ok || !isPlain {
		x.why = whyOneText
		return
	}
	*list = append(*list, value)
}

// listFor returns where the text of an element belongs, or nil if it names no object.
func (x *xmlReader) listFor(name, parent string) *[]string {
	switch {
	case name == "href" && parent == "ordering-type": // it names an order (RFC 3648, section 5.1)
		return nil
	case name == "href", x.body.isSVN && (name == "src-path" || name == "dst-path"):
		return &x.body.hrefs
	case name == "segment":
		return &x.body.segments
	case x.body.isSVN && (name == "path" || name == "include-path"):
		return &x.body.below
	}
	return nil
}

// value returns the text of the element that has just ended, without blanks around it. It is
// not ok if there is anything but text in it: some programs take the text up to there.
func (x *xmlReader) value() (value string, ok bool) {
	raw := x.text[x.from:x.decoder.InputOffset()]
	end := bytes.LastIndexByte(raw, '<')
	if end < 0 || bytes.IndexByte(raw[:end], '<') >= 0 {
		return "", len(raw) == 0
	}
	var text struct {
		Value string `xml:",chardata"`
	}
	if err := xml.Unmarshal(append(append([]byte("<a>"), raw[:end]...), "</a>"...), &text); err != nil {
		return "", false
	}
	return strings.Trim(text.Value, " \t\r\n"), true
}
