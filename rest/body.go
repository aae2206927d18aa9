package rest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/sparekey-dev/sparekey/scope"
)

// maxAnonymousBody is how many bytes are read of an anonymous request: enough for all that
// an anonymous caller can ask for.
const maxAnonymousBody = 16 << 10

// readBody reads the parameters of a request's body, and finds out again who sent it: a
// client can take its time with a body, and a session or a credential that has ended by then
// must not be good for what is in it. An anonymous request with a large body gets the answer
// that it would get without one, if that is a refusal.
func (c *call) readBody() error {
	limit := c.h.config.MaxBody
	isAnonymous := !c.caller.signedIn
	if isAnonymous {
		limit = min(limit, maxAnonymousBody)
	}
	c.body = http.MaxBytesReader(c.w, c.r.Body, limit)
	err := c.readParams()
	if !isAnonymous && c.r.ContentLength != 0 {
		if err := c.identifyAgain(); err != nil {
			return err
		}
	}
	var problem *apiError
	if isAnonymous && errors.As(err, &problem) && problem.code == codeBodyTooLarge {
		return cmp.Or(c.endpoint.authorize(c), err)
	}
	return err
}

// readParams reads the parameters of the body. JSON counts with every
// method. A form counts with the methods that change something, but multipart with a
// real POST alone, because PHP reads it with no other, and what has no Content-Type
// with all of them but POST. Bodies of other types are not read.
func (c *call) readParams() error {
	contentType := c.r.Header.Get("Content-Type")
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	var err error
	switch {
	case isJSON(mediaType):
		c.json, err = c.readJSON()
	case scope.IsSafe(c.method):
	case mediaType == "application/x-www-form-urlencoded",
		mediaType == "" && c.method != http.MethodPost:
		c.form, err = c.readForm()
	case mediaType == "multipart/form-data" && c.r.Method == http.MethodPost:
		c.form, err = c.readMultipart(contentType)
	}
	return err
}

func isJSON(mediaType string) bool {
	subtype, ok := strings.CutPrefix(mediaType, "application/")
	return ok && (subtype == "json" || subtype == "json+oembed" || strings.HasSuffix(subtype, "+json"))
}

func (c *call) readAll() ([]byte, error) {
	body, err := io.ReadAll(c.body)
	return body, bodyProblem(err)
}

func bodyProblem(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooLarge):
		return refuse(codeBodyTooLarge)
	default:
		return refuse(codeInvalidBody)
	}
}

func (c *call) readForm() (params, error) {
	body, err := c.readAll()
	if err != nil {
		return nil, err
	}
	return parseForm(string(body))
}

// readMultipart reads the fields of a form, and passes over files.
func (c *call) readMultipart(contentType string) (params, error) {
	_, attributes, err := mime.ParseMediaType(contentType)
	if err != nil || attributes["boundary"] == "" {
		return nil, refuse(codeInvalidBody)
	}
	reader := multipart.NewReader(c.body, attributes["boundary"])
	p := params{}
	for n := 0; ; n++ {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return nil, bodyProblem(err)
		}
		if n == maxParams {
			return nil, refuse(codeTooManyParams)
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, bodyProblem(err)
		}
		if part.FileName() == "" {
			p.add(part.FormName(), string(value))
		}
	}
}

func (c *call) readJSON() (params, error) {
	body, err := c.readAll()
	if err != nil {
		return nil, err
	}
	p, err := parseJSON(body)
	c.otherJSON = isOtherJSON(body, p)
	return p, err
}

// These are the numbers of PHP's json_decode errors, which the answers contain.
const (
	jsonTooDeep       = 1
	jsonControlChar   = 3
	jsonSyntax        = 4
	jsonBadUTF8       = 5
	jsonLoneSurrogate = 10
)

// parseJSON reads the members of a JSON object. Other JSON, and nothing at all,
// has no parameters.
func parseJSON(body []byte) (params, error) {
	if len(body) == 0 {
		return nil, nil //nolint:nilnil // no parameters is not an error
	}
	if !utf8.Valid(body) {
		return nil, invalidJSON(jsonBadUTF8)
	}
	if why := inspectJSON(body); why != 0 {
		return nil, invalidJSON(why)
	}
	if bytes.Count(body, []byte(","))+bytes.Count(body, []byte("{"))+bytes.Count(body, []byte("[")) > maxJSONValues {
		return nil, refuse(codeTooManyParams)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, invalidJSON(jsonSyntax)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, invalidJSON(jsonSyntax)
	}
	p, _ := v.(map[string]any)
	return p, nil
}

// invalidJSON is the problem of a body that is not JSON, with PHP's number for why.
func invalidJSON(number int) error {
	message := "The text is not JSON."
	switch number {
	case jsonTooDeep:
		message = "The text is nested too deeply."
	case jsonControlChar:
		message = "A control character is not escaped."
	case jsonBadUTF8:
		message = "The text is not UTF-8."
	case jsonLoneSurrogate:
		message = "Half of a surrogate pair stands alone."
	}
	return &apiError{code: codeInvalidJSON, data: object{
		{"json_error_code", number}, {"json_error_message", message},
	}}
}

// inspectJSON finds what PHP refuses and Go's decoder does not, or does not tell
// apart: nesting that is too deep, bare control characters in strings, and
// halves of surrogate pairs. It returns PHP's number for it, or 0.
func inspectJSON(text []byte) int {
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			n := escapeLength(text[i:])
			if n == 0 {
				return jsonLoneSurrogate
			}
			i += n - 1
		case c == '"':
			inString = !inString
		case inString && c < ' ':
			return jsonControlChar
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxJSONDepth {
				return jsonTooDeep
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return 0
}

// escapeLength is the length of the escape that text begins with, or 0 where it
// is half a surrogate pair. The two halves of a pair are one escape.
func escapeLength(text []byte) int {
	const short, long = len(`\n`), len(`\u0000`)
	switch {
	case isSurrogate(text, '8', 'b'): // the first half
		if isSurrogate(text[long:], 'c', 'f') {
			return 2 * long
		}
		return 0
	case isSurrogate(text, 'c', 'f'): // the second half on its own
		return 0
	}
	return short
}

// isSurrogate reports whether text begins with \uDx.., where x is from lo to hi.
func isSurrogate(text []byte, lo, hi byte) bool {
	if len(text) < len(`\uD800`) || text[1] != 'u' || text[0] != '\\' {
		return false
	}
	x := text[3] | 0x20 // letters in lower case; digits have this bit anyway
	return text[2]|0x20 == 'd' && lo <= x && x <= hi && isHex(x)
}
