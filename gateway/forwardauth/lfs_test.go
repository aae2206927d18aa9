package forwardauth_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/testproc"
	"github.com/sparekey-dev/sparekey/scope"
)

// lfsType is the media type of the API of Git LFS.
const lfsType = "application/vnd.git-lfs+json"

// lfsServer is git's own server with a server of Git LFS beside each repository: the batch
// API with the transfer "basic", "verify", and locks (Git LFS, docs/api).
type lfsServer struct {
	root, repository string // a folder, and the one repository in it

	mu      sync.Mutex
	objects map[string][]byte
	locks   map[string]string // paths by ids
}

// startLFS starts a server with the repository of these segments, which is empty.
func startLFS(t *testing.T, repository string) *url.URL {
	t.Helper()
	program := testproc.Program(t, clientRemedy, "git")
	s := &lfsServer{root: testproc.Dir(t), repository: repository, objects: map[string][]byte{}, locks: map[string]string{}}
	if out, err := exec.CommandContext(t.Context(), program, "init", "--bare", "--initial-branch=main", filepath.Join(s.root, repository)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	mux := http.NewServeMux()
	lfs := "/" + repository + "/info/lfs/"
	mux.HandleFunc("POST "+lfs+"objects/batch", s.batch)
	mux.HandleFunc("PUT "+lfs+"objects/{oid}", s.upload)
	mux.HandleFunc("GET "+lfs+"objects/{oid}", s.download)
	mux.HandleFunc("POST "+lfs+"verify", s.verify)
	mux.HandleFunc("POST "+lfs+"locks", s.lock)
	mux.HandleFunc("GET "+lfs+"locks", s.list)
	mux.HandleFunc("POST "+lfs+"locks/verify", s.list)
	mux.HandleFunc("POST "+lfs+"locks/{id}/unlock", s.unlock)
	mux.Handle("/", gitBackend(t, "", s.root, "REMOTE_USER=ann"))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return parseURL(t, server.URL)
}

func (s *lfsServer) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", lfsType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// lfsObject is one object of the batch API.
type lfsObject struct {
	OID     string                       `json:"oid"`
	Size    int64                        `json:"size"`
	Actions map[string]map[string]string `json:"actions,omitempty"`
	Error   map[string]any               `json:"error,omitempty"`
}

// batch says where objects are to be sent to or to be had: at the address that the client
// used, which only the front-end knows.
func (s *lfsServer) batch(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Operation string      `json:"operation"`
		Objects   []lfsObject `json:"objects"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		s.answer(w, http.StatusUnprocessableEntity, map[string]string{"message": err.Error()})
		return
	}
	base := r.Header.Get("X-Forwarded-Proto") + "://" + r.Header.Get("X-Forwarded-Host") + "/" + s.repository + "/info/lfs/"
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, o := range asked.Objects {
		href := map[string]string{"href": base + "objects/" + o.OID}
		_, has := s.objects[o.OID]
		switch {
		case asked.Operation == "upload" && !has:
			asked.Objects[i].Actions = map[string]map[string]string{"upload": href, "verify": {"href": base + "verify"}}
		case asked.Operation == "download" && has:
			asked.Objects[i].Actions = map[string]map[string]string{"download": href}
		case asked.Operation == "download":
			asked.Objects[i].Error = map[string]any{"code": http.StatusNotFound, "message": "unknown object"}
		}
	}
	s.answer(w, http.StatusOK, map[string]any{"transfer": "basic", "objects": asked.Objects})
}

func (s *lfsServer) upload(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if oid := r.PathValue("oid"); err != nil || fmt.Sprintf("%x", sha256.Sum256(body)) != oid {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[r.PathValue("oid")] = body
}

func (s *lfsServer) download(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = w.Write(s.objects[r.PathValue("oid")])
}

func (s *lfsServer) verify(w http.ResponseWriter, r *http.Request) {
	var asked lfsObject
	err := json.NewDecoder(r.Body).Decode(&asked)
	s.mu.Lock()
	defer s.mu.Unlock()
	if body, has := s.objects[asked.OID]; err != nil || !has || int64(len(body)) != asked.Size {
		w.WriteHeader(http.StatusNotFound)
	}
}

// lfsLock is a lock as the API has it.
type lfsLock struct {
	ID       string            `json:"id"`
	Path     string            `json:"path"`
	LockedAt string            `json:"locked_at"`
	Owner    map[string]string `json:"owner"`
}

func newLFSLock(id, path string) lfsLock {
	return lfsLock{ID: id, Path: path, LockedAt: "2026-01-02T03:04:05Z", Owner: map[string]string{"name": "ann"}}
}

func (s *lfsServer) lock(w http.ResponseWriter, r *http.Request) {
	var asked lfsLock
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := fmt.Sprint("lock", len(s.locks)+1)
	s.locks[id] = asked.Path
	s.answer(w, http.StatusCreated, map[string]lfsLock{"lock": newLFSLock(id, asked.Path)})
}

func (s *lfsServer) list(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []lfsLock{}
	for id, path := range s.locks {
		all = append(all, newLFSLock(id, path))
	}
	s.answer(w, http.StatusOK, map[string][]lfsLock{"locks": all, "ours": all, "theirs": {}})
}

func (s *lfsServer) unlock(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.PathValue("id")
	path := s.locks[id]
	delete(s.locks, id)
	s.answer(w, http.StatusOK, map[string]lfsLock{"lock": newLFSLock(id, path)})
}

// git runs git with a credential: in a header that is sent at once, or by a credential
// helper, which git and git-lfs ask only after a challenge.
func (c *client) git(t *testing.T, credential string, helper bool, args ...string) (string, error) {
	t.Helper()
	login := "http.extraHeader=Authorization: " + c.site.Authorization(credential)
	if helper {
		name, secret, _ := strings.Cut(c.login(t, credential), ":")
		login = "credential.helper=!f() { echo username=" + name + "; echo password=" + secret + "; }; f"
	}
	env := []string{
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_AUTHOR_NAME=ann", "GIT_AUTHOR_EMAIL=ann@example.org",
		"GIT_COMMITTER_NAME=ann", "GIT_COMMITTER_EMAIL=ann@example.org",
	}
	return c.runWith(t, env, "git", append([]string{
		"-c", login, "-c", "filter.lfs.process=git-lfs filter-process", "-c", "filter.lfs.smudge=git-lfs smudge -- %f",
		"-c", "filter.lfs.clean=git-lfs clean -- %f", "-c", "filter.lfs.required=true", "-c", "lfs.locksverify=true",
	}, args...)...)
}

// TestGitLFS pushes a large file with git-lfs, locks it and clones it again.
func TestGitLFS(t *testing.T) {
	t.Parallel()
	testproc.Program(t, clientRemedy, "git-lfs")
	const repository = "team/notes.git"
	start := func(t *testing.T, _ string) *url.URL { t.Helper(); return startLFS(t, repository) }
	scopes := map[string]scope.List{"git:read": "git:read", "git:write": "git:write", "oci:push": "oci:push", "other": "* /team/other.git/*"}
	fronted{start: start, scopes: scopes}.each(t, func(t *testing.T, c *client) {
		for _, helper := range []bool{false, true} {
			home := "header"
			if helper {
				home = "helper"
			}
			remote, work, large := c.url("/"+repository), home+"/work", "large by "+home
			if out, err := c.git(t, "git:write", helper, "clone", remote, work); err != nil {
				t.Fatal(out, err)
			}
			write(t, filepath.Join(c.home, work), map[string]string{".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "large.bin": large})
			refused := "This application password may not do that: no scope covers"
			if c.asks { // and says it in a form that git-lfs does not read
				refused = "Authorization error"
			}
			oid := fmt.Sprintf("%x", sha256.Sum256([]byte(large)))
			for _, step := range []struct{ credential, command, fails, arrives string }{
				{"git:write", "-C " + work + " add .", "", ""},
				{"git:write", "-C " + work + " commit -m large", "", ""},
				{"git:read", "-C " + work + " push origin HEAD:main", "error: 403", ""},
				{"git:read", "-C " + work + " lfs push origin HEAD", refused, ""},
				{"other", "-C " + work + " lfs push origin HEAD", refused, ""},
				{"git:write", "-C " + work + " lfs push origin HEAD", "", "PUT /" + repository + "/info/lfs/objects/" + oid},
				{"git:write", "-C " + work + " push origin HEAD:main", "", "POST /" + repository + "/git-receive-pack"},
				{"git:read", "-C " + work + " lfs lock large.bin", refused, ""},
				{"git:write", "-C " + work + " lfs lock large.bin", "", "POST /" + repository + "/info/lfs/locks"},
				{"git:read", "-C " + work + " lfs locks", "", "GET /" + repository + "/info/lfs/locks"},
				{"git:write", "-C " + work + " lfs unlock large.bin", "", "/unlock"},
				{"git:write", "clone " + remote + " " + home + "/writer", "", "GET /" + repository + "/info/lfs/objects/" + oid},
				{"oci:push", "clone " + remote + " " + home + "/stranger", "error: 403", ""},
			} {
				if helper || step.fails == "" { // refusals are the same for both
					c.step(t, helper, step.credential, step.command, step.fails, step.arrives)
				}
			}
			clones := []string{"writer"}
			if c.asks { // what the body asks for is not seen
				c.step(t, helper, "git:read", "clone "+remote+" "+home+"/reader", refused, "")
			} else {
				c.step(t, helper, "git:read", "clone "+remote+" "+home+"/reader", "", "GET /"+repository+"/info/lfs/objects/"+oid)
				clones = append(clones, "reader")
			}
			for _, clone := range clones {
				if got, err := os.ReadFile(filepath.Join(c.home, home, clone, "large.bin")); err != nil || string(got) != large {
					t.Errorf("the clone %s has %q, %v", clone, got, err)
				}
			}
		}
	})
}

// step runs a git command, which fails and says something where fails is not empty. Some
// of what reaches the application is arrives; what fails must change nothing there.
func (c *client) step(t *testing.T, helper bool, credential, command, fails, arrives string) {
	t.Helper()
	out, err := c.git(t, credential, helper, strings.Fields(command)...)
	arrived := c.arrived.take()
	if (err != nil) != (fails != "") || !strings.Contains(out, fails) || !strings.Contains(arrived, arrives) {
		t.Errorf("%s, helper %v: git %s: %v, want %q and %q\n%s\n%s", credential, helper, command, err, fails, arrives, out, arrived)
	}
	if fails != "" && (strings.Contains(arrived, "/info/lfs/") || strings.Contains(arrived, "/git-receive-pack")) {
		t.Errorf("%s, helper %v: git %s: the application got\n%s", credential, helper, command, arrived)
	}
}
