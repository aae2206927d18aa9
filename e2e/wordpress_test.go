package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// long bounds the wait for what WordPress does at length, such as the tests of Site Health.
const long = 60 * time.Second

// TestWordPressAdministration uses the administration of a live WordPress as a person does who
// is signed in by its cookie: once without Sparekey, and once through each way to put Sparekey
// in front. The content of the pages, the browser's complaints and the failed requests must be
// the same.
func TestWordPressAdministration(t *testing.T) {
	t.Parallel()
	need(t, chrome != nil, "Chromium")
	key := filepath.Join(t.TempDir(), "identity.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("0123456789abcdef", 4)), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := startWordPress(t, wptest.Config{})
	direct := administer(t, "without Sparekey", plain.URL)
	if len(direct.seen) == 0 {
		t.Fatal("the direct run has seen nothing, so nothing can be compared")
	}
	t.Logf("without Sparekey: %s", direct)
	for _, c := range []struct {
		name  string
		start func(t *testing.T) *site
	}{
		{"WordPress's database", func(t *testing.T) *site {
			return startOn(t, plain, "--upstream="+plain.URL)
		}},
		{"a database of its own", func(t *testing.T) *site {
			return startSite(t, "--upstream="+plain.URL, "--upstream-kind=wordpress")
		}},
		{"the plugin", func(t *testing.T) *site {
			w := startWordPress(t, wptest.Config{
				MustUse:   []string{"../contrib/wordpress/sparekey-identity.php"},
				ConfigPHP: "define( 'SPAREKEY_IDENTITY_KEY_FILE', '" + key + "' );",
			})
			return startOn(t, w, "--upstream="+w.URL, "--signing-key="+key, "--upstream-kind=wordpress-plugin")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := administer(t, c.name, c.start(t).url)
			for _, line := range without(direct.lines(), got.lines()) {
				t.Errorf("only without Sparekey: %s", line)
			}
			for _, line := range without(got.lines(), direct.lines()) {
				t.Errorf("only through Sparekey: %s", line)
			}
		})
	}
}

// startWordPress starts a site that asks no other one for pictures.
func startWordPress(t *testing.T, config wptest.Config) *wptest.Site {
	t.Helper()
	config.Workers = 6
	w := wptest.Start(t, config)
	w.PHP(t, `update_option( 'show_avatars', 0 );`)
	return w
}

// startOn starts the program on the database of a WordPress.
func startOn(t *testing.T, w *wptest.Site, args ...string) *site {
	t.Helper()
	s := &site{t: t, database: w.DatabaseURL(), log: &lines{}}
	s.serve(args)
	return s
}

// visit is what a person saw at a site, and what went wrong on the way.
type visit struct {
	*tab
	seen []string

	mu       sync.Mutex
	sent     map[network.RequestID]string
	problems []string
}

// lines are what must be the same wherever the site is visited.
func (v *visit) lines() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append(slices.Clone(v.seen), v.problems...)
}

func (v *visit) String() string { return strings.Join(v.lines(), "\n") }

// without returns the lines that are not, or not as often, among others.
func without(lines, others []string) (only []string) {
	others = slices.Clone(others)
	for _, line := range lines {
		if i := slices.Index(others, line); i >= 0 {
			others = slices.Delete(others, i, i+1)
			continue
		}
		only = append(only, line)
	}
	return only
}

// changing matches what differs between two visits of the same pages: hosts, queries,
// numbers, and the button that a script adds to notices.
var changing = regexp.MustCompile(`https?://127\.0\.0\.1:[0-9]+|\?\S*|-?[0-9]+|Dismiss this notice\.`)

func steady(text string) string {
	return strings.Join(strings.Fields(changing.ReplaceAllString(plain(text), "")), " ")
}

func (v *visit) problem(format string, a ...any) {
	v.problems = append(v.problems, steady(fmt.Sprintf(format, a...)))
}

