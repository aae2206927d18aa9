package urlquery_test

import (
	"testing"

	"github.com/sparekey-dev/sparekey/web/internal/urlquery"
)

func TestAdd(t *testing.T) {
	t.Parallel()
	fields := []urlquery.Field{{Name: "page", Value: "2"}, {Name: "q", Value: "a b&+"}}
	for target, want := range map[string]string{
		"/list":                        "/list?page=2&q=a%20b%26%2B",
		"/list?":                       "/list?page=2&q=a%20b%26%2B",
		"/list?page=1&&keep=%2B#end?x": "/list?keep=%2B&page=2&q=a%20b%26%2B#end?x",
		"my-app://done?p%61ge=1&%zz=1": "my-app://done?%zz=1&page=2&q=a%20b%26%2B",
	} {
		if got := urlquery.Add(target, fields...); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
	if got := urlquery.Add("/list?page=1"); got != "/list?page=1" {
		t.Errorf("without fields: %s", got)
	}
}
