package forwardauth

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/sparekey-dev/sparekey/gateway"
)

// dialect is how a proxy tells of the request that it has got. The client's address
// and scheme are in X-Forwarded-For and X-Forwarded-Proto in all of them.
type dialect struct {
	// The headers with the client's method, request-target and Host. Empty: the
	// request itself has them, its target after the dialect's own path.
	method, target, host string

	// deniesOnly says that the proxy understands no other refusals than 401 and
	// 403. The status that the client is to get is in HeaderStatus.
	deniesOnly bool
}

// The headers with which nginx is told what it cannot take from the status.
const (
	HeaderStatus  = "X-Sparekey-Status"
	HeaderMessage = "X-Sparekey-Message"
)

// dialects are the proxies that are answered, by the last part of the path.
var dialects = map[string]dialect{
	"nginx":   {method: "X-Original-Method", target: "X-Original-Uri", host: "X-Original-Host", deniesOnly: true},
	"haproxy": {method: "X-Original-Method", target: "X-Original-Uri", host: "X-Original-Host"},
	"traefik": {method: "X-Forwarded-Method", target: "X-Forwarded-Uri", host: "X-Forwarded-Host"},
	"caddy":   {method: "X-Forwarded-Method", target: "X-Forwarded-Uri", host: "X-Forwarded-Host"},
	"envoy":   {},
}

// read returns the client's request, or the decision that there is none to be made
// out. rest is what follows the dialect's own path.
func (d dialect) read(r *http.Request, rest string) (*http.Request, *gateway.Decision) {
	client := r.WithContext(r.Context())
	if d == (dialect{}) {
		client.RequestURI = rest
	} else {
		for _, field := range []struct {
			header string
			value  *string
		}{{d.method, &client.Method}, {d.target, &client.RequestURI}, {d.host, &client.Host}} {
			value, refusal := only(r.Header, field.header)
			if refusal != nil {
				return nil, refusal
			}
			*field.value = value
		}
	}
	if !isMethod(client.Method) || !gateway.IsOriginForm(client.RequestURI) || client.Host == "" {
		return nil, refuse("The proxy must pass on the method, the address and the host as the client sent them.")
	}
	if name := gateway.Misspelled(r.Header); name != "" {
		return nil, refuse("Applications could take the header " + name + " for one of Sparekey's. Leave it out.")
	}
	return client, nil
}

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

// RuleProxy is the rule by which a request is refused that the proxy does not tell
// of as it must, or that comes from no proxy.
const RuleProxy = "proxy"

func refuse(message string) *gateway.Decision {
	d := gateway.Refuse(RuleProxy, message)
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
