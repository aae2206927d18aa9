package gatewaytest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// harmless checks the outcome of an attack: either it was refused, or the application got only
// what the credential allows, however the application reads it.
func (s *Site) harmless(t testing.TB, as, request string, a Answer) {
	t.Helper()
	if a.Seen == nil {
		if a.Status == http.StatusNoContent && a.Body == "" && a.Header.Get("Access-Control-Allow-Origin") != "" {
			return // the front-end's own answer to a preflight, which gives nothing away
		}
		if a.Status == http.StatusSwitchingProtocols || a.Status >= 200 && a.Status < 300 {
			t.Errorf("%s\nwas answered with %d %s", request, a.Status, a.Body)
		}
		return
	}
	problem := ""
	for _, act := range a.Seen.acts() {
		if !may(as, act) {
			problem = fmt.Sprintf("it may be taken for %s %s", act.Method, act.Path)
			break
		}
	}
	if problem == "" && len(a.Seen.values("Upgrade"))+len(a.Seen.values("HTTP2-Settings")) > 0 {
		problem = "it may switch protocols"
	}
	if word := a.Seen.spoofs(); problem == "" && word != "" {
		problem = "it has a word of the client's for a proxy's: " + word
	}
	if problem != "" {
		t.Errorf("%s\nreached the application as %+v: %s", request, *a.Seen, problem)
		return
	}
	s.checkIdentity(t, as, a.Seen)
}

// may reports whether a credential may do something, by the name under which the site
// has it. It says in code what limits says in rules.
func may(credential string, act Act) bool {
	isRead := act.Method == http.MethodGet || act.Method == http.MethodHead
	below := func(root string) bool { return strings.HasPrefix(act.Path, root) }
	switch credential {
	case "good":
		return !managesPasswords(act)
	case "expiring", "nearby", "counted", "everything", "writing":
		return !escalates(act)
	case "scoped":
		return isRead && below("/api/posts")
	case "writer":
		return act.Method == http.MethodPost && below("/api/posts")
	case "files":
		return below("/files/ann/") && !escalates(act)
	case "pusher":
		return below("/v2/mine/") && !escalates(act)
	case "reports":
		file, isReport := strings.CutPrefix(act.Path, "/reports/")
		project, isProject := strings.CutPrefix(act.Path, "/projects/")
		project, rest, _ := strings.Cut(project, "/")
		return isRead && (isReport && !strings.Contains(file, "/") && strings.HasSuffix(file, ".pdf") || isProject && project != "" && rest == "comments")
	}
	return false
}

// managesPasswords reports whether an act makes, changes or revokes application
// passwords in the application.
func managesPasswords(act Act) bool {
	return !isSafe(act.Method) && strings.Contains(strings.ToLower(act.Path), "application-passwords")
}

// escalates reports whether an act could get a credential more than it may, in
// WordPress.
func escalates(act Act) bool {
	p := strings.ToLower(act.Path) + "/"
	_, route, isAPI := strings.Cut(p, "/wp-json/")
	return managesPasswords(act) || isAPI && !isSafe(act.Method) && slices.ContainsFunc([]string{
		"users/", "plugins/", "themes/", "settings/", "batch/v1/",
	}, func(name string) bool { return strings.HasPrefix(route, name) || strings.Contains(route, "/"+name) })
}

func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
