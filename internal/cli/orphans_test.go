package cli

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// TestOrphans lists and revokes what users left who are gone, as in a database to
// which another directory once belonged.
func TestOrphans(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	mustCLI(t, database, "user", "create", "ann", "ann@example.com", "--user_pass=correct horse")
	mustCLI(t, database, "user", "application-password", "create", "ann", "Stays")
	store, err := sqlite.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	var uuids []string
	for _, c := range []sparekey.Credential{
		{UUID: "00000000-0000-4000-8000-000000000001", UserID: "77", Name: "Left"},
		{UUID: "00000000-0000-4000-8000-000000000002", UserID: "77", Name: "Left too"},
		{UUID: "00000000-0000-4000-8000-000000000003", UserID: "78", Name: "Another"},
		{UUID: "00000000-0000-4000-8000-000000000004", UserID: "78", Name: "One more"},
	} {
		c.Hash, c.Created = sparekey.NewSecret().Hash(), time.Now()
		if err := store.Insert(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
		uuids = append(uuids, c.UUID)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	password := []string{"user", "application-password"}
	run := func(args ...string) string { t.Helper(); return mustCLI(t, database, append(password, args...)...) }
	if got := run("orphans", "--fields=user,name"); got != "user\tname\n77\tLeft\n77\tLeft too\n78\tAnother\n78\tOne more" {
		t.Errorf("orphans: %s", got)
	}
	if got := run("list", "77", "--field=uuid", "--orderby=uuid", "--order=asc"); got != uuids[0]+"\n"+uuids[1] {
		t.Errorf("list: %s", got)
	}
	if got := run("explain", uuids[0]); !strings.Contains(got, "77 (this user is gone)") {
		t.Errorf("explain: %s", got)
	}
	if got := run("delete", "77", uuids[0]); got != "Revoked 1 of 1 application passwords." {
		t.Errorf("delete: %s", got)
	}
	if got := run("delete", "77", "--all"); got != "Revoked all application passwords of 77 (this user is gone): 1." {
		t.Errorf("delete --all: %s", got)
	}
	if got := run("orphans", "--delete", "--format=json", "--fields=user,name"); got != `[{"user":"78","name":"Another"},{"user":"78","name":"One more"}]` {
		t.Errorf("orphans --delete --format=json: %s", got)
	}
	if got := run("orphans", "--delete", "--format=json"); got != "[]" {
		t.Errorf("orphans --delete --format=json, of none: %s", got)
	}
	if got := run("orphans", "--delete"); got != "Revoked the application passwords whose users are gone: 0." {
		t.Errorf("orphans --delete: %s", got)
	}
	if got := run("orphans", "--format=count"); got != "0" {
		t.Errorf("left: %s", got)
	}
	if got := run("list", "ann", "--field=name"); got != "Stays" {
		t.Errorf("another user has: %s", got)
	}
	if _, err := cli(t.Context(), database, append(password, "list", "77")...); err == nil || !strings.Contains(err.Error(), "no user with the ID") {
		t.Errorf("one who left none: %v", err)
	}
	if got := mustCLI(t, database, "audit", "list", "--kind=revoked", "--format=count"); got != "4" {
		t.Errorf("recorded: %s", got)
	}
}
