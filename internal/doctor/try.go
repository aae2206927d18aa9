package doctor

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// tryNobody asks without a credential.
func (e *exam) tryNobody(ctx context.Context) bool {
	r, err := e.probe(ctx, e.target, nil)
	if err != nil {
		e.unreachable(e.target, err)
		return false
	}
	if r.isOK() && e.isAPI && e.target != join(e.root, "wp/v2/users/me") {
		e.fine("%s needs no credential, so one is tried where the API tells who one is.", e.target)
		e.target = join(e.root, "wp/v2/users/me")
		return e.tryNobody(ctx)
	}
	e.nobody = r
	if c := classify(r); c == Broken || c == Throttled {
		e.found(c, "Without a credential, %s answers: %s", e.target, r.says())
		return false
	}
	return true
}

// tryWrong asks with a credential that is certainly wrong: the answer tells
// whether it arrives.
func (e *exam) tryWrong(ctx context.Context) bool {
	r, err := e.probe(ctx, e.target, wrongCredential())
	if err != nil {
		e.unreachable(e.target, err)
		return false
	}
	if e.isFront && !e.judgeFront(r) {
		return false
	}
	c := classify(r)
	switch {
	case c.concernsWho():
		e.telling = c == WrongLogin
		e.fine("Authorization arrives: the server says that a wrong credential is wrong.")
		return true
	case c == Throttled && e.Login != "": // perhaps only for what was examined before
		e.fine("Authorization arrives: the wrong credential of an examination is throttled for now.")
		return true
	case c != "":
		e.found(c, "With a credential, %s answers: %s", e.target, r.says())
		return false
	case !e.available:
		e.found(Disabled, "The index of the API does not offer application passwords.")
		return false
	case e.seen != nil && e.seen.Authorization == "absent": // also where the application behind Sparekey is public
		e.found(Stripped, "The server says that it gets no Authorization where one was sent, so that is lost on the way.")
		return false
	case !r.isLike(e.nobody):
		e.fine("Authorization arrives: a wrong credential is answered differently from none.")
		return true
	}
	e.noEffect = true
	return e.judgeNoEffect()
}

// judgeFront tells by the answer to the wrong credential whether Sparekey stands in
// front of an application. There, it refuses a credential that arrives; so if that
// changes nothing about a 404, there is nothing at this address.
func (e *exam) judgeFront(r reply) bool {
	if e.nobody.status == http.StatusNotFound && r.status == http.StatusNotFound && e.seen.Authorization == "basic" {
		e.nothingThere()
		return false
	}
	if e.seen.Authorization != "absent" {
		e.fine("Sparekey answers at this address, in front of an application.")
	}
	return true
}

// judgeNoEffect tells what it means that a wrong credential is answered as none
// is. Sparekey never does that; WordPress does, and so does a proxy with a page of
// its own for refusals.
func (e *exam) judgeNoEffect() bool {
	isSparekey := e.seen != nil || isNobody(e.nobody)
	switch {
	case e.isFront && e.seen != nil && e.seen.Authorization == "basic":
		e.found(NoEffect, "Authorization arrives at %s, but a wrong credential changes nothing at %s. If WordPress is behind Sparekey, that is right for a page: "+
			"Basic logins count on its API alone, so examine that. Else it is lost on the way there.", Path, e.target)
		return false
	case isSparekey && !isOpaque(e.nobody):
		what := "A wrong credential is answered as none is, so Authorization is lost on the way."
		if e.seen != nil && e.seen.Authorization == "basic" {
			what = "Authorization arrives at " + Path + ", but is lost on the way to " + e.target + "."
		}
		e.found(Stripped, "%s", what)
		return false
	case e.Login == "":
		e.found(NoEffect, "A wrong credential is answered as none is: %s", e.nobody.says())
		return false
	}
	return true
}

// isOpaque reports whether a reply is a page that a proxy puts in place of what
// the server said.
func isOpaque(r reply) bool { return r.problem().Code == "" && !isNobody(r) }

