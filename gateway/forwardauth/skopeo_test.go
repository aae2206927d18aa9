package forwardauth_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/testproc"
	"github.com/sparekey-dev/sparekey/scope"
)

// startRegistry starts Debian's registry of container images, which needs no credential
// and can delete.
func startRegistry(t *testing.T, home string) *url.URL {
	t.Helper()
	program := testproc.Program(t, clientRemedy, "docker-registry")
	dir, addr := filepath.Join(home, "registry"), net.JoinHostPort("127.0.0.1", testproc.FreePort(t))
	write(t, dir, map[string]string{"config.yml": `version: 0.1
storage: {filesystem: {rootdirectory: "` + filepath.Join(dir, "images") + `"}, delete: {enabled: true}}
log: {level: error, accesslog: {disabled: true}}
http: {addr: "` + addr + `"}
`})
	return serve(t, dir, addr, exec.CommandContext(context.WithoutCancel(t.Context()), program, "serve", filepath.Join(dir, "config.yml")))
}

// writeImage writes an image with one layer in the layout of OCI (image specification 1.0,
// "image layout"), as its tag 1.0, and returns the digest of the layer.
func writeImage(t *testing.T, dir, content string) (layer string) {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "hello", Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer // or skopeo does it
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(archive.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"oci-layout": `{"imageLayoutVersion": "1.0.0"}`}
	blob := func(kind, text string) string {
		digest := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
		files["blobs/sha256/"+digest] = text
		return fmt.Sprintf(`{"mediaType": "application/vnd.oci.image.%s", "digest": "sha256:%s", "size": %d`, kind, digest, len(text))
	}
	diff := fmt.Sprintf("sha256:%x", sha256.Sum256(archive.Bytes()))
	config := blob("config.v1+json", `{"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["`+diff+`"]}}`)
	layers := blob("layer.v1.tar+gzip", packed.String())
	manifest := blob("manifest.v1+json", `{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": `+config+`}, "layers": [`+layers+`}]}`)
	files["index.json"] = `{"schemaVersion": 2, "manifests": [` + manifest + `, "annotations": {"org.opencontainers.image.ref.name": "1.0"}}]}`
	write(t, dir, files)
	return fmt.Sprintf("sha256:%x", sha256.Sum256(packed.Bytes()))
}

// skopeo runs skopeo, which asks the registry without a credential first and sends one after
// a challenge. Each flag that ends with "creds" has the login of the credential after it.
func (c *client) skopeo(t *testing.T, command string, args ...string) (string, error) {
	t.Helper()
	all := []string{"--insecure-policy", command}
	for _, arg := range args {
		if flag, credential, ok := strings.Cut(arg, "creds="); ok {
			all = append(all, fmt.Sprint(flag, "tls-verify=", c.front.TLS), flag+"creds="+c.login(t, credential))
			continue
		}
		all = append(all, strings.ReplaceAll(arg, "docker://", "docker://"+c.front.Addr))
	}
	// skopeo notes which blobs a registry has: also of root in its home, with this variable.
	return c.runWith(t, []string{"_CONTAINERS_ROOTLESS_UID=1000"}, "skopeo", all...)
}

