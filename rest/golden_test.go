package rest_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/rest"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata")

// variations are the sites on which the conversations in testdata take place. A
// file names one in a line "site: NAME"; without it, it is "usual".
func variations() map[string]options {
	no := func(context.Context) (bool, error) { return false, nil }
	return map[string]options{
		"usual":     {service: sparekey.Config{}},
		"strict":    {service: sparekey.Config{UniqueNames: true}},
		"off":       {service: sparekey.Config{Available: no}},
		"telling":   {rest: rest.Config{WordPressErrors: true}},
		"broken":    {breaking: true},
		"unlisted":  {unlisted: true},
		"opaque":    {rest: rest.Config{OpaqueUserIDs: true}},
		"small":     {rest: rest.Config{MaxBody: 64}},
		"plain":     {rest: rest.Config{BaseURL: "https://api.example.org", Name: "Example", Description: "An example"}},
		"off-other": {service: sparekey.Config{AvailableFor: exceptOther}},
	}
}

func exceptOther(_ context.Context, u sparekey.User) (bool, error) { return u.Login != "other", nil }

// TestGolden holds conversations with the API. A file in testdata has requests
// and the answers to them, in turn. In a request, "As: login" stands for that
// user's application password, "Session: login" for being signed in, and "From:
// address" for where it comes from. In both, <uuid:login> and <secret:login> are
// the application password that the user has from the start, and <uuid-1>,
// <secret-1> the first of those that were made since. Headers that every answer
// has are left out.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			talk := newConversation(t, siteOf(t, archive))
			talk.replay(t, archive)
			if *update {
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func siteOf(t *testing.T, archive *txtar.Archive) options {
	t.Helper()
	name := "usual"
	for line := range strings.Lines(string(archive.Comment)) {
		if text, ok := strings.CutPrefix(line, "site: "); ok {
			name = strings.TrimSpace(text)
		}
	}
	o, ok := variations()[name]
	if !ok {
		t.Fatalf("unknown site %q", name)
	}
	return o
}

// conversation is an exchange of requests and answers with one site.
type conversation struct {
	site *site
	// names has a placeholder for every value that differs from run to run.
	names  map[string]string
	counts map[string]int
}

func newConversation(t *testing.T, o options) *conversation {
	t.Helper()
	c := &conversation{site: newSite(t, o), names: map[string]string{}, counts: map[string]int{}}
	for login := range c.site.users {
		c.names[c.site.uuids[login]] = "<uuid:" + login + ">"
		c.names[c.site.secrets[login].Chunked()] = "<secret:" + login + ">"
	}
	return c
}

// replay sends the requests of an archive. With -update it puts the answers in;
// otherwise it compares them.
func (c *conversation) replay(t *testing.T, archive *txtar.Archive) {
	t.Helper()
	var files []txtar.File
	for i, file := range archive.Files {
		if !strings.HasPrefix(file.Name, "request") {
			continue
		}
		answer := txtar.File{Name: strings.Replace(file.Name, "request", "answer", 1)}
		answer.Data = []byte(c.exchange(t, string(file.Data)))
		files = append(files, file, answer)
		if *update {
			continue
		}
		if i+1 == len(archive.Files) || archive.Files[i+1].Name != answer.Name {
			t.Fatalf("%s has no %s after it: run the test with -update", file.Name, answer.Name)
		}
		if diff := cmp.Diff(string(archive.Files[i+1].Data), string(answer.Data)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", answer.Name, diff)
		}
	}
	if len(files) == 0 {
		t.Fatal("no requests")
	}
	archive.Files = files
}

func (c *conversation) exchange(t *testing.T, text string) string {
	t.Helper()
	for value, name := range c.names {
		text = strings.ReplaceAll(text, name, value)
	}
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	body = strings.TrimSuffix(body, "\n")
	if strings.Contains(head, "multipart/") {
		body = strings.ReplaceAll(body, "\n", "\r\n")
	}
	r := c.site.request(method, target, "", strings.NewReader(body))
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("not a header: %q", line)
		}
		switch name {
		case "As":
			r.SetBasicAuth(value, c.site.secrets[value].Chunked())
		case "Session":
			r.Header.Set("X-Session", value)
		case "From":
			r.RemoteAddr = value + ":50000"
		case "Host":
			r.Host = value
		default:
			r.Header.Add(name, value)
		}
	}
	answer := c.hide(dump(t, c.site.send(r)))
	if created := strings.HasPrefix(answer, "201\n") || strings.Contains(answer, `"status":201`); !created && strings.Contains(answer, "<secret") {
		t.Errorf("%s %s shows a secret: %s", method, target, answer)
	}
	return answer
}

// common are headers that every answer has, with these values.
func common() map[string]string {
	return map[string]string{
		"Content-Type":                  "application/json; charset=UTF-8",
		"X-Content-Type-Options":        "nosniff",
		"X-Robots-Tag":                  "noindex",
		"Link":                          `<https://example.org/wp-json/>; rel="https://api.w.org/"`,
		"Access-Control-Expose-Headers": "X-WP-Total, X-WP-TotalPages, Link",
		"Access-Control-Allow-Headers":  "Authorization, X-WP-Nonce, Content-Disposition, Content-MD5, Content-Type",
	}
}

func dump(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", w.Code)
	var lines []string
	for name, values := range w.Header() {
		for _, value := range values {
			if common()[name] != value {
				lines = append(lines, name+": "+value+"\n")
			}
		}
	}
	for name := range common() {
		if w.Header().Get(name) == "" {
			t.Errorf("an answer without %s", name)
		}
	}
	slices.Sort(lines)
	body, err := io.ReadAll(bufio.NewReader(w.Body))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%s\n%s\n", strings.Join(lines, ""), body)
	return b.String()
}

// volatile are values that differ from run to run, by what they are.
func volatile() map[string]*regexp.Regexp {
	return map[string]*regexp.Regexp{
		"uuid":   regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`),
		"secret": regexp.MustCompile(`[0-9A-Za-z]{4}( [0-9A-Za-z]{4}){5}`),
	}
}

// hide puts placeholders in an answer.
func (c *conversation) hide(answer string) string {
	for kind, pattern := range volatile() {
		answer = pattern.ReplaceAllStringFunc(answer, func(value string) string {
			if c.names[value] == "" {
				c.counts[kind]++
				c.names[value] = fmt.Sprintf("<%s-%d>", kind, c.counts[kind])
			}
			return c.names[value]
		})
	}
	return answer
}
