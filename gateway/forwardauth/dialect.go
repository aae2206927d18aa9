package forwardauth

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/sparekey-dev/sparekey/gateway"
)

// dialect is how a proxy describes the request that it received. The client's address is in
// X-Forwarded-For in all of them, and the scheme in X-Forwarded-Proto, unless url is set.
type dialect struct {
	// The headers with the client's method, request-target and Host. Empty: the
	// request itself has them, its target after the dialect's own path.
	method, target, host string

	// url is a header with the client's whole address instead, of which the scheme counts,
	// too: the proxy sends no X-Forwarded-Proto. As a client's, the header would name
	// another path; the client's own has been replaced.
	url string

	// only401And403: the proxy understands only these refusals. HeaderStatus has the status for
	// the client.
	only401And403 bool

	// authorizationHint is how the proxy learns which Authorization is for the application. A
	// proxy without a hint decides by itself: all schemes except Basic.
	authorizationHint authorizationHint
}

// authorizationHint is for a proxy that sets or removes headers only as the answer says.
type authorizationHint int

const (
	_           authorizationHint = iota
	valueHint                     // the answer has the Authorization for the application, if any
	removalHint                   // the answer names the headers to remove, for Envoy
)

// headerRemove has the names of the headers that Envoy removes from the request before
// it passes it on ("headers_to_remove" of its ext_authz over HTTP).
const headerRemove = "X-Envoy-Auth-Headers-To-Remove"

// set adds the hint to an answer that allows. remove are other headers of the client that must
// not reach the application.
func (o authorizationHint) set(answer, client http.Header, remove []string) {
	const name = "Authorization"
	own := http.Header{name: client[name]}
	gateway.StripCredential(own)
	values, isOwn := own[name]
	switch {
	case o == valueHint && isOwn && len(values) > 0:
		answer[name] = values
	case o == removalHint && !isOwn:
		answer.Set(headerRemove, strings.Join(append(remove, name, "Proxy-Authorization"), ", "))
	case o == removalHint:
		answer.Set(headerRemove, strings.Join(append(remove, "Proxy-Authorization"), ", "))
	}
}

// The headers that carry the status and the message to nginx, which reads only 401 and 403 from
// an answer.
const (
	HeaderStatus  = "X-Sparekey-Status"
	HeaderMessage = "X-Sparekey-Message"
)

// dialects are the supported proxies, by the last part of the path.
var dialects = map[string]dialect{
	"nginx":   {method: "X-Original-Method", target: "X-Original-Uri", host: "X-Original-Host", only401And403: true},
	"haproxy": {method: "X-Original-Method", target: "X-Original-Uri", host: "X-Original-Host"},
	"traefik": {method: "X-Forwarded-Method", target: "X-Forwarded-Uri", host: "X-Forwarded-Host", authorizationHint: valueHint},
	"caddy":   {method: "X-Forwarded-Method", target: "X-Forwarded-Uri", host: "X-Forwarded-Host"},
	"envoy":   {authorizationHint: removalHint},
	"ingress-nginx": {
		method: "X-Original-Method", url: "X-Original-Url", only401And403: true, authorizationHint: valueHint,
	},
}

// read returns the client's request, or a refusal if the proxy does not describe it well. rest
// follows the dialect's own path.
func (d dialect) read(g *gateway.Gateway, r *http.Request, rest string) (*http.Request, *gateway.Decision) {
	client := r.WithContext(r.Context())
	switch {
	case d.url != "":
		if refusal := d.readURL(client); refusal != nil {
			return nil, refusal
		}
	case d.target == "":
		client.RequestURI = rest
	default:
		for _, field := range []struct {
			header string
			value  *string
			read   func(http.Header, string) (string, *gateway.Decision)
		}{{d.method, &client.Method, requiredHeader}, {d.target, &client.RequestURI, requiredHeader}, {d.host, &client.Host, optionalHeader}} {
			value, refusal := field.read(r.Header, field.header)
			if refusal != nil {
				return nil, refusal
			}
			*field.value = value
		}
	}
	if !isMethod(client.Method) || !gateway.IsOriginForm(client.RequestURI) {
		return nil, refuse("The proxy must pass on the method and the address as the client sent them.")
	}
	if name := g.Misspelled(r.Header); name != "" {
		return nil, refuse("Applications could take the header " + name + " for one that says who is asking. Leave it out.")
	}
	return client, nil
}

// readURL reads the client's method and URL into the request, and removes the proxy's headers.
func (d dialect) readURL(client *http.Request) *gateway.Decision {
	method, refusal := requiredHeader(client.Header, d.method)
	if refusal != nil {
		return refusal
	}
	address, refusal := requiredHeader(client.Header, d.url)
	if refusal != nil {
		return refusal
	}
	scheme, rest, _ := strings.Cut(address, "://")
	at := strings.IndexByte(rest, '/')
	if scheme != "https" && scheme != "http" || at < 0 || at > 0 && !isHost.MatchString(rest[:at]) {
		return refuse("The proxy must set the header " + d.url + " to the scheme, the host and the path that the client asked for.")
	}
	client.Method, client.Host, client.RequestURI = method, rest[:at], rest[at:]
	client.Header = client.Header.Clone()
	client.Header.Del(d.method)
	client.Header.Del(d.url)
	client.Header.Set("X-Forwarded-Proto", scheme)
	return nil
}

// isHost matches a host with or without a port (RFC 9110, section 4.2). An address whose
// path has a scheme of its own, as a client may send it, does not have one.
var isHost = regexp.MustCompile(`^([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$`)

func requiredHeader(h http.Header, name string) (string, *gateway.Decision) {
	switch values := h[name]; {
	case len(values) == 1 && values[0] != "":
		return values[0], nil
	case len(values) > 1:
		return "", refuse(fmt.Sprintf("There are %d headers %s: the proxy must set it, and let no client do so.", len(values), name))
	}
	return "", refuse("The proxy must set the header " + name + ".")
}

// optionalHeader is for the host, which a client of HTTP/1.0 need not send (RFC 9112, section
// 3.2). A request that depends on it, for example by an absolute Destination, is then refused.
func optionalHeader(h http.Header, name string) (string, *gateway.Decision) {
	if values := h[name]; len(values) == 0 || len(values) == 1 && values[0] == "" {
		return "", nil
	}
	return requiredHeader(h, name)
}

func refuse(message string) *gateway.Decision {
	d := gateway.Refuse(gateway.RuleProxy, message)
	return &d
}

// isMethod reports whether a text is a method (RFC 9110, token).
func isMethod(text string) bool {
	for i := range len(text) {
		c := text[i]
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return text != ""
}
