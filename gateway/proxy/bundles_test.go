package proxy_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/webdav"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
	"github.com/sparekey-dev/sparekey/internal/testproc"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// startScoped starts a proxy in front of an application, and makes an application password
// for each of some bundles. The result is the address, and who has which secret.
func startScoped(t *testing.T, application http.Handler, bundles ...string) (address string, secrets map[string]string) {
	t.Helper()
	store := memory.New()
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	svc := sparekey.New(store, store, sparekey.Config{})
	secrets = map[string]string{}
	for _, name := range bundles {
		rules, err := scope.Parse([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		secret, _, err := svc.AsOperator().Create(t.Context(), ann.ID, sparekey.NewCredential{Name: name, Limits: sparekey.Limits{Scopes: rules}})
		if err != nil {
			t.Fatal(err)
		}
		secrets[name] = secret.Reveal()
	}
	app := httptest.NewServer(application)
	t.Cleanup(app.Close)
	upstream, err := url.Parse(app.URL)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(proxy.New(gateway.New(svc, gateway.Config{}), upstream, proxy.Config{Origin: clientip.FromPeer}))
	t.Cleanup(front.Close)
	return front.URL, secrets
}

// git runs a git command as a bundle's application password.
func git(t *testing.T, secret, dir string, args ...string) (string, error) {
	t.Helper()
	auth := base64.StdEncoding.EncodeToString([]byte("ann:" + secret))
	cmd := exec.CommandContext(t.Context(), testproc.Program(t, "install git", "git"), append([]string{"-c", "http.extraHeader=Authorization: Basic " + auth}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+dir, "GIT_TERMINAL_PROMPT=0", "GIT_AUTHOR_NAME=ann", "GIT_AUTHOR_EMAIL=a@b.example",
		"GIT_COMMITTER_NAME=ann", "GIT_COMMITTER_EMAIL=a@b.example", "GIT_TRACE_CURL=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestGitBundles clones from and pushes to repositories at several depths, behind git's
// own server.
func TestGitBundles(t *testing.T) {
	t.Parallel()
	program := testproc.Program(t, "install git", "git")
	exe, err := exec.CommandContext(t.Context(), program, "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	address, secrets := startScoped(t, &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(exe)), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=ann"},
	}, "git:read", "git:write", "read", "dav:write")
	for _, repository := range []string{"repo.git", "owner/repo.git", "git/group/sub/repo"} {
		if out, err := git(t, "", root, "init", "--bare", filepath.Join(root, repository)); err != nil {
			t.Fatal(out, err)
		}
		remote := address + "/" + repository
		for i, c := range []struct {
			bundle      string
			clone, push bool
		}{{"git:write", true, true}, {"git:read", true, false}, {"read", false, false}, {"dav:write", false, false}} {
			dir := t.TempDir()
			out, err := git(t, secrets[c.bundle], dir, "clone", remote, "work")
			if (err == nil) != c.clone {
				t.Errorf("%s: clone of %s: %v\n%s", c.bundle, repository, err, out)
			}
			work := filepath.Join(dir, "work")
			if !c.clone { // push needs a clone
				if out, err := git(t, secrets["git:write"], dir, "clone", remote, "work"); err != nil {
					t.Fatal(out, err)
				}
			}
			if out, err := git(t, "", work, "commit", "--allow-empty", "-m", fmt.Sprint("change ", i)); err != nil {
				t.Fatal(out, err)
			}
			out, err = git(t, secrets[c.bundle], work, "push", "origin", "HEAD:refs/heads/main")
			if (err == nil) != c.push {
				t.Errorf("%s: push to %s: %v\n%s", c.bundle, repository, err, out)
			}
		}
	}
}

// send sends a request as a bundle's application password, and returns the status.
func send(t *testing.T, secret, address, request string) int {
	t.Helper()
	line, rest, _ := strings.Cut(request, "\n")
	head, body, _ := strings.Cut(rest, "\n\n")
	method, target, _ := strings.Cut(line, " ")
	r, err := http.NewRequestWithContext(t.Context(), method, address+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for field := range strings.SplitSeq(head, "\n") {
		if name, value, ok := strings.Cut(field, ": "); ok {
			r.Header.Set(name, strings.ReplaceAll(value, "{address}", address))
		}
	}
	r.SetBasicAuth("ann", secret)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// TestDAVBundles sends what rclone, cadaver and davfs2 send, to a WebDAV server.
func TestDAVBundles(t *testing.T) {
	t.Parallel()
	address, secrets := startScoped(t, &webdav.Handler{FileSystem: webdav.NewMemFS(), LockSystem: webdav.NewMemLS()},
		"dav:read", "dav:write", "read", "write", "oci:push")
	for _, c := range []struct {
		request string
		status  int  // of dav:write; 0: any but 403
		reads   bool // read and dav:read may send it
	}{
		{"OPTIONS /", http.StatusOK, true},
		{"MKCOL /notes", http.StatusCreated, false},
		{"PUT /notes/a.txt\nContent-Type: text/plain\n\nhello", http.StatusCreated, false},
		{"PROPFIND /notes\nDepth: 1\nContent-Type: application/xml\n\n<?xml version=\"1.0\"?><propfind xmlns=\"DAV:\"><allprop/></propfind>", http.StatusMultiStatus, true},
		{"GET /notes/a.txt", http.StatusOK, true},
		{"HEAD /notes/a.txt", http.StatusOK, true},
		{"COPY /notes/a.txt\nDestination: {address}/notes/b.txt", http.StatusCreated, false},
		{"MOVE /notes/b.txt\nDestination: {address}/notes/c.txt", http.StatusCreated, false},
		{"PROPPATCH /notes/a.txt\n\n<?xml version=\"1.0\"?><D:propertyupdate xmlns:D=\"DAV:\" xmlns:y=\"y:\"><D:set><D:prop><y:x>1</y:x></D:prop></D:set></D:propertyupdate>", 0, false},
		{"LOCK /notes/d.txt\nTimeout: Second-60\n\n<?xml version=\"1.0\"?><lockinfo xmlns=\"DAV:\"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>", http.StatusCreated, false},
		{"DELETE /notes/a.txt", http.StatusNoContent, false},
		{"POST /notes", http.StatusForbidden, false},
		{"PATCH /notes/c.txt", http.StatusForbidden, false},
		{"GET /notes/c.txt\nX-HTTP-Method-Override: DELETE", 0, false},
		{"PROPFIND /notes\nX-HTTP-Method-Override: POST", http.StatusForbidden, false},
	} {
		for _, name := range []string{"dav:read", "read", "oci:push"} {
			status := send(t, secrets[name], address, c.request)
			if want := c.reads && name != "oci:push"; (status != http.StatusForbidden) != want {
				t.Errorf("%s: %s: %d", name, c.request, status)
			}
		}
		if status := send(t, secrets["dav:write"], address, c.request); c.status != 0 && status != c.status || c.status == 0 && status == http.StatusForbidden {
			t.Errorf("dav:write: %s: %d, want %d", c.request, status, c.status)
		}
	}
	for method, want := range map[string]int{"PROPFIND": http.StatusMultiStatus, "MKCOL": http.StatusForbidden} {
		if status := send(t, secrets["write"], address, method+" /"); status != want {
			t.Errorf("write: %s: %d, want %d", method, status, want)
		}
	}
}

// TestRecordedBundles sends what registries' clients (docker, skopeo, oras) and Git LFS
// send.
func TestRecordedBundles(t *testing.T) {
	t.Parallel()
	address, secrets := startScoped(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}), "oci:pull", "oci:push", "git:read", "git:write")
	const lfs = "\nAccept: application/vnd.git-lfs+json\nContent-Type: application/vnd.git-lfs+json; charset=utf-8\n\n"
	for _, c := range []struct{ request, allowed string }{
		{"GET /v2/", "oci:pull oci:push"},
		{"GET /v2", "oci:pull oci:push"},
		{"HEAD /v2/team/app/manifests/1.0", "oci:pull oci:push"},
		{"GET /v2/team/app/blobs/sha256:0123", "oci:pull oci:push"},
		{"GET /v2/app/tags/list?n=100", "oci:pull oci:push"},
		{"GET /v2/app/referrers/sha256:0123", "oci:pull oci:push"},
		{"POST /v2/team/app/blobs/uploads/", "oci:push"},
		{"POST /v2/app/blobs/uploads/?mount=sha256:01&from=other/app", "oci:push"},
		{"PATCH /v2/app/blobs/uploads/8a1b\nContent-Range: 0-4\n\nlayer", "oci:push"},
		{"PUT /v2/app/blobs/uploads/8a1b?digest=sha256:01", "oci:push"},
		{"PUT /v2/team/app/manifests/1.0\nContent-Type: application/vnd.oci.image.manifest.v1+json\n\n{}", "oci:push"},
		{"DELETE /v2/app/manifests/sha256:01", ""},
		{"GET /v2/../admin", ""},
		{"GET /api/v2.0/users", ""},
		{"POST /r.git/info/lfs/objects/batch" + lfs + `{"operation":"download","objects":[]}`, "git:read git:write"},
		{"POST /o/r.git/info/lfs/objects/batch" + lfs + `{"operation":"upload","objects":[]}`, "git:write"},
		{"POST /o/r.git/info/lfs/objects/batch" + lfs + `{"operation":"download","operation":"upload"}`, "git:write"},
		{"POST /o/r.git/info/lfs/objects/batch" + lfs + `{"operation":"upload","Operation":"download"}`, "git:write"},
		{"POST /o/r.git/info/lfs/objects/batch" + lfs + `{"Operation":"upload","operation":"download"}`, "git:write"},
		{"POST /o/r.git/info/lfs/objects/batch" + lfs + `{"objects":[]}`, "git:write"},
		{"PUT /r.git/info/lfs/objects/0123\n\nlarge", "git:write"},
		{"POST /r.git/info/lfs/locks/verify" + lfs + `{}`, "git:write"},
		{"GET /r.git/info/lfs/objects/0123", "git:read git:write"},
		{"GET /r.git/info/refs?service=git-upload-pack", "git:read git:write"},
		{"GET /r.git/info/refs", "git:read git:write"},
		{"GET /r.git/info/refs?service=git-receive-pack", "git:write"},
		{"GET /r.git/info/refs?service=git%2Dreceive-pack", "git:write"},
		{"GET /r.git/info/refs?service=git-upload-pack&service=git-receive-pack", "git:write"},
		{"GET /r.git/info/refs?a=b;service=git-receive-pack", "git:write"},
		{"GET /r.git/info/refs?SERVICE=git-receive-pack", "git:write"},
		{"GET /r.git/info/refs?%73ervice=git-receive-pack", ""},
		{"GET /r.git/info/refs?service[]=git-receive-pack", ""},
		{"GET /r.git/info/refs?service=../git-receive-pack", ""},
		{"GET /r.git/info/refs?service=git-upload-archive", ""},
		{"POST /r.git/git-receive-pack\nContent-Type: application/x-git-receive-pack-request\n\n0000", "git:write"},
		{"POST /r.git/git-upload-pack\nContent-Encoding: gzip\nContent-Type: application/x-git-upload-pack-request\n\n0000", "git:read git:write"},
		{"POST /r.git/git-upload-pack?_method=DELETE\n\n0000", ""},
		{"GET /r.git/settings", ""},
	} {
		for name, secret := range secrets {
			allowed := send(t, secret, address, c.request) == http.StatusNoContent
			if want := strings.Contains(" "+c.allowed+" ", " "+name+" "); allowed != want {
				t.Errorf("%s: %s: allowed %v", name, c.request, allowed)
			}
		}
	}
}
