package rawpath_test

import (
	"testing"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

func TestCutFolder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, folder, rest string
		ok                 bool
	}{
		{"/x", "", "/x", true},
		{"", "", "", true},
		{"/blog", "/blog", "", true},
		{"/blog/", "/blog", "/", true},
		{"/blog//x%2Fy", "/blog", "//x%2Fy", true},
		{"/bl%6Fg/x", "/blog", "/x", true},
		{"/caf%c3%a9/x", "/caf%C3%A9", "/x", true},
		{"/caf\u00e9/x", "/caf%C3%A9", "/x", true},
		{"/a/b/x", "/a/b", "/x", true},
		{"/a%2Fb/x", "/a/b", "", false},
		{"%2Fblog/x", "/blog", "", false},
		{"/blogx", "/blog", "", false},
		{"/blog%2Fx", "/blog", "", false},
		{"/blog;x", "/blog", "", false},
		{"/Blog/x", "/blog", "", false},
		{"/", "/blog", "", false},
		{"", "/blog", "", false},
		{"/blo%6", "/blog", "", false},
		{"/x/../blog/y", "/blog", "", false},
	} {
		if rest, ok := rawpath.CutFolder(c.path, c.folder); rest != c.rest || ok != c.ok {
			t.Errorf("%q in %q: %q, %v", c.path, c.folder, rest, ok)
		}
	}
}
