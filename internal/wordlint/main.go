// Command wordlint finds words and phrases that this project does not use, in the comments
// and texts of Go files, in Markdown, and in the English catalogues. docs/words.md has the
// terms to use instead.
//
//	go run ./internal/wordlint [directory]
//
// It prints one line for each finding, and exits with 1 if there is one.
package main

import (
	"errors"
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	found, err := lint(os.DirFS(root))
	if err != nil {
		fmt.Fprintln(os.Stderr, "wordlint:", err)
		os.Exit(2)
	}
	for _, f := range found {
		fmt.Println(f)
	}
	if len(found) > 0 {
		fmt.Fprintf(os.Stderr, "%d findings: docs/words.md has the words to use instead\n", len(found))
		os.Exit(1)
	}
}

// phrase is a phrase that the project does not use, and what a writer does instead.
type phrase struct {
	pattern *regexp.Regexp
	instead string
	unless  *regexp.Regexp // what may follow, if any
}

var phrases = []phrase{
	{words(`nobody(?:'s)?|somebody(?:'s)?|whoever|whom`), "name the actor: the user, the caller, anonymous", nil},
	{regexp.MustCompile(`(?i)\bno\s+more(?:[.,;:!)]|$)`), "say what stops, such as \"no longer works\"", nil},
	{words(`is no|are no`), "say \"is not\", or name what is missing", regexp.MustCompile(`^\s+longer\b`)},
	{words(`but for`), "say \"except\"", nil},
	{words(`at the most`), "say \"at most\"", nil},
	{words(`for ever`), "say \"forever\", or what lasts", nil},
	{words(`of theirs`), "say whose", nil},
	{words(`as it is there`), "say what it is", nil},
	{words(`goes on as`), "say \"continues as\" or \"is forwarded as\"", nil},
	{words(`is told`), "programs learn, read or receive; they are not told", nil},
	{regexp.MustCompile(`(?:^|[.!?:]\s|")(?:Who|What)\s[^.!?]*\.(?:\s|"|$)`), "begin with the actor; \"Who\" and \"What\" begin questions", nil},
}

// words is a pattern of whole words, in any case and across lines.
func words(list string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(?:` + strings.ReplaceAll(list, " ", `\s+`) + `)\b`)
}

// exceptions are findings that are right, by file and a part of the text, each with its
// reason.
var exceptions = []struct{ file, part, reason string }{
	{"docs/words.md", "", "lists the phrases"},
	{"internal/wordlint/main.go", "", "likewise"},
	{"internal/wordlint/main_test.go", "", "likewise"},
}

// skipped are directories whose files are data, or are not ours.
var skipped = []string{".git", "bin", "cache", "node_modules", "testdata"}

// lint returns what it finds in the files of a directory, in their order.
func lint(files fs.FS) (found []string, err error) {
	err = fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if slices.Contains(skipped, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		read, ok := readers[kindOf(path)]
		if !ok {
			return nil
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		passages, err := read(path, text)
		for _, p := range passages {
			found = append(found, p.findings(path)...)
		}
		return err
	})
	return found, err
}

// kindOf is by what a file is read: its extension, or its name for a catalogue.
func kindOf(path string) string {
	if strings.Contains(path, "catalogue/") {
		return filepath.Base(path)
	}
	return filepath.Ext(path)
}

// readers take a file apart into passages, by the kind of the file.
var readers = map[string]func(path string, text []byte) ([]passage, error){
	".go": goPassages, ".md": markdownPassages, "en.json": linePassages,
}

// passage is a text that is read as a whole, and the line on which it begins.
type passage struct {
	line int
	text string
}

func (p passage) findings(path string) (found []string) {
	for _, ph := range phrases {
		for _, at := range ph.pattern.FindAllStringIndex(p.text, -1) {
			what := strings.Join(strings.Fields(p.text[at[0]:at[1]]), " ")
			isMeant := ph.unless != nil && ph.unless.MatchString(p.text[at[1]:])
			if !isMeant && !isException(path, p.text) {
				line := p.line + strings.Count(p.text[:at[0]], "\n")
				found = append(found, fmt.Sprintf("%s:%d: %q: %s", path, line, what, ph.instead))
			}
		}
	}
	return found
}

func isException(path, text string) bool {
	for _, e := range exceptions {
		if path == e.file && strings.Contains(text, e.part) {
			return true
		}
	}
	return false
}

// goPassages are the comments and the texts of a Go file. Lines of comments that follow
// one another are one passage.
func goPassages(path string, text []byte) (all []passage, err error) {
	set := token.NewFileSet()
	file := set.AddFile(path, -1, len(text))
	var s scanner.Scanner
	var broken scanner.ErrorList
	s.Init(file, text, func(at token.Position, message string) { broken.Add(at, message) }, scanner.ScanComments)
	lastComment := -1
	for {
		at, kind, literal := s.Scan()
		line := file.Line(at)
		switch {
		case kind == token.EOF:
			return all, errors.Join(broken.Err())
		case kind == token.COMMENT && line == lastComment+1:
			all[len(all)-1].text += "\n" + uncommented(literal)
			lastComment = line
		case kind == token.COMMENT:
			all = append(all, passage{line, uncommented(literal)})
			lastComment = line
		case kind == token.STRING:
			all = append(all, passage{line, strings.Trim(literal, "\"`")})
			lastComment = -1
		}
	}
}

func uncommented(comment string) string {
	return strings.TrimSpace(strings.TrimPrefix(comment, "//"))
}

// markdownPassages are the paragraphs of a Markdown file, without its blocks of code and
// what is marked as code.
func markdownPassages(_ string, text []byte) (all []passage, err error) {
	isCode, begun := false, false
	for i, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			isCode, begun, line = !isCode, false, ""
		}
		switch line = markedAsCode.ReplaceAllString(line, "code"); {
		case isCode || strings.TrimSpace(line) == "":
			begun = false
		case begun && !startsItem.MatchString(line):
			all[len(all)-1].text += "\n" + line
		default:
			all = append(all, passage{i + 1, startsItem.ReplaceAllString(line, "")})
			begun = true
		}
	}
	return all, nil
}

var (
	markedAsCode = regexp.MustCompile("`[^`]*`")
	startsItem   = regexp.MustCompile(`^\s*(?:[-*|#>]+|\d+\.)\s*`)
)

// linePassages are the lines of a file.
func linePassages(_ string, text []byte) (all []passage, err error) {
	for i, line := range strings.Split(string(text), "\n") {
		all = append(all, passage{i + 1, line})
	}
	return all, nil
}
