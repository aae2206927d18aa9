package sparekey_test

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sparekey-dev/sparekey"

// layers says, for every package of the module, which packages of the module it may import
// (own) and which of other modules (ext, a prefix). "." is the root. The test fails for a
// package that is missing here, so every new package needs an entry.
var layers = map[string]struct{ own, ext []string }{
	".":                    {own: []string{"passhash", "scope", "internal/authcache", "internal/hashlimit", "internal/humantime", "internal/visible", "internal/wpname", "internal/rawpath"}},
	"internal/authcache":   {},
	"internal/hashlimit":   {},
	"scope":                {own: []string{"internal/rawpath"}},
	"internal/rawpath":     {},
	"passhash":             {ext: []string{"golang.org/x/crypto", "github.com/go-crypt/x"}},
	"audit":                {own: []string{".", "internal/network"}},
	"lifecycle":            {own: []string{"."}},
	"storetest":            {own: []string{".", "audit", "lifecycle"}},
	"store/memory":         {own: []string{".", "audit", "lifecycle", "internal/loginname"}},
	"internal/phpserial":   {},
	"internal/wpcache":     {ext: []string{"github.com/redis/go-redis/v9"}},
	"store/wordpress":      {own: []string{".", "audit", "lifecycle", "internal/auditsql", "internal/throttlesql", "passhash", "internal/loginname", "internal/phpserial", "internal/wpname"}, ext: []string{"github.com/go-sql-driver/mysql"}},
	"store/sqlite":         {own: []string{".", "audit", "lifecycle", "internal/auditsql", "internal/throttlesql", "internal/loginname"}, ext: []string{"modernc.org/sqlite"}},
	"clientip":             {},
	"internal/siteurl":     {own: []string{"internal/rawpath"}, ext: []string{"golang.org/x/net/idna"}},
	"internal/humantime":   {},
	"internal/visible":     {},
	"internal/wpname":      {},
	"internal/loginname":   {own: []string{"internal/visible"}, ext: []string{"golang.org/x/text/unicode/norm"}},
	"basicauth":            {own: []string{".", "scope", "clientip", "internal/loginname", "gateway/upstream"}},
	"explain":              {own: []string{".", "scope", "internal/humantime"}},
	"rest":                 {own: []string{".", "scope", "basicauth", "clientip", "internal/humantime", "internal/siteurl"}},
	"web":                  {own: []string{".", "scope", "explain", "audit", "clientip", "internal/humantime", "internal/siteurl", "internal/visible", "internal/wpname", "web/internal/authorize", "web/internal/urlquery"}},
	"internal/prefetch":    {},
	"internal/login":       {own: []string{".", "audit", "passhash", "internal/loginname", "throttle", "internal/prefetch"}, ext: []string{"github.com/alexedwards/scs/v2"}},
	"metrics":              {own: []string{".", "gateway", "throttle"}, ext: []string{"github.com/prometheus/client_golang"}},
	"internal/auditsql":    {own: []string{"audit"}},
	"internal/throttlesql": {},
	"internal/network":     {},
	"throttle":             {own: []string{".", "internal/loginname", "internal/network"}},
	"throttle/redis":       {own: []string{"throttle"}, ext: []string{"github.com/redis/go-redis/v9"}},
	"internal/guardbench":  {own: []string{".", "basicauth", "store/sqlite"}},
	"internal/doctor":      {own: []string{".", "basicauth", "clientip", "internal/siteurl"}},
	"internal/proxybench":  {own: []string{".", "clientip", "gateway", "gateway/proxy", "scope", "store/sqlite", "throttle"}},
	"internal/testclock":   {},
	"internal/testproc":    {},
	"internal/testdb":      {own: []string{"internal/testproc"}},
	"internal/wptest":      {own: []string{"internal/testclock", "internal/testdb", "internal/testproc"}},
	"internal/wplive":      {},
	"internal/wordlint":    {},
	"gateway":              {own: []string{".", "basicauth", "clientip", "scope", "gateway/upstream"}},
	"gateway/upstream":     {own: []string{".", "scope", "internal/rawpath"}},
	"gateway/forwardauth":  {own: []string{"basicauth", "clientip", "gateway"}},
	"gateway/gatewaytest":  {own: []string{".", "store/memory", "gateway", "gateway/forwardauth"}},
	"gateway/proxy":        {own: []string{"basicauth", "clientip", "gateway", "gateway/upstream", "internal/rawpath"}},
	"cmd/sparekey":         {own: []string{"internal/cli"}},
	"internal/config":      {own: []string{".", "audit", "basicauth", "gateway", "gateway/proxy", "internal/humantime", "internal/login", "internal/rawpath", "internal/siteurl", "scope", "throttle", "throttle/redis", "web"}, ext: []string{"github.com/agnivade/levenshtein", "github.com/alecthomas/kong", "go.yaml.in/yaml/v3"}},
	"internal/server":      {own: []string{".", "audit", "clientip", "gateway", "gateway/forwardauth", "gateway/proxy", "gateway/upstream", "internal/config", "internal/doctor", "internal/login", "internal/rawpath", "internal/siteurl", "internal/visible", "internal/wpcache", "lifecycle", "metrics", "rest", "store/memory", "store/sqlite", "store/wordpress", "throttle", "throttle/redis", "web"}},
	"internal/cli":         {own: []string{".", "audit", "clientip", "explain", "gateway", "gateway/upstream", "internal/config", "internal/doctor", "internal/humantime", "internal/login", "internal/server", "internal/visible", "passhash", "scope", "store/wordpress", "throttle"}, ext: []string{"github.com/alecthomas/kong", "github.com/jotaen/kong-completion", "github.com/posener/complete", "go.yaml.in/yaml/v3", "golang.org/x/term", "golang.org/x/text/width"}},

	"web/internal/authorize": {own: []string{".", "scope", "internal/humantime", "internal/rawpath", "web/internal/urlquery"}},
	"web/internal/urlquery":  {},
}

