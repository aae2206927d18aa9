package sparekey_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCompatibility reads docs/reference/compatibility.md: each row names tests that exist,
// in the package that it says.
func TestCompatibility(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/reference/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if !strings.HasPrefix(line, "| ") || strings.HasSuffix(line, "| test |") {
			continue
		}
		rows++
		tests := cells[len(cells)-1]
		if tests == "not tested" {
			continue
		}
		for _, missing := range missingTests(t, tests) {
			t.Errorf("the row %q should name a test that exists: %s", cells[0], missing)
		}
	}
	if rows < 30 {
		t.Errorf("%d rows were found", rows)
	}
}

var (
	testNames = regexp.MustCompile("`(Test\\w+)`")
	packages  = regexp.MustCompile("`([a-z0-9/]+)`|root package")
)

// missingTests returns the tests that do not exist of a list such as "`web`, `rest`:
// `TestA`, `TestB`; root package: `TestC`", or the list itself where it names none.
func missingTests(t *testing.T, list string) (missing []string) {
	t.Helper()
	for part := range strings.SplitSeq(list, "; ") {
		where, names, _ := strings.Cut(part, ": ")
		found := testNames.FindAllStringSubmatch(names, -1)
		dirs := packages.FindAllStringSubmatch(where, -1)
		if len(found) == 0 || len(dirs) == 0 {
			missing = append(missing, "no test: "+part)
		}
		for _, dir := range dirs {
			for _, name := range found {
				if !hasTest(t, filepath.Join(".", dir[1]), name[1]) {
					missing = append(missing, dir[1]+" "+name[1])
				}
			}
		}
	}
	return missing
}

// hasTest reports whether a package has a test of this name.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), "\nfunc "+name+"(t *testing.T)")
	})
}