// add notes requests that fail, and what the browser complains about.
func (v *visit) add(event any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		v.sent[e.RequestID] = e.Request.Method + " " + e.Request.URL
	case *network.EventResponseReceived:
		isPicture := strings.HasSuffix(e.Response.URL, "/undefined") // of the theme, which has none: asked for once or twice
		if e.Response.Status >= 400 && !isPicture {
			v.problem("request: %s: %s", v.sent[e.RequestID], e.Response.StatusText)
		}
	case *network.EventLoadingFailed:
		isOwn := strings.Contains(v.sent[e.RequestID], v.site)         // no other site answers here
		if isOwn && !e.Canceled && e.ErrorText != "net::ERR_ABORTED" { // which a page that is left does
			v.problem("request: %s: %s", v.sent[e.RequestID], e.ErrorText)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork { // of which there is a line already
			v.problem("browser: %s", e.Entry.Text)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			var texts []string
			for _, arg := range e.Args {
				texts = append(texts, string(arg.Value)+arg.Description)
			}
			v.problem("console: %s", strings.Join(texts, " "))
		}
	case *runtime.EventExceptionThrown:
		v.problem("exception: %s", e.ExceptionDetails.Text)
	case *page.EventJavascriptDialogOpening:
		v.problem("dialog: %s", e.Message)
	}
}

// note notes what a page says.
func (v *visit) note(what, text string) { v.seen = append(v.seen, what+": "+steady(text)) }

// shows waits for a condition of a page's script, for as long as WordPress may take.
func (v *visit) shows(what, condition string) {
	v.t.Helper()
	for end := time.Now().Add(long); !eval[bool](v.tab, "!!("+condition+")"); time.Sleep(5 * often) {
		if time.Now().After(end) {
			v.t.Fatalf("in vain waited until %s\n%s\n%s", what, v, v.page())
		}
	}
}

// click presses what a selector names, once it can be pressed.
func (v *visit) click(selector string) {
	v.t.Helper()
	v.shows(selector+" is there", fmt.Sprintf(`(e => e && !e.disabled && e.getAttribute('aria-disabled') !== 'true')(document.querySelector(%q))`, selector))
	eval[bool](v.tab, fmt.Sprintf(`(document.querySelector(%q).click(), true)`, selector))
}

// write types into what a selector names, in place of what is there.
func (v *visit) write(selector, text string) {
	v.t.Helper()
	v.shows(selector+" is there", fmt.Sprintf(`document.querySelector(%q)`, selector))
	eval[bool](v.tab, fmt.Sprintf(`(e => (e.focus(), e.select?.(), true))(document.querySelector(%q))`, selector))
	call(v.tab, input.InsertText, input.InsertTextParams{Text: text})
}

// choose gives a file to the field that a selector names.
func (v *visit) choose(selector, file string) {
	v.t.Helper()
	v.shows(selector+" is there", fmt.Sprintf(`document.querySelector(%q)`, selector))
	v.do("choose a file", chromedp.SetUploadFiles(chromedp.CSS(selector), []string{file}))
}

// promise awaits what a page's script answers.
func (v *visit) promise(expression string) string {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, long)
	defer cancel()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		v.t.Fatalf("%s: %v\n%s", expression, err, v)
	}
	return got
}

// administer signs in and goes through the administration.
func administer(t *testing.T, name, url string) *visit {
	t.Helper()
	v := &visit{tab: &tab{t: t, site: url, log: &journal{}}, sent: map[network.RequestID]string{}}
	ctx, closeTab := chromedp.NewContext(chrome, chromedp.WithNewBrowserContext(), chromedp.WithListener(v.add), chromedp.WithListener(v.log.add))
	defer closeTab()
	v.ctx = ctx
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	sized(1280, 900)(v.tab)
	file := pngFile(t)
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"sign in", v.signIn},
		{"screens", v.screens},
		{"profile", v.profile},
		{"settings", v.settings},
		{"media", func() { v.media(file) }},
		{"Site Health", v.siteHealth},
		{"block editor", func() { v.blockEditor(file) }},
		{"customizer", v.customizer},
		{"sign out", v.signOut},
	} {
		begin := time.Now()
		step.do()
		t.Logf("%s: %s took %.1fs", name, step.name, time.Since(begin).Seconds())
	}
	return v
}

// pngFile is a file with a PNG.
func pngFile(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	file := filepath.Join(t.TempDir(), "picture.png")
	if err := errors.Join(png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 40, 30))), os.WriteFile(file, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return file
}