// tryReal asks with the credential that does not work.
func (e *exam) tryReal(ctx context.Context) bool {
	if e.Login == "" || !e.isNamed(e.target) {
		return false // the server that redirects does not get it
	}
	r, err := e.probe(ctx, e.target, &credential{e.Login, e.Secret})
	if err != nil {
		e.unreachable(e.target, err)
		return false
	}
	c := classify(r)
	switch {
	case e.noEffect && r.isOK() && e.nobody.isOK():
		e.found(NoEffect, "%s is open to everybody, and pays no heed to a credential. Examine an address that is guarded.", e.target)
	case r.isOK():
		e.fine("The credential works at %s.", e.target)
	case c == WrongSecret && !e.telling:
		e.found(WrongCredential, "%s%s", r.says(), e.aboutSecret())
	case c.concernsWho():
		e.found(c, "%s%s", r.says(), e.aboutSecret())
	case c == Throttled:
		e.found(c, "%s (Retry-After: %s seconds)", r.says(), r.header.Get("Retry-After"))
	case c != "":
		e.found(c, "%s%s", r.says(), e.aboutAddress(c))
	case e.noEffect && r.isLike(e.nobody):
		e.judgeIgnored(ctx)
	case e.seen != nil && !e.noEffect:
		e.judgeBehind(r)
	default:
		e.found(Refused, "%s", r.says())
	}
	return false
}

// judgeBehind is about an answer that is none of Sparekey's, though Sparekey is
// there and refuses a wrong credential: it let the real one pass.
func (e *exam) judgeBehind(r reply) {
	if r.status == http.StatusUnauthorized || r.status == http.StatusForbidden {
		e.found(Refused, "Sparekey lets the credential pass, and the application behind it answers: %s", r.says())
		return
	}
	e.fine("Sparekey lets the credential pass at %s. The application behind it answers %d.", e.target, r.status)
}

// aboutAddress is what is known of the address that the server takes for the
// caller's.
func (e *exam) aboutAddress(c Culprit) string {
	if c != OutOfNetwork || e.seen == nil {
		return ""
	}
	return " (The server takes your address to be: " + e.seen.Address + ".)"
}

// aboutSecret is what can be told of a secret by its look.
func (e *exam) aboutSecret() string {
	n := 0
	for _, c := range e.Secret {
		if c <= unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c)) {
			n++
		}
	}
	if n == secretLen {
		return ""
	}
	about := "The secret does not look like an application password, which has 24 letters and digits."
	if e.isAPI {
		about += " If it is the login of a web server in front of the site, such as a staging site's: that counts on pages only." +
			" A request has one Authorization, and on the API it must be an application password."
	}
	return " (" + about + ")"
}

// judgeIgnored is about a server that answers as if no credential were sent, right
// or wrong. WordPress has another door, at which the credential is in the body: if
// it is right there, it was lost here.
func (e *exam) judgeIgnored(ctx context.Context) {
	switch e.askXMLRPC(ctx) {
	case xmlrpcAccepts:
		e.found(Stripped, "The credential is right (XML-RPC takes it), but the API answers as if none were sent, so Authorization is lost on the way.")
	case xmlrpcRefuses:
		e.found(WrongCredential, "The API answers as if no credential were sent, and XML-RPC says that it is wrong.%s", e.aboutSecret())
	default:
		e.found(NoEffect, "The credential is answered as none is: %s%s", e.nobody.says(), e.aboutSecret())
	}
}

// The answers of XML-RPC to a credential.
const (
	xmlrpcSilent = iota // nothing: it is off, or there is none
	xmlrpcAccepts
	xmlrpcRefuses
)

// xmlrpcWrong is the fault code with which WordPress refuses a credential.
const xmlrpcWrong = "<int>403</int>"

func (e *exam) askXMLRPC(ctx context.Context) int {
	home := withoutQuery(e.root)
	if before, ok := strings.CutSuffix(home, "wp-json/"); ok {
		home = before
	}
	var body strings.Builder
	body.WriteString(`<?xml version="1.0"?><methodCall><methodName>wp.getUsersBlogs</methodName><params>`)
	for _, text := range []string{e.Login, e.Secret} {
		body.WriteString("<param><value><string>")
		_ = xml.EscapeText(&body, []byte(text)) // a Builder takes all
		body.WriteString("</string></value></param>")
	}
	body.WriteString("</params></methodCall>")
	at, err := url.JoinPath(home, "xmlrpc.php")
	if err != nil || !e.isAPI || !e.isNamed(at) {
		return xmlrpcSilent
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(body.String()))
	if err != nil {
		return xmlrpcSilent
	}
	r.Header.Set("Content-Type", "text/xml")
	answer, err := e.send(r)
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
