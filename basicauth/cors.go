package basicauth

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ErrPreflight stands for a preflight (Fetch standard, section 4.8) that needs an answer of
// its own: [Guard.Fail] says yes to it, and nothing behind the guard gets it.
var ErrPreflight = errors.New("a browser asks on behalf of a page of another origin whether it may send a request")

// IsOrigin reports whether text is an origin as browsers send it (RFC 6454,
// section 6.2): "null", or a scheme and a host and nothing else.
func IsOrigin(text string) bool {
	if text == "null" {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && u.Host != "" && u.User == nil &&
		strings.EqualFold(text, u.Scheme+"://"+u.Host)
}

// originOf is the origin of the page on whose behalf a browser sent a request, or "".
func originOf(r *http.Request) string {
	if values := r.Header["Origin"]; len(values) == 1 && IsOrigin(values[0]) {
		return values[0]
	}
	return ""
}

// IsPreflight reports whether a request is a preflight, which browsers send by themselves
// before a script of another origin may send Authorization. A preflight cannot carry a
// credential.
func IsPreflight(r *http.Request) bool {
	method := r.Header["Access-Control-Request-Method"]
	return r.Method == http.MethodOptions && len(method) == 1 && isToken(method[0]) && originOf(r) != "" &&
		len(r.Header["Authorization"]) == 0 && len(r.Header["Cookie"]) == 0
}

// AllowsOrigin reports whether the origin of a request's page is among
// Config.AllowOrigins.
func (g *Guard) AllowsOrigin(r *http.Request) bool {
	return slices.Contains(g.config.AllowOrigins, strings.ToLower(originOf(r)))
}

// ShowRefusal lets a script of another origin read the answer to its request. Use it only for
// refusals. Without it, the script sees only a network error. It never allows credentials
// that the browser remembers.
func ShowRefusal(h http.Header, r *http.Request) {
	origin := originOf(r)
	if origin == "" || h.Get("Access-Control-Allow-Origin") != "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Add("Vary", "Origin")
	if h.Get("Access-Control-Expose-Headers") == "" {
		h.Set("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate, "+HeaderReason)
	}
}

// answerPreflight allows a preflight. That grants nothing: the request that follows needs a
// credential, which the script must bring itself, since cookies and remembered logins are not
// allowed (credentials). The handler or application that answers it decides whether the
// script can read the answer.
func answerPreflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", originOf(r))
	h.Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
	var names []string
	for _, line := range r.Header["Access-Control-Request-Headers"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); isToken(name) {
				names = append(names, name)
			}
		}
	}
	if len(names) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(names, ", "))
	}
	for _, name := range []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"} {
		h.Add("Vary", name)
	}
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

// isToken reports whether a text is a token (RFC 9110, section 5.6.2).
func isToken(text string) bool {
	for i := range len(text) {
		if !isTokenChar(text[i]) {
			return false
		}
	}
	return text != ""
}
