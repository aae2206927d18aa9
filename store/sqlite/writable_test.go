package sqlite_test

import (
	"os"
	"testing"

	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// TestCheckWritable also wants the check to change nothing that others would notice.
func TestCheckWritable(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	insert(t, s, newCredential("1", "1"))
	before, logged := version(t, s), size(t, path+"-wal")
	for range 3 {
		if err := s.CheckWritable(t.Context()); err != nil {
			t.Fatal(err)
		}
		if now := size(t, path+"-wal"); now <= logged { // a full disk shows only where there is something to write
			t.Errorf("the check wrote nothing: the log has %d bytes, and had %d", now, logged)
		} else {
			logged = now
		}
	}
	if after := version(t, s); after != before {
		t.Errorf("Version is %d after the check, and was %d", after, before)
	}
	holder := rawDatabase(t, path)
	holder.SetMaxOpenConns(1)
	execute(t, holder, "BEGIN IMMEDIATE")
	done := make(chan error, 1)
	go func() { done <- s.CheckWritable(t.Context()) }()
	execute(t, holder, "COMMIT")
	if err := <-done; err != nil {
		t.Errorf("while another process writes: %v", err)
	}
	sqlite.ForbidWrites(t, s)
	if err := s.CheckWritable(t.Context()); err == nil {
		t.Error("a database that cannot be written counts as writable")
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("it cannot be read either: %v", err)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
