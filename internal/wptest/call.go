package wptest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Call is a request, to the site or to a program in front of it.
type Call struct {
	Method        string // GET if empty
	Path          string // with its query
	Login, Secret string // for HTTP Basic, if either is there
	JSON          string // a body, or
	Body          io.Reader
	Header        http.Header
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Send sends a call to the server at base, over a new connection.
func Send(tb testing.TB, base string, c Call) Answer {
	tb.Helper()
	answer, err := TrySend(tb, base, c)
	if err != nil {
		tb.Fatal(err)
	}
	return answer
}

// TrySend is Send for goroutines that must not end the test.
func TrySend(tb testing.TB, base string, c Call) (Answer, error) {
	if c.Method == "" {
		c.Method = http.MethodGet
	}
	if c.Body == nil {
		c.Body = strings.NewReader(c.JSON)
	}
	r, err := http.NewRequestWithContext(tb.Context(), c.Method, base+c.Path, c.Body)
	if err != nil {
		return Answer{}, err
	}
	for name, values := range c.Header {
		r.Header[name] = values
	}
	if c.JSON != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.Login != "" || c.Secret != "" {
		r.SetBasicAuth(c.Login, c.Secret)
	}
	r.Close = true
	res, err := client.Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return Answer{Status: res.StatusCode, Header: res.Header, Body: string(body)}, err
}

// client does not follow redirects: a test says where it goes.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// Decode reads a JSON body into v.
func (a Answer) Decode(tb testing.TB, v any) {
	tb.Helper()
	if err := json.Unmarshal([]byte(a.Body), v); err != nil {
		tb.Fatalf("%s: %v", a, err)
	}
}

// String is the answer for a message of failure.
func (a Answer) String() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", a.Status, a.Header.Get("Location"), a.Body))
}

// answers reports whether a page is there.
func answers(url string) error {
	res, err := http.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, res.Status)
	}
	return nil
}
