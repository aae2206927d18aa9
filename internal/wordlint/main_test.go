package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestLint has a finding for each phrase, in each kind of file.
func TestLint(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"Nobody's there. It works no more.":           2,
		"It is told to whom? There are no users.":     3,
		"All but for one, at the most, for ever.":     3,
		"What is there stays as it is there.":         2,
		"Who are you? What is it?":                    0,
		"It says: What is it not.":                    1,
		"There are no more than ten of them.":         1,
		"A user no longer works there; some may not.": 0,
		"It is no longer there. They are no longer.":  0,
		"It goes on as before, of theirs.":            2,
	} {
		for path, content := range map[string]string{
			"a.go":                   "package a\n\n// " + text + "\nvar a = 1\n",
			"b.go":                   "package b\n\nvar b = \"" + text + "\"\n",
			"c.md":                   "# Title\n\n- " + text + "\n",
			"x/catalogue/en.json":    "{\n\"a\": \"" + text + "\"\n}\n",
			"wrapped.go":             "package w\n\n// " + strings.ReplaceAll(text, " no ", " no\n// ") + "\nvar a = 1\n",
			"testdata/d.md":          "",
			"not a text that counts": text,
		} {
			found, err := lint(fstest.MapFS{path: {Data: []byte(content)}})
			count := want
			if path == "testdata/d.md" || strings.HasPrefix(path, "not") {
				count = 0
			}
			if err != nil || len(found) != count {
				t.Errorf("%s with %q: %q (%v), want %d findings", path, text, found, err, count)
			}
		}
	}
}

// TestPlaces names the line of a finding, and sees neither code nor a file that cannot be
// read.
func TestPlaces(t *testing.T) {
	t.Parallel()
	found, err := lint(fstest.MapFS{
		"a.go": {Data: []byte("package a\n\n// One.\n// Two, and\n// nobody.\nfunc nobody() {}\n")},
		"b.md": {Data: []byte("`nobody`\n\n```\nnobody\n```\n\n1. One\n2. At the\n   most two\n")},
	})
	if err != nil || len(found) != 2 || !strings.HasPrefix(found[0], "a.go:5: \"nobody\"") || !strings.HasPrefix(found[1], "b.md:8: \"At the most\"") {
		t.Errorf("%q, %v", found, err)
	}
	if _, err := lint(fstest.MapFS{"a.go": {Data: []byte("package a\n\nvar a = \"open\n")}}); err == nil {
		t.Error("a file that is not Go is not an error")
	}
}

// TestExceptions holds that each exception has a reason.
func TestExceptions(t *testing.T) {
	t.Parallel()
	for _, e := range exceptions {
		if e.file == "" || e.reason == "" {
			t.Errorf("%+v has no reason", e)
		}
	}
}
