package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// pace replaces the deadlines that the server has for a whole request: as long as
// something comes and goes, an upload or a download may take its time.
type pace struct {
	exchange *exchange
	idle     time.Duration
	now      func() time.Time
}

func (p *Proxy) pace(x *exchange) pace { return pace{x, p.config.Idle, p.config.Now} }

// unlimited ends the server's own deadlines. Where they cannot be set, in tests,
// there are none.
func (p pace) unlimited() {
	p.exchange.setReadDeadline(time.Time{})
	p.exchange.setWriteDeadline(time.Time{})
}

// writer is the answer to a client. It has the time of idle to take each part. Between
// parts the application may be quiet for longer.
type writer struct {
	http.ResponseWriter
	pace

	begun bool // the status is written
	whole bool // all is written
}

// extend gives the client the time of idle from now on.
func (w *writer) extend() { w.exchange.setWriteDeadline(w.now().Add(w.idle)) }

// taken ends the deadline once the client has taken a part. Over HTTP/1 the connection
// keeps it until the next part, without effect; over HTTP/2 it would end the stream.
func (w *writer) taken() {
	if w.exchange.in.ProtoMajor >= 2 {
		w.exchange.setWriteDeadline(time.Time{})
	}
}

// WriteHeader is part of http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	w.extend()
	if status >= http.StatusOK { // those before it come ahead of the answer
		w.begun = true
		w.exchange.answering()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write is part of http.ResponseWriter.
func (w *writer) Write(b []byte) (int, error) {
	w.extend()
	defer w.taken()
	return w.ResponseWriter.Write(b)
}

// FlushError is for http.ResponseController.
func (w *writer) FlushError() error {
	w.extend()
	defer w.taken()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// end gives the client the time of idle for what the server has yet to send. The server would
// drop the buffered part of an answer that breaks off, and the client would take its request
// for a lost one and repeat it; so end flushes that part.
func (w *writer) end() {
	w.extend()
	if w.begun && !w.whole {
		_ = w.exchange.control.Flush() // a client that is gone needs nothing
	}
}

// Hijack is part of http.Hijacker: the connection to a client that switches to websocket.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.exchange.hijack() }

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// body is the body of a client's request. Each part has the time of idle to come, until
// an answer over HTTP/2 has begun (see [exchange.answering]). Its end
// is held back until the request was confirmed after that end had arrived. The end is the
// last bytes of a body of known length, and otherwise io.EOF. The caller's buffer keeps
// what is held back, so no other one is needed.
type body struct {
	io.ReadCloser
	pace

	left      int64 // bytes of a body of known length that are still to come; negative: not known
	confirm   func(*exchange) bool
	confirmed bool
}

// Read is part of io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.exchange.setReadDeadline(b.now().Add(b.idle))
	n, err := b.ReadCloser.Read(p)
	isEnd := errors.Is(err, io.EOF)
	if b.left >= 0 {
		b.left -= int64(n)
		isEnd = isEnd || b.left <= 0
	}
	if isEnd && !b.confirmed {
		b.confirmed = b.confirm(b.exchange)
	}
	if b.exchange.isEnded() || isEnd && !b.confirmed {
		b.exchange.cut.Store(true)
		return 0, errEnded
	}
	b.exchange.arrived.Store(err != nil)
	switch {
	case errors.Is(err, io.EOF):
		// From here on the server reads only to see whether the client goes away.
		b.exchange.setReadDeadline(time.Time{})
		b.passTrailer()
	case errors.Is(err, upstream.ErrForbiddenField):
		b.exchange.forbidden.Store(true)
	case err != nil:
		b.exchange.cut.Store(true)
	}
	return n, err
}

// passTrailer gives the trailers that were announced, and have come by now, to the
// request to the application.
func (b *body) passTrailer() {
	for name := range b.exchange.trailer {
		b.exchange.trailer[name] = b.exchange.in.Trailer[name]
	}
}

// announced settles which trailers the request to the application will have. An
// application may take trailers for headers.
func (p *Proxy) announced(out *http.Request) http.Header {
	p.gateway.StripIdentity(out.Trailer)
	gateway.StripForwarding(out.Trailer)
	gateway.StripOddNames(out.Trailer)
	gateway.StripRouting(out.Trailer)
	out.Trailer.Del("Authorization")
	out.Trailer.Del("Proxy-Authorization")
	out.Trailer.Del("Cookie")
	return out.Trailer
}
