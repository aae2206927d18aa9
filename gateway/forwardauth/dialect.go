package forwardauth

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/sparekey-dev/sparekey/gateway"
)

// dialect is how a proxy tells of the request that it has got. The client's address is in
// X-Forwarded-For in all of them, and the scheme in X-Forwarded-Proto, unless url is set.
type dialect struct {
	// The headers with the client's method, request-target and Host. Empty: the
	// request itself has them, its target after the dialect's own path.
	method, target, host string

	// url is a header with the client's whole address instead, of which the scheme counts,
	// too: the proxy sends no X-Forwarded-Proto. As a client's, the header would name
	// another path; the client's own has been replaced.
	url string

	// deniesOnly says that the proxy understands no other refusals than 401 and
	// 403. The status that the client is to get is in HeaderStatus.
	deniesOnly bool

	// ownAuthorization is how the proxy learns what of Authorization is for the
	// application. The others find it out by themselves: all that is not Basic.
	ownAuthorization ownAuthorization
}

// ownAuthorization is a way to tell a proxy that can put or take headers only as the
// answer says.
type ownAuthorization int

const (
	_            ownAuthorization = iota
	isAnswered                    // the answer has the Authorization that the application is to get, if any
	isNotRemoved                  // the answer names the headers to remove, for Envoy
)

// headerRemove has the names of the headers that Envoy removes from the request before
// it passes it on ("headers_to_remove" of its ext_authz over HTTP).
const headerRemove = "X-Envoy-Auth-Headers-To-Remove"

// tell sets what an allowing answer says about the client's Authorization. remove are
// other headers of the client that must not reach the application.
func (o ownAuthorization) tell(answer, client http.Header, remove []string) {
	const name = "Authorization"
	own := http.Header{name: client[name]}
	gateway.StripCredential(own)
	values, isOwn := own[name]
	switch {
	case o == isAnswered && isOwn && len(values) > 0:
		answer[name] = values
	case o == isNotRemoved && !isOwn:
		answer.Set(headerRemove, strings.Join(append(remove, name, "Proxy-Authorization"), ", "))
	case o == isNotRemoved:
		answer.Set(headerRemove, strings.Join(append(remove, "Proxy-Authorization"), ", "))
	}
}

// The headers that carry the status and the message to nginx, which reads only 401 and 403 from
// an answer.
const (
	HeaderStatus  = "X-Sparekey-Status"
	HeaderMessage = "X-Sparekey-Message"
)

// dialects are the proxies that are answered, by the last part of the path.
var dialects = map[string]dialect{
	"nginx":   {method: "X-Original-Method", target: "X-Original-Uri", host: "X-Original-Host", deniesOnly: true},
	"haproxy": {method: "X-Original-Method", target: "X-Original-Uri", host: "X-Original-Host"},
	"traefik": {method: "X-Forwarded-Method", target: "X-Forwarded-Uri", host: "X-Forwarded-Host", ownAuthorization: isAnswered},
	"caddy":   {method: "X-Forwarded-Method", target: "X-Forwarded-Uri", host: "X-Forwarded-Host"},
	"envoy":   {ownAuthorization: isNotRemoved},
	"ingress-nginx": {
		method: "X-Original-Method", url: "X-Original-Url", deniesOnly: true, ownAuthorization: isAnswered,
	},
}

// read returns the client's request, or the decision that there is none to be made
// out. rest is what follows the dialect's own path.
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
		}{{d.method, &client.Method, only}, {d.target, &client.RequestURI, only}, {d.host, &client.Host, atMostOne}} {
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

// readURL reads the client's method and address into the request, and takes the words of
// the proxy out of its headers.
func (d dialect) readURL(client *http.Request) *gateway.Decision {
	method, refusal := only(client.Header, d.method)
	if refusal != nil {
		return refusal
	}
	address, refusal := only(client.Header, d.url)
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

// only returns the value of a header that must be there once.
func only(h http.Header, name string) (string, *gateway.Decision) {
	switch values := h[name]; {
	case len(values) == 1 && values[0] != "":
		return values[0], nil
	case len(values) > 1:
		return "", refuse(fmt.Sprintf("There are %d headers %s: the proxy must set it, and let no client do so.", len(values), name))
	}
	return "", refuse("The proxy must set the header " + name + ".")
}

// atMostOne is only for a header that may be missing, or empty: the one with the host, since a
// client that speaks HTTP/1.0 need not send it (RFC 9112, section 3.2). Anything that depends
// on the host, such as an absolute Destination, is then refused.
func atMostOne(h http.Header, name string) (string, *gateway.Decision) {
	if values := h[name]; len(values) == 0 || len(values) == 1 && values[0] == "" {
		return "", nil
	}
	return only(h, name)
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
