package forwardauth_test

import (
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/webdav"

	"github.com/sparekey-dev/sparekey/internal/testproc"
	"github.com/sparekey-dev/sparekey/scope"
)

// startDAV starts a WebDAV server with the files of two people in a folder.
func startDAV(t *testing.T, dir string) *url.URL {
	t.Helper()
	write(t, dir, map[string]string{"files/ann/old": "ann's", "files/bob/secret": "bob's"})
	server := httptest.NewServer(&webdav.Handler{FileSystem: webdav.Dir(dir), LockSystem: webdav.NewMemLS()})
	t.Cleanup(server.Close)
	return parseURL(t, server.URL)
}

// rclone runs rclone with the folder below an address as its remote "dav:". hidden has the
// secrets of credentials in the form that rclone wants, as far as they were needed before.
func (c *client) rclone(t *testing.T, hidden map[string]string, credential, folder string, args ...string) (string, error) {
	t.Helper()
	name, secret, _ := strings.Cut(c.login(t, credential), ":")
	if hidden[credential] == "" {
		out, err := c.run(t, "rclone", "obscure", secret)
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		hidden[credential] = strings.TrimSpace(out)
	}
	env := []string{
		"RCLONE_CONFIG=", "RCLONE_CONFIG_DAV_TYPE=webdav", "RCLONE_CONFIG_DAV_URL=" + c.url(folder),
		"RCLONE_CONFIG_DAV_USER=" + name, "RCLONE_CONFIG_DAV_PASS=" + hidden[credential],
	}
	return c.runWith(t, env, "rclone", append([]string{"--retries=1", "--low-level-retries=1"}, args...)...)
}

// TestRclone has rclone copy, move, list and delete files on a WebDAV server.
func TestRclone(t *testing.T) {
	t.Parallel()
	testproc.Program(t, clientRemedy, "rclone")
	scopes := map[string]scope.List{
		"dav:read": "dav:read", "dav:write": "dav:write", "ann": "* /files/ann/*",
		"guest": "GET,PROPFIND,MKCOL /files/*\n* /files/ann/*",
	}
	start := func(t *testing.T, home string) *url.URL {
		t.Helper()
		return startDAV(t, filepath.Join(home, "server"))
	}
	fronted{start: start, scopes: scopes}.each(t, func(t *testing.T, c *client) {
		write(t, c.home, map[string]string{"local/a.txt": "a", "local/b/c d.txt": "c", "local/ü.txt": "u"})
		hidden := map[string]string{}
		const refused = "This application password may not do that: no scope covers "
		for _, step := range []struct{ credential, folder, command, fails, arrives string }{
			{"dav:write", "/files", "copy local dav:ann/new", "", "PUT /files/ann/new/b/c%20d.txt"},
			{"dav:write", "/files", "moveto dav:ann/new dav:ann/moved", "", "MOVE /files/ann/new/"},
			{"dav:write", "/files", "copyto dav:ann/old dav:ann/copy", "", "COPY /files/ann/old"},
			{"dav:write", "/files", "sync local/b dav:ann/moved", "", "DELETE /files/ann/moved/%C3%BC.txt"},
			{"dav:write", "/files", "purge dav:ann/moved", "", "DELETE /files/ann/moved/"},

			{"dav:read", "/files", "check --download --one-way server/files/ann dav:ann", "", "GET /files/ann/old"},
			{"dav:read", "/files", "copy local dav:ann/new", refused + "MKCOL /files/ann/new/", ""},
			{"dav:read", "/files/ann", "copy local dav:", refused + "PUT /files/ann/a.txt", ""},
			{"dav:read", "/files", "deletefile dav:ann/old", refused + "DELETE /files/ann/old", ""},
			{"dav:read", "/files", "moveto dav:ann/old dav:ann/new", refused + "MOVE /files/ann/old", ""},

			{"ann", "/files/ann", "sync local dav:mine", "", "PUT /files/ann/mine/%C3%BC.txt"},
			{"ann", "/files", "cat dav:bob/secret", refused + "PROPFIND /files/bob/secret", ""},
			{"guest", "/files", "moveto dav:ann/old dav:bob/new", refused + "PUT /files/bob/new", ""},
			{"guest", "/files", "copyto dav:bob/secret dav:ann/new", refused + "COPY /files/bob/secret", ""},
			{"wrong", "/files", "cat dav:ann/old", "401 Unauthorized", ""},
		} {
			out, err := c.rclone(t, hidden, step.credential, step.folder, strings.Fields(step.command)...)
			arrived := c.arrived.take()
			if (err != nil) != (step.fails != "") || !strings.Contains(out, step.fails) || !strings.Contains(arrived, step.arrives) {
				t.Errorf("%s: rclone %s: %v, want %q and %q\n%s\n%s", step.credential, step.command, err, step.fails, step.arrives, out, arrived)
			}
		}
		for file, want := range map[string]string{"ann/old": "ann's", "ann/copy": "ann's", "ann/mine/b/c d.txt": "c", "bob/secret": "bob's"} {
			if got, err := os.ReadFile(filepath.Join(c.home, "server", "files", file)); err != nil || string(got) != want {
				t.Errorf("%s has %q, %v", file, got, err)
			}
		}
		for _, file := range []string{"ann/new", "ann/moved", "ann/a.txt", "bob/new"} {
			if _, err := os.Stat(filepath.Join(c.home, "server", "files", file)); err == nil {
				t.Errorf("there is a file %s", file)
			}
		}
	})
}
