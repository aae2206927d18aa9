package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tamper does something to a database that only who can write to the file can do.
func tamper(t *testing.T, database string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// wantExit wants a command to end with a status, and to say something.
func wantExit(t *testing.T, database string, status int, says string, args ...string) {
	t.Helper()
	out, err := command(t.Context(), database, args...).CombinedOutput()
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	}
	if got != status || !strings.Contains(string(out), says) {
		t.Errorf("%q: exit status %d, want %d with %q:\n%s", args, got, status, says, out)
	}
}

// TestAuditTampered changes, removes, inserts and swaps lines in the file itself.
func TestAuditTampered(t *testing.T) {
	t.Parallel()
	original := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, original)
	for i := range 8 { // after the user and one application password
		mustCLI(t, original, "user", "application-password", "create", "ann", fmt.Sprint("app ", i))
	}
	head := mustCLI(t, original, "audit", "verify", "--head")
	wantExit(t, original, 0, "10 records", "audit", "verify", "--kept", head)
	free := []string{"DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"}
	for name, c := range map[string]struct {
		lie []string
		seq int
	}{
		"changed":        {[]string{`UPDATE audit SET line = replace(line, '"login":"ann"', '"login":"bob"') WHERE seq = 5`}, 5},
		"last changed":   {[]string{`UPDATE audit SET line = replace(line, '"login":"ann"', '"login":"bob"') WHERE seq = 10`}, 10},
		"removed":        {[]string{`DELETE FROM audit WHERE seq = 5`}, 5},
		"first removed":  {[]string{`DELETE FROM audit WHERE seq = 1`}, 1},
		"moved":          {[]string{`UPDATE audit SET seq = 11 WHERE seq = 5`}, 5},
		"number changed": {[]string{`UPDATE audit SET seq = 12 WHERE seq = 10`}, 10},
		"inserted":       {[]string{`UPDATE audit SET seq = 11 WHERE seq = 10`, `INSERT INTO audit (seq, line) SELECT 10, line FROM audit WHERE seq = 3`}, 10},
		"replaced":       {[]string{`UPDATE audit SET line = (SELECT line FROM audit WHERE seq = 4) WHERE seq = 5`}, 5},
	} {
		database := filepath.Join(t.TempDir(), "sparekey.db")
		copyDatabase(t, original, database)
		tamper(t, database, append(free, c.lie...)...)
		wantExit(t, database, 1, fmt.Sprintf("broken at number %d:", c.seq), "audit", "verify")
		if out := mustCLI(t, database, "audit", "list"); !strings.Contains(out, "app 7") {
			t.Errorf("%s: the rest cannot be listed:\n%s", name, out)
		}
	}
	database := filepath.Join(t.TempDir(), "sparekey.db")
	copyDatabase(t, original, database)
	tamper(t, database, append(free, `DELETE FROM audit WHERE seq > 7`)...)
	wantExit(t, database, 0, "7 records", "audit", "verify") // which is what a chain cannot show
	wantExit(t, database, 1, "broken at number 8:", "audit", "verify", "--kept", head)
}

func copyDatabase(t *testing.T, from, to string) {
	t.Helper()
	tamper(t, from, fmt.Sprintf("VACUUM INTO '%s'", to))
}

