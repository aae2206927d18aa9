package forwardauth_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
	"github.com/sparekey-dev/sparekey/internal/testproc"
	"github.com/sparekey-dev/sparekey/scope"
)

// startRadicale starts Radicale, which believes the header X-Remote-User, and lets
// each user have what is below their own login.
func startRadicale(t *testing.T, home string) *url.URL {
	t.Helper()
	program := testproc.Program(t, clientRemedy, "radicale")
	dir, addr := filepath.Join(home, "radicale"), net.JoinHostPort("127.0.0.1", testproc.FreePort(t))
	write(t, dir, map[string]string{"config": `[server]
hosts = ` + addr + `
[auth]
type = http_x_remote_user
[rights]
type = owner_only
[storage]
filesystem_folder = ` + filepath.Join(dir, "collections") + `
`})
	return serve(t, dir, addr, exec.CommandContext(context.WithoutCancel(t.Context()), program, "--config", filepath.Join(dir, "config")))
}

// event is a file with an event.
func event(uid, summary string) string {
	return `BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//sparekey//test//EN
BEGIN:VEVENT
UID:` + uid + `
DTSTAMP:20260102T030405Z
DTSTART:20260102T120000Z
SUMMARY:` + summary + `
END:VEVENT
END:VCALENDAR
`
}

// vdirsyncer has vdirsyncer look for the calendars at an address, and then has one of them
// and a folder have the same events.
func (c *client) vdirsyncer(t *testing.T, credential, address, folder string) (string, error) {
	t.Helper()
	name, secret, _ := strings.Cut(c.login(t, credential), ":")
	write(t, c.home, map[string]string{folder + ".conf": `[general]
status_path = "` + filepath.Join(c.home, "status", folder) + `"
[pair calendars]
a = "here"
b = "there"
collections = ["work"]
[storage here]
type = "filesystem"
path = "` + filepath.Join(c.home, folder) + `"
fileext = ".ics"
[storage there]
type = "caldav"
url = "` + c.url(address) + `"
username = "` + name + `"
password = "` + secret + `"
verify = "` + c.site.Certificate.Cert + `"
`})
	const both = `yes | vdirsyncer -v ERROR -c "$0" discover && vdirsyncer -v ERROR -c "$0" sync`
	return c.run(t, "sh", "-c", both, filepath.Join(c.home, folder+".conf"))
}

// TestRadicale has vdirsyncer make a calendar in Radicale, and bring events there and back.
// Clients that claim another login in the header that Radicale believes stay who they are.
func TestRadicale(t *testing.T) {
	t.Parallel()
	testproc.Program(t, clientRemedy, "vdirsyncer")
	scopes := map[string]scope.List{"dav:read": "dav:read", "dav:write": "dav:write", "ann": "* /ann/*"}
	fronted{start: startRadicale, scopes: scopes, identity: "X-Remote-User", optional: true}.each(t, func(t *testing.T, c *client) {
		write(t, c.home, map[string]string{"writer/work/lunch.ics": event("lunch", "Lunch"), "reader/work/mine.ics": event("mine", "Of the reader")})
		for _, step := range []struct{ credential, address, folder, fails, arrives string }{
			{"dav:write", "/", "writer", "", "PUT /ann/work/lunch.ics"},
			{"dav:read", "/", "reader", "403", "REPORT /ann/work/"}, // which has an event that is not there yet
			{"ann", "/", "lost", "403", ""},
			{"ann", "/ann/", "narrowed", "", "REPORT /ann/work/"},
		} {
			if step.folder == "narrowed" && c.asks { // which calendars the body names is not seen
				step.fails, step.arrives = "403", "PROPFIND /ann/"
			}
			out, err := c.vdirsyncer(t, step.credential, step.address, step.folder)
			arrived := c.arrived.take()
			if (err != nil) != (step.fails != "") || !strings.Contains(out, step.fails) || !strings.Contains(arrived, step.arrives) {
				t.Errorf("%s at %s: %v, want %q and %q\n%s\n%s", step.credential, step.address, err, step.fails, step.arrives, out, arrived)
			}
			if step.fails != "" && (strings.Contains(arrived, "PUT") || strings.Contains(arrived, "DELETE")) {
				t.Errorf("%s: Radicale got\n%s", step.credential, arrived)
			}
			text, err := os.ReadFile(filepath.Join(c.home, step.folder, "work", "lunch.ics"))
			if has := strings.Contains(string(text), "SUMMARY:Lunch"); has != strings.Contains(step.arrives, "/ann/work/") {
				t.Errorf("%s: the folder has %q, %v", step.credential, text, err)
			}
		}
		c.reports(t)
		c.asBob(t)
	})
}