func (v *visit) signIn() {
	v.open("/wp-login.php")
	v.write("#user_login", wptest.Admin)
	v.write("#user_pass", "main-password-of-admin")
	v.click("#wp-submit")
	v.shows("the dashboard is there", `document.querySelector('#dashboard-widgets')`)
	v.note("signed in", eval[string](v.tab, `document.querySelector('#wpadminbar .display-name').textContent`))
}

// screens opens the screens of the administration, and has one send its heartbeat.
func (v *visit) screens() {
	for _, path := range []string{
		"", "plugins.php", "themes.php", "users.php", "edit.php", "edit-comments.php", "upload.php?mode=grid", "tools.php", "user-edit.php?user_id=2",
	} {
		v.open("/wp-admin/" + path)
		v.shows("the screen is there", `document.readyState === 'complete' && document.querySelector('#wpbody')`)
		v.note("screen "+path, eval[string](v.tab, `document.title + ': ' + document.querySelector('#wpbody h1')?.textContent`))
	}
	v.open("/wp-admin/")
	v.note("heartbeat", v.promise(`new Promise(done => {
		jQuery(document).one('heartbeat-tick', (e, data) => done('tick ' + Object.keys(data).sort()));
		jQuery(document).one('heartbeat-error', (e, x, status, error) => done(status + ' ' + error));
		wp.heartbeat.connectNow();
	})`))
}

// profile makes and revokes an application password on WordPress's own page.
func (v *visit) profile() {
	v.open("/wp-admin/profile.php")
	v.write("#new_application_password_name", "In the browser")
	v.click("#do_new_application_password")
	v.shows("the password is shown", `document.querySelector('.new-application-password-notice code, .new-application-password-notice input, .application-passwords-user .error')`)
	v.note("new application password", eval[string](v.tab, `String(document.querySelector('.application-passwords-list-table-wrapper tbody').innerText.includes('In the browser'))`))
	v.promise(`wp.apiRequest({path: '/wp/v2/users/me/application-passwords', method: 'DELETE'}).then(a => String(a.deleted))`)
	v.note("application passwords", v.promise(`wp.apiRequest({path: '/wp/v2/users/me/application-passwords'}).then(a => String(a.length))`))
	v.write("#description", "About me")
	v.click("#submit")
	v.shows("the profile is saved", `document.querySelector('#message.updated')`)
	v.note("profile", eval[string](v.tab, `document.querySelector('#message').textContent`))
}

func (v *visit) settings() {
	for _, name := range []string{"permalink", "general"} {
		v.open("/wp-admin/options-" + name + ".php")
		v.click("#submit")
		v.shows("the settings are saved", `document.querySelector('#setting-error-settings_updated')`)
		v.note("settings "+name, eval[string](v.tab, `document.querySelector('#setting-error-settings_updated').textContent`))
	}
}

// media uploads a file by script and by form.
func (v *visit) media(file string) {
	v.open("/wp-admin/media-new.php")
	v.choose(`.moxie-shim input[type=file]`, file)
	v.shows("the upload ends", `document.querySelector('#media-items .edit-attachment, #media-items .error-div, #media-items .error')`)
	v.note("upload by script", eval[string](v.tab, `document.querySelector('#media-items').innerText`))
	v.open("/wp-admin/media-new.php?browser-uploader")
	v.choose("#async-upload", file)
	v.click("#html-upload")
	v.shows("the library is there", `location.pathname.endsWith('/upload.php') && document.readyState === 'complete'`)
	v.note("upload by form", eval[string](v.tab, `document.title`))
}

// siteHealth runs its tests, some of which are requests of the browser and some of
// WordPress to itself. That of the page cache depends on how fast the machine is.
func (v *visit) siteHealth() {
	v.open("/wp-admin/site-health.php")
	v.shows("the tests have ended", `window.SiteHealth?.site_status && document.querySelector('.site-health-progress-wrapper') && !document.querySelector('.site-health-progress-wrapper.loading')`)
	issues := eval[[]string](v.tab, `[...document.querySelectorAll('.health-check-accordion-trigger .title')]
		.map(e => e.closest('.health-check-accordion').id + ': ' + e.textContent.trim())`)
	slices.Sort(issues)
	for _, issue := range issues {
		if !strings.Contains(issue, "age cache") {
			v.note("Site Health", issue)
		}
	}
	v.note("async", eval[string](v.tab, `SiteHealth.site_status.async.map(t => t.test).join(' ')`))
	v.open("/wp-admin/site-health.php?tab=debug")
	v.shows("the screen is there", `document.querySelector('#health-check-debug')`)
}

