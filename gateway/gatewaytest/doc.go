// Package gatewaytest is the suite that every front-end of the gateway passes: the
// reverse proxy, and each proxy that asks package forwardauth.
//
//	func TestMine(t *testing.T) {
//		gatewaytest.Run(t, func(t *testing.T, site *gatewaytest.Site) gatewaytest.Front { … })
//	}
//
// It sends requests over real connections, byte for byte as they are written here,
// and has an application behind the front-end tell what arrived. Besides the answers
// that a client is to get it tries the [Attacks], which are known from other
// gateways.
package gatewaytest
