// Package doctor finds out why a client gets nothing but 401. It asks a site from outside:
// without a credential, with one that is certainly wrong, and with the real one, and compares
// the answers. It sends the real one only to the origin that was named, even after a redirect,
// and never over a network in the clear.
package doctor

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/internal/siteurl"
)

// Patient is what is to be examined.
type Patient struct {
	URL           string // of a site, of its API, or of something guarded
	Login, Secret string // both or neither

	// Prefix is the --prefix of the server, such as "/.sparekey". Default: it has none.
	Prefix string

	// Transport sends the requests. Default: http.DefaultTransport.
	Transport http.RoundTripper
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Finding is something that is wrong.
type Finding struct {
	Culprit Culprit
	What    string // what was seen
}

// Report is what an examination found, both in their order. Its texts may hold
// what the server said.
type Report struct {
	Fine     []string // what is in order
	Findings []Finding
}

// ExitStatus is 0 where nothing was found, else that of the first culprit.
func (r Report) ExitStatus() int {
	if len(r.Findings) == 0 {
		return 0
	}
	return r.Findings[0].Culprit.ExitStatus()
}

// probeLogin is the login of the credential that is certainly wrong, so that it
// can be told from others in the server's log.
const probeLogin = "sparekey-doctor"

const (
	maxHops   = 5
	maxSkew   = 2 * time.Minute
	secretLen = 24
)

// exam is an examination under way.
type exam struct {
	Patient
	report Report

	first     reply // to the URL, behind its redirects
	root      string
	target    string // where credentials are tried
	isAPI     bool
	isFront   bool  // an application that Sparekey may stand in front of
	available bool  // the API says that there are application passwords
	telling   bool  // the server tells an unknown login from a wrong secret
	seen      *Seen // nil: the server does not say how requests arrive
	nobody    reply
	noEffect  bool // the wrong credential changed nothing
}

// Examine asks the site. An error says that it cannot be asked at all; whatever
// is wrong with the site is in the report.
func Examine(ctx context.Context, p Patient) (Report, error) {
	if p.Transport == nil {
		p.Transport = http.DefaultTransport
	}
	if p.Now == nil {
		p.Now = time.Now //nolint:forbidigo // the clock of those who bring none
	}
	u, err := siteurl.Parse(p.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return Report{}, errors.New("the address must be a URL such as https://example.org, without a login in it")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	u.Fragment = ""
	p.URL = u.String()
	e := &exam{Patient: p}
	for _, step := range []func(context.Context) bool{
		e.reach, e.askServer, e.find, e.tryNobody, e.tryWrong, e.tryReal,
	} {
		if !step(ctx) {
			break
		}
	}
	return e.report, nil
}

func (e *exam) fine(format string, args ...any) {
	e.report.Fine = append(e.report.Fine, fmt.Sprintf(format, args...))
}

func (e *exam) found(c Culprit, format string, args ...any) {
	e.report.Findings = append(e.report.Findings, Finding{c, fmt.Sprintf(format, args...)})
}

// reach asks for the URL as anybody, and follows redirects.
func (e *exam) reach(ctx context.Context) bool {
	at := e.URL
	for range maxHops {
		r, err := e.probe(ctx, at, nil)
		if err != nil {
			e.unreachable(at, err)
			return false
		}
		next := r.redirect()
		if next == "" {
			e.first = r
			e.checkClock(r)
			return e.checkScheme(at)
		}
		switch {
		case !e.isNamed(next):
			e.found(Redirect, "%s sends clients on to %s, another server. The credential is not tried there unless you give that address.", at, next)
		case origin(next) != origin(at):
			e.found(Redirect, "%s sends clients on to %s.", at, next)
		}
		at = next
	}
	e.found(Redirect, "%s leads to more than %d redirects, the last to %s.", e.URL, maxHops, at)
	return false
}

// redirect is the URL that a reply sends to, or "".
func (r reply) redirect() string {
	if r.status < 300 || r.status > 399 || r.header.Get("Location") == "" {
		return ""
	}
	base, err := url.Parse(r.url)
	if err != nil {
		return ""
	}
	next, err := base.Parse(r.header.Get("Location"))
	if err != nil || next.Scheme != "http" && next.Scheme != "https" {
		return ""
	}
	next.User = nil
	return next.String()
}

func (e *exam) unreachable(at string, err error) {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		err = urlError.Err
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		e.found(Certificate, "%s has a certificate that clients refuse: %v.", at, cert.Err)
		return
	}
	e.found(Unreachable, "%s does not answer: %v.", at, err)
}

// checkClock compares the clocks, give or take the time of the answer.
func (e *exam) checkClock(r reply) {
	date, err := http.ParseTime(r.header.Get("Date"))
	if err != nil {
		return
	}
	if skew := e.Now().Sub(date).Round(time.Second); skew.Abs() > maxSkew {
		e.found(Clock, "The server's clock and this machine's differ by %v.", skew.Abs())
		return
	}
	e.fine("The clocks agree.")
}

// checkScheme wants TLS, except for this machine.
func (e *exam) checkScheme(at string) bool {
	u, err := url.Parse(at)
	if err != nil || u.Scheme == "https" || isLoopback(u.Hostname()) {
		e.fine("%s answers.", at)
		return true
	}
	e.found(TLSNotSeen, "%s sends credentials in the clear, where application passwords are refused: use https.", at)
	return false
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// isNamed reports whether a URL is of the server that was named: of the same scheme, host and
// port, since another port of a host may belong to another program. The only exception leads
// from http to https at their own ports, as sites redirect every client: the server there has
// the certificate of the host that was named.
func (e *exam) isNamed(to string) bool {
	named, next := origin(e.URL), origin(to)
	if host, ok := strings.CutPrefix(named, "http://"); ok && next != named {
		host, ok = strings.CutSuffix(host, ":80")
		return ok && next == "https://"+host+":443"
	}
	return named != "" && next == named
}

// origin is the scheme, host and port of a URL.
func origin(text string) string {
	u, err := siteurl.Parse(text)
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(net.JoinHostPort(u.Hostname(), port))
}

// askServer asks how requests arrive, of a server that says so.
func (e *exam) askServer(ctx context.Context) bool {
	seen, ok := e.askAt(ctx)
	if !ok {
		return true
	}
	e.seen = &seen
	switch {
	case seen.Secure:
		e.fine("The server sees that requests come over TLS, or from its own machine.")
		return true
	case seen.Proto == "https":
		e.found(TLSNotSeen, "The server gets X-Forwarded-Proto: https, but does not believe its sender, which was not named with --trusted-proxy.")
	case seen.Proto == "absent":
		e.found(TLSNotSeen, "The server gets no X-Forwarded-Proto, so it cannot know of the TLS in front of it.")
	default:
		e.found(TLSNotSeen, "The server reads that requests come in the clear (X-Forwarded-Proto: %s): the last proxy reports how the one before it asked.", seen.Proto)
	}
	return false
}

// askAt asks how requests arrive, at the root of the host and below the site that the URL
// names, which may be in a folder.
func (e *exam) askAt(ctx context.Context) (Seen, bool) {
	u, err := url.Parse(e.first.url)
	if err != nil {
		return Seen{}, false
	}
	origin := u.Scheme + "://" + u.Host
	homes := []string{origin}
	if named, err := url.Parse(e.URL); err == nil && named.Host == u.Host {
		folder, _, _ := strings.Cut(named.EscapedPath(), "/wp-json")
		folder = strings.TrimRight(strings.TrimSuffix(strings.TrimRight(folder, "/"), "/index.php"), "/")
		if folder != "" {
			homes = append(homes, origin+folder)
		}
	}
	for _, home := range homes {
		r, err := e.probe(ctx, home+strings.TrimRight(e.Prefix, "/")+Path, wrongCredential())
		if err != nil || !r.isOK() {
			continue
		}
		if seen, ok := readSeen(r); ok {
			return seen, true
		}
	}
	return Seen{}, false
}

// wrongCredential is certainly wrong.
func wrongCredential() *credential {
	return &credential{probeLogin, rand.Text()[:secretLen]}
}
