//go:build unix

package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/testproc"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// newNotifier is one that runs a program, and its log.
func newNotifier(t *testing.T, program string, timeout time.Duration) (*notifier, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	n, err := (&server{Server: config.Server{NotifySettings: config.NotifySettings{NotifyCommand: program}}}).notifier(slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	n.timeout = timeout
	return n, log
}

func expiring(name string) sparekey.Event {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	return sparekey.Event{
		Kind: sparekey.KindExpiring, Time: now, Expires: now.Add(24 * time.Hour),
		User:       sparekey.User{ID: "7", Login: "ann", Email: "ann@example.com", DisplayName: "Ann"},
		Credential: sparekey.Credential{UUID: "5f0c", UserID: "7", Name: name, Hash: "$generic$hash", OldHash: "$generic$old"},
	}
}

// tellAll notes events and waits until the program was run for all of them.
func tellAll(t *testing.T, n *notifier, events ...sparekey.Event) {
	t.Helper()
	for _, e := range events {
		n.Observe(t.Context(), e)
	}
	var parts group
	parts.run(t.Context(), n.Run)
	if err := parts.stop(); err != nil {
		t.Error(err)
	}
}

// TestNotifyCommandFails continues with the next one, whatever the program does.
func TestNotifyCommandFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		program, want string
		failures      int
	}{
		"status":             {`grep -q "bad" && { echo "no route to $0" >&2; yes | head -c 100000 >&2; exit 3; }; exit 0`, "exit status 3", 1},
		"killed by a signal": {`grep -q "bad" && kill -9 $$; exit 0`, "signal: killed", 1},
		"reads nothing":      {`exit 4`, "exit status 4", 2},
	} {
		n, log := newNotifier(t, testproc.Script(t, c.program), time.Minute)
		tellAll(t, n, expiring("bad"), expiring("good"), sparekey.Event{Kind: sparekey.KindCreated})
		said := log.String()
		if !strings.Contains(said, c.want) || !strings.Contains(said, "user=ann") || !strings.Contains(said, "credential=5f0c") || strings.Contains(said, "$generic$") {
			t.Errorf("%s: the log says\n%s", name, said)
		}
		if got := strings.Count(said, "\n"); got != c.failures || len(said) > 3000 {
			t.Errorf("%s: the log has %d bytes in %d lines, want %d:\n%.4000s", name, len(said), got, c.failures, said)
		}
	}
}

// TestNotifyCommandHangs kills a program that does not end, and what it started.
func TestNotifyCommandHangs(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	n, log := newNotifier(t, testproc.Script(t, `exec 3>'`+fifo+`'; sleep 600 & echo begun >&3; wait`), time.Second)
	dead := make(chan string)
	go func() {
		alive, err := os.Open(fifo)
		if err != nil {
			dead <- err.Error()
			return
		}
		defer alive.Close()
		all, _ := io.ReadAll(alive) // ends when the other end is closed
		dead <- string(all)
	}()
	tellAll(t, n, expiring("Phone"))
	if said := log.String(); !strings.Contains(said, "did not end within 1s") {
		t.Errorf("the log says\n%s", said)
	}
	select {
	case got := <-dead:
		if got != "begun\n" {
			t.Errorf("the program wrote %q", got)
		}
	case <-time.After(30 * time.Second):
		t.Error("what the program started is still there")
	}
}

// TestNotifyCommandLeavesSomethingBehind is a program whose mailer delivers after
// it ended.
func TestNotifyCommandLeavesSomethingBehind(t *testing.T) {
	t.Parallel()
	n, log := newNotifier(t, testproc.Script(t, `sleep 20 & exit 0`), time.Minute)
	tellAll(t, n, expiring("Phone"))
	if said := log.String(); said != "" {
		t.Errorf("the log says\n%s", said)
	}
}