// exampleLayer holds for every program under examples: what an importer has.
var exampleLayer = []string{".", "scope", "basicauth", "rest", "web", "clientip", "store/memory", "store/sqlite", "throttle"}

// domainNever lists what the root package must not reach, even indirectly, so
// that an importer with another protocol or database does not pay for ours.
var domainNever = []string{"net/http", "database/sql", "html/template", "os/exec", "flag", "testing"}

// badNames are names that say nothing about what a package is for.
var badNames = []string{"util", "utils", "common", "helper", "helpers", "models", "types", "mocks", "misc", "pkg"}

func TestLayers(t *testing.T) {
	t.Parallel()
	for _, line := range goList(t, `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		importPath, imports, _ := strings.Cut(line, " ")
		name := ownName(importPath)
		if slices.Contains(badNames, path.Base(name)) {
			t.Errorf("package %s: name it after what it gives", name)
		}
		rule, ok := layers[name]
		if strings.HasPrefix(name, "examples/") {
			rule.own, ok = exampleLayer, true
		}
		if !ok {
			t.Errorf("package %s has no layer: add it to layers", name)
			continue
		}
		for _, imported := range strings.Fields(imports) {
			if !mayImport(rule.own, rule.ext, imported) {
				t.Errorf("%s must not import %s", name, imported)
			}
		}
	}
}

func TestScriptsCanBeRun(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("scripts/*")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%v, %v", scripts, err)
	}
	for _, script := range append(scripts, ".ci/run") {
		if info, err := os.Stat(script); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s cannot be run: %v, %v", script, info, err)
		}
	}
}

func mayImport(own, ext []string, imported string) bool {
	switch {
	case imported == module || strings.HasPrefix(imported, module+"/"):
		name := ownName(imported)
		return slices.Contains(own, name)
	case strings.Contains(strings.Split(imported, "/")[0], "."):
		return slices.ContainsFunc(ext, func(p string) bool { return imported == p || strings.HasPrefix(imported, p+"/") })
	}
	return true // the standard library
}

func TestDomainReaches(t *testing.T) {
	t.Parallel()
	reached := goList(t, "{{.ImportPath}}", "-deps", ".")
	for _, never := range domainNever {
		if slices.Contains(reached, never) {
			t.Errorf("the root package reaches %s", never)
		}
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	t.Parallel()
	for _, line := range goList(t, "{{.ImportPath}}|{{.Doc}}", "./...") {
		if name, doc, _ := strings.Cut(line, "|"); doc == "" {
			t.Errorf("package %s has no package comment", name)
		}
	}
}

func ownName(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

func goList(t *testing.T, format string, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list", "-f", format}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 2 {
		t.Fatalf("go list found only %q", lines)
	}
	return lines
}
