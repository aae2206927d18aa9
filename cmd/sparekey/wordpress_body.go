package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/sparekey-dev/sparekey"
)

// isLimited reports whether a credential is narrowed in any way, by itself or by the
// site's policy.
func (s *site) isLimited(c sparekey.Credential) bool {
	return !c.Limits.IsZero() || !s.service.Expires(c).IsZero()
}

// maxInspected is how much of a body is looked at. A longer one is refused where it
// would have to be.
const maxInspected = 1 << 20

// mayNameObject reports whether a request about one object of WordPress's API has
// another one in its body, which WordPress would take instead. What it reads of the
// body can be read again.
func mayNameObject(r *http.Request) bool {
	segments := strings.Split(r.URL.Path, "/")
	if !strings.HasPrefix(r.URL.Path, "/wp-json/") || !slices.ContainsFunc(segments, isNumber) || !mayBeJSON(r.Header) {
		return false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxInspected+1))
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
	if err != nil || len(body) > maxInspected {
		return true
	}
	named, err := objects(body)
	return err != nil || slices.ContainsFunc(named, func(id string) bool { return !slices.Contains(segments, id) })
}

func isNumber(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsDigit(c) })
}

func mayBeJSON(h http.Header) bool {
	return slices.ContainsFunc(h["Content-Type"], func(v string) bool { return strings.Contains(strings.ToLower(v), "json") })
}

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
		if name != "id" && name != "user_id" && name != "uuid" {
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
