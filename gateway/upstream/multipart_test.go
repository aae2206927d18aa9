package upstream_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/internal/testproc"
)

// guardedForm sends a multipart form with the boundary x past the guard of a limited
// credential, in parts of a size, and returns what is passed on.
func guardedForm(t *testing.T, body string, size int) (passed string, err error) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/wp-json/wp/v2/media/7", &trickle{body, size})
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	reader := upstream.Reader{Profile: wordPress, Request: upstream.Request{Method: r.Method, Target: r.RequestURI, Header: r.Header, Body: upstream.NewBody(r)}}
	if readings := reader.Readings(true); readings.Unclear != "" {
		return "", errors.New(readings.Unclear)
	}
	all, err := io.ReadAll(r.Body)
	return string(all), err
}

// hiddenFields are headers of parts in which only some programs find the name of a field:
// rest_route, _method or id.
var hiddenFields = []string{
	// PHP joins a line without a colon to the one before it.
	"Content-Disposition: form-data; na\r\nme=\"rest_route\"", "Content-Disposition: form-data; name=\"re\r\nst_route\"", "Content-Disposition: form-data; name=\"_meth\nod\"",
	"Content-Disposition: form-data; name=\"i\nd\"", "Content-Disposition: form-data; n\na\nm\ne=i\nd", "Content-Disposition: form-data; name\r\n=\"i\r\nd\"",
	// PHP ends a line at a zero byte.
	"Content-Disposition: form-data; name=\"re\x00:\r\nst_route\"", "Content-Disposition: form-data; na\x00" + strings.Repeat("junk", 1000) + "\r\nme=id",
	"\x00\r\nContent-Disposition: form-data; name=title", "X: a\x00\r\nContent-Disposition: form-data; na\r\nme=id",
	// Rack and others undo escapes, Django and others undo RFC 2231.
	`Content-Disposition: form-data; name="_meth\od"`, `Content-Disposition: form-data; name="i\d"`, `Content-Disposition: form-data; name*=utf-8''%5Fmethod`,
	`Content-Disposition: form-data; name*0="_me"; name*1="thod"`, `Content-Disposition: form-data; name="%5Fmethod"`,
	// There are two names.
	`Content-Disposition: form-data; name="a"; NAME="i` + "\n" + `d"`, "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
	`Content-Disposition: form-data; filename="a\"; name="b"; x="`,
	// Rack takes a name from elsewhere.
	"Content-ID: _method", "Content-ID: <id>\r\nContent-Disposition: form-data", "Content-Disposition: form-data\r\nX-Note: a", "content-id: _method\r\nContent-Disposition: form-data; filename=a",
	`X: Content-Disposition: form-data; name="_meth\od"`, "Content-Disposition: form-data; name=a\r\nX: Content-ID: _method",
	// A part has parts.
	"Content-Disposition: form-data; name=a\r\nContent-Type: multipart/mixed; boundary=y",
}

// TestHiddenFields hides fields in the header of a part, where only some parsers find them.
func TestHiddenFields(t *testing.T) {
	t.Parallel()
	const plain = "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nhello\r\n"
	file := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n" + strings.Repeat("\x89PNG\r\n\x00na\r\nme=", 3000) + "\r\n"
	for _, head := range hiddenFields {
		part := "--x\r\n" + head + "\r\n\r\n8\r\n"
		for _, body := range []string{part + "--x--\r\n", plain + part + "--x--\r\n", file + part + plain + "--x--\r\n", plain + "--x--\r\n" + part, file + "--x--\r\n" + part + "--x--"} {
			for _, size := range []int{1, 4096, 1 << 20} {
				if passed, err := guardedForm(t, body, size); !errors.Is(err, upstream.ErrForbiddenField) || strings.Contains(passed, head) {
					t.Errorf("%.100q in parts of %d goes through: %v", head, size, err)
				}
			}
		}
	}
	for _, body := range []string{
		strings.Replace(plain, "--x\r\n", "--x\x00\r\n", 1) + "--x--", strings.Replace(plain, "--x\r\n", "--x \r\n", 1) + "--x--",
		strings.ReplaceAll(plain, "\r\n", "\n") + "--x--", plain + "--x--y\r\n" + plain, "--x\r\n\r\nno header\r\n--x--", plain + "--x\r\nContent-Disposition: form-data; name=\"a",
		"--x\r\nX-Note: " + strings.Repeat("y", 5<<10) + "\r\n" + strings.TrimPrefix(plain, "--x\r\n") + "--x--",
	} {
		if _, err := guardedForm(t, body, 1<<20); !errors.Is(err, upstream.ErrForbiddenField) {
			t.Errorf("%.100q: %v", body, err)
		}
	}
}