// reports sends the requests of CalDAV that read in a body (RFC 4791, sections 7.8 and 7.9),
// and one that writes.
func (c *client) reports(t *testing.T) {
	t.Helper()
	const (
		head  = "Depth: 1\nContent-Type: application/xml\nConnection: close\n"
		props = `<D:prop><D:getetag/><C:calendar-data/></D:prop>`
		space = ` xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"`
		query = `<C:calendar-query` + space + `>` + props + `<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"/></C:comp-filter></C:filter></C:calendar-query>`
		names = `<C:calendar-multiget` + space + `>` + props + `<D:href>/ann/work/lunch.ics</D:href></C:calendar-multiget>`
		find  = `<D:propfind` + space + `><D:prop><D:resourcetype/><C:calendar-home-set/></D:prop></D:propfind>`
	)
	put := event("dinner", "Dinner")
	for _, x := range []struct {
		method, target, body string
		status               int
		has                  string
		readers              int // the status for dav:read
	}{
		{"PROPFIND", "/ann/work/", find, http.StatusMultiStatus, "calendar-home-set", http.StatusMultiStatus},
		{"REPORT", "/ann/work/", query, http.StatusMultiStatus, "SUMMARY:Lunch", http.StatusMultiStatus},
		{"REPORT", "/ann/work/", names, http.StatusMultiStatus, "SUMMARY:Lunch", http.StatusMultiStatus},
		{"PUT", "/ann/work/dinner.ics", put, http.StatusCreated, "", http.StatusForbidden},
		{"DELETE", "/ann/work/lunch.ics", "", http.StatusOK, "", http.StatusForbidden},
		{"MKCALENDAR", "/ann/more/", "", http.StatusCreated, "", http.StatusForbidden},
	} {
		length := len(x.body) + strings.Count(x.body, "\n") // they are sent as CR LF
		request := fmt.Sprintf("%s %s HTTP/1.1\nHost: example.org\nAuthorization: {as}\n%sContent-Length: %d\n\n%s", x.method, x.target, head, length, x.body)
		if a := c.site.Send(t, c.front, strings.Replace(request, "{as}", "{dav:read}", 1)); a.Status != x.readers {
			t.Errorf("dav:read: %s %s: %d %s", x.method, x.target, a.Status, a.Body)
		}
		if a := c.site.Send(t, c.front, strings.Replace(request, "{as}", "{good}", 1)); a.Status != x.status || !strings.Contains(a.Body, x.has) {
			t.Errorf("%s %s: %d %s", x.method, x.target, a.Status, a.Body)
		}
	}
}

// asBob claims the login bob in the header that Radicale believes.
func (c *client) asBob(t *testing.T) {
	t.Helper()
	radicale := gatewaytest.Front{Addr: c.site.Application.Host}
	for i, line := range []string{"X-Remote-User: bob", "x-remote-user: bob", "X_Remote_User: bob", "X-REMOTE_USER: bob", "X-Remote-User: bob\nConnection: close, X-Remote-User"} {
		request := fmt.Sprint("MKCALENDAR /bob/work", i, "/") + " HTTP/1.1\nHost: example.org\n"
		if a := c.site.Send(t, radicale, request+line+"\nContent-Length: 0\n\n"); a.Status != http.StatusCreated && !strings.Contains(line, "Connection") {
			t.Errorf("Radicale itself does not believe %q, so this proves nothing: %d %s", line, a.Status, a.Body)
		}
		for _, authorization := range []string{"", "Authorization: Bearer x\n", "Authorization: {good}\n", "Proxy-Authorization: {dav:write}\n", "Authorization: {wrong}\n"} {
			a := c.site.Send(t, c.front, "PROPFIND /bob/ HTTP/1.1\nHost: example.org\n"+authorization+line+"\nDepth: 1\nContent-Length: 0\n\n")
			if a.Status/100 != 4 || strings.Contains(a.Body, "/bob/work") {
				t.Errorf("%q with %q: %d %s", authorization, line, a.Status, a.Body)
			}
		}
		for _, credential := range []string{"good", "dav:write"} {
			a := c.site.Send(t, c.front, "PROPFIND /ann/ HTTP/1.1\nHost: example.org\nAuthorization: {"+credential+"}\n"+line+"\nDepth: 1\nContent-Length: 0\n\n")
			if a.Status != http.StatusMultiStatus || !strings.Contains(a.Body, "/ann/work/") {
				t.Errorf("%s with %q is not ann: %d %s", credential, line, a.Status, a.Body)
			}
		}
	}
}
