package e2e_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// maxPicture is how many bytes a picture may have.
const maxPicture = 200_000

// A picture is one of a page.
type picture struct {
	file  string // without .png
	size  [2]int64
	user  string // the user who is signed in; "" if anonymous
	path  string
	then  func(*tab) // what is done there
	modes []mode
}

// A window is as high as the page in it, unless that has a question over it.
var (
	wide   = [2]int64{1040, 0} // CSS pixels, of which each is four on the picture
	middle = [2]int64{720, 0}
	narrow = [2]int64{320, 0}
)

var pictures = []picture{
	{file: "sign-in", size: middle, path: "/sign-in"},
	{file: "profile", size: wide, user: "cleo", path: accountPath},
	{file: "profile-dark", size: wide, user: "cleo", path: accountPath, modes: []mode{dark}},
	{file: "profile-narrow", size: narrow, user: "cleo", path: accountPath},
	{file: "profile-arabic", size: wide, user: "cleo", path: accountPath, modes: []mode{speaking("ar")}},
	{file: "confirm", size: [2]int64{1040, 800}, user: "cleo", path: accountPath, then: func(b *tab) {
		b.follow("Revoke Backup script")
		b.sees("Revoke Backup script?")
	}},
	{file: "history", size: wide, user: "cleo", path: accountPath, then: history},
	{file: "limits", size: middle, user: "cleo", path: accountPath, then: limits},
	{file: "limits-narrow-dark", size: narrow, user: "cleo", modes: []mode{dark}, path: accountPath, then: limits},
	{file: "new-limited", size: wide, user: "bob", path: accountPath + "/new", then: limitsOpened},
	{file: "new-limited-narrow", size: narrow, user: "bob", path: accountPath + "/new", then: limitsOpened},
	{file: "authorise-wishes", size: middle, user: "cleo", path: withQuery(authorizePath,
		"app_name", "Field Notes", "success_url", "https://notes.example/connected", "scope", "wp:posts wp:media", "expires", "90d"), then: undated},
	{file: "authorise", size: middle, user: "cleo", path: withQuery(authorizePath,
		"app_name", "Field Notes", "app_id", appID, "success_url", "https://notes.example/connected"), then: canApprove},
	{file: "authorise-narrow-dark", size: narrow, user: "cleo", modes: []mode{dark}, path: withQuery(authorizePath,
		"app_name", "Field Notes", "app_id", appID, "success_url", "com.example.field-notes://connected"), then: canApprove},
	{file: "authorise-error", size: middle, user: "cleo", path: withQuery(authorizePath,
		"app_name", "Field Notes", "success_url", "http://notes.example/connected")},
	{file: "all-users", size: wide, user: "ann", path: accountPath + "/all"},
	{file: "account", size: middle, user: "cleo", path: "/account/profile"},
	{file: "empty", size: wide, user: "bob", path: accountPath},
	{file: "new-password", size: wide, user: "bob", path: accountPath, then: newPassword},
}

// newPassword shows a password that no account has.
func newPassword(b *tab) {
	b.follow("New application password")
	b.fill("Name of the app or device", "Phone")
	b.press("Add password")
	b.secret()
	eval[bool](b, `document.querySelector('#new-application-password-value').value = 'Nq4v yR7c WkT2 s9Lb XeF6 hJ3m', true`)
	eval[bool](b, `document.querySelector('#curl').value = "curl --user 'bob:Nq4v yR7c WkT2 s9Lb XeF6 hJ3m' 'https://keys.example/wp-json/wp/v2/users/me'", document.activeElement.blur(), true`)
}

func limits(b *tab) {
	b.follow("Limits of Backup script")
	b.sees("Change the limits")
}

func limitsOpened(b *tab) {
	eval[bool](b, `document.querySelector('[name=limit_preset][value=chosen]').click(), true`)
}

// canApprove waits until the consent button can be pressed.
func canApprove(b *tab) {
	b.until("the button can be pressed", func() bool { return eval[bool](b, approveIs) })
}

// undated has the time that depends on today be another one.
func undated(b *tab) {
	canApprove(b)
	eval[bool](b, `document.querySelector('#limit-expires-at time').textContent = 'Jun 12, 2026, 11:26 AM', true`)
}

func history(b *tab) {
	b.open(b.href(`.sk-name a[href*="/history/"]`))
	b.shows(".sk-log")
}

// TestScreenshots makes the pictures of the documentation, in the folder that
// SCREENSHOTS names.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		t.Skip("SCREENSHOTS names no folder")
	}
	s := startSite(t)
	cleo := s.addUser("cleo", "Cleo Carter")
	s.seed(somePast(cleo)...)
	s.happened(cleo, "Phone")
	for _, p := range pictures {
		t.Run(p.file, func(t *testing.T) {
			p.save(t, folder, p.take(t, s))
		})
	}
}

