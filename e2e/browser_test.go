// Package e2e_test drives the built program with a real Chromium. "make browser"
// runs it. Its verbs find things as people do: by what is written on them, in
// the browser's accessibility tree.
package e2e_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience limits every wait; often is the time between two checks.
const (
	patience = 20 * time.Second
	often    = 20 * time.Millisecond
)

// The tests share these. TestMain sets them, and nothing changes them afterwards.
var (
	program string          // path of the built program
	chrome  context.Context // of the one browser; nil if there is none
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sparekey-e2e")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if program, err = programAt(os.Getenv("SPAREKEY_BIN"), dir); err != nil {
		return fail(err)
	}
	if path := chromium(); path != "" {
		ctx, closeBrowser, err := startBrowser(path)
		if err != nil {
			return fail(err)
		}
		defer closeBrowser()
		chrome = ctx
	}
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// programAt returns the path of the program, which it builds where it is not
// given.
func programAt(given, dir string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	path := filepath.Join(dir, "sparekey")
	build := exec.Command("go", "build", "-o", path, "./cmd/sparekey")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
}

// chromium is the path of a browser, or "".
func chromium() string {
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func startBrowser(path string) (context.Context, func(), error) {
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path))
	if os.Geteuid() == 0 { // its sandbox does not work for root
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, nil, fmt.Errorf("start %s: %w", path, err)
	}
	return ctx, func() { cancel(); stop() }, nil
}

// need ends a test that lacks something: for now on a developer's machine, for
// good in CI.
func need(t *testing.T, there bool, what string) {
	t.Helper()
	if there {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing", what)
	}
	t.Skipf("SKIPPED: %s is missing: run scripts/browser", what)
}

// tab is a user with a browser, which has its own cookies and history.
type tab struct {
	t    *testing.T
	ctx  context.Context //nolint:containedctx // chromedp finds its browser in it
	site string          // its URL
	log  *journal

	noScript bool
}

// mode is how a browser is set.
type mode func(*tab)

// openTab opens a browser on a site. When the test ends, the browser must not have asked any
// other site for anything, and must not have reported an error.
func openTab(t *testing.T, s *site, modes ...mode) *tab {
	t.Helper()
	return openTabAt(t, s.url, modes...)
}

func openTabAt(t *testing.T, siteURL string, modes ...mode) *tab {
	t.Helper()
	need(t, chrome != nil, "Chromium")
	b := &tab{t: t, site: siteURL, log: &journal{mayVisit: []string{siteURL + "/"}}}
	return b.start(chrome, modes, chromedp.WithNewBrowserContext())
}

// another opens another tab of the same browser.
func (b *tab) another(modes ...mode) *tab {
	b.t.Helper()
	return (&tab{t: b.t, site: b.site, log: &journal{mayVisit: []string{b.site + "/"}}}).start(b.ctx, modes)
}

func (b *tab) start(parent context.Context, modes []mode, options ...chromedp.ContextOption) *tab {
	t := b.t
	t.Helper()
	ctx, closeTab := chromedp.NewContext(parent, append(options, chromedp.WithListener(b.log.add))...)
	b.ctx = ctx
	t.Cleanup(func() {
		b.log.check(t)
		closeTab()
	})
	if err := chromedp.Do(ctx); err != nil { // without a time limit, which would be the tab's
		t.Fatal(err)
	}
	call(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Europe/Berlin"})
	light(b)
	speaking("en")(b)
	sized(1120, 800)(b)
	for _, set := range modes {
		set(b)
	}
	return b
}

// withoutScript is a browser that runs no JavaScript.
func withoutScript(b *tab) {
	b.noScript = true
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// withScript is a browser as it is.
func withScript(*tab) {}

// withAndWithoutScript runs a test in both kinds of browsers.
func withAndWithoutScript(t *testing.T, test func(t *testing.T, m mode)) {
	for name, m := range map[string]mode{"script": withScript, "no script": withoutScript} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, m)
		})
	}
}

// dark and light are the reader's choice of colours.
func dark(b *tab)  { scheme(b, "dark") }
func light(b *tab) { scheme(b, "light") }

