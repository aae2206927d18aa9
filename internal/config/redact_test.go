package config

import "testing"

func TestRedactURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"sparekey.db": "sparekey.db", "/var/lib/sparekey/a&b#c.db": "/var/lib/sparekey/a&b#c.db", "memory:": "memory:", "https://example.org/a": "https://example.org/a",
		"redis://:x@h/0": "redis://…@h/0", "redis:x@h": "…@h", "u:x@h?password=y": "…@h", "rediss:x?password=y": "rediss:x", "wordpress://u:a@b@h/db?x=y": "wordpress://…@h/db",
		"wordpress://u:x@h?cache=redis://:y@g&password=z": "wordpress://…@g", "redis://h?password=x": "redis://h", "u:x@redis://h": "h",
	} {
		if got := RedactURL(text); got != want {
			t.Errorf("%q is printed as %q, want %q", text, got, want)
		}
	}
}

func TestRedactText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`dial redis://u:x@h:1: no`: `dial redis://…@h:1: no`, `parse "wordpress://u:x@h": bad`: `parse "wordpress://…@h": bad`,
		`open "wordpress://…@h:3999/wp": no`: `open "wordpress://…@h:3999/wp": no`, "u:http://x@h": "…@h", "ses://ame:x@h": "…@h", "redis://u:redis://x@h": "redis://…@h", "no user ann@example.org": "no user ann@example.org",
		"such as wordpress://user:password@127.0.0.1:3306/x": "such as wordpress://user:password@127.0.0.1:3306/x", "Access denied for user 'wp'@'h': no": "Access denied for user 'wp'@'h': no",
	} {
		if got := RedactText(text); got != want {
			t.Errorf("%q is printed as %q, want %q", text, got, want)
		}
	}
}
