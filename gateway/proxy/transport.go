package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// Timeouts of [Transport]. The time that an application takes for the body of an
// answer is not limited.
const (
	dialTimeout   = 10 * time.Second
	answerTimeout = 5 * time.Minute
	// idleConnTimeout is less than the five seconds after which Apache closes a
	// connection: a POST that just then is under way cannot be repeated.
	idleConnTimeout = 4 * time.Second
	idlePerHost     = 256
)

// TransportConfig says how a [NewTransport] reaches an application. The zero value is for
// one that is reached at the host and port of its URL, with HTTP/1.1 or, where TLS
// negotiates it, HTTP/2.
type TransportConfig struct {
	// Socket is the path of a Unix socket on which the application listens, for whichever
	// host a request is. Default: the host and port of the request's URL.
	Socket string

	// UnencryptedHTTP2 sends HTTP/2 without TLS, of which the application must know
	// beforehand (RFC 9113, section 3.3), to http URLs, as gRPC needs it. A request to
	// switch protocols, such as to a websocket, is then sent without that wish, since
	// HTTP/2 has no such (section 8.6). Default: http URLs get HTTP/1.1.
	UnencryptedHTTP2 bool

	// RootCAs are the authorities that sign certificates of https URLs. Default: those of
	// the system.
	RootCAs *x509.CertPool
}

// Transport returns a transport that suits a [Proxy]: it ignores the proxies that
// the environment names, and does not ask for compression by itself.
func Transport() *http.Transport { return newTransport(TransportConfig{}) }

// NewTransport is [Transport] for an application that is reached in another way.
func NewTransport(config TransportConfig) http.RoundTripper {
	if config.UnencryptedHTTP2 {
		return withoutUpgrade{newTransport(config)}
	}
	return newTransport(config)
}

func newTransport(config TransportConfig) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetHTTP1(!config.UnencryptedHTTP2)
	protocols.SetUnencryptedHTTP2(config.UnencryptedHTTP2)
	transport := &http.Transport{
		DialContext:           dialer(config.Socket),
		MaxIdleConnsPerHost:   idlePerHost,
		IdleConnTimeout:       idleConnTimeout,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: answerTimeout,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
		Protocols:             protocols,
	}
	if config.RootCAs != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: config.RootCAs, MinVersion: tls.VersionTLS12}
	}
	return transport
}

// dialer connects to a Unix socket, if there is one, and else to the address that it is
// called with.
func dialer(socket string) func(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if socket == "" {
		return dialer.DialContext
	}
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", socket)
	}
}

// withoutUpgrade leaves out of requests what HTTP/2 does not have. An application may
// ignore it anyway (RFC 9110, section 7.8).
type withoutUpgrade struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t withoutUpgrade) RoundTrip(r *http.Request) (*http.Response, error) {
	if len(r.Header["Upgrade"]) > 0 {
		r = r.Clone(r.Context())
		r.Header.Del("Upgrade")
		r.Header.Del("Connection")
	}
	return t.RoundTripper.RoundTrip(r)
}
