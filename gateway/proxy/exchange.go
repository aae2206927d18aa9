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

// endGrace is how long a client has to take what it was sent before its request ended.
const endGrace = 500 * time.Millisecond

// errEnded is the cause of what fails because a request was ended.
var errEnded = errors.New("the request is no longer allowed")

// exchange is a request under way, and the context that carries it to rewrite.
type exchange struct {
	context.Context //nolint:containedctx // it is one

	in       *http.Request // the client's
	target   string        // as the client sent it
	there    string        // with the application
	origin   clientip.Origin
	decision gateway.Decision
	trailer  http.Header // of the request to the application
	reach    reach
	cut      atomic.Bool // the client's body did not arrive whole
	arrived  atomic.Bool // it has no body, or all of it has come
	// forbidden says that the client's body has a field that limits do not allow.
	forbidden atomic.Bool

	// For requests whose decision can change; hold is nil for the others.
	hold      *gateway.Hold
	began     time.Time
	confirmed time.Time // when the decision was last known to stand; the watch's alone
	cancel    context.CancelCauseFunc
	register  *time.Timer

	mu      sync.Mutex
	quiet   bool                     // the client may take its time with the rest of its body
	control *http.ResponseController // not to be used once over is true
	conn    net.Conn                 // of a client that switched to websocket
	over    bool                     // ServeHTTP has returned
	ended   *gateway.Decision        // why it was ended, if it was
}

type exchangeKey struct{}

// Value returns the exchange for its key.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

// endedBy returns the decision that ended the request, if one did.
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

// setReadDeadline sets until when the client may send a part of its body, unless the
// request has ended. Where it cannot be set, in tests, there is none.
func (x *exchange) setReadDeadline(t time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over && x.ended == nil && x.conn == nil && !x.quiet {
		_ = x.control.SetReadDeadline(t)
	}
}

// answering is called when the answer begins. Over HTTP/2, where both sides may send at
// once, it may be a conversation, such as a stream of gRPC, in which the client is quiet
// for as long as it likes: its request then lasts for as long as the application keeps
// its answer open. Over HTTP/1 it is a client that is still to send its body.
func (x *exchange) answering() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.in.ProtoMajor >= 2 && !x.quiet && !x.over && x.ended == nil {
		x.quiet = true
		_ = x.control.SetReadDeadline(time.Time{})
	}
}

// setWriteDeadline is setReadDeadline for a part of the answer.
func (x *exchange) setWriteDeadline(t time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over && x.ended == nil && x.conn == nil {
		_ = x.control.SetWriteDeadline(t)
	}
}

// answered is called when all of the answer has come. The rest of the client's body has no
// reader then, though a transport may still wait for it, and the answer for that.
func (x *exchange) answered() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.arrived.Load() && !x.over && x.ended == nil && x.conn == nil {
		x.quiet = true // no later deadline
		_ = x.control.SetReadDeadline(time.Unix(1, 0))
	}
}

// answer is the body of the application's answer.
type answer struct {
	io.ReadCloser
	exchange *exchange
}

// Close is part of io.Closer.
func (a answer) Close() error {
	a.exchange.answered()
	return a.ReadCloser.Close()
}

// hijack takes the client's connection over from the server, and keeps it to be able to
// end it.
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

// follow has a request checked again if it lasts and its decision can change. A short
// request costs a context and a timer that never fires.
func (p *Proxy) follow(x *exchange) {
	if x.hold == nil {
		return
	}
	x.Context, x.cancel = context.WithCancelCause(x.Context)
	x.began = p.config.Now()
	x.confirmed = x.began
	x.register = time.AfterFunc(p.config.RecheckInterval, func() { p.watch.add(x) })
}

// leave is the end of follow: the request has ended, and nothing touches its connection
// from now on.
func (p *Proxy) leave(x *exchange) {
	x.mu.Lock()
	x.over = true
	x.mu.Unlock()
	if x.hold == nil {
		return
	}
	if !x.register.Stop() {
		p.watch.remove(x)
	}
	x.cancel(nil)
}

// confirm reports whether a request is still allowed, and ends it if not. It also ends a
// request that cannot be checked, since what is carried out cannot be undone.
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
	if x.Err() == nil { // else the client has gone, or the request was ended meanwhile
		p.end(x, d)
	}
	return false
}

// judged does what a decision about a request under way demands.
func (p *Proxy) judged(x *exchange, d gateway.Decision) {
	now := p.config.Now()
	switch {
	case d.Outcome == gateway.Allowed:
		x.confirmed = now
	case d.Outcome == gateway.Refused, now.Sub(x.confirmed) >= p.config.UnconfirmedLimit:
		p.end(x, d)
	}
}

// end ends a request: the one to the application, the client's body and the answer.
// Whatever of the answer has not begun is the refusal; see fail.
func (p *Proxy) end(x *exchange, d gateway.Decision) {
	x.mu.Lock()
	if x.over || x.ended != nil {
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
