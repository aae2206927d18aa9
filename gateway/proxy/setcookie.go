package proxy

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
)

// ownHost keeps the application's answers from what concerns Sparekey's own pages at
// the same host: they set none of the cookies of these names, and let no service
// worker have more of the host than its own folder. It is a RoundTripper, so that it
// sees every part of an answer: those before it (1xx), its headers and its trailers.
type ownHost struct {
	http.RoundTripper
	names []string
}

// forOwnHost returns the way to the application. Without names of cookies, Sparekey has
// no pages at this host, and answers stay as they are.
func forOwnHost(config Config) http.RoundTripper {
	if len(config.Cookies) == 0 {
		return config.Transport
	}
	return ownHost{config.Transport, config.Cookies}
}

// RoundTrip implements [http.RoundTripper].
func (o ownHost) RoundTrip(r *http.Request) (*http.Response, error) {
	target := r.URL.RequestURI()
	if x, ok := r.Context().Value(exchangeKey{}).(*exchange); ok {
		target = x.target
	}
	clean := func(h http.Header) {
		dropSetCookies(h, o.names)
		limitServiceWorker(h, target)
	}
	trace := &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
		clean(http.Header(h)) // before ReverseProxy's own, which passes it on
		return nil
	}}
	res, err := o.RoundTripper.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err != nil {
		return nil, err
	}
	clean(res.Header)
	dropFromTrailer(res.Trailer)
	if res.StatusCode != http.StatusSwitchingProtocols && res.Body != nil {
		res.Body = &trailerBody{res.Body, res}
	}
	return res, nil
}

// trailerBody filters the trailers of an answer when it is closed: they have arrived by then, and
// are passed on after that.
type trailerBody struct {
	io.ReadCloser
	answer *http.Response
}

// Close implements [io.Closer].
func (t *trailerBody) Close() error {
	err := t.ReadCloser.Close()
	dropFromTrailer(t.answer.Trailer)
	return err
}

// dropFromTrailer takes out of trailers what must not be in any (RFC 9110, section
// 6.5.1): browsers ignore it there, but a proxy on the way may make headers of it.
func dropFromTrailer(trailer http.Header) {
	for _, name := range []string{headerSetCookie, headerSetCookie2, headerServiceWorkerAllowed} {
		trailer.Del(name)
	}
}

const (
	headerSetCookie            = "Set-Cookie"
	headerSetCookie2           = "Set-Cookie2" // RFC 2965, which no browser obeys any more
	headerServiceWorkerAllowed = "Service-Worker-Allowed"
)

// dropSetCookies removes the lines that could set one of these cookies.
func dropSetCookies(h http.Header, names []string) {
	for _, header := range []string{headerSetCookie, headerSetCookie2} {
		lines := h[header]
		kept := slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
			return setsCookie(line, names)
		})
		switch {
		case len(kept) == 0:
			delete(h, header)
		case len(kept) < len(lines):
			h[header] = kept
		}
	}
}

// setsCookie reports whether a line of Set-Cookie could set a cookie that is read as
// one of these when it comes back. It is more than what browsers do (RFC 6265bis,
// section 5.6): they take one cookie from a line, others also those behind commas.
func setsCookie(line string, names []string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(line, endsCookie), func(pair string) bool {
		// A cookie without a name comes back as its value alone, which may look like a
		// name and a value: "=sparekey=x" comes back as "sparekey=x".
		name, _, _ := strings.Cut(strings.TrimLeftFunc(pair, beforeName), "=")
		name = strings.TrimRightFunc(name, beforeName)
		return slices.ContainsFunc(names, func(own string) bool { return strings.EqualFold(own, name) })
	})
}

func endsCookie(r rune) bool { return strings.ContainsRune(",;\r\n\x00", r) }

// beforeName reports whether a character around a cookie's name may be dropped by
// its reader: all but letters, digits, "_" and "-", which are in names.
func beforeName(r rune) bool {
	return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// limitServiceWorker removes a header that would extend a service worker beyond the folder of its
// script, which target names (Service Workers, section "Update"): it could see and answer
// requests for Sparekey's pages, also later. Browsers resolve the header as a URL, so only a
// value that is plainly inside stays.
func limitServiceWorker(h http.Header, target string) {
	script, _, _ := strings.Cut(target, "?")
	folder := script[:strings.LastIndexByte(script, '/')+1]
	for _, scope := range h[headerServiceWorkerAllowed] {
		scope = strings.TrimSpace(scope)
		if folder == "" || !strings.HasPrefix(scope, folder) || strings.Contains(scope, "..") ||
			strings.ContainsAny(scope, `%\`) {
			delete(h, headerServiceWorkerAllowed)
			return
		}
	}
}