// TestPlainForms keeps the forms of browsers and of usual clients.
func TestPlainForms(t *testing.T) {
	t.Parallel()
	for _, head := range []string{
		`Content-Disposition: form-data; name="title"`, `content-disposition: form-data; name=title`, `Content-Disposition: form-data;name="meta[a b]"`,
		"Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=\"title\"\r\nContent-Transfer-Encoding: binary\r\nContent-Length: 1",
		`Content-Disposition: form-data; name="file"; filename="grüße \"a\" 50%.png"` + "\r\nContent-Type: image/png", `Content-Disposition: form-data; name="a%22b"; filename=""`,
		`Content-Disposition: form-data; name="file"; filename="a.png"; filename*=UTF-8''gr%C3%BC.png`, "Content-Disposition: form-data; name=\"file\"; filename=\"\xe9.png\"",
		`Content-Disposition: form-data; name="file"; filename*=utf-8''a.png`,
	} {
		for _, size := range []int{1, 4096, 1 << 20} {
			body := "--x\r\n" + head + "\r\n\r\n" + strings.Repeat("y\r\n-", 9000) + "\r\n--x\r\n" + head + "\r\n\r\n\r\n--x--\r\n"
			if passed, err := guardedForm(t, body, size); err != nil || passed != body {
				t.Errorf("%q in parts of %d: %d of %d bytes, %v", head, size, len(passed), len(body), err)
			}
		}
	}
	for _, contentType := range []string{`multipart/form-data; boundary="a b"`, `multipart/form-data; boundary="a,b"`, `multipart/form-data; boundary="a\"b"`, `multipart/form-data; boundary="a;b"`} {
		if got := lines(read(t, wordPress, "POST /contact\nContent-Type: "+contentType+"\n\n--a", true)); got != "unclear!" {
			t.Errorf("%s: %s", contentType, got)
		}
	}
}

// TestHiddenFieldsInPHP has PHP itself read the forms: wherever it finds a field by which
// WordPress takes a request for another one, the guard has stopped the form.
func TestHiddenFieldsInPHP(t *testing.T) {
	t.Parallel()
	php := testproc.Program(t, "run scripts/wordpress-deps", "php")
	dir := testproc.Dir(t)
	script := filepath.Join(dir, "fields.php")
	if err := os.WriteFile(script, []byte("<?php echo json_encode( array_keys( $_POST ), JSON_INVALID_UTF8_SUBSTITUTE );"), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := "127.0.0.1:" + testproc.FreePort(t)
	testproc.Start(t, exec.CommandContext(t.Context(), php, "-S", addr, script), filepath.Join(dir, "php.log"), testproc.Accepts("tcp", addr))
	found := 0
	for _, head := range hiddenFields {
		body := "--x\r\n" + head + "\r\n\r\n8\r\n--x--\r\n"
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var fields []string
		err = json.NewDecoder(res.Body).Decode(&fields)
		_ = res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(fields, func(name string) bool { return slices.Contains([]string{"rest_route", "_method", "id"}, name) }) {
			continue
		}
		found++
		if _, err := guardedForm(t, body, 1<<20); !errors.Is(err, upstream.ErrForbiddenField) {
			t.Errorf("PHP finds %q in %.100q, which goes through: %v", fields, head, err)
		}
	}
	if found < 5 {
		t.Errorf("PHP finds hidden fields in %d forms only: the test proves too little", found)
	}
}
