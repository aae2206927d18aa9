// Package doctor finds out why every request of a client gets 401. It sends requests to a site
// without a credential, with a wrong one and with the real one, and compares the answers. It
// sends the real one only to the given origin, even after a redirect, and never unencrypted over
// a network.
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

// Target is the site to examine, and the credential to try.
type Target struct {
	URL           string // of a site, of its API, or of something guarded
	Login, Secret string // both or neither

	// Prefix is the --prefix of the server, such as "/.sparekey". Default: it has none.
	Prefix string

	// Transport sends the requests. Default: http.DefaultTransport.
	Transport http.RoundTripper
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Finding is one problem.
type Finding struct {
	Cause Cause
	What  string // what the site answered
}

// Report is the result of an examination, in the order of its steps. Its texts can quote the
// server, so escape control characters in them.
type Report struct {
	OK       []string // what works
	Findings []Finding
}

// ExitStatus is that of the first finding's cause; 0 without findings.
func (r Report) ExitStatus() int {
	if len(r.Findings) == 0 {
		return 0
	}
	return r.Findings[0].Cause.ExitStatus()
}

// probeLogin is the login of the wrong credential, so that the server's log shows where it
// comes from.
const probeLogin = "sparekey-doctor"

const (
	maxHops   = 5
	maxSkew   = 2 * time.Minute
	secretLen = 24
)

// run is one examination.
type run struct {
	Target
	report Report

	first        reply // to the URL, after its redirects
	root         string
	target       string // where credentials are tried
	isAPI        bool
	isProxied    bool     // Sparekey may be a proxy in front of an application
	available    bool     // the API offers application passwords
	revealsLogin bool     // the server's answers distinguish unknown logins from wrong secrets
	arrival      *Arrival // nil: the server does not report how requests arrive
	anonymous    reply
	noEffect     bool // the wrong credential changed nothing
}

// Examine examines a site. It returns an error only for an invalid target; problems of the site
// are in the report.
func Examine(ctx context.Context, p Target) (Report, error) {
	if p.Transport == nil {
		p.Transport = http.DefaultTransport
	}
	if p.Now == nil {
		p.Now = time.Now //nolint:forbidigo // the default clock
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
	x := &run{Target: p}
	for _, step := range []func(context.Context) bool{
		x.reach, x.askServer, x.discover, x.probeAnonymous, x.probeWrong, x.probeReal,
	} {
		if !step(ctx) {
			break
		}
	}
	return x.report, nil
}

func (x *run) ok(format string, args ...any) {
	x.report.OK = append(x.report.OK, fmt.Sprintf(format, args...))
}

func (x *run) problem(c Cause, format string, args ...any) {
	x.report.Findings = append(x.report.Findings, Finding{c, fmt.Sprintf(format, args...)})
}

// reach requests the URL without a credential, and follows redirects.
func (x *run) reach(ctx context.Context) bool {
	at := x.URL
	for range maxHops {
		r, err := x.probe(ctx, at, nil)
		if err != nil {
			x.unreachable(at, err)
			return false
		}
		next := r.redirect()
		if next == "" {
			x.first = r
			x.checkClock(r)
			return x.checkScheme(at)
		}
		switch {
		case !x.isNamed(next):
			x.problem(Redirect, "%s sends clients on to %s, another server. The credential is not tried there unless you give that address.", at, next)
		case origin(next) != origin(at):
			x.problem(Redirect, "%s sends clients on to %s.", at, next)
		}
		at = next
	}
	x.problem(Redirect, "%s leads to more than %d redirects, the last to %s.", x.URL, maxHops, at)
	return false
}

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

func (x *run) unreachable(at string, err error) {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		err = urlError.Err
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		x.problem(Certificate, "%s has a certificate that clients refuse: %v.", at, cert.Err)
		return
	}
	x.problem(Unreachable, "%s does not answer: %v.", at, err)
}

func (x *run) checkClock(r reply) {
	date, err := http.ParseTime(r.header.Get("Date"))
	if err != nil {
		return
	}
	if skew := x.Now().Sub(date).Round(time.Second); skew.Abs() > maxSkew {
		x.problem(Clock, "The server's clock and this machine's differ by %v.", skew.Abs())
		return
	}
	x.ok("The clocks agree.")
}

// checkScheme requires TLS, except on this machine.
func (x *run) checkScheme(at string) bool {
	u, err := url.Parse(at)
	if err != nil || u.Scheme == "https" || isLoopback(u.Hostname()) {
		x.ok("%s answers.", at)
		return true
	}
	x.problem(TLSNotSeen, "%s sends credentials in the clear, where application passwords are refused: use https.", at)
	return false
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// isNamed reports whether a URL has the scheme, host and port of the target: another port of a
// host may belong to another program. The only exception is from http to https at their default
// ports, as sites redirect every client: that server proves its host name by a certificate.
func (x *run) isNamed(to string) bool {
	named, next := origin(x.URL), origin(to)
	if host, ok := strings.CutPrefix(named, "http://"); ok && next != named {
		host, ok = strings.CutSuffix(host, ":80")
		return ok && next == "https://"+host+":443"
	}
	return named != "" && next == named
}

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

// askServer asks a server of Sparekey's how requests arrive.
func (x *run) askServer(ctx context.Context) bool {
	arrival, ok := x.askAt(ctx)
	if !ok {
		return true
	}
	x.arrival = &arrival
	switch {
	case arrival.Secure:
		x.ok("The server sees that requests come over TLS, or from its own machine.")
		return true
	case arrival.Proto == "https":
		x.problem(TLSNotSeen, "The server gets X-Forwarded-Proto: https, but does not believe its sender, which was not named with --trusted-proxy.")
	case arrival.Proto == "absent":
		x.problem(TLSNotSeen, "The server gets no X-Forwarded-Proto, so it cannot know of the TLS in front of it.")
	default:
		x.problem(TLSNotSeen, "The server reads that requests come in the clear (X-Forwarded-Proto: %s): the last proxy reports how the one before it asked.", arrival.Proto)
	}
	return false
}

// askAt asks at the root of the host, and below the target's site, which may be in a folder.
func (x *run) askAt(ctx context.Context) (Arrival, bool) {
	u, err := url.Parse(x.first.url)
	if err != nil {
		return Arrival{}, false
	}
	origin := u.Scheme + "://" + u.Host
	homes := []string{origin}
	if named, err := url.Parse(x.URL); err == nil && named.Host == u.Host {
		folder, _, _ := strings.Cut(named.EscapedPath(), "/wp-json")
		folder = strings.TrimRight(strings.TrimSuffix(strings.TrimRight(folder, "/"), "/index.php"), "/")
		if folder != "" {
			homes = append(homes, origin+folder)
		}
	}
	for _, home := range homes {
		r, err := x.probe(ctx, home+strings.TrimRight(x.Prefix, "/")+Path, wrongCredential())
		if err != nil || !r.isOK() {
			continue
		}
		if arrival, ok := readArrival(r); ok {
			return arrival, true
		}
	}
	return Arrival{}, false
}

func wrongCredential() *credential {
	return &credential{probeLogin, rand.Text()[:secretLen]}
}
