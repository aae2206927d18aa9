// Package testdb starts real database servers for tests, each with data of its
// own in a temporary directory and on a port of its own.
package testdb

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/testproc"
)

// Remedy says how to get the programs.
const Remedy = "run scripts/wordpress-deps as root on Debian"

// The account that MariaDB lets in from the loopback, and its database.
const (
	User     = "sparekey"
	Password = "sparekey-test"
	Database = "sparekey"
)

// MariaDB is a server that runs until the end of the test. Its methods are for
// one goroutine at a time.
type MariaDB struct {
	Addr string // 127.0.0.1:port

	dir, port, program string
	process            *testproc.Process
}

// StartMariaDB starts a server with an empty Database, in which User may do
// everything. It takes about a second.
func StartMariaDB(tb testing.TB) *MariaDB {
	tb.Helper()
	install := testproc.Program(tb, Remedy, "mariadb-install-db", "mysql_install_db")
	m := &MariaDB{dir: testproc.Dir(tb), program: testproc.Program(tb, Remedy, "mariadbd", "mysqld")}
	create := exec.CommandContext(tb.Context(), install, "--no-defaults", "--datadir="+m.data(), "--skip-test-db",
		"--auth-root-authentication-method=normal", "--skip-name-resolve", "--innodb-log-file-size=8M",
		"--user="+systemUser())
	create.Env = m.environment()
	out, err := create.CombinedOutput()
	if err != nil {
		tb.Fatalf("%s: %v\n%s", install, err, out)
	}
	m.writeInit(tb)
	// Another process may take the port first, so there is more than one try.
	for range 5 {
		m.port = testproc.FreePort(tb)
		if m.process, err = m.start(); err == nil {
			break
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	m.Addr = "127.0.0.1:" + m.port
	tb.Cleanup(func() { m.Stop(tb) })
	return m
}

// Stop ends the server; its data stay. Without effect if it is stopped.
func (m *MariaDB) Stop(tb testing.TB) {
	tb.Helper()
	if m.process != nil {
		m.process.Stop(tb)
		m.process = nil
	}
}

// Kill ends the server as a crash would; its data stay.
func (m *MariaDB) Kill() {
	m.process.Kill()
	m.process = nil
}

// Restart starts a stopped server with the same data at the same address.
func (m *MariaDB) Restart(tb testing.TB) {
	tb.Helper()
	var err error
	if m.process, err = m.start(); err != nil {
		tb.Fatal(err)
	}
}

// Freeze keeps the server from answering, with all its connections open, until
// Thaw.
func (m *MariaDB) Freeze() { m.process.Freeze() }

// Thaw lets it go on.
func (m *MariaDB) Thaw() { m.process.Thaw() }

func (m *MariaDB) data() string { return filepath.Join(m.dir, "data") }

func (m *MariaDB) socket() string { return filepath.Join(m.dir, "sock") }

func (m *MariaDB) initFile() string { return filepath.Join(m.dir, "init.sql") }

// writeInit writes what the server runs at each start.
func (m *MariaDB) writeInit(tb testing.TB) {
	tb.Helper()
	statements := fmt.Sprintf(`CREATE DATABASE IF NOT EXISTS %[1]s CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
CREATE USER IF NOT EXISTS '%[2]s'@'127.0.0.1' IDENTIFIED BY '%[3]s';
GRANT ALL ON *.* TO '%[2]s'@'127.0.0.1';
`, Database, User, Password)
	if err := os.WriteFile(m.initFile(), []byte(statements), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// start runs the server and waits until it accepts connections, on its socket
// since at the port there might be another. Nothing waits for the disk: what
// is committed outlives the server, and need not outlive the machine.
func (m *MariaDB) start() (*testproc.Process, error) {
	cmd := exec.Command(m.program, "--no-defaults", "--user="+systemUser(), "--datadir="+m.data(), "--port="+m.port,
		"--bind-address=127.0.0.1", "--socket="+m.socket(), "--pid-file="+filepath.Join(m.dir, "pid"),
		"--init-file="+m.initFile(), "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M",
		"--innodb-flush-log-at-trx-commit=2", "--innodb-fast-shutdown=2", "--skip-name-resolve",
		"--performance-schema=0", "--max-connections=300")
	cmd.Env = m.environment()
	return testproc.TryStart(cmd, filepath.Join(m.dir, "log"), testproc.Accepts("unix", m.socket()))
}

// environment has the server keep its temporary tables to itself: at its start it
// removes everybody's from the directory.
func (m *MariaDB) environment() []string { return append(os.Environ(), "TMPDIR="+m.dir) }

// systemUser runs the server as who runs the test: it takes the name of root
// only if it is given.
func systemUser() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return os.Getenv("USER")
}