// TestSkopeo pushes images to Debian's registry and pulls them, with the bundles for that
// and with passwords for one repository.
func TestSkopeo(t *testing.T) {
	t.Parallel()
	testproc.Program(t, clientRemedy, "skopeo")
	scopes := map[string]scope.List{
		"oci:pull": "oci:pull", "oci:push": "oci:push", "git:write": "git:write",
		"mine": "GET /v2/\n* /v2/mine/*", "both": "GET /v2/team/*\n* /v2/mine/*",
	}
	fronted{start: startRegistry, scopes: scopes}.each(t, func(t *testing.T, c *client) {
		image, pulled := filepath.Join(c.home, "image"), filepath.Join(c.home, "pulled")
		layer := writeImage(t, image, "hello")
		local := "oci:" + image + ":1.0"
		refused := "This application password may not do that: no scope covers"
		if c.asks { // and says it in a form that skopeo cuts off
			refused = "This application password may not do that"
		}
		for _, step := range []struct {
			command string
			fails   string // part of what skopeo says
			arrives string // part of what reaches the registry
		}{
			{"copy --dest-creds=oci:pull " + local + " docker:///team/app:1.0", refused, "HEAD /v2/team/app/blobs/"},
			{"copy --dest-creds=git:write " + local + " docker:///team/app:1.0", "(Forbidden)", ""},
			{"copy --dest-creds=wrong " + local + " docker:///team/app:1.0", "authentication required", ""},
			{"copy --dest-creds=oci:push " + local + " docker:///team/app:1.0", "", "PUT /v2/team/app/manifests/1.0"},
			{"copy --dest-creds=oci:pull " + local + " docker:///team/app:2.0", refused, ""},
			{"inspect --creds=oci:pull docker:///team/app:1.0", "", "GET /v2/team/app/manifests/1.0"},
			{"list-tags --creds=oci:pull docker:///team/app", "", "GET /v2/team/app/tags/list"},
			{"copy --src-creds=oci:pull docker:///team/app:1.0 dir:" + pulled, "", "GET /v2/team/app/blobs/" + layer},
			{"delete --creds=oci:push docker:///team/app:1.0", refused, ""},

			// skopeo has the registry take layers from a repository that the password may read.
			{"copy --src-creds=both --dest-creds=both docker:///team/app:1.0 docker:///mine/again:1.0", "", "from=team%2Fapp&mount="},

			// A password for one repository.
			{"copy --dest-creds=mine " + local + " docker:///team/app:3.0", "(Forbidden)", ""},
			{"copy --dest-creds=mine " + local + " docker:///mine/app:1.0", "", "PUT /v2/mine/app/manifests/1.0"},
			{"list-tags --creds=mine docker:///team/app", "(Forbidden)", ""},

			{"copy --src-creds=oci:pull --dest-creds=mine docker:///team/app:1.0 docker:///mine/third:1.0", "", "PUT /v2/mine/third/manifests/1.0"},
			{"delete --creds=mine docker:///mine/app:1.0", "", "DELETE /v2/mine/app/manifests/"},
		} {
			command := strings.Fields(step.command)
			out, err := c.skopeo(t, command[0], command[1:]...)
			arrived := c.arrived.take()
			if (err != nil) != (step.fails != "") || !strings.Contains(out, step.fails) || !strings.Contains(arrived, step.arrives) {
				t.Errorf("skopeo %s: %v, want %q and %q\n%s\n%s", step.command, err, step.fails, step.arrives, out, arrived)
			}
			if step.fails != "" && strings.Contains(arrived, "PUT") || strings.Contains(step.command, "mine/third") && strings.Contains(arrived, "from=team") {
				t.Errorf("skopeo %s: the registry got\n%s", step.command, arrived)
			}
		}
		if got, err := os.ReadFile(filepath.Join(pulled, strings.TrimPrefix(layer, "sha256:"))); err != nil || fmt.Sprintf("sha256:%x", sha256.Sum256(got)) != layer {
			t.Errorf("the layer that was pulled has %d bytes, %v", len(got), err)
		}
		if a := c.site.Send(t, c.front, as("mine", "GET", "/v2/", "Connection: close")); a.Status != http.StatusOK { // docker login
			t.Errorf("/v2/: %d %s", a.Status, a.Body)
		}
		c.arrived.take()
		mount := "/v2/mine/fourth/blobs/uploads/?mount=" + layer + "&from=team/app"
		a := c.site.Send(t, c.front, as("mine", "POST", mount, "Content-Length: 0", "Connection: close"))
		if a.Status != http.StatusForbidden || !strings.Contains(a.Body, "GET /v2/team/app/blobs/"+layer) || c.arrived.take() != "" {
			t.Errorf("%s: %d %s", mount, a.Status, a.Body)
		}
	})
}

// TestSkopeoIsNotAsked has skopeo send no password where nothing answers 401: neither the
// gateway, which allows anonymous requests, nor the registry. Limits do not count then.
func TestSkopeoIsNotAsked(t *testing.T) {
	t.Parallel()
	testproc.Program(t, clientRemedy, "skopeo")
	fronted{start: startRegistry, optional: true}.each(t, func(t *testing.T, c *client) {
		image := filepath.Join(c.home, "image")
		writeImage(t, image, "hello")
		for _, credential := range []string{"wrong", "scoped"} {
			if out, err := c.skopeo(t, "copy", "--dest-creds="+credential, "oci:"+image+":1.0", "docker:///"+credential+":1.0"); err != nil {
				t.Errorf("%s: %v\n%s", credential, err, out)
			}
		}
	})
}