// TestAuditIsAppendOnly wants the database itself to refuse what only mistakes do.
func TestAuditIsAppendOnly(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	db, err := sql.Open("sqlite", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range []string{`UPDATE audit SET seq = seq + 1`, `UPDATE audit SET line = '{}'`, `DELETE FROM audit`} {
		if _, err := db.ExecContext(t.Context(), s); err == nil || !strings.Contains(err.Error(), "audit log") {
			t.Errorf("%s: %v", s, err)
		}
	}
	wantExit(t, database, 0, "2 records,", "audit", "verify")
}

// TestAuditOfAServer reads the log of a server while it runs and after it stopped.
func TestAuditOfAServer(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database)
	made, err := s.send(t.Context(), ann, http.MethodPost, mine+"?password=query-secret", `{"name":"made"}`)
	if err != nil || made.status != http.StatusCreated {
		t.Fatalf("%+v, %v", made, err)
	}
	if out := mustCLI(t, database, "audit", "list", "--credential="+made.UUID, "--format=csv", "--fields=kind,actor_login,addr,method,path"); out != "kind,actor_login,addr,method,path\ncreated,ann,127.0.0.1,POST,"+mine {
		t.Errorf("while the server runs: %s", out)
	}
	if out := mustCLI(t, database, "audit", "list", "--user=ann", "--credential="+made.UUID[:8], "--format=csv", "--fields=kind,credential"); out != "kind,credential\ncreated,"+made.UUID {
		t.Errorf("by the beginning of a UUID: %s", out)
	}
	wantExit(t, database, 1, "not a whole UUID", "audit", "list", "--credential="+made.UUID[:8])
	for range 3 {
		if _, err := s.works(t.Context(), account{"ann", made.Password}); err != nil {
			t.Fatal(err)
		}
	}
	if ok, err := s.works(t.Context(), account{"ann", "wrong"}); ok || err != nil {
		t.Fatal(ok, err)
	}
	s.signIn(t, "ann", "guessed-secret", http.StatusForbidden)
	s.signIn(t, "typed-secret", "x", http.StatusForbidden)
	s.signIn(t, "ann", "x", http.StatusSeeOther)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	signIns := mustCLI(t, database, "audit", "list", "--kind=signed_in", "--kind=sign_in_refused", "--format=csv", "--fields=kind,login,addr,reason")
	for _, want := range []string{"\nsign_in_refused,ann,127.0.0.1,wrong_secret", "\nsign_in_refused,,127.0.0.1,unknown_login", "\nsigned_in,ann,127.0.0.1,"} {
		if strings.Count(signIns, "\n") != 3 || !strings.Contains(signIns, want) {
			t.Errorf("sign-ins: %s, want %s", signIns, want)
		}
	}
	out := mustCLI(t, database, "audit", "list", "--credential="+made.UUID, "--kind=used", "--format=csv", "--fields=addr,method,path,count")
	if want := "addr,method,path,count\n127.0.0.1,GET," + mine + "/introspect,3"; out != want {
		t.Errorf("uses:\ngot  %s\nwant %s", out, want)
	}
	out = mustCLI(t, database, "audit", "list", "--user=ann", "--kind=refused", "--format=csv", "--fields=login,addr,reason")
	if want := "login,addr,reason\nann,127.0.0.1,wrong_secret"; out != want {
		t.Errorf("refusals:\ngot  %s\nwant %s", out, want)
	}
	out = mustCLI(t, database, "user", "application-password", "get", "ann", made.UUID, "--format=csv", "--fields=use_count,recent_addresses")
	if want := "use_count,recent_addresses\n3,127.0.0.1"; out != want {
		t.Errorf("usage:\ngot  %s\nwant %s", out, want)
	}
	export := mustCLI(t, database, "audit", "export")
	for _, never := range []string{"query-secret", "guessed-secret", "typed-secret", ann.secret, made.Password, "$generic$"} {
		if strings.Contains(export, never) {
			t.Errorf("the log has %q", never)
		}
	}
	wantExit(t, database, 0, "in order", "audit", "verify")
}

// signIn enters a login and a main password into the page.
func (s *serverProcess) signIn(t *testing.T, login, password string, status int) {
	t.Helper()
	form := url.Values{"login": {login}, "password": {password}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+signInPath, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", s.url)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != status {
		t.Errorf("sign in: status %d, want %d", res.StatusCode, status)
	}
}

// TestAuditFollow follows the log of another process.
func TestAuditFollow(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out := &lines{}
	follow := command(ctx, database, "audit", "follow", "--every=10ms")
	follow.Stdout = out
	follow.Cancel = func() error { return follow.Process.Signal(os.Interrupt) }
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	wait := func(text string) {
		for !strings.Contains(out.String(), text) {
			if ctx.Err() != nil {
				t.Fatalf("no %q in:\n%s", text, out)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	wait("name=main")
	mustCLI(t, database, "user", "application-password", "create", "ann", "an app")
	wait(`name="an app"`)
	cancel()
	if err := follow.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if n := strings.Count(out.String(), "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, out)
	}
}

// TestAuditKeep has a server remove what is old, so that the rest still verifies.
func TestAuditKeep(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	for i := range 5 {
		mustCLI(t, database, "user", "application-password", "create", "ann", fmt.Sprint("app ", i))
	}
	time.Sleep(2100 * time.Millisecond) // records have whole seconds
	s := startServer(t, database, "--audit-keep=1s")
	for mustCLI(t, database, "audit", "list", "--kind=checkpoint", "--format=count") == "0" {
		time.Sleep(10 * time.Millisecond)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	wantExit(t, database, 0, "2 records, number 7 to 8", "audit", "verify")
	out := mustCLI(t, database, "audit", "list", "--format=csv", "--fields=seq,kind,through")
	if want := "seq,kind,through\n7,created,0\n8,checkpoint,6"; out != want {
		t.Errorf("got %s, want %s", out, want)
	}
}