const (
	editor = `wp.data.select('core/editor')`
	idle   = `!` + editor + `.isSavingPost() && !` + editor + `.isAutosavingPost()`
)

// blockEditor writes a post with a picture, as far as its page on the site.
func (v *visit) blockEditor(file string) {
	v.open("/wp-admin/post-new.php")
	v.shows("the editor is there", `window.wp?.data && document.querySelector('.editor-post-title__input') && `+editor+`.getCurrentPostId()`)
	eval[bool](v.tab, `(wp.data.dispatch('core/preferences').set('core/edit-post', 'welcomeGuide', false), true)`)
	v.write(".editor-post-title__input", "Written in the browser")
	v.key("\r")
	call(v.tab, input.InsertText, input.InsertTextParams{Text: "The first paragraph"})
	v.click(".editor-post-save-draft")
	v.shows("the draft is saved", idle+` && !`+editor+`.isEditedPostNew() && !`+editor+`.isEditedPostDirty()`)
	v.note("draft", eval[string](v.tab, editor+`.getCurrentPost().status + ' ' + `+editor+`.getEditedPostContent()`))

	eval[bool](v.tab, `(wp.data.dispatch('core/block-editor').insertBlock(wp.blocks.createBlock('core/image')), true)`)
	v.choose(`.block-editor-media-placeholder input[type=file]`, file)
	v.shows("the picture is there", `document.querySelector('.wp-block-image img[src*="/uploads/"]')`)
	v.promise(`wp.data.dispatch('core/editor').autosave().then(() => 'done')`)
	v.shows("it is saved", idle)
	v.note("draft with a picture", eval[string](v.tab, `String(`+editor+`.didPostSaveRequestSucceed())`))

	v.click(".editor-post-publish-panel__toggle")
	v.click(".editor-post-publish-panel .editor-post-publish-button")
	v.shows("the post is published", editor+`.isCurrentPostPublished() && `+idle)
	v.note("published", eval[string](v.tab, editor+`.getCurrentPost().status`))

	eval[bool](v.tab, `(wp.data.dispatch('core/editor').editPost({title: 'Changed'}), true)`)
	v.promise(`wp.data.dispatch('core/editor').autosave().then(() => 'done')`)
	v.shows("it is autosaved", idle)
	v.note("autosave", eval[string](v.tab, `String(`+editor+`.didPostSaveRequestSucceed())`))
	links := eval[[]string](v.tab, `[`+editor+`.getEditedPostPreviewLink() || '', `+editor+`.getPermalink()]`)
	v.promise(`wp.data.dispatch('core/editor').savePost().then(() => 'done')`)
	v.note("updated", eval[string](v.tab, `String(`+editor+`.didPostSaveRequestSucceed()) + ' ' + `+editor+`.getCurrentPost().title`))
	for i, link := range links {
		v.open(link)
		v.note(fmt.Sprint("page ", i), eval[string](v.tab, `document.title`))
	}
}

func (v *visit) customizer() {
	v.open("/wp-admin/customize.php")
	v.shows("the preview is there", `window.wp?.customize?.previewer && document.querySelector('#customize-preview iframe') && wp.customize.state?.('saved')`)
	v.note("customizer", v.promise(`new Promise(done => wp.customize.previewer.deferred.active.done(() => {
		wp.customize('blogdescription').set('A description ' + Math.random());
		wp.customize.previewer.save().then(() => done('saved'), (a) => done('not saved: ' + JSON.stringify(a)));
	}))`))
}

func (v *visit) signOut() {
	v.open("/wp-admin/profile.php")
	v.click("#wp-admin-bar-logout a")
	v.shows("the sign-in is there", `document.querySelector('#loginform')`)
	v.note("signed out", eval[string](v.tab, `document.querySelector('#login .message, #login #login-message')?.textContent`))
}
