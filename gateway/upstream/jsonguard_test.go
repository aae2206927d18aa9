package upstream_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/internal/testproc"
)

// longJSON sends JSON that claims to be too long to be read ahead past the guard of a limited
// credential, to the post 7 of a WordPress, and returns what is passed on.
func longJSON(t testing.TB, profile upstream.Profile, body io.Reader) (passed io.ReadCloser) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/wp-json/wp/v2/posts/7", body)
	r.ContentLength = 1 << 30
	r.Header.Set("Content-Type", "application/json")
	upstreamBody := upstream.NewBody(r)
	reader := upstream.Reader{Profile: profile, Request: upstream.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Body: upstreamBody}}
	for range 2 { // a request may be judged again while it is under way
		if got := lines(reader.Readings(true)); got != "POST /wp-json/wp/v2/posts/7" {
			t.Fatal(got, reader.Readings(true).Unclear)
		}
		reader.Readings(false)
		upstreamBody.Seal()
	}
	return r.Body
}

// jsonTexts are texts, and whether they may go to the post 7.
var jsonTexts = map[string]bool{
	`{}`: true, ``: true, " \n": true, `[]`: true, `"id"`: true, `7`: true, `null`: true, `TRUE`: true, ` [1, 2.5e-3, -0, "x", {"id":8}] `: true,
	`{"title":"x","meta":{"id":8,"x":[{"id":8}]},"content":"\"id\":8"}`: true, `{"ID":8,"id ":8,"_id":8,"parent":8,"i\\u0064":8,"\"id":8,"":8}`: true,
	`{"id":7}`: true, `{"id" : "7" ,"x":1}`: true, `{"i\u0064":"\u0037"}`: true, `{"x":{},"id":7,"id":7}`: true,
	`{"a":True,"b":nUll,"c":FALSE}`: true, `{"` + strings.Repeat(`\u0069`, 5000) + `":8}`: true, "{\"a\":\"\xff\"}": true, `{"a":"\ud800"}`: true,
	`{"a":` + strings.Repeat("[", 511) + strings.Repeat("]", 511) + `}`: true,

	`{"id":8}`: false, `{"id":"8"}`: false, `{"x":1,"id":8}`: false, `{"i\u0064":8}`: false, `{"\u0069\u0064":8}`: false, "{\"id\"\n:\t8}": false, `{"id":7,"id":8}`: false,
	`{"id":[7]}`: false, `{"id":{"id":7}}`: false, `{"id":null}`: false, `{"id":true}`: false, `{"id":""}`: false, `{"id":7.0}`: false, `{"id":-7}`: false, `{"id":70}`: false, `{"id":7e0}`: false, `{"id":"7 "}`: false, `{"id":"\u00377"}`: false,
	`{"x":{"y":[]},"id":8}`: false, `{"id":"` + strings.Repeat("7", 9000) + `"}`: false, `{"id"` + strings.Repeat(" ", 9000) + `:7}`: false,

	// Texts that are not JSON, and those that only some programs read.
	`{`: false, `{"a"`: false, `{"a":`: false, `{"a":1`: false, `{"a":1,}`: false, `[1,]`: false, `[,1]`: false, `{,}`: false, `{"a" 1}`: false, `{a:1}`: false, `{'a':1}`: false, `{"a":1 "b":2}`: false, `[1}`: false, `{"a":1]`: false, `}`: false, `]`: false,
	`{} x`: false, `{}{}`: false, `1 2`: false, `,`: false, `:`: false, `01`: false, `1.`: false, `.5`: false, `+1`: false, `-`: false, `1e`: false, `1e+`: false, `--1`: false, `0x1`: false, `1.2.3`: false, `1e5.1`: false,
	`"`: false, `"\`: false, `"\x"`: false, `"\u12"`: false, `"\u12g4"`: false, "\"\n\"": false, "\"\x00\"": false, "\x00{}": false, "{}\x00": false, "\ufeff{}": false, `tru`: false, `truf`: false, `nul `: false, `truetrue`: false, `NaN`: false, `undefined`: false,
	`/**/{"id":8}`: false, `{"a":1/**/}`: false, "{\"a\":1}\u00a0": false, strings.Repeat("[", 513) + strings.Repeat("]", 513): false,
}

// TestLongJSON looks through JSON as it streams, split at every byte.
func TestLongJSON(t *testing.T) {
	t.Parallel()
	for name, profile := range map[string]upstream.Profile{"WordPress": wordPress, "generic": upstream.Generic()} {
		for text, want := range jsonTexts {
			for _, size := range []int{1, 3, 1 << 20} {
				body, err := io.ReadAll(longJSON(t, profile, &trickle{text, size}))
				isRight := err == nil && string(body) == text
				if !want {
					isRight = errors.Is(err, upstream.ErrForbiddenField)
				}
				if !isRight {
					t.Errorf("%s: %.80q in parts of %d: %d of %d bytes, %v", name, text, size, len(body), len(text), err)
				}
			}
			for at := range min(len(text), 200) { // in two parts
				body, err := io.ReadAll(longJSON(t, profile, io.MultiReader(strings.NewReader(text[:at]), strings.NewReader(text[at:]))))
				if (err == nil) != want || want && string(body) != text {
					t.Errorf("%s: %.80q split at %d: %q, %v", name, text, at, body, err)
				}
			}
		}
	}
	_, err := io.ReadAll(longJSON(t, wordPress, io.MultiReader(strings.NewReader(`{"a":1,"id`), failing{})))
	if !errors.Is(err, errFailing) {
		t.Errorf("a body that breaks off ends with %v", err)
	}
}

var errFailing = errors.New("the connection is gone")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errFailing }

