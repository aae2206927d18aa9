package wplive_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// TestRotationInFront uses the secret from before a rotation, which WordPress itself
// does not know, on WordPress's own routes.
func TestRotationInFront(t *testing.T) {
	t.Parallel()
	_, keyFile := newKey(t)
	site := wptest.Start(t, wptest.Config{
		MustUse:   []string{identityPlugin},
		ConfigPHP: "define( 'SPAREKEY_IDENTITY_KEY_FILE', '" + keyFile + "' );",
	})
	plain := serve(t, site, "--upstream="+site.URL)
	signing := serve(t, site, "--upstream="+site.URL, "--signing-key="+keyFile)
	unheard := serve(t, site, "--upstream="+site.URL, "--no-forward-authorization")
	oldSecret := plain.cli(t, "user", "application-password", "create", wptest.Editor, "rotated", "--porcelain")
	uuid := plain.cli(t, "user", "application-password", "list", wptest.Editor, "--field=uuid")
	command := plain.command(t, "user", "application-password", "rotate", wptest.Editor, uuid, "--grace=1h", "--porcelain")
	var warned strings.Builder
	command.Stderr = &warned
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	newSecret := strings.TrimSpace(string(out))
	if !strings.Contains(warned.String(), "--signing-key") {
		t.Errorf("rotate says %q", warned.String())
	}
	for name, c := range map[string]struct {
		server       *server
		path, secret string
		status       int
		body         string
	}{
		"new secret":                    {plain, mePath, newSecret, http.StatusOK, `"id"`},
		"old secret":                    {plain, mePath, oldSecret, http.StatusForbidden, "after a rotation"},
		"old secret, Sparekey's routes": {plain, minePath, oldSecret, http.StatusOK, uuid},
		"new secret, signed":            {signing, mePath, newSecret, http.StatusOK, `"id"`},
		"old secret, signed":            {signing, mePath, oldSecret, http.StatusOK, `"id"`},
		"new secret, not passed on":     {unheard, mePath, newSecret, http.StatusUnauthorized, "rest_not_logged_in"},
	} {
		answer := wptest.Send(t, c.server.url, wptest.Call{Path: c.path, Login: wptest.Editor, Secret: c.secret})
		if answer.Status != c.status || !strings.Contains(answer.Body, c.body) {
			t.Errorf("%s: %s", name, answer)
		}
		if told := answer.Header.Get("Sparekey-Old-Secret-Until") != ""; told != (c.secret == oldSecret && c.status == http.StatusOK) {
			t.Errorf("%s: the answer says that the old secret is accepted: %v", name, told)
		}
	}
	for _, c := range []struct {
		name   string
		server *server
		status int
	}{{"plain", plain, http.StatusBadRequest}, {"signing", signing, http.StatusCreated}} {
		answer := wptest.Send(t, c.server.url, wptest.Call{
			Method: http.MethodPost, Path: minePath + "/" + uuid + "/rotate", JSON: `{"grace":60}`, Login: wptest.Editor, Secret: newSecret,
		})
		if answer.Status != c.status || c.status == http.StatusBadRequest && !strings.Contains(answer.Body, "--signing-key") {
			t.Errorf("a rotation over REST, %s: %s", c.name, answer)
		}
	}
	if log := unheard.process.Log(); !strings.Contains(log, "WordPress will refuse every application password") {
		t.Errorf("the log says %s", log)
	}
	if log := plain.process.Log() + signing.process.Log(); strings.Contains(log, "WordPress will refuse") {
		t.Errorf("the log says %s", log)
	}
}