func scheme(b *tab, name string) {
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: name},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // no transitions, which would be seen half done
		},
	})
}

// sized is a window of so many CSS pixels.
func sized(width, height int64) mode {
	return func(b *tab) {
		call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 500,
		})
	}
}

// speaking is a browser in a language.
func speaking(language string) mode {
	return func(b *tab) {
		call(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
			Headers: network.Headers{"Accept-Language": language},
		})
	}
}

// call sends a command of the protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		b.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// do carries out what a person does.
func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("cannot %s: %v\n%s", what, err, b.page())
	}
}

// open goes to a path of the site, or to a URL.
func (b *tab) open(target string) {
	b.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.site + target
	}
	b.do("open "+target, chromedp.Navigate(target))
}

// press presses the button with this name.
func (b *tab) press(name string) {
	b.t.Helper()
	pressed(b, name, "", b.named(name, "button"))
}

// pressed presses a button as a person with a mouse does: once it can be, and the
// mouse comes to it first.
func pressed[S chromedp.Selectable](b *tab, what string, button S, options ...chromedp.QueryOption) {
	b.t.Helper()
	b.do("wait for "+what, chromedp.WaitEnabled(button, options...))
	b.do("press "+what, over(button, options...), chromedp.Click(button, options...))
}

// over moves the mouse over an element.
func over[S chromedp.Selectable](element S, options ...chromedp.QueryOption) chromedp.Action[chromedp.Void] {
	return chromedp.QueryAfter(element, func(ctx context.Context, target *chromedp.Target, nodes []*chromedp.Node) (chromedp.Void, error) {
		id := nodes[0].NodeID
		if _, err := cdp.Call(ctx, target, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{NodeID: id}); err != nil {
			return chromedp.Void{}, err
		}
		box, err := cdp.Call(ctx, target, dom.GetContentQuads, dom.GetContentQuadsParams{NodeID: id})
		switch {
		case err != nil:
			return chromedp.Void{}, err
		case len(box.Quads) == 0:
			return chromedp.Void{}, chromedp.ErrInvalidDimensions
		}
		corner := box.Quads[0]
		return chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, corner[0]+2, corner[1]+2)(ctx, target)
	}, append(slices.Clone(options), chromedp.NodeVisible)...)
}

// follow follows the link with this name.
func (b *tab) follow(name string) {
	b.t.Helper()
	b.do("follow "+name, chromedp.Click("", b.named(name, "link")))
}

// tick ticks the box with this name.
func (b *tab) tick(name string) {
	b.t.Helper()
	b.do("tick "+name, chromedp.Click("", b.named(name, "checkbox", "radio")))
}

// fill types into the field with this label, in place of what is there.
func (b *tab) fill(label, text string) {
	b.t.Helper()
	field := b.named(label, "textbox", "searchbox")
	b.do("fill "+label, chromedp.Clear("", field), chromedp.Focus("", field))
	call(b, input.InsertText, input.InsertTextParams{Text: text})
}

// key presses a key, such as kb.Tab.
func (b *tab) key(key string) {
	b.t.Helper()
	b.do("press a key", chromedp.KeyEvent(key))
}

// tabTo presses the tab key until something with this name has the focus.
func (b *tab) tabTo(name string) {
	b.t.Helper()
	var passed []string
	for range 60 {
		b.key(kb.Tab)
		focused := b.focused()
		if focused == name {
			return
		}
		passed = append(passed, focused)
	}
	b.t.Fatalf("the tab key does not lead to %q, but past %q", name, passed)
}

// focused is the name of what has the focus.
func (b *tab) focused() string {
	b.t.Helper()
	for _, node := range b.accessible() {
		for _, p := range node.Properties {
			if p.Name == accessibility.PropertyNameFocused && string(p.Value.Value) == "true" && textOf(node.Role) != "RootWebArea" {
				return textOf(node.Name)
			}
		}
	}
	return ""
}

// sees waits until the page says all of this.
func (b *tab) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("%q is seen", text), func() bool { return strings.Contains(b.text(), text) })
	}
}

