package upstream_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// anyMethod is what a body to /a counts as that may name any method.
const anyMethod = "DELETE /a, GET /a, PATCH /a, POST /a, PUT /a"

// otherForms are requests whose bodies are forms for some frameworks only.
var otherForms = map[string]string{
	// Rack takes a body without a type for a form.
	"POST /a\n\n_method=DELETE": "DELETE /a, POST /a", "POST /a\nContent-Type: \n\nx=1&_method=DELETE": "DELETE /a, POST /a", "POST /a\n\n[_method]=DELETE": anyMethod,
	"POST /a\n\n%5fmethod=DELETE": anyMethod, "POST /a\n\n_method=%zz": anyMethod, "POST /a\n\nx=" + long: anyMethod, "POST /a\nContent-Encoding: gzip\n\nx": anyMethod,
	"POST /a\n\ntitle=method": "POST /a", "POST /a\n\n": "POST /a", "PUT /a\n\n_method=DELETE": "PUT /a", "POST /a\nContent-Type: text/plain\n\n_method=DELETE": "POST /a",

	// Rack takes parts of other types for a form.
	"POST /a\nContent-Type: multipart/mixed; boundary=x\n\n--x--": anyMethod, "POST /a\nContent-Type: Multipart/Related\n\n_method=DELETE": anyMethod,

	// Laravel and Slim find a method in JSON.
	"POST /a" + jsonBody + `{"_method":"DELETE"}`: "DELETE /a, POST /a", "POST /a" + jsonBody + `{"x":1,"\u005Fmeth\u006fd":"put"}`: "POST /a, PUT /a", "POST /a" + jsonBody + `{"_METHOD":"DELETE"}`: "DELETE /a, POST /a",
	"POST /a" + jsonBody + `{"_method":"GET","_method":"DELETE"}`: "DELETE /a, GET /a, POST /a", "POST /a" + jsonBody + `{"_method":["DELETE"]}`: anyMethod,
	"POST /a" + jsonBody + `{"a":TRUE,"_method":"DELETE"}`: anyMethod, "POST /a\nContent-Type: application/vnd.api+JSON\n\n" + `{"_method":"DELETE"}`: "DELETE /a, POST /a",
	"POST /a" + jsonBody + `{"a":{"_method":"DELETE"}}`: "POST /a", "POST /a" + jsonBody + `["_method"]`: "POST /a", "POST /a" + jsonBody: "POST /a", "PUT /a" + jsonBody + `{"_method":"DELETE"}`: "PUT /a",
	"POST /a\nContent-Type: application/json\nContent-Type: text/plain\n\n{}": anyMethod, "POST /a\nContent-Encoding: gzip" + jsonBody + "x": anyMethod,
	"POST /a\nContent-Type: application/x-ndjson\n\n" + `{"_method":"DELETE"}`: "POST /a",
}

// TestOtherForms looks for methods in bodies that frameworks take for forms, though their
// types do not say so.
func TestOtherForms(t *testing.T) {
	t.Parallel()
	for text, want := range otherForms {
		if got := lines(read(t, upstream.Generic(), text, true)); got != want {
			t.Errorf("%.80q: got %q, want %q", text, got, want)
		}
	}
}

// TestMethodInLongJSON looks through JSON that is too long to be read ahead, or of which
// the length is not known.
func TestMethodInLongJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"x":"` + long + long + `","_method":"DELETE"}`: false, `{"\u005f\u006Dethod":"DELETE","x":"` + long + long + `"}`: false, `{"_METHOD":1}`: false,
		`{"x":"` + long + long + `","method":"DELETE"}`: true, `{"payment_method":"x","my_method":1}`: true, "": true,
	} {
		for _, length := range []int64{-1, int64(len(text))} {
			if length >= 0 && length <= 1<<20 {
				continue
			}
			r := httptest.NewRequest(http.MethodPost, "/a", &trickle{text, 4096})
			r.ContentLength = length
			r.Header.Set("Content-Type", "application/json")
			reader := upstream.Reader{Profile: upstream.Generic(), Request: upstream.Request{Method: r.Method, Target: r.RequestURI, Header: r.Header, Body: upstream.NewBody(r)}}
			if got := lines(reader.Readings(true)); got != "POST /a" {
				t.Errorf("%.50q: %s", text, got)
			}
			passed, err := io.ReadAll(r.Body)
			if (err == nil) != want || !want && !errors.Is(err, upstream.ErrForbiddenField) || strings.Contains(string(passed), "DELETE") && !want {
				t.Errorf("%.50q of length %d: %d of %d bytes, %v", text, length, len(passed), len(text), err)
			}
		}
	}
}
