// Package testproc runs the real servers that tests need: it finds their
// programs, starts them, ends them with the test and keeps what they said for
// when something fails. It is for tests only.
package testproc

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// patience is how long a server may take to start or to end. Three tests at a
// time on a slow machine take seconds.
const patience = 60 * time.Second

// Program finds a program by any of its names, in the path and where Debian puts
// servers. Where there is none the test is skipped, or fails if CI=true; remedy
// says what to do about it, such as a script to run.
func Program(tb testing.TB, remedy string, names ...string) string {
	tb.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
		for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return path
			}
		}
	}
	Missing(tb, names[0], remedy)
	return ""
}

// Missing ends a test for want of a part: skipped on a laptop, failed where
// CI=true. remedy says what to do about it.
func Missing(tb testing.TB, part, remedy string) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s is missing: %s", part, remedy)
	}
	tb.Skipf("SKIPPED: this test needs %s: %s", part, remedy)
}

// Dir makes a directory with a short name, since the path of a Unix socket has
// at most 107 bytes. It is removed after what is cleaned up later registered.
func Dir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "sparekey")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Errorf("clean up: %v", err)
		}
	})
	return dir
}

// FreePort is a TCP port of the loopback that was free a moment ago, for
// servers that cannot be told to take any.
func FreePort(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	return port
}

// Process is a server that runs. Its methods are for one goroutine at a time.
type Process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
	err   error // of its end; read it after ended
}

// Start runs cmd until the test is over, with what it prints going to the file
// log. It returns when ready says nil. The server ends when this process does,
// even if that is killed.
func Start(tb testing.TB, cmd *exec.Cmd, log string, ready func() error) *Process {
	tb.Helper()
	p, err := TryStart(cmd, log, ready)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { p.Stop(tb) })
	return p
}

// TryStart is Start for a server that may fail to start and be tried again. The
// caller calls Stop.
func TryStart(cmd *exec.Cmd, log string, ready func() error) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, log: log, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	for deadline := time.Now().Add(patience); ; {
		problem := ready()
		if problem == nil {
			return p, nil
		}
		select {
		case <-p.ended:
			return nil, fmt.Errorf("%s ended: %w\n%s", cmd.Path, p.err, p.Log())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.signal(syscall.SIGKILL)
			return nil, fmt.Errorf("%s does not serve: %w\n%s", cmd.Path, problem, p.Log())
		}
	}
}

// Stop asks the server to end and waits for that. A server that ended by itself
// or that must be killed is a failure of the test.
func (p *Process) Stop(tb testing.TB) {
	tb.Helper()
	select {
	case <-p.ended:
		if p.err != nil {
			tb.Errorf("%s ended: %v\n%s", p.cmd.Path, p.err, p.Log())
		}
		return
	default:
	}
	p.signal(syscall.SIGTERM)
	p.Thaw()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.signal(syscall.SIGKILL)
		tb.Errorf("%s did not end", p.cmd.Path)
	}
}

// Kill ends the server without asking, as a crash would.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
	p.err = nil // it was to end
}

// Freeze stops the server in its tracks: connections stay open, and nothing
// answers. Stop thaws it, too.
func (p *Process) Freeze() { p.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (p *Process) Thaw() { p.signal(syscall.SIGCONT) }

// Log is the end of what the server printed.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	const most = 8 << 10
	return string(bytes.ToValidUTF8(text[max(0, len(text)-most):], []byte("?")))
}

func (p *Process) signal(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s) // or it has ended already
}

// Accepts is a test of readiness: something accepts connections at the address,
// "tcp" or "unix".
func Accepts(network, address string) func() error {
	return func() error {
		conn, err := net.DialTimeout(network, address, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// Script writes a program for /bin/sh and returns its path, which has characters that careless
// quoting breaks.
func Script(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "it's told")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		tb.Fatal(err)
	}
	return path
}
