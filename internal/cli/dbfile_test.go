package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestDatabaseThatOthersCanRead starts commands and the server with files of all
// permissions.
func TestDatabaseThatOthersCanRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("files have no such permissions here")
	}
	dir := t.TempDir()
	database, key := filepath.Join(dir, "sparekey.db"), filepath.Join(dir, "audit.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	said := func(args ...string) string {
		t.Helper()
		cmd := command(t.Context(), database, args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, &stderr)
		}
		return stderr.String()
	}
	said("user", "create", "ann", "ann@example.com", "--user_pass=correct horse", "--audit-key="+key)
	for mode, warned := range map[fs.FileMode]bool{0o600: false, 0o700: false, 0o640: true, 0o660: true, 0o604: true, 0o644: true, 0o622: true} {
		if err := os.Chmod(database, mode); err != nil {
			t.Fatal(err)
		}
		want := "Warning: other accounts of this machine can read or change " + database + " (mode " + mode.String() + "): run \"chmod 600 " + database + "\"\n"
		for _, name := range []string{database, "sqlite:" + database} {
			got := said("user", "list", "--database="+name, "--audit-key="+key)
			if strings.Contains(got, want) != warned || !warned && got != "" {
				t.Errorf("%s with %v: %q", name, mode, got)
			}
		}
	}
	if got := said("version"); got != "" {
		t.Errorf("a command without a database says %q", got)
	}
	if err := os.Chmod(database, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := said("audit", "list", "--audit-key="+key); !strings.Contains(got, "can read or change "+key) || strings.Contains(got, "kkk") {
		t.Errorf("with a key that others can read: %q", got)
	}
}

// TestServeWarnsOfTheDatabase starts the server on a database that others can read.
func TestServeWarnsOfTheDatabase(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	mustCLI(t, database, "user", "create", "ann", "ann@example.com", "--user_pass=correct horse")
	if err := os.Chmod(database, 0o644); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, database)
	if said := s.log.String(); runtime.GOOS != "windows" && (!strings.Contains(said, "level=WARN") || !strings.Contains(said, "can read or change "+database+" ")) {
		t.Errorf("it says: %s", said)
	}
}
