package sparekey_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"
)

// TestMarkdown holds that every relative link and anchor in the repository's Markdown leads
// somewhere, and that its lines are short enough to be read in a terminal.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	problems, err := markdownProblems(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

// TestMarkdownProblems has one file for each thing that TestMarkdown finds.
func TestMarkdownProblems(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 25)
	for text, want := range map[string]int{
		"[a](b.md) [a](b.md#the-title) [a](#here) [a](..%2Fdocs/b.md)\n\n# Here": 0,
		"[a](https://example.org/nowhere) `[a](nowhere.md)`":                     0,
		"```\n[a](nowhere.md) " + long + "\n```":                                 0,
		"![a](nowhere.png)":                                                      1,
		"[a link that\ngoes on](nowhere.md)":                                     1,
		"[a](nowhere.md)":                                                        1,
		"[a](b.md#nowhere)":                                                      1,
		"[a](#nowhere)":                                                          1,
		"[a](../outside.md)":                                                     1,
		"[a](../../outside.md)":                                                  1,
		long:                                                                     1,
		"> " + long:                                                              1,
		"| " + long + " |":                                                       0,
		"- [a](https://example.org/" + strings.Repeat("long", 30) + ")":      0,
		"- [a word](https://example.org/" + strings.Repeat("long", 30) + ")": 0,
		"a word [a](https://example.org/" + strings.Repeat("long", 30) + ")": 1,
		"`" + long + "`":         0,
		"# " + long:              0,
		strings.Repeat("ä", 100): 0,
		"# The `code` of *A* & B\n\n[a](#the-code-of-a--b)\n\n# A\n\n# A\n\n[a](#a-1)": 0,
		"a line\n```sh\n# not a heading\n```\n[a](#not-a-heading)":                     1,
	} {
		problems, err := markdownProblems(fstest.MapFS{
			"docs/a.md": {Data: []byte(text + "\n")},
			"docs/b.md": {Data: []byte("# The title\n")},
		})
		if err != nil || len(problems) != want {
			t.Errorf("%q: %q (%v), want %d", text, problems, err, want)
		}
	}
}

// TestIndex holds that docs/README.md leads to every page of the documentation, and that each
// page says at its beginning who it is for.
func TestIndex(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile("docs/README.md")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := fs.Glob(os.DirFS("docs"), "*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 20 {
		t.Errorf("only %d pages were found", len(pages))
	}
	for _, page := range append(pages, "library.md", "dependencies.md", "words.md") {
		if path.Dir(page) == "adr" {
			continue
		}
		if !strings.Contains(string(index), "]("+page+")") {
			t.Errorf("docs/README.md does not lead to %s", page)
		}
		text, err := os.ReadFile(path.Join("docs", page))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitN(string(text), "\n", 4)
		if len(lines) < 4 || !strings.HasPrefix(lines[0], "# ") || lines[1] != "" || !strings.HasPrefix(lines[2], "For ") {
			t.Errorf("docs/%s does not begin with its title and a line \"For …\" that says who it is for", page)
		}
	}
}

// TestCitedTests holds that the documentation names only tests, benchmarks and fuzz targets
// that there are.
func TestCitedTests(t *testing.T) {
	t.Parallel()
	defined := map[string]bool{}
	cited := map[string]string{}
	err := eachFile(os.DirFS("."), func(name, text string) {
		switch {
		case path.Ext(name) == ".go":
			for _, f := range testFunction.FindAllStringSubmatch(text, -1) {
				defined[f[1]] = true
			}
		case path.Ext(name) == ".md" && name != "CHANGELOG.md": // which tells of what was
			for _, c := range citedTest.FindAllStringSubmatch(text, -1) {
				cited[c[1]] = name
			}
		}
	})
	if err != nil || len(cited) < 100 {
		t.Fatalf("%d tests are cited, %v", len(cited), err)
	}
	for test, where := range cited {
		if !defined[test] {
			t.Errorf("%s names %s, which does not exist", where, test)
		}
	}
}

var (
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	citedTest    = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w+)`")
)

// widestLine is how many characters a line of Markdown may have, outside of code and tables.
const widestLine = 100

// markdownProblems returns what is wrong in the Markdown files of a directory, in their order.
func markdownProblems(files fs.FS) (problems []string, err error) {
	err = eachFile(files, func(name, text string) {
		if path.Ext(name) != ".md" {
			return
		}
		lines := proseLines(text)
		for i, line := range lines {
			if isTooLong(line) {
				problems = append(problems, fmt.Sprintf("%s:%d: the line has more than %d characters", name, i+1, widestLine))
			}
		}
		for _, link := range markdownLink.FindAllStringSubmatch(withoutCode(strings.Join(lines, "\n")), -1) {
			if problem := linkProblem(files, name, link[1]); problem != "" {
				problems = append(problems, fmt.Sprintf("%s: the link to %s: %s", name, link[1], problem))
			}
		}
	})
	return problems, err
}

// eachFile calls do with the name and the text of each Go and Markdown file, in their order.
func eachFile(files fs.FS, do func(name, text string)) error {
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "cache", "node_modules", "testdata"}, d.Name()):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".md" && path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(files, name)
		if err == nil {
			do(name, string(text))
		}
		return err
	})
}

var (
	markdownLink = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	inlineCode   = regexp.MustCompile("`[^`\n]*`")
	markers      = regexp.MustCompile(`^\s*(?:(?:[-*>]|\d+\.)\s+)*`)
	unbreakable  = regexp.MustCompile(`!?\[[^\]\n]*\]\([^()\s]+\)\S*|` + "`[^`\n]*`" + `\S*`)
)

// proseLines returns the lines of a Markdown file, where those of blocks of code are empty.
func proseLines(text string) (lines []string) {
	isCode := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		isFence := strings.HasPrefix(strings.TrimLeft(line, "> "), "```")
		if isFence {
			isCode = !isCode
		}
		if isCode || isFence {
			line = ""
		}
		lines = append(lines, line)
	}
	return lines
}

func withoutCode(text string) string {
	return inlineCode.ReplaceAllString(text, "code")
}

// isTooLong reports whether a line is longer than it may be, although it could be broken.
func isTooLong(line string) bool {
	if utf8.RuneCountInString(line) <= widestLine || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "#") {
		return false
	}
	rest := unbreakable.ReplaceAllString(markers.ReplaceAllString(line, ""), "x")
	return strings.Contains(strings.TrimSpace(rest), " ")
}

// linkProblem returns why a link of a file leads nowhere, and "" if it leads somewhere or out
// of the repository.
func linkProblem(files fs.FS, from, link string) string {
	u, err := url.Parse(link)
	switch {
	case err != nil:
		return err.Error()
	case u.IsAbs():
		return ""
	}
	to := from
	if u.Path != "" {
		to = path.Join(path.Dir(from), u.Path)
	}
	if _, err := fs.Stat(files, to); err != nil {
		return "the file does not exist"
	}
	if u.Fragment == "" {
		return ""
	}
	text, err := fs.ReadFile(files, to)
	if err != nil || !slices.Contains(anchors(string(text)), u.Fragment) {
		return "the heading does not exist"
	}
	return ""
}

// anchors returns the anchors of the headings of a Markdown file, as GitHub makes them.
func anchors(text string) (all []string) {
	times := map[string]int{}
	for _, line := range proseLines(text) {
		title := strings.TrimLeft(line, "#")
		if title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(title))
		if times[anchor]++; times[anchor] > 1 {
			anchor = fmt.Sprintf("%s-%d", anchor, times[anchor]-1)
		}
		all = append(all, anchor)
	}
	return all
}
