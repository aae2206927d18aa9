package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode"

	"github.com/sparekey-dev/sparekey"
)

const (
	// notifyTimeout is how long the program may take for one application password.
	notifyTimeout = 30 * time.Second
	// notifyPipeTimeout is how long what the program left running may keep its
	// standard error.
	notifyPipeTimeout = 5 * time.Second
	// maxNotices is how many notices may wait for the program; beyond that, they are dropped.
	maxNotices = 10000
	// maxNoticeText is the maximum length of each text in a notice, in bytes.
	maxNoticeText = 1000
	// maxNoticeError is how much is logged of the program's error output.
	maxNoticeError = 1000
)

// notifier runs a program of the operator for application passwords that expire soon: one after
// the other, in the background. A nil notifier does nothing.
type notifier struct {
	program string
	timeout time.Duration
	log     *slog.Logger
	waiting chan *notice
}

// notifier makes the one that the settings ask for.
func (c *server) notifier(log *slog.Logger) (*notifier, error) {
	if c.NotifyCommand == "" {
		return nil, nil //nolint:nilnil // no program is set
	}
	program, err := c.NotifyProgram()
	if err != nil {
		return nil, err
	}
	return &notifier{program, notifyTimeout, log, make(chan *notice, maxNotices)}, nil
}

// notice is what the program reads. The names are those of the audit log. Texts are without
// line breaks, so that they cannot begin another line of an e-mail.
type notice struct {
	Kind        sparekey.Kind `json:"kind"`
	User        string        `json:"user"` // ID
	Login       string        `json:"login"`
	Email       string        `json:"email"`
	DisplayName string        `json:"display_name"`
	Credential  string        `json:"credential"` // UUID
	Name        string        `json:"name"`
	Expires     time.Time     `json:"expires"`   // UTC
	DaysLeft    int           `json:"days_left"` // begun days
}

func newNotice(e sparekey.Event) *notice {
	const day = 24 * time.Hour
	return &notice{
		Kind: e.Kind, User: plainText(e.User.ID), Login: plainText(e.User.Login), Email: plainText(e.User.Email),
		DisplayName: plainText(e.User.DisplayName), Credential: plainText(e.Credential.UUID), Name: plainText(e.Credential.Name),
		Expires: e.Expires.UTC(), DaysLeft: int((e.Expires.Sub(e.Time) + day - 1) / day),
	}
}

// plainText is a text without control characters, and not endless: another program
// may have written it to the database.
func plainText(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, text[:min(len(text), 4*maxNoticeText)])
	return strings.ToValidUTF8(text[:min(len(text), maxNoticeText)], "")
}

// observe has the program told of what expires, and another told of everything.
func (n *notifier) observe(other func(context.Context, sparekey.Event)) func(context.Context, sparekey.Event) {
	if n == nil {
		return other
	}
	return sparekey.Observers(other, n.Observe)
}

// Observe takes note of what expires soon. It does not wait for the program.
func (n *notifier) Observe(ctx context.Context, e sparekey.Event) {
	if e.Kind != sparekey.KindExpiring {
		return
	}
	told := newNotice(e)
	select {
	case n.waiting <- told:
	default:
		n.failed(ctx, told, errors.New("too many are waiting for the program"), "")
	}
}

// Run runs the program for the notices. When the context ends, waiting notices have some time
// left, since they would not be made again.
func (n *notifier) Run(ctx context.Context) {
	if n == nil {
		return
	}
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(noticeTimeout, func() { cancel(errors.New("the server stops")) })
	})
	defer stop()
	for {
		select {
		case told := <-n.waiting:
			n.tell(running, told)
		case <-ctx.Done():
			n.tellRest(running)
			return
		}
	}
}

// tellRest handles the notices that still wait when the server stops.
func (n *notifier) tellRest(ctx context.Context) {
	for {
		select {
		case told := <-n.waiting:
			n.tell(ctx, told)
		default:
			return
		}
	}
}

// tell runs the program once, and logs if that went wrong.
func (n *notifier) tell(ctx context.Context, told *notice) {
	document, err := json.Marshal(told)
	if err != nil {
		n.failed(ctx, told, err, "")
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, n.timeout, fmt.Errorf("the program did not end within %s, so it was killed", n.timeout))
	defer cancel()
	said := &beginning{most: maxNoticeError}
	cmd := exec.CommandContext(ctx, n.program)
	cmd.Stdin = bytes.NewReader(append(document, '\n'))
	cmd.Stderr = said
	cmd.Env = notifyEnvironment()
	cmd.WaitDelay = notifyPipeTimeout
	killAll(cmd)
	err = cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it may leave something running that delivers later
	case ctx.Err() != nil:
		n.failed(ctx, told, context.Cause(ctx), said.String())
	default:
		n.failed(ctx, told, err, said.String())
	}
}

// failed logs that a notice was not delivered.
func (n *notifier) failed(ctx context.Context, told *notice, err error, said string) {
	attrs := []any{"user", told.Login, "credential", told.Credential, "expires", told.Expires, "program", n.program, "error", err}
	if said != "" {
		attrs = append(attrs, "said", said)
	}
	n.log.ErrorContext(ctx, "the program that is to be told of what expires soon failed", attrs...)
}

// notifyEnvironment is what the program has of the server's environment: nothing
// of the settings, since there are passwords among them.
func notifyEnvironment() []string {
	env := []string{} // not nil, which would be all
	for _, name := range []string{"PATH", "HOME", "LANG", "TZ"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// beginning keeps the first bytes of what is written to it.
type beginning struct {
	text strings.Builder
	most int
}

func (b *beginning) Write(p []byte) (int, error) {
	b.text.Write(p[:min(len(p), b.most-b.text.Len())])
	return len(p), nil
}

func (b *beginning) String() string { return strings.TrimSpace(b.text.String()) }
