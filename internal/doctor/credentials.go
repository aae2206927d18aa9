package doctor

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

func (x *run) probeAnonymous(ctx context.Context) bool {
	r, err := x.probe(ctx, x.target, nil)
	if err != nil {
		x.unreachable(x.target, err)
		return false
	}
	if r.isOK() && x.isAPI && x.target != join(x.root, "wp/v2/users/me") {
		x.ok("%s needs no credential, so one is tried where the API tells who one is.", x.target)
		x.target = join(x.root, "wp/v2/users/me")
		return x.probeAnonymous(ctx)
	}
	x.anonymous = r
	if c := classify(r); c == Broken || c == Throttled {
		x.problem(c, "Without a credential, %s answers: %s", x.target, r.says())
		return false
	}
	return true
}

// probeWrong sends a wrong credential. The answer shows whether Authorization arrives.
func (x *run) probeWrong(ctx context.Context) bool {
	r, err := x.probe(ctx, x.target, wrongCredential())
	if err != nil {
		x.unreachable(x.target, err)
		return false
	}
	if x.isProxied && !x.checkProxied(r) {
		return false
	}
	c := classify(r)
	switch {
	case c.isWrongCredential():
		x.revealsLogin = c == WrongLogin
		x.ok("Authorization arrives: the server says that a wrong credential is wrong.")
		return true
	case c == Throttled && x.Login != "": // perhaps because of an earlier examination
		x.ok("Authorization arrives: the wrong credential of an examination is throttled for now.")
		return true
	case c != "":
		x.problem(c, "With a credential, %s answers: %s", x.target, r.says())
		return false
	case !x.available:
		x.problem(Disabled, "The index of the API does not offer application passwords.")
		return false
	case x.arrival != nil && x.arrival.Authorization == "absent": // even if the application behind Sparekey is public
		x.problem(Stripped, "The server says that it gets no Authorization where one was sent, so that is lost on the way.")
		return false
	case !r.sameAs(x.anonymous):
		x.ok("Authorization arrives: a wrong credential is answered differently from none.")
		return true
	}
	x.noEffect = true
	return x.explainNoEffect()
}

// checkProxied checks the assumption of useProxied. In front of an application, Sparekey refuses
// a wrong credential that arrives; if a 404 stays a 404, the address does not exist.
func (x *run) checkProxied(r reply) bool {
	if x.anonymous.status == http.StatusNotFound && r.status == http.StatusNotFound && x.arrival.Authorization == "basic" {
		x.notFound()
		return false
	}
	if x.arrival.Authorization != "absent" {
		x.ok("Sparekey answers at this address, in front of an application.")
	}
	return true
}

// explainNoEffect is for a server whose answers to a wrong and to no credential are the same.
// Sparekey never answers so. WordPress does, and so does a proxy with an error page of its own.
func (x *run) explainNoEffect() bool {
	isSparekey := x.arrival != nil || saysAnonymous(x.anonymous)
	switch {
	case x.isProxied && x.arrival != nil && x.arrival.Authorization == "basic":
		x.problem(NoEffect, "Authorization arrives at %s, but a wrong credential changes nothing at %s. If WordPress is behind Sparekey, that is right for a page: "+
			"Basic logins count on its API alone, so examine that. Else it is lost on the way there.", Path, x.target)
		return false
	case isSparekey && !isOpaque(x.anonymous):
		what := "A wrong credential is answered as none is, so Authorization is lost on the way."
		if x.arrival != nil && x.arrival.Authorization == "basic" {
			what = "Authorization arrives at " + Path + ", but is lost on the way to " + x.target + "."
		}
		x.problem(Stripped, "%s", what)
		return false
	case x.Login == "":
		x.problem(NoEffect, "A wrong credential is answered as none is: %s", x.anonymous.says())
		return false
	}
	return true
}

// isOpaque reports whether a reply may be an error page that a proxy put in the place of the
// server's.
func isOpaque(r reply) bool { return r.problem().Code == "" && !saysAnonymous(r) }