// seesNot fails if the page, which is complete, says this.
func (b *tab) seesNot(text string) {
	b.t.Helper()
	b.until("the page is complete", func() bool { return b.text() != "" })
	if strings.Contains(b.text(), text) {
		b.t.Errorf("%q is seen\n%s", text, b.page())
	}
}

// until waits for a condition.
func (b *tab) until(what string, is func() bool) {
	b.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(often) {
		if time.Now().After(end) {
			b.t.Fatalf("in vain waited until %s\n%s", what, b.page())
		}
	}
}

// eval asks the page, which may be on its way to another one: then again.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
		if err == nil {
			return value
		}
		if ctx.Err() != nil {
			b.t.Fatalf("%s: %v", expression, err)
		}
		time.Sleep(often)
	}
}

// text is what the page says, or nothing until it is complete.
func (b *tab) text() string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if complete, err := chromedp.Run(ctx, b.isComplete); err != nil || !complete {
		return ""
	}
	return plain(eval[string](b, `document.body?.innerText ?? ''`))
}

// page describes where the tab is, for messages.
func (b *tab) page() string {
	return eval[string](b, `location.href + '\n' + (document.body ? document.body.innerText : '')`)
}

// path is the path and query of the page.
func (b *tab) path() string {
	return eval[string](b, `location.pathname + location.search`)
}

// rows is the table of the page, a line for each row.
func (b *tab) rows() []string {
	rows := eval[[]string](b, `[...document.querySelectorAll('tbody tr')].map(row => [...row.cells].map(cell => cell.innerText).join(' | '))`)
	for i := range rows {
		rows[i] = plain(rows[i])
	}
	return rows
}

// row waits for the row that begins with a name.
func (b *tab) row(name string) string {
	b.t.Helper()
	var found string
	b.until("there is a row "+name, func() bool {
		at := slices.IndexFunc(b.rows(), func(row string) bool { return strings.HasPrefix(row, name+" |") })
		if at >= 0 {
			found = b.rows()[at]
		}
		return at >= 0
	})
	return found
}

// secret waits for a new password and returns it.
func (b *tab) secret() string {
	b.t.Helper()
	const field = `document.querySelector('#new-application-password-value')?.value ?? ''`
	b.until("a password is shown", func() bool { return eval[string](b, field) != "" })
	return eval[string](b, field)
}

// signIn signs in on whichever page asks for it.
func (b *tab) signIn(login string) *tab {
	b.t.Helper()
	b.fill("User name or e-mail address", login)
	b.fill("Password", mainPassword)
	b.press("Sign in")
	return b
}

// signedIn opens a browser in which a user is signed in, on their own page.
func signedIn(t *testing.T, s *site, login string, modes ...mode) *tab {
	t.Helper()
	b := openTab(t, s, modes...)
	b.open(accountPath)
	b.signIn(login).sees("New application password")
	return b
}

// history is the addresses that the tab has been at.
func (b *tab) history() []string {
	b.t.Helper()
	var urls []string
	for _, entry := range call(b, page.GetNavigationHistory, cdp.Empty{}).Entries {
		urls = append(urls, entry.URL)
	}
	return urls
}

// named finds what has a name and one of these roles, once the page is complete.
func (b *tab) named(name string, roles ...string) chromedp.QueryOption {
	return chromedp.ByFunc(func(ctx context.Context, target *chromedp.Target, root *chromedp.Node) ([]cdp.NodeID, error) {
		if complete, err := b.isComplete(ctx, target); err != nil || !complete {
			return nil, err
		}
		tree, err := cdp.Call(ctx, target, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{NodeID: root.NodeID})
		if err != nil {
			return nil, err
		}
		for _, node := range tree.Nodes {
			if !node.Ignored && textOf(node.Name) == name && slices.Contains(roles, textOf(node.Role)) {
				found, err := cdp.Call(ctx, target, dom.PushNodesByBackendIDsToFrontend,
					dom.PushNodesByBackendIDsToFrontendParams{BackendNodeIDs: []cdp.BackendNodeID{node.BackendDOMNodeID}})
				return found.NodeIDs, err
			}
		}
		return nil, nil
	})
}

