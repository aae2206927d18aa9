package gatewaytest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
)

// TestTable holds the table of attacks in the documentation to what is tried.
func TestTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "explanation", "attacks.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| attack | after |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| (.*) \\|$").FindAllStringSubmatch(table, -1) {
		documented[row[1]] = row[2]
	}
	attacks := gatewaytest.Attacks()
	if len(attacks) < 30 {
		t.Errorf("only %d attacks", len(attacks))
	}
	for _, a := range attacks {
		if documented[a.Name] != a.After {
			t.Errorf("docs/explanation/attacks.md should have the line\n| `%s` | %s |", a.Name, a.After)
		}
		if len(a.Requests) == 0 || strings.Contains(a.After, "|") {
			t.Errorf("%s: %d requests, %q", a.Name, len(a.Requests), a.After)
		}
		delete(documented, a.Name)
	}
	for name := range documented {
		t.Errorf("docs/explanation/attacks.md tells of %s, which is not tried", name)
	}
}

// TestFrontEnds holds the table of attacks by front-end to what is tried.
func TestFrontEnds(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "explanation", "attacks.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| attack | `--upstream` |")
	table, _, _ = strings.Cut(table, "\n\n")
	documented := map[string]bool{}
	for _, row := range strings.Split(table, "\n")[2:] {
		cells := strings.Split(row, "|")
		for _, name := range regexp.MustCompile("`([a-z0-9-]+)`").FindAllStringSubmatch(cells[1], -1) {
			documented[name[1]] = true
		}
		for _, cell := range cells[2:8] {
			if outcome := strings.Trim(cell, " ¹"); outcome != "refused" && outcome != "taken out" && outcome != "either" {
				t.Errorf("%s: %q", cells[1], outcome)
			}
		}
	}
	for _, a := range gatewaytest.Attacks() {
		if !documented[a.Name] {
			t.Errorf("docs/explanation/attacks.md does not tell what becomes of %s", a.Name)
		}
		delete(documented, a.Name)
	}
	for name := range documented {
		t.Errorf("docs/explanation/attacks.md tells of %s, which is not tried", name)
	}
}