// somePast is application passwords with different stories, of cleo and of bob's
// neighbours.
func somePast(cleo string) []sparekey.Credential {
	day := func(month time.Month, day, hour, minute int) time.Time {
		return time.Date(2026, month, day, hour, minute, 0, 0, time.UTC)
	}
	return []sparekey.Credential{
		{
			UserID: cleo, Name: "Backup script", Created: day(1, 12, 8, 15), LastUsed: day(3, 14, 2, 0), LastIP: "192.0.2.44",
			Limits: sparekey.Limits{
				Expires: time.Date(2030, 12, 31, 23, 59, 59, 0, time.UTC), Scopes: "read\nPOST /wp-json/backup/v1/*", Networks: "192.0.2.0/24",
			},
		},
		{UserID: cleo, Name: "Photo frame in the hall", Created: day(2, 3, 19, 2)},
		{UserID: cleo, Name: "Field Notes", AppID: appID, Created: day(2, 21, 7, 55), LastUsed: day(3, 13, 21, 48), LastIP: "2001:db8::2a:17"},
		{UserID: annID, Name: "Field Notes", AppID: appID, Created: day(3, 1, 11, 30), LastUsed: day(3, 12, 6, 20), LastIP: "203.0.113.90"},
		{UserID: cleo, Name: "Phone", Created: day(3, 9, 12, 0), LastUsed: day(3, 14, 7, 31), LastIP: "203.0.113.25"},
	}
}

// happened puts into the log what became of a credential.
func (s *site) happened(userID, name string) {
	s.withStore(func(ctx context.Context, store *sqlite.Store) error {
		owner, err := store.UserByID(ctx, userID)
		if err != nil {
			return err
		}
		list, err := store.List(ctx, userID)
		if err != nil {
			return err
		}
		c := list[slices.IndexFunc(list, func(c sparekey.Credential) bool { return c.Name == name })]
		home, away := netip.MustParseAddr("203.0.113.25"), netip.MustParseAddr("2001:db8:7::c4")
		form := sparekey.Request{Method: http.MethodPost, Target: accountPath + "/"}
		posts := sparekey.Request{Method: http.MethodGet, Target: "/wp-json/wp/v2/posts"}
		log := audit.New(store, audit.Config{})
		e := sparekey.Event{Kind: sparekey.KindCreated, Time: c.Created, User: owner, Actor: owner, Credential: c, Addr: home, Request: form}
		errs := []error{log.Record(ctx, e)}
		use := func(kind sparekey.Kind, reason sparekey.Reason, addr netip.Addr, times int, from time.Duration) {
			for i := range times {
				log.Observe(ctx, sparekey.Event{
					Kind: kind, Reason: reason, Time: c.Created.Add(from + time.Duration(i)*time.Minute), User: owner, Credential: c, Addr: addr, Request: posts,
				})
			}
			errs = append(errs, log.Flush(ctx))
		}
		use(sparekey.KindAuthenticated, "", away, 48, 28*time.Hour)
		e.Kind, e.Time = sparekey.KindLimited, c.Created.Add(52*time.Hour)
		errs = append(errs, log.Record(ctx, e))
		use(sparekey.KindRefused, sparekey.ReasonOutOfNetwork, away, 3, 60*time.Hour)
		use(sparekey.KindAuthenticated, "", home, 12, 115*time.Hour)
		return errors.Join(errs...)
	})
}

func (p picture) take(t *testing.T, s *site) []byte {
	t.Helper()
	var b *tab
	if p.user == "" {
		b = openTab(t, s)
	} else {
		b = signedIn(t, s, p.user)
	}
	b.sharp(p.size[0], max(p.size[1], 480))
	for _, set := range p.modes {
		set(b)
	}
	b.open(p.path)
	b.shows("h1")
	if p.then != nil {
		p.then(b)
	}
	if p.size[1] == 0 {
		b.sharp(p.size[0], eval[int64](b, `document.documentElement.scrollHeight`))
	}
	eval[bool](b, `document.activeElement.style.caretColor = 'transparent', true`) // it blinks
	taken, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	return taken
}

// sharp is a window with two pixels of the screen for each of CSS.
func (b *tab) sharp(width, height int64) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 2, Mobile: width < 500,
	})
}

// save writes a picture with no more colours than a byte can number, which makes
// it much smaller.
func (p picture) save(t *testing.T, folder string, taken []byte) {
	t.Helper()
	decoded, err := png.Decode(bytes.NewReader(taken))
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, reduced(decoded)); err != nil {
		t.Fatal(err)
	}
	if small.Len() > maxPicture {
		t.Errorf("%d bytes, want at most %d", small.Len(), maxPicture)
	}
	if err := os.WriteFile(filepath.Join(folder, p.file+".png"), small.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// reduced is a picture in its 256 most frequent colours.
func reduced(from image.Image) *image.Paletted {
	bounds := from.Bounds()
	count := map[color.Color]int{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[from.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int {
		return cmp.Or(count[b]-count[a], cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	to := image.NewPaletted(bounds, colours[:min(len(colours), 256)])
	nearest := map[color.Color]uint8{}
	for _, c := range colours {
		nearest[c] = uint8(to.Palette.Index(c))
	}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			to.SetColorIndex(x, y, nearest[from.At(x, y)])
		}
	}
	return to
}
