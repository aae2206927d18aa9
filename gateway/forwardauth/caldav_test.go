package forwardauth_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
	"github.com/sparekey-dev/sparekey/internal/testproc"
)

// calendar is the calendar of ann.
const calendar = "/files/ann/calendars/calendar/"

// reportAs writes a REPORT to the calendar.
func reportAs(credential, body string) string {
	length := len(body) + strings.Count(body, "\n") // lines are sent with "\r\n"
	return as(credential, "REPORT", calendar, "Depth: 1", "Content-Type: application/xml", fmt.Sprint("Content-Length: ", length)) + body
}

// multiget is a REPORT of CalDAV about these objects (RFC 4791, section 7.9).
func multiget(hrefs ...string) string {
	return `<C:calendar-multiget xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/><C:calendar-data/></D:prop><D:href>` +
		strings.Join(hrefs, "</D:href><D:href>") + `</D:href></C:calendar-multiget>`
}

// TestCalDAV has a REPORT go to objects that its body names, in a real CalDAV server.
func TestCalDAV(t *testing.T) {
	t.Parallel()
	program := testproc.Program(t, applicationRemedy, "xandikos")
	dir, port := testproc.Dir(t), testproc.FreePort(t)
	addr := net.JoinHostPort("127.0.0.1", port)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "-d", dir+"/data", "--defaults", "--current-user-principal", "/files/ann/", "-l", "127.0.0.1", "-p", port)
	cmd.Env = append(os.Environ(), "HOME="+dir, "PYTHONDONTWRITEBYTECODE=1")
	address := serve(t, dir, addr, cmd)

	site, direct := gatewaytest.NewSite(t), gatewaytest.Front{Addr: addr}
	const bobs = "/files/bob/"
	for _, request := range []string{
		as("good", "MKCALENDAR", bobs, "Content-Length: 0"),
		as("good", "PUT", bobs+"1.ics", "Content-Type: text/calendar", fmt.Sprint("Content-Length: ", len(strings.ReplaceAll(event("b", "a secret"), "\n", "\r\n")))) + event("b", "a secret"),
		as("good", "PUT", calendar+"1.ics", "Content-Type: text/calendar", fmt.Sprint("Content-Length: ", len(strings.ReplaceAll(event("a", "a meeting"), "\n", "\r\n")))) + event("a", "a meeting"),
	} {
		if answer := site.Send(t, direct, request); answer.Status != 201 && answer.Status != 204 {
			t.Fatalf("%s%d %s", request, answer.Status, answer.Body)
		}
	}

	attacked{
		address: address,
		allowed: map[string]string{
			as("files", "PROPFIND", calendar, "Depth: 1", "Content-Length: 0"):  "1.ics",
			as("files", "GET", calendar+"1.ics"):                                "a meeting",
			reportAs("writing", multiget(calendar+"1.ics", "/files/bob/1.ics")): "a secret",
		},
		attacks: []string{
			reportAs("files", multiget(bobs+"1.ics")),
			reportAs("files", multiget(calendar+"1.ics", bobs+"1.ics")),
			reportAs("files", multiget("http://other.example/files/bob/1.ics")),
			reportAs("files", multiget("/files/%62ob/1.ics")),
			reportAs("files", multiget("&#47;files/bob/1.ics")),
			reportAs("files", multiget("<![CDATA[/files/bob/1.ics]]>")),
			reportAs("files", multiget("/files/<!-- -->bob/1.ics")),
		},
		got: func(_ *testing.T, a gatewaytest.Answer) bool { return strings.Contains(a.Body, "a secret") },
	}.test(t)

	t.Run("seen", func(t *testing.T) { // what a front-end that sees bodies lets a narrowed credential do
		site := gatewaytest.NewSite(t)
		site.Application = address
		front := ownProxy(t, site)
		for _, body := range []string{
			multiget(calendar + "1.ics"), multiget("http://example.org" + calendar + "1.ics"),
			`<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><C:calendar-data/></D:prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"/></C:comp-filter></C:filter></C:calendar-query>`,
		} {
			if answer := site.Send(t, front, reportAs("files", body)); answer.Status != 207 || !strings.Contains(answer.Body, "a meeting") {
				t.Errorf("%s\n%d %s", body, answer.Status, answer.Body)
			}
		}
	})
}
