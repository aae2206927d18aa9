package rest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
)

const (
	appOne = "11111111-2222-4333-8444-555555555555"
	appTwo = "2b1c7a3e-5d4f-4a6b-8c9d-0e1f2a3b4c5d"
)

// deletions are requests to the collection with which clients tried to revoke: by query,
// content type and body. want is what is left of the names seed, One, Two, and Other of
// another app; nil where the request is refused.
var deletions = map[string]struct {
	query, kind, body string
	want              []string
	isAll             bool
}{
	"nothing":                 {isAll: true},
	"how to answer":           {query: "?_fields=count&_locale=user&_pretty&context=edit", isAll: true},
	"force":                   {query: "?force=true", isAll: true},
	"empty object":            {kind: "application/json", body: " {} ", isAll: true},
	"null":                    {kind: "application/json", body: "null", isAll: true},
	"app ID in the query":     {query: "?app_id=" + appOne, want: []string{"seed", "Other"}},
	"app ID in JSON":          {kind: "application/json", body: `{"app_id":"` + appOne + `"}`, want: []string{"seed", "Other"}},
	"app ID in a form":        {kind: "application/x-www-form-urlencoded", body: "app_id=" + appOne, want: []string{"seed", "Other"}},
	"app ID without type":     {body: "app_id=" + appTwo, want: []string{"seed", "One", "Two"}},
	"unknown app ID":          {query: "?app_id=" + strings.Replace(appOne, "1", "9", 1), want: []string{"seed", "One", "Two", "Other"}},
	"name in the query":       {query: "?name=One"},
	"uuid in the query":       {query: "?uuid=2b1c7a3e-5d4f-4a6b-8c9d-0e1f2a3b4c5d"},
	"uuid, empty":             {query: "?uuid="},
	"uuid without value":      {query: "?uuid"},
	"list of uuids":           {query: "?uuid[]=a&uuid[]=b"},
	"id":                      {query: "?id=7"},
	"another user":            {query: "?user_id=1"},
	"search":                  {query: "?search=One"},
	"something else":          {query: "?frobnicate=1"},
	"name in JSON":            {kind: "application/json", body: `{"name":"One"}`},
	"uuid in JSON":            {kind: "application/json; charset=utf-8", body: `{"uuid":"2b1c7a3e-5d4f-4a6b-8c9d-0e1f2a3b4c5d"}`},
	"null uuid in JSON":       {kind: "application/json", body: `{"uuid":null}`},
	"no uuids in JSON":        {kind: "application/json", body: `{"uuids":[]}`},
	"array of uuids":          {kind: "application/json", body: `["2b1c7a3e-5d4f-4a6b-8c9d-0e1f2a3b4c5d"]`},
	"empty array":             {kind: "application/json", body: `[]`},
	"string":                  {kind: "application/json", body: `"2b1c7a3e-5d4f-4a6b-8c9d-0e1f2a3b4c5d"`},
	"empty string":            {kind: "application/json", body: `""`},
	"number":                  {kind: "application/vnd.api+json", body: `0`},
	"name in a form":          {kind: "application/x-www-form-urlencoded", body: "name=One"},
	"name without type":       {body: "name=One"},
	"body that is not read":   {kind: "text/plain", body: "name=One"},
	"multipart, not read":     {kind: "multipart/form-data; boundary=x", body: "--x\r\nContent-Disposition: form-data; name=\"uuid\"\r\n\r\na\r\n--x--\r\n"},
	"app ID, empty":           {query: "?app_id="},
	"app ID in capitals":      {query: "?app_id=" + strings.ToUpper(appTwo)},
	"app ID that is none":     {query: "?app_id=One"},
	"app ID null":             {kind: "application/json", body: `{"app_id":null}`},
	"list of app IDs":         {query: "?app_id[]=" + appOne},
	"app ID and a name":       {query: "?app_id=" + appOne + "&name=One"},
	"two app IDs":             {query: "?app_id=" + appOne, kind: "application/json", body: `{"app_id":"` + appTwo + `"}`},
	"app ID and another body": {query: "?app_id=" + appOne, kind: "text/plain", body: "x"},
}

// TestDeleteNeverMeansAll revokes by DELETE on the collection, by method and by override.
func TestDeleteNeverMeansAll(t *testing.T) {
	t.Parallel()
	for name, c := range deletions {
		for _, override := range []bool{false, true} {
			if override && (strings.HasPrefix(c.kind, "multipart/") || c.kind == "" && c.body != "") {
				continue // PHP reads these with a real POST alone, or with all but POST
			}
			s := newSite(t, options{})
			for _, n := range []sparekey.NewCredential{{Name: "One", AppID: appOne}, {Name: "Two", AppID: appOne}, {Name: "Other", AppID: appTwo}} {
				if _, _, err := s.svc.AsOperator().Create(t.Context(), s.users["sub"].ID, n); err != nil {
					t.Fatal(err)
				}
			}
			r := s.request(http.MethodDelete, s.passwords("sub")+c.query, "sub", strings.NewReader(c.body))
			if override {
				r.Method = http.MethodPost
				r.Header.Set("X-HTTP-Method-Override", "DELETE")
			}
			if c.kind != "" {
				r.Header.Set("Content-Type", c.kind)
			}
			w := s.send(r)
			want := c.want
			switch {
			case c.isAll:
			case want == nil:
				want = []string{"seed", "One", "Two", "Other"}
				wantError(t, w, http.StatusBadRequest, "rest_invalid_param")
				if !strings.Contains(w.Body.String(), "Revoke one by DELETE") {
					t.Errorf("%s: it does not say how to revoke one: %s", name, w.Body)
				}
			default:
				wantStatus(t, w, http.StatusOK)
			}
			if got := s.names(t, "sub"); !slices.Equal(got, want) {
				t.Errorf("%s, override %v: %d, %q are left, want %q", name, override, w.Code, got, want)
			}
		}
	}
}

// TestRevokeAppOfOthers holds who can revoke by app ID, and in which user's list.
func TestRevokeAppOfOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	for _, login := range []string{"sub", "other"} {
		if _, _, err := s.svc.AsOperator().Create(t.Context(), s.users[login].ID, sparekey.NewCredential{Name: "App", AppID: appOne}); err != nil {
			t.Fatal(err)
		}
	}
	path := s.passwords("other") + "?app_id=" + appOne
	wantError(t, s.do("DELETE", path, "sub", ""), http.StatusForbidden, "rest_cannot_delete_application_passwords")
	wantError(t, s.do("DELETE", path, "", ""), http.StatusUnauthorized, "rest_cannot_delete_application_passwords")
	if w := s.do("DELETE", path, "admin", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `{"deleted":true,"count":1}`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := s.names(t, "other"); !slices.Equal(got, []string{"seed"}) {
		t.Errorf("other has %q", got)
	}
	if got := s.names(t, "sub"); !slices.Equal(got, []string{"seed", "App"}) {
		t.Errorf("sub has %q", got)
	}
}
