package wplive_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/testproc"
	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// TestConformance compares Sparekey on a WordPress database with the recorded
// answers of a live WordPress 7.1; see scripts/conformance.
func TestConformance(t *testing.T) {
	t.Parallel()
	cases := os.Getenv("CONFORMANCE")
	if cases == "" {
		cases = "../../../shared/conformance"
	}
	runner := filepath.Join(cases, "run.py")
	if _, err := os.Stat(runner); err != nil {
		testproc.Missing(t, "the recordings of WordPress in "+cases, "set CONFORMANCE to their folder")
	}
	python := testproc.Program(t, "install it", "python3")
	site := wptest.Start(t, wptest.Config{})
	key := serve(t, site)

	type fixtureUser struct {
		ID           int    `json:"id"`
		Login        string `json:"login"`
		Email        string `json:"email"`
		MainPassword string `json:"main_password"`
		AppPassword  string `json:"app_password"`
	}
	users := map[string]fixtureUser{}
	for name, role := range map[string]string{
		"admin": "administrator", "editor": "editor", "author": "author", "contrib": "contributor",
		"sub": "subscriber", "other": "subscriber", "victim": "subscriber",
	} {
		u := site.AddUser(t, "d_"+name, role)
		secret := key.cli(t, "user", "application-password", "create", strconv.Itoa(u.ID), "fixture", "--porcelain")
		users[name] = fixtureUser{u.ID, u.Login, u.Email, u.Password, secret}
	}
	text, err := json.Marshal(map[string]any{"users": users})
	if err != nil {
		t.Fatal(err)
	}
	fixture := filepath.Join(t.TempDir(), "fixture.json")
	if err := os.WriteFile(fixture, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, runner, "--base", key.url, "--rest-root", "/wp-json", "--fixture", fixture,
		"--compare", filepath.Join(cases, "golden.json"), "--shuffle", "1").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	for _, u := range users {
		key.checkLog(t, u.AppPassword)
	}
}
