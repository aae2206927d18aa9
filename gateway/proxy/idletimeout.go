package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// idleTimeout replaces the server's deadlines for a whole request: an upload or a download may
// last as long as its parts keep moving.
type idleTimeout struct {
	exchange *exchange
	idle     time.Duration
	now      func() time.Time
}

func (p *Proxy) idleTimeout(x *exchange) idleTimeout {
	return idleTimeout{x, p.config.Idle, p.config.Now}
}

// clearServerDeadlines ignores connections without deadlines, which only tests have.
func (p idleTimeout) clearServerDeadlines() {
	p.exchange.setReadDeadline(time.Time{})
	p.exchange.setWriteDeadline(time.Time{})
}

// deadlineWriter is the answer to a client, which must read each part within the idle timeout.
// The application may pause longer between parts.
type deadlineWriter struct {
	http.ResponseWriter
	idleTimeout

	started  bool // the status was written
	complete bool // the whole answer was written
}

func (w *deadlineWriter) extend() { w.exchange.setWriteDeadline(w.now().Add(w.idle)) }

// clearDeadline is for HTTP/2, where a deadline ends the stream even if nothing is being written.
// Over HTTP/1 it has no effect until the next write.
func (w *deadlineWriter) clearDeadline() {
	if w.exchange.in.ProtoMajor >= 2 {
		w.exchange.setWriteDeadline(time.Time{})
	}
}

// WriteHeader is part of http.ResponseWriter.
func (w *deadlineWriter) WriteHeader(status int) {
	w.extend()
	if status >= http.StatusOK { // 1xx come before the answer
		w.started = true
		w.exchange.responseStarted()
	} else {
		w.Header().Del(basicauth.HeaderReason) // amend sees the answer alone
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write is part of http.ResponseWriter.
func (w *deadlineWriter) Write(b []byte) (int, error) {
	w.extend()
	defer w.clearDeadline()
	return w.ResponseWriter.Write(b)
}

// FlushError is for http.ResponseController.
func (w *deadlineWriter) FlushError() error {
	w.extend()
	defer w.clearDeadline()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// end extends the deadline for what the server still has to send. It flushes an incomplete answer:
// the server would drop the buffered part, and a client that received nothing would retry its
// request.
func (w *deadlineWriter) end() {
	w.extend()
	if w.started && !w.complete {
		_ = w.exchange.control.Flush() // the client may have disconnected
	}
}

// Hijack is part of http.Hijacker: the connection to a client that switches to websocket.
func (w *deadlineWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.exchange.hijack() }

// Unwrap is for http.ResponseController.
func (w *deadlineWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// deadlineBody is the body of a client's request. Each part must arrive within the idle timeout,
// until an answer over HTTP/2 has started (see [exchange.responseStarted]). When the end of the
// body has arrived, the request is checked again before the end is passed on. The end is the last
// bytes of a body of known length, and otherwise io.EOF; it waits in the caller's buffer.
type deadlineBody struct {
	io.ReadCloser
	idleTimeout

	left      int64 // remaining bytes; negative: unknown
	confirm   func(*exchange) bool
	confirmed bool
}

// Read is part of io.Reader.
func (b *deadlineBody) Read(p []byte) (int, error) {
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
		b.exchange.truncated.Store(true)
		return 0, errEnded
	}
	b.exchange.bodyRead.Store(err != nil)
	switch {
	case errors.Is(err, io.EOF):
		// Later reads of the server only detect whether the client disconnects.
		b.exchange.setReadDeadline(time.Time{})
		b.passTrailer()
	case errors.Is(err, upstream.ErrForbiddenField):
		b.exchange.forbidden.Store(true)
	case err != nil:
		b.exchange.truncated.Store(true)
	}
	return n, err
}

// passTrailer copies the announced trailers, which have arrived by now, to the request to the
// application.
func (b *deadlineBody) passTrailer() {
	for name := range b.exchange.trailer {
		b.exchange.trailer[name] = b.exchange.in.Trailer[name]
	}
}

// trailers decides which trailers reach the application, which may treat them as headers.
func (p *Proxy) trailers(out *http.Request) http.Header {
	p.gateway.StripIdentity(out.Trailer)
	gateway.StripForwarding(out.Trailer)
	gateway.StripOddNames(out.Trailer)
	gateway.StripRouting(out.Trailer)
	out.Trailer.Del("Authorization")
	out.Trailer.Del("Proxy-Authorization")
	out.Trailer.Del("Cookie")
	return out.Trailer
}
