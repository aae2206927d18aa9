package testdb

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/testproc"
)

// RedisScript gets a Redis server, on Debian.
const RedisScript = "scripts/redis"

// Redis is a Redis or Valkey server that keeps everything in memory. Its methods
// are for one goroutine at a time.
type Redis struct {
	URL string // redis://127.0.0.1:port/0

	dir, port, program string
	process            *testproc.Process
}

// StartRedis starts an empty server, which ends with the test.
func StartRedis(tb testing.TB) *Redis {
	tb.Helper()
	r := &Redis{program: testproc.Program(tb, RedisScript, "redis-server", "valkey-server"), dir: testproc.Dir(tb)}
	var err error
	for range 5 { // another process may take the port first
		r.port = testproc.FreePort(tb)
		if r.process, err = r.start(); err == nil {
			break
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	r.URL = "redis://127.0.0.1:" + r.port + "/0"
	tb.Cleanup(func() {
		if r.process != nil {
			r.process.Stop(tb)
		}
	})
	return r
}

// Kill ends the server as a crash would. All that it held is gone.
func (r *Redis) Kill() {
	r.process.Kill()
	r.process = nil
}

// Restart starts a killed server at the same address.
func (r *Redis) Restart(tb testing.TB) {
	tb.Helper()
	var err error
	if r.process, err = r.start(); err != nil {
		tb.Fatal(err)
	}
}

func (r *Redis) start() (*testproc.Process, error) {
	socket := filepath.Join(r.dir, "sock")
	cmd := exec.Command(r.program, "--port", r.port, "--bind", "127.0.0.1", "--unixsocket", socket,
		"--save", "", "--appendonly", "no", "--dir", r.dir)
	return testproc.TryStart(cmd, filepath.Join(r.dir, "log"), testproc.Accepts("unix", socket))
}