func (x *run) probeReal(ctx context.Context) bool {
	if x.Login == "" || !x.isNamed(x.target) {
		return false // the secret is not for the server that the site redirects to
	}
	r, err := x.probe(ctx, x.target, &credential{x.Login, x.Secret})
	if err != nil {
		x.unreachable(x.target, err)
		return false
	}
	c := classify(r)
	switch {
	case x.noEffect && r.isOK() && x.anonymous.isOK():
		x.problem(NoEffect, "%s is open to everybody, and pays no heed to a credential. Examine an address that is guarded.", x.target)
	case r.isOK():
		x.ok("The credential works at %s.", x.target)
	case c == WrongSecret && !x.revealsLogin:
		x.problem(WrongCredential, "%s%s", r.says(), x.aboutSecret())
	case c.isWrongCredential():
		x.problem(c, "%s%s", r.says(), x.aboutSecret())
	case c == Throttled:
		x.problem(c, "%s (Retry-After: %s seconds)", r.says(), r.header.Get("Retry-After"))
	case c != "":
		x.problem(c, "%s%s", r.says(), x.aboutAddress(c))
	case x.noEffect && r.sameAs(x.anonymous):
		x.explainIgnored(ctx)
	case x.arrival != nil && !x.noEffect:
		x.explainUpstream(r)
	default:
		x.problem(Refused, "%s", r.says())
	}
	return false
}

// explainUpstream is for an answer of the application: Sparekey refused the wrong credential and
// allowed the real one.
func (x *run) explainUpstream(r reply) {
	if r.status == http.StatusUnauthorized || r.status == http.StatusForbidden {
		x.problem(Refused, "Sparekey lets the credential pass, and the application behind it answers: %s", r.says())
		return
	}
	x.ok("Sparekey lets the credential pass at %s. The application behind it answers %d.", x.target, r.status)
}

func (x *run) aboutAddress(c Cause) string {
	if c != OutOfNetwork || x.arrival == nil {
		return ""
	}
	return " (The server takes your address to be: " + x.arrival.Address + ".)"
}

func (x *run) aboutSecret() string {
	n := 0
	for _, c := range x.Secret {
		if c <= unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c)) {
			n++
		}
	}
	if n == secretLen {
		return ""
	}
	about := "The secret does not look like an application password, which has 24 letters and digits."
	if x.isAPI {
		about += " If it is the login of a web server in front of the site, such as a staging site's: that counts on pages only." +
			" A request has one Authorization, and on the API it must be an application password."
	}
	return " (" + about + ")"
}

// explainIgnored is for a server that answers as if no credential were sent, right or wrong.
// XML-RPC has the credential in the body: if it is accepted there, the API did not receive it.
func (x *run) explainIgnored(ctx context.Context) {
	switch x.askXMLRPC(ctx) {
	case xmlrpcAccepts:
		x.problem(Stripped, "The credential is right (XML-RPC takes it), but the API answers as if none were sent, so Authorization is lost on the way.")
	case xmlrpcRefuses:
		x.problem(WrongCredential, "The API answers as if no credential were sent, and XML-RPC says that it is wrong.%s", x.aboutSecret())
	default:
		x.problem(NoEffect, "The credential is answered as none is: %s%s", x.anonymous.says(), x.aboutSecret())
	}
}

const (
	xmlrpcSilent = iota // it is off, or does not exist
	xmlrpcAccepts
	xmlrpcRefuses
)

// xmlrpcWrong is the fault code with which WordPress refuses a credential.
const xmlrpcWrong = "<int>403</int>"

func (x *run) askXMLRPC(ctx context.Context) int {
	home := withoutQuery(x.root)
	if before, ok := strings.CutSuffix(home, "wp-json/"); ok {
		home = before
	}
	var body strings.Builder
	body.WriteString(`<?xml version="1.0"?><methodCall><methodName>wp.getUsersBlogs</methodName><params>`)
	for _, text := range []string{x.Login, x.Secret} {
		body.WriteString("<param><value><string>")
		_ = xml.EscapeText(&body, []byte(text)) // a Builder takes all
		body.WriteString("</string></value></param>")
	}
	body.WriteString("</params></methodCall>")
	at, err := url.JoinPath(home, "xmlrpc.php")
	if err != nil || !x.isAPI || !x.isNamed(at) {
		return xmlrpcSilent
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(body.String()))
	if err != nil {
		return xmlrpcSilent
	}
	r.Header.Set("Content-Type", "text/xml")
	answer, err := x.send(r)
	text := string(answer.body)
	switch {
	case err != nil || !answer.isOK() || !strings.Contains(text, "<methodResponse>"):
		return xmlrpcSilent
	case strings.Contains(text, "isAdmin"):
		return xmlrpcAccepts
	case strings.Contains(text, xmlrpcWrong):
		return xmlrpcRefuses
	}
	return xmlrpcSilent
}
