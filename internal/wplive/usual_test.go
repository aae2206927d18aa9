package wplive_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// TestUsual does what apps do, with unlimited application passwords and with those that
// are limited to just that. It must not become harder by what stops tricks.
func TestUsual(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{MustUse: []string{"testdata/zz-routes.php"}})
	f := startFronts(t, site)
	for front := range f.urls {
		t.Run("posts by "+front, func(t *testing.T) { testUsualPosts(t, f, front) })
		t.Run("unlimited by "+front, func(t *testing.T) { testUnlimited(t, f, front) })
		t.Run("route of a plugin by "+front, func(t *testing.T) {
			limit := "--scope=POST,GET /wp-json/shop/v1/orders/*"
			f.ok(t, front, limit, http.StatusOK, wptest.Call{Path: "/wp-json/shop/v1/orders/7?context=x"})
			f.ok(t, front, limit, http.StatusOK, wptest.Call{Path: "/wp-json/shop/v1/orders/7?order=8"})
			f.ok(t, front, limit, http.StatusOK, wptest.Call{Method: http.MethodPost, Path: "/wp-json/shop/v1/orders/7", JSON: `{"a":1}`})
		})
	}
	t.Run("media", func(t *testing.T) { testUsualMedia(t, f) })
}

// ok sends a request that must go through.
func (f *fronts) ok(t *testing.T, front, limit string, status int, c wptest.Call) wptest.Answer {
	t.Helper()
	c.Login, c.Secret = wptest.Admin, f.secret(t, limit)
	answer := wptest.Send(t, f.urls[front], c)
	if answer.Status != status {
		t.Errorf("%s %s: %.400s", c.Method, c.Path, answer)
	}
	return answer
}

// testUsualPosts makes, lists, changes and deletes posts by every way to address them.
func testUsualPosts(t *testing.T, f *fronts, front string) {
	for _, root := range []string{"/wp-json", "/index.php?rest_route="} {
		and := "?"
		if strings.Contains(root, "?") {
			and = "&"
		}
		do := func(method, path, json string, status int) wptest.Answer {
			t.Helper()
			return f.ok(t, front, "--scope=wp:posts", status, wptest.Call{Method: method, Path: root + path, JSON: json})
		}
		const posts = "/wp/v2/posts"
		var made struct{ ID int }
		do(http.MethodPost, posts, `{"title":"x","status":"draft","categories":[1],"meta":{}}`, http.StatusCreated).Decode(t, &made)
		one := fmt.Sprintf("%s/%d", posts, made.ID)
		do(http.MethodPost, one, `{"title":"y"}`, http.StatusOK)
		do(http.MethodPut, one, fmt.Sprintf(`{"id":%d,"title":"y"}`, made.ID), http.StatusOK)
		do(http.MethodPatch, one, `{"title":"z"}`, http.StatusOK)
		do(http.MethodGet, posts+and+"page=1&per_page=5&search=z&status=draft&categories=1&_embed&_fields=id,title&context=edit&orderby=date&after=2020-01-01T00:00:00", "", http.StatusOK)
		do(http.MethodGet, posts+and+"include[]=1&include[]=2&exclude=3&slug=a,b&author=1&tags=1&sticky=false", "", http.StatusOK)
		do(http.MethodGet, one+and+"context=edit&_embed=author,wp:term", "", http.StatusOK)
		do(http.MethodOptions, posts, "", http.StatusOK)
		do(http.MethodGet, "/wp/v2/users/me", "", http.StatusOK)
		do(http.MethodPut, one+and+"_method=PATCH", `{"title":"w"}`, http.StatusOK)
		do(http.MethodGet, one+"/revisions", "", http.StatusOK)
		do(http.MethodDelete, one+and+"force=true", "", http.StatusOK)
	}
	f.ok(t, front, "--scope=wp:posts", http.StatusOK, wptest.Call{Path: "/wp-json/"})
	f.ok(t, front, "--scope=wp:posts", http.StatusOK, wptest.Call{Path: "/?rest_route=/wp/v2/posts&page=1&_fields=id"})
	f.ok(t, front, "--scope=wp:posts", http.StatusCreated, wptest.Call{Method: http.MethodPost, Path: "/?rest_route=/wp/v2/posts", JSON: `{"title":"x"}`})
	f.ok(t, front, "--scope=wp:read", http.StatusOK, wptest.Call{Path: "/wp-json/wp/v2/pages?parent=0&_fields[]=id"})
	f.ok(t, front, "--scope=read", http.StatusOK, wptest.Call{Path: "/wp-json/wp/v2/types/post?context=edit"})
	f.ok(t, front, "--scope=read", http.StatusOK, wptest.Call{Path: "/?s=find+this&paged=1"})
	f.ok(t, front, "--expires=1h", http.StatusOK, wptest.Call{Path: "/wp-json/wp/v2/users?context=edit"})
	f.ok(t, front, "--expires=1h", http.StatusCreated, wptest.Call{Method: http.MethodPost, Path: "/wp-json/wp/v2/tags", JSON: `{"name":"` + strings.ReplaceAll(front, "-", "") + `"}`})
}