// TestForbiddenMemberStaysBehind passes on nothing of a member that limits do not allow.
func TestForbiddenMemberStaysBehind(t *testing.T) {
	t.Parallel()
	before := `{"content":"` + strings.Repeat("y", 100_000) + `",`
	for _, size := range []int{1, 1000, 1 << 20} {
		body, err := io.ReadAll(longJSON(t, wordPress, &trickle{before + ` "\u0069d" : 8 , "x": 1}`, size}))
		if !errors.Is(err, upstream.ErrForbiddenField) || len(body) > len(before)+1 || strings.Contains(string(body), "0069") {
			t.Errorf("in parts of %d: %d bytes, %v", size, len(body), err)
		}
	}
}

// TestLongJSONOfUnknownLength is about bodies that are read ahead until they prove too long.
func TestLongJSONOfUnknownLength(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"content":"` + long + long + `","id":8}`: false, `{"id":8,"content":"` + long + long + `"}`: false, `{"id":7,"content":"` + long + long + `","meta":{"id":8}}`: true,
	} {
		r := httptest.NewRequest(http.MethodPost, "/wp-json/wp/v2/posts/7", &trickle{text, 1 << 16})
		r.ContentLength = -1
		r.Header.Set("Content-Type", "application/json")
		reader := upstream.Reader{Profile: wordPress, Request: upstream.Request{Method: r.Method, Target: r.RequestURI, Header: r.Header, Body: upstream.NewBody(r)}}
		if got := lines(reader.Readings(true)); got != "POST /wp-json/wp/v2/posts/7" {
			t.Fatal(got)
		}
		body, err := io.ReadAll(r.Body)
		if (err == nil) != want || want && string(body) != text || !want && !errors.Is(err, upstream.ErrForbiddenField) {
			t.Errorf("%.40q: %d of %d bytes, %v", text, len(body), len(text), err)
		}
	}
	for text, want := range map[string]string{ // what is not looked through says why
		"POST /wp-json/wp/v2/posts/7\nContent-Encoding: gzip" + jsonBody + "x":                                  "compressed",
		"PUT /wp-json/wp/v2/posts/7\nContent-Type: application/x-www-form-urlencoded; a=json\n\n" + long + long: "longer than 1 MiB",
		"POST /wp-json/shop/v1/orders/7" + jsonBody + `{"a":"` + long + `"}`:                                    "does not list the route",
	} {
		if got := read(t, wordPress, text, true).Unclear; !strings.Contains(got, want) {
			t.Errorf("%.80q: %s", text, got)
		}
	}
}

// TestLongJSONIsNotHeld sends 20 MiB past the guard, and looks at the memory. It does not run
// in parallel: others need memory, too.
func TestLongJSONIsNotHeld(t *testing.T) {
	const size = 20 << 20
	passed := longJSON(t, wordPress, io.MultiReader(strings.NewReader(`{"content":"`), io.LimitReader(endless{}, size), strings.NewReader(`","id":7}`)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, passed, make([]byte, 4096))
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; err != nil || n != size+21 || used > 1<<20 {
		t.Errorf("%d bytes, %v, with %d bytes of memory", n, err, used)
	}
}

// endless is a text without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'y'
	}
	return len(p), nil
}

// TestLongJSONInPHP has PHP itself read the texts: whatever it finds an id in that is not 7
// must be stopped, and what it reads without one must not be.
func TestLongJSONInPHP(t *testing.T) {
	t.Parallel()
	php := testproc.Program(t, "run scripts/wordpress-deps", "php")
	dir := testproc.Dir(t)
	texts := slices.Sorted(func(yield func(string) bool) {
		for text := range jsonTexts {
			if !yield(text) {
				return
			}
		}
	})
	input, err := json.Marshal(func() (all [][]byte) {
		for _, text := range texts {
			all = append(all, []byte(text)) // in base64
		}
		return all
	}())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "read.php")
	if err := os.WriteFile(file, []byte(`<?php