// TestNoticesDoNotBlock makes more notices than the queue holds, while the program does not
// run; and runs the program for one at a time.
func TestNoticesDoNotBlock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n, log := newNotifier(t, testproc.Script(t, `cd '`+dir+`' && mkdir running || echo overlap >>told; cat >>told; rmdir running`), time.Minute)
	n.waiting = make(chan *notice, 5)
	for range 7 {
		n.Observe(t.Context(), expiring("Phone"))
	}
	if got := strings.Count(log.String(), "too many are waiting"); got != 2 {
		t.Errorf("%d were dropped:\n%s", got, log)
	}
	var parts group
	parts.run(t.Context(), n.Run)
	if err := parts.stop(); err != nil {
		t.Error(err)
	}
	told, err := os.ReadFile(filepath.Join(dir, "told"))
	if err != nil || strings.Count(string(told), "\n") != 5 || strings.Contains(string(told), "overlap") {
		t.Errorf("%v: %s", err, told)
	}
}

// TestNoticesAtTheEnd gives up those that still wait when the time to stop has passed.
func TestNoticesAtTheEnd(t *testing.T) {
	t.Parallel()
	n, log := newNotifier(t, testproc.Script(t, `exec sleep 600`), time.Minute)
	for range 3 {
		n.Observe(t.Context(), expiring("Phone"))
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.EOF)
	n.tellRest(ctx)
	if got := strings.Count(log.String(), "EOF"); got != 3 {
		t.Errorf("%d were given up:\n%s", got, log)
	}
}

func TestNoticeTexts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ann@example.com\r\nBcc: all@example.com": "ann@example.comBcc: all@example.com",
		"a\x00b\u0085c\u2028d\u2029e\x1b[31m":     "abcde[31m",
		"Grüße\xff":                               "Grüße\uFFFD",
		strings.Repeat("é", 5000):                 strings.Repeat("é", 500),
		"x" + strings.Repeat("é", 5000):           "x" + strings.Repeat("é", 499),
		strings.Repeat("\n", 9000) + "x":          "",
	} {
		if got := plainText(text); got != want {
			t.Errorf("%.40q: got %.80q", text, got)
		}
	}
	for left, want := range map[time.Duration]int{24 * time.Hour: 1, time.Second: 1, 24*time.Hour + 1: 2, 14 * 24 * time.Hour: 14, 14*24*time.Hour - time.Hour: 14} {
		e := expiring("Phone")
		e.Expires = e.Time.Add(left)
		if got := newNotice(e).DaysLeft; got != want {
			t.Errorf("%v: %d days left", left, got)
		}
	}
}

// TestMailExample runs the example of the docs, with a sendmail that keeps what it
// is given.
func TestMailExample(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("jq"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("jq is missing: apt-get install jq")
		}
		t.Skip("NOT TESTED: the example of docs/guides/policy.md needs jq (apt-get install jq)")
	}
	docs, err := os.ReadFile("../../docs/guides/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```sh\n(#!/bin/sh\n.*?)```").FindSubmatch(docs)
	if example == nil {
		t.Fatal("docs/guides/policy.md lacks the example")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "mail-expiring")
	write(t, program, string(example[1]))
	write(t, filepath.Join(dir, "sendmail"), "#!/bin/sh\n{ printf '<%s>' \"$@\"; echo; cat; } >>'"+dir+"/sent'\n")
	e := expiring("Grüße \\n \"$(id)\" `id`")
	document, err := json.Marshal(newNotice(e))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
	cmd.Stdin = strings.NewReader(string(document) + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	sent, err := os.ReadFile(filepath.Join(dir, "sent"))
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(sent), "\n\n")
	if !strings.HasPrefix(head, "<-i><--><ann@example.com>\n") || !strings.Contains(head, "\nTo: ann@example.com") || !strings.Contains(head, "charset=utf-8") ||
		!strings.Contains(body, e.Credential.Name) || !strings.Contains(body, "2026-03-05T05:06:07Z") {
		t.Errorf("sent was\n%s", sent)
	}
}