// testUnlimited does with an unlimited application password whatever an administrator can.
func testUnlimited(t *testing.T, f *fronts, front string) {
	for _, c := range []struct {
		status int
		call   wptest.Call
	}{
		{http.StatusOK, wptest.Call{Method: http.MethodPost, Path: mePath, JSON: `{"description":"changed"}`}},
		{http.StatusOK, wptest.Call{Method: http.MethodPost, Path: "/index.php/wp-json/wp/v2/users/me", JSON: `{"description":"changed"}`}},
		{http.StatusOK, wptest.Call{Method: http.MethodPost, Path: "/wp-json/wp/v2/settings", JSON: `{"title":"A test"}`}},
		{http.StatusMultiStatus, wptest.Call{Method: http.MethodPost, Path: "/wp-json/batch/v1", JSON: batch(http.MethodPost, "/wp/v2/posts")}},
		{http.StatusOK, wptest.Call{Path: "/wp-json/wp/v2/plugins"}},
		{http.StatusOK, wptest.Call{
			Method: http.MethodPost, Path: "/about", Body: strings.NewReader("rest_route=/wp/v2/users/me&description=form"), Header: http.Header{"Content-Type": {asForm}},
		}},
		{http.StatusOK, wptest.Call{Path: "/wp-json/shop/v1/orders/7?order=8"}},
		{http.StatusOK, wptest.Call{Method: http.MethodPost, Path: "/wp-json/wp-abilities/v1/abilities/a/b/run", JSON: `{"input":{}}`}},
		{http.StatusOK, wptest.Call{Path: mePath, Header: http.Header{"X-Http-Method-Override": {"POST"}}}},
	} {
		f.ok(t, front, "", c.status, c.call)
	}
}

// testUsualMedia uploads a file in each of the ways that WordPress knows, with names that
// look like fields of a form.
func testUsualMedia(t *testing.T, f *fronts) {
	f.ok(t, byUpstream, "--scope=wp:media", http.StatusCreated, wptest.Call{
		Method: http.MethodPost, Path: "/wp-json/wp/v2/media", Body: strings.NewReader("hello"),
		Header: http.Header{"Content-Type": {"text/plain"}, "Content-Disposition": {`attachment; filename="raw.txt"`}},
	})
	for _, name := range []string{"large.txt", "id.txt", "method.txt", "rest route.txt"} {
		var parts bytes.Buffer
		w := multipart.NewWriter(&parts)
		w.WriteField("title", "a title")
		w.WriteField("post", "0")
		part, err := w.CreateFormFile("file", name)
		if err != nil {
			t.Fatal(err)
		}
		part.Write(bytes.Repeat([]byte("some text that WordPress takes\n"), 50_000))
		w.WriteField("alt_text", "a text")
		w.Close()
		f.ok(t, byUpstream, "--scope=wp:media", http.StatusCreated, wptest.Call{
			Method: http.MethodPost, Path: "/wp-json/wp/v2/media", Body: io.Reader(&parts), Header: http.Header{"Content-Type": {w.FormDataContentType()}},
		})
	}
	f.ok(t, byForwardAuth, "--scope=wp:media", http.StatusCreated, wptest.Call{
		Method: http.MethodPost, Path: "/wp-json/wp/v2/media", Body: strings.NewReader("hello"),
		Header: http.Header{"Content-Type": {"text/plain"}, "Content-Disposition": {`attachment; filename="raw.txt"`}},
	})
	f.ok(t, byUpstream, "--scope=wp:media", http.StatusOK, wptest.Call{Path: "/wp-json/wp/v2/media?per_page=100&media_type=image&_fields=id,source_url"})
}
