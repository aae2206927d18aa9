package config

import "testing"

func TestHSTSValues(t *testing.T) {
	t.Parallel()
	for value, valid := range map[string]bool{
		"off": true, "max-age=0": true, "max-age=31536000": true,
		"max-age=63072000; includeSubDomains":          true,
		"max-age=63072000; includeSubDomains; preload": true, "Max-Age=1;includesubdomains": true,
		"": false, "on": false, "31536000": false, "max-age=": false, "max-age=1y": false,
		"max-age=-1": false, "includeSubDomains": false,
		"max-age=1; other": false, "max-age=1\r\nX: y": false, "max-age=1;": false,
	} {
		if err := (&Server{HSTS: value}).validateHSTS(); (err == nil) != valid {
			t.Errorf("%q: %v", value, err)
		}
	}
}