// accessible is the page as assistive technology sees it.
func (b *tab) accessible() []*accessibility.Node {
	b.t.Helper()
	return call(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes
}

// textOf is a string of the accessibility tree.
func textOf(v *accessibility.Value) string {
	var text string
	if v == nil || json.Unmarshal(v.Value, &text) != nil {
		return ""
	}
	return plain(text)
}

// plain is text without the invisible characters that isolate its direction, and
// those where long words may be parted.
func plain(text string) string {
	return strings.NewReplacer("\u2066", "", "\u2068", "", "\u2069", "", "\u00ad", "", "\u00a0", " ", "\u202f", " ").Replace(text)
}

// journal is all that happens in a tab.
type journal struct {
	mu       sync.Mutex
	requests []*network.EventRequestWillBeSent
	received map[network.RequestID]float64 // bytes
	problems []string
	mayVisit []string // beginnings of the URLs that the test lets the tab visit
	expected []string // parts of the problems that the test provokes
	leaving  bool     // the page: it has asked for another one, which is not there yet
}

func (j *journal) add(event any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if strings.HasPrefix(e.Request.URL, "data:") { // nothing is sent for those, such as the pictures in the browser's own controls
			return
		}
		j.requests = append(j.requests, e)
	case *network.EventLoadingFinished:
		if j.received == nil {
			j.received = map[network.RequestID]float64{}
		}
		j.received[e.RequestID] = e.EncodedDataLength
	case *page.EventFrameRequestedNavigation:
		j.leaving = true
	case *page.EventFrameNavigated, *page.EventNavigatedWithinDocument:
		j.leaving = false
	case *network.EventLoadingFailed:
		j.leaving = j.leaving && e.Type != network.ResourceTypeDocument // it stays after all
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork { // the status of the page, which tests look at themselves
			j.problems = append(j.problems, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
		}
	case *runtime.EventConsoleAPICalled:
		j.problems = append(j.problems, fmt.Sprintf("console.%s", e.Type))
	case *runtime.EventExceptionThrown:
		j.problems = append(j.problems, "exception: "+e.ExceptionDetails.Text)
	case *page.EventJavascriptDialogOpening:
		j.problems = append(j.problems, "dialog: "+e.Message)
	}
}

// isComplete reports whether the page is, and is there to stay.
func (b *tab) isComplete(ctx context.Context, target *chromedp.Target) (bool, error) {
	b.log.mu.Lock()
	leaving := b.log.leaving
	b.log.mu.Unlock()
	if leaving {
		return false, nil
	}
	return chromedp.Evaluate[bool](`document.readyState === 'complete' && !!document.body`)(ctx, target)
}

// allow lets the tab visit what begins with one of these.
func (b *tab) allow(beginnings ...string) {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	b.log.mayVisit = append(b.log.mayVisit, beginnings...)
}

// expect takes a problem for what it should be.
func (b *tab) expect(part string) {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	b.log.expected = append(b.log.expected, part)
}

// sent is the requests so far.
func (b *tab) sent() []*network.EventRequestWillBeSent {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	return slices.Clone(b.log.requests)
}

// check fails for every request to somewhere else, and every complaint.
func (j *journal) check(t *testing.T) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.requests) == 0 {
		t.Error("the browser sent no request")
	}
	for _, r := range j.requests {
		if !slices.ContainsFunc(j.mayVisit, func(beginning string) bool { return strings.HasPrefix(r.Request.URL, beginning) }) {
			t.Errorf("a request to %s", r.Request.URL)
		}
	}
	for _, problem := range j.problems {
		if !slices.ContainsFunc(j.expected, func(part string) bool { return strings.Contains(problem, part) }) {
			t.Errorf("the browser says: %s", problem)
		}
	}
}

// referer is what a request says about where it comes from.
func referer(r *network.Request) string {
	for name, value := range r.Headers {
		if strings.EqualFold(name, "Referer") {
			return fmt.Sprint(value)
		}
	}
	return ""
}

// withQuery is a path with parameters, in pairs of name and value.
func withQuery(path string, pairs ...string) string {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	return cmp.Or(path, "/") + "?" + query.Encode()
}
