package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
)

// dialogs counts how often a browser wants to ask its person for a login.
type dialogs struct {
	mu    sync.Mutex
	count int
}

func (d *dialogs) seen() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// openTab opens a tab that reports its dialogs, each of which the user closes.
func (d *dialogs) openTab(t *testing.T, s *site) *tab {
	t.Helper()
	need(t, chrome != nil, "Chromium")
	b := &tab{t: t, site: s.url, log: &journal{mayVisit: []string{s.url + "/"}}}
	b.start(chrome, nil, chromedp.WithNewBrowserContext(), chromedp.WithListener(func(event any) { d.add(b, event) }))
	call(b, fetch.Enable, fetch.EnableParams{HandleAuthRequests: new(true)})
	return b
}

// add lets requests go on, and closes dialogs.
func (d *dialogs) add(b *tab, event any) {
	switch e := event.(type) {
	case *fetch.EventRequestPaused:
		go d.answer(b, func(ctx context.Context) error {
			_, err := chromedp.Call(ctx, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: e.RequestID})
			return err
		})
	case *fetch.EventAuthRequired:
		d.mu.Lock()
		d.count++
		d.mu.Unlock()
		go d.answer(b, func(ctx context.Context) error {
			_, err := chromedp.Call(ctx, fetch.ContinueWithAuth, fetch.ContinueWithAuthParams{
				RequestID: e.RequestID, AuthChallengeResponse: &fetch.AuthChallengeResponse{Response: fetch.AuthChallengeResponseResponseCancelAuth},
			})
			return err
		})
	}
}

// answer lets a request continue. A request whose page no longer exists needs no answer.
func (d *dialogs) answer(b *tab, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	_ = do(ctx)
}

// ask runs a fetch in the page of a tab, and returns the status, or what went wrong.
func (b *tab) ask(url, options string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	expression := fmt.Sprintf(`fetch(%q, %s).then((r) => String(r.status), (e) => 'cannot be read: ' + e.name)`, url, options)
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return got
}

// TestNoDialogOverAPage has the script of a page send no application password, and a wrong
// one. Its person is asked for a login only where they open a page that needs one.
func TestNoDialogOverAPage(t *testing.T) {
	t.Parallel()
	application := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(application.Close)
	s := startSite(t, "--upstream", application.URL, "--upstream-auth=required")
	d := &dialogs{}
	b := d.openTab(t, s)
	b.open("/sign-in")
	for _, target := range []string{mePath, minePath, "/wp-json/wp/v2/posts", "/about"} {
		for _, options := range []string{`{}`, `{headers: {Authorization: 'Basic ' + btoa('bob:wrong')}}`, `{method: 'POST', credentials: 'include', body: new FormData()}`} {
			if got := b.ask(target, options); got != "401" && got != "400" { // a form without a name
				t.Errorf("%s %s: %s", target, options, got)
			}
		}
	}
	if n := d.seen(); n != 0 {
		t.Errorf("the person was asked %d times", n)
	}
	b.open("/about")
	if d.seen() == 0 {
		t.Error("the person is not asked where they open a page: the test sees no dialogs")
	}
}

// startOtherOrigin serves a page of another origin.
func startOtherOrigin(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, `<!doctype html><title>App</title><link rel="icon" href="data:,">An app`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestAppOfAnotherOrigin has the script of a page of another origin use the API, and an
// application with its own CORS policy, with an application password.
func TestAppOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/closed" { // what this application lets scripts of others read
			w.Header().Set("Access-Control-Allow-Origin", "*")
		}
		io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(application.Close)
	page := startOtherOrigin(t)
	s := startSite(t, "--upstream", application.URL, "--upstream-auth=required", "--allow-origin="+page)
	secret := s.addCredential("bob", "App")
	b := openTabAt(t, page)
	b.allow(s.url + "/")
	b.expect("CORS") // what the browser says of /closed
	b.expect("cors")
	b.open(page)
	right := fmt.Sprintf(`Authorization: 'Basic ' + btoa('bob:%s')`, secret)
	const wrong = `Authorization: 'Basic ' + btoa('bob:wrong')`
	for _, c := range []struct{ target, options, want string }{
		{mePath, `{headers: {` + right + `}}`, "200"},
		{minePath, `{method: 'POST', headers: {` + right + `, 'Content-Type': 'application/json'}, body: '{"name":"made"}'}`, "201"},
		{minePath + "?name=uploaded", `{method: 'POST', headers: {` + right + `}, body: new FormData()}`, "201"},
		{"/open", `{headers: {` + right + `}}`, "200"},
		{"/open", `{method: 'DELETE', headers: {` + right + `}}`, "200"},
		{"/open", `{method: 'PUT', headers: {` + right + `, 'X-Custom': '1'}, body: 'text'}`, "200"},
		{"/open", `{method: 'POST', headers: {` + right + `}, body: (() => { const f = new FormData(); f.append('file', new Blob(['x']), 'x.png'); return f; })()}`, "200"},
		{"/open", `{headers: {` + wrong + `}}`, "401"},
		{"/open", `{}`, "401"},
		{mePath, `{headers: {` + wrong + `}}`, "401"},
		{"/closed", `{headers: {` + right + `}}`, "cannot be read: TypeError"},
		{"/open", `{credentials: 'include', headers: {` + right + `}}`, "cannot be read: TypeError"},
	} {
		if got := b.ask(s.url+c.target, c.options); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.target, c.options, got, c.want)
		}
	}
}