foreach ( json_decode( file_get_contents( 'php://stdin' ) ) as $text ) {
	$value = json_decode( base64_decode( $text ), true );
	$found = is_array( $value ) && array_key_exists( 'id', $value ) ? json_encode( $value['id'] ) : '';
	echo json_encode( array( json_last_error() === JSON_ERROR_NONE && $value !== null, $found ) ), "\n";
}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), php, file)
	cmd.Stdin = bytes.NewReader(input)
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	decoder, found := json.NewDecoder(bytes.NewReader(output)), 0
	for _, text := range texts {
		var isRead bool
		var id string
		if err := decoder.Decode(&[]any{&isRead, &id}); err != nil {
			t.Fatal(err)
		}
		isOther := isRead && id != "" && id != "7" && id != `"7"`
		switch isPassed := jsonTexts[text]; {
		case isOther && isPassed:
			t.Errorf("PHP finds the id %s in %.80q, which goes through", id, text)
		case isRead && id == "" && !isPassed:
			t.Errorf("PHP reads %.80q, which is stopped", text)
		case isOther:
			found++
		}
	}
	if found < 15 {
		t.Errorf("PHP finds another id in %d texts only: the test proves too little", found)
	}
}

// FuzzLongJSON compares the guard with encoding/json, in parts of every size.
func FuzzLongJSON(f *testing.F) {
	for text := range jsonTexts {
		if len(text) < 2000 {
			f.Add(text, 1)
		}
	}
	f.Fuzz(func(t *testing.T, text string, size int) {
		if len(text) > 4096 {
			return
		}
		size = 1 + max(size, 0)%4096
		body, err := io.ReadAll(longJSON(t, wordPress, &trickle{text, size}))
		switch {
		case err == nil && string(body) != text:
			t.Fatalf("%q becomes %q", text, body)
		case err != nil && !errors.Is(err, upstream.ErrForbiddenField):
			t.Fatal(err)
		}
		whole, err2 := io.ReadAll(longJSON(t, wordPress, strings.NewReader(text)))
		if (err == nil) != (err2 == nil) {
			t.Fatalf("%q: in parts of %d %v, and whole %v: %q", text, size, err, err2, whole)
		}
		if !json.Valid([]byte(text)) {
			return // PHP reads no such text, or one with a literal in other letters
		}
		var object map[string]json.RawMessage
		isObject := json.Unmarshal([]byte(text), &object) == nil && object != nil
		id, hasID := object["id"]
		var value string
		if json.Unmarshal(id, &value) != nil {
			value = string(bytes.TrimSpace(id))
		}
		isOther := isObject && hasID && value != "7"
		if isOther && err == nil {
			t.Errorf("%q names another object, and goes through", text)
		}
		if isObject && !hasID && err != nil && strings.Count(text, "[")+strings.Count(text, "{") < 500 {
			t.Errorf("%q names no object, and is stopped: %v", text, err)
		}
	})
}

// BenchmarkLongJSON shows what looking through a body costs.
func BenchmarkLongJSON(b *testing.B) {
	text := []byte("[" + strings.Repeat(fmt.Sprintf(`{"blockName":"core/paragraph","attrs":{"x":[1,2,3.5]},"innerHTML":%q},`, strings.Repeat("text ", 50)), 1000) + "1]")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		_, _ = io.Copy(io.Discard, longJSON(b, wordPress, bytes.NewReader(text)))
	}
}
