package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway"
)

// recheckInterval is the default of Config.RecheckInterval. A request is checked for the
// first time between one and two intervals after it began.
const recheckInterval = 400 * time.Millisecond

// unconfirmedLimit is the default of Config.UnconfirmedLimit.
const unconfirmedLimit = 30 * time.Second

// recheckTimeout bounds one round of checks, and the check at the end of a body.
const recheckTimeout = 5 * time.Second

// endGrace is how long a client has to read the rest of an answer after its request was ended.
const endGrace = 500 * time.Millisecond

// errEnded is the cause of what fails because a request was ended.
var errEnded = errors.New("the request is no longer allowed")

// exchange is a request in progress, and its context, by which rewrite finds it.
type exchange struct {
	context.Context //nolint:containedctx // it is one

	in             *http.Request // the client's
	target         string        // as received
	upstreamTarget string        // the request-target for the application
	origin         clientip.Origin
	decision       gateway.Decision
	trailer        http.Header // of the request to the application
	delivery       delivery
	truncated      atomic.Bool // the client's body is incomplete
	bodyRead       atomic.Bool // the whole body was read, or there is none
	// forbidden says that the client's body has a field that limits do not allow.
	forbidden atomic.Bool

	// hold is nil if the decision cannot change; then the fields below it are unused.
	hold         *gateway.Hold
	began        time.Time
	confirmed    time.Time // when the decision was last confirmed; used by the rechecker alone
	cancel       context.CancelCauseFunc
	recheckTimer *time.Timer

	mu             sync.Mutex
	noReadDeadline bool                     // the rest of the body has no deadline, or one in the past
	control        *http.ResponseController // invalid once returned is true
	conn           net.Conn                 // of a websocket
	returned       bool                     // ServeHTTP has returned
	ended          *gateway.Decision        // why it was ended, or nil
}

type exchangeKey struct{}

// Value returns the exchange for its key.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

func (x *exchange) endedBy() (gateway.Decision, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended == nil {
		return gateway.Decision{}, false
	}
	return *x.ended, true
}

func (x *exchange) isEnded() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ended != nil
}

// setReadDeadline ignores connections without deadlines, which only tests have.
func (x *exchange) setReadDeadline(t time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.returned && x.ended == nil && x.conn == nil && !x.noReadDeadline {
		_ = x.control.SetReadDeadline(t)
	}
}

// responseStarted removes the read deadline over HTTP/2, where both sides can send at the same
// time: in a stream such as gRPC's the client may pause for any time, and the request lasts until
// the application ends its answer. Over HTTP/1, the client still has to send its body.
func (x *exchange) responseStarted() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.in.ProtoMajor >= 2 && !x.noReadDeadline && !x.returned && x.ended == nil {
		x.noReadDeadline = true
		_ = x.control.SetReadDeadline(time.Time{})
	}
}

func (x *exchange) setWriteDeadline(t time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.returned && x.ended == nil && x.conn == nil {
		_ = x.control.SetWriteDeadline(t)
	}
}

// responseRead aborts the rest of the client's body once the whole answer was read: the
// application no longer reads it, but the transport may wait for it, and delay the answer.
func (x *exchange) responseRead() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.bodyRead.Load() && !x.returned && x.ended == nil && x.conn == nil {
		x.noReadDeadline = true // keep later calls from extending the deadline
		_ = x.control.SetReadDeadline(time.Unix(1, 0))
	}
}

type responseBody struct {
	io.ReadCloser
	exchange *exchange
	response *http.Response
}

// Close is part of io.Closer. The trailers have arrived by then, and are passed on after it.
func (a responseBody) Close() error {
	a.exchange.responseRead()
	err := a.ReadCloser.Close()
	delete(a.response.Trailer, basicauth.HeaderReason)
	return err
}

// hijack keeps the connection, so that end can close it.
func (x *exchange) hijack() (net.Conn, *bufio.ReadWriter, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended != nil {
		return nil, nil, errEnded
	}
	conn, buffered, err := x.control.Hijack()
	if err == nil {
		x.conn = conn
	}
	return conn, buffered, err
}

// startRechecks checks a long request again if its decision can change. A short request costs a
// context and a timer that does not fire.
func (p *Proxy) startRechecks(x *exchange) {
	if x.hold == nil {
		return
	}
	x.Context, x.cancel = context.WithCancelCause(x.Context)
	x.began = p.config.Now()
	x.confirmed = x.began
	x.recheckTimer = time.AfterFunc(p.config.RecheckInterval, func() { p.rechecker.add(x) })
}

// finish undoes startRechecks. The connection must not be used after it.
func (p *Proxy) finish(x *exchange) {
	x.mu.Lock()
	x.returned = true
	x.mu.Unlock()
	if x.hold == nil {
		return
	}
	if !x.recheckTimer.Stop() {
		p.rechecker.remove(x)
	}
	x.cancel(nil)
}

// confirm checks a request again, and ends it if it is no longer allowed. It also ends a request
// that cannot be checked, since the application cannot undo it.
func (p *Proxy) confirm(x *exchange) bool {
	if x.hold == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(x, recheckTimeout)
	defer cancel()
	d := x.hold.Recheck(ctx)
	if d.Outcome == gateway.Allowed {
		return true
	}
	if x.Err() == nil { // else the client disconnected, or the request was ended meanwhile
		p.end(x, d)
	}
	return false
}

// apply ends the request if the decision says so.
func (p *Proxy) apply(x *exchange, d gateway.Decision) {
	now := p.config.Now()
	switch {
	case d.Outcome == gateway.Allowed:
		x.confirmed = now
	case d.Outcome == gateway.Refused, now.Sub(x.confirmed) >= p.config.UnconfirmedLimit:
		p.end(x, d)
	}
}

// end cancels the request to the application, the client's body and the answer. If the answer has
// not started, fail sends the refusal.
func (p *Proxy) end(x *exchange, d gateway.Decision) {
	x.mu.Lock()
	if x.returned || x.ended != nil {
		x.mu.Unlock()
		return
	}
	x.ended = &d
	now := p.config.Now()
	if x.conn != nil {
		_ = x.conn.SetDeadline(time.Unix(1, 0)) // ReverseProxy closes it then; closing TLS could wait for the client
	} else {
		_ = x.control.SetReadDeadline(time.Unix(1, 0))
		_ = x.control.SetWriteDeadline(now.Add(endGrace))
	}
	x.mu.Unlock()
	x.cancel(errEnded)
	message := "ended a request under way: its application password no longer allows it"
	if d.Outcome == gateway.Broken {
		message = "ended a request under way: its application password could not be checked again"
	}
	path, _, _ := strings.Cut(x.target, "?")
	id := x.decision.Identity
	p.config.Log.InfoContext(x, message, "user", id.User.Login, "credential", id.Credential,
		"reason", d.Rule, "error", d.Err, "method", x.in.Method, "path", path, "open", now.Sub(x.began).Round(time.Millisecond))
	if p.config.Ended != nil {
		p.config.Ended(x, d)
	}
}
