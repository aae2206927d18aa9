package testdb_test

import (
	"net"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/testdb"
)

// greeting is what a server says first: its version is in it.
func greeting(addr string) (string, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	packet := make([]byte, 200)
	n, err := conn.Read(packet)
	return string(packet[:n]), err
}

func TestMariaDBStartsStopsAndComesBack(t *testing.T) {
	t.Parallel()
	db := testdb.StartMariaDB(t)
	first, err := greeting(db.Addr)
	if err != nil || !strings.Contains(first, "MariaDB") {
		t.Fatalf("%q, %v", first, err)
	}
	db.Stop(t)
	if said, err := greeting(db.Addr); err == nil {
		t.Fatalf("stopped, and says %q", said)
	}
	db.Restart(t)
	db.Kill()
	db.Restart(t)
	if said, err := greeting(db.Addr); err != nil || !strings.Contains(said, "MariaDB") {
		t.Fatalf("%q, %v", said, err)
	}
}
