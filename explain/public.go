package explain

import (
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/scope"
)

// Public lists what needs no application password in front of an application.
func Public(bundles scope.Bundles, rules scope.List) Sentence {
	return Sentence{Key: "public", Items: Scopes(bundles, rules)}
}

// PublicNetworks says from where nothing needs an application password.
func PublicNetworks(networks sparekey.Networks) Sentence {
	return sentence("public_networks", "networks", strings.Join(networks.Strings(), ", "))
}

// PublicRequest says that a request needs no application password.
func PublicRequest(r sparekey.Request) Sentence {
	return sentence("public_request", "request", r.Method+" "+r.Path())
}
