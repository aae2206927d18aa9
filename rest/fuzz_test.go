package rest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
)

// FuzzBody sends bodies of every type, and queries. The answer must always be JSON, an error
// must have the form of an error, and nothing must break.
func FuzzBody(f *testing.F) {
	types := []string{
		"application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=B", "", "text/plain", "application/a+json;;",
	}
	methods := []string{"POST", "PUT", "GET", "DELETE", "OPTIONS", "HEAD"}
	for kind := range types {
		for method := range methods {
			f.Add(uint8(kind), uint8(method), []byte(`{"name":"x","app_id":"00000000-0000-0000-0000-000000000000","_fields":["a.b"]}`), "context=edit")
			f.Add(uint8(kind), uint8(method), []byte(`{"name":"\ud83d\ude00","app_id":null,"x":[[1e9]]}`), "_envelope&_pretty&_fields[]=name")
			f.Add(uint8(kind), uint8(method), []byte("name=a+b%20c&name[]=%ff&a[b][c]=d&app_id="), "_method=PATCH&name=%zz&_jsonp=cb")
			f.Add(uint8(kind), uint8(method), []byte("--B\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nx\r\n--B--\r\n"), "_fields=a.b,_links.self&rest_route[]=x")
			f.Add(uint8(kind), uint8(method), []byte(`{"a":"\u12"`), "per_page=x&roles[]=y")
		}
	}
	s := newSite(f, options{})
	sub := s.users["sub"].ID
	f.Fuzz(func(t *testing.T, kind, method uint8, body []byte, query string) {
		for _, path := range []string{s.passwords("sub"), s.passwords("sub") + "/" + s.uuids["sub"], "/wp-json/wp/v2/users"} {
			r := s.request(methods[int(method)%len(methods)], path, "admin", bytes.NewReader(body))
			r.Header.Set("Content-Type", types[int(kind)%len(types)])
			r.URL.RawQuery = query
			w := s.send(r)
			answer := w.Body.Bytes()
			if w.Code >= http.StatusInternalServerError && w.Code != http.StatusNotImplemented {
				t.Errorf("status %d: %s", w.Code, answer)
			}
			if len(answer) == 0 {
				continue // an answer to HEAD
			}
			if script, ok := bytes.CutPrefix(answer, []byte("/**/")); ok {
				answer = script[bytes.IndexByte(script, '(')+1 : len(script)-1]
			}
			if !json.Valid(answer) {
				t.Errorf("status %d with a body that is not JSON: %s", w.Code, answer)
			}
			if w.Code >= http.StatusBadRequest {
				wantErrorForm(t, w.Code, answer)
			}
		}
		if _, err := s.store.DeleteAll(t.Context(), sub); err != nil {
			t.Fatal(err)
		}
	})
}

func wantErrorForm(t *testing.T, status int, answer []byte) {
	t.Helper()
	var e struct {
		Code    string
		Message string
		Data    *struct{ Status int }
	}
	if err := json.Unmarshal(answer, &e); err != nil || e.Code == "" || e.Message == "" {
		t.Errorf("status %d without an error's form (%v): %s", status, err, answer)
	}
	if e.Data == nil && e.Code != "rest_callback_invalid" || e.Data != nil && e.Data.Status != status {
		t.Errorf("status %d does not stand in %s", status, answer)
	}
}
