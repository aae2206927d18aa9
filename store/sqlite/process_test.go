package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// databaseVariable makes the test program another process that works on this
// database, as the command line works beside a server.
const databaseVariable = "SPAREKEY_TEST_DATABASE"

func TestMain(m *testing.M) {
	if path := os.Getenv(databaseVariable); path != "" {
		obey(context.Background(), path, os.Stdin)
		return
	}
	os.Exit(m.Run())
}

// obey does what each line says and answers with a line, which is "ok" or an
// error.
func obey(ctx context.Context, path string, commands io.Reader) {
	var s *sqlite.Store
	for lines := bufio.NewScanner(commands); lines.Scan(); {
		words := append(strings.Fields(lines.Text()), "", "") // those that are missing
		var err error
		switch words[0] {
		case "open":
			s, err = sqlite.Open(ctx, path)
		case "close":
			err = s.Close()
		case "insert":
			err = s.Insert(ctx, newCredential(words[1], words[2]), nil)
		case "delete":
			_, err = s.Delete(ctx, words[1], words[2])
		case "checkpoint":
			err = checkpoint(ctx, path)
		case "churn":
			err = churn(ctx, s, words[1])
		default:
			err = fmt.Errorf("unknown command %q", lines.Text())
		}
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("ok")
	}
}

// checkpoint empties the write-ahead log, as tools for backups do.
func checkpoint(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

// churn inserts and deletes until it is killed, and says so.
func churn(ctx context.Context, s *sqlite.Store, userID string) error {
	for i := 0; ; i++ {
		uuid := fmt.Sprintf("%d-%d", os.Getpid(), i)
		if err := s.Insert(ctx, newCredential(userID, uuid), nil); err != nil {
			return err
		}
		fmt.Println("inserted", uuid)
		if i%2 == 0 {
			continue
		}
		fmt.Println("deleting", uuid)
		if _, err := s.Delete(ctx, userID, uuid); err != nil {
			return err
		}
		fmt.Println("deleted", uuid)
	}
}

// process is another one that works on the same database.
type process struct {
	tb       testing.TB
	command  *exec.Cmd
	commands io.WriteCloser
	answers  *bufio.Scanner
}

// startProcess starts one that ends with the test.
func startProcess(tb testing.TB, path string) *process {
	tb.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), databaseVariable+"="+path)
	command.Stderr = os.Stderr
	commands, err := command.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	p := &process{tb, command, commands, bufio.NewScanner(answers)}
	tb.Cleanup(p.kill)
	return p
}

// openProcess starts one that has the database open.
func openProcess(tb testing.TB, path string) *process {
	tb.Helper()
	p := startProcess(tb, path)
	p.do("open")
	return p
}

// do has the process do something, and returns when it says that it is done.
func (p *process) do(words ...string) {
	p.tb.Helper()
	p.send(words...)
	p.wantOK()
}

func (p *process) send(words ...string) {
	p.tb.Helper()
	if _, err := fmt.Fprintln(p.commands, strings.Join(words, " ")); err != nil {
		p.tb.Fatalf("the other process: %v", err)
	}
}

func (p *process) wantOK() {
	p.tb.Helper()
	if line, ok := p.answer(); !ok || line != "ok" {
		p.tb.Fatalf("the other process: got answer %q, %v", line, p.answers.Err())
	}
}

func (p *process) answer() (line string, ok bool) {
	ok = p.answers.Scan()
	return p.answers.Text(), ok
}

// kill ends the process without a warning, once.
func (p *process) kill() {
	if p.command.ProcessState != nil {
		return
	}
	_ = p.command.Process.Kill()
	for p.answers.Scan() { // Wait must not come before the last answer is read
	}
	_ = p.command.Wait()
}

// TestProcessesOpenAtOnce has several processes open one new database at once.
func TestProcessesOpenAtOnce(t *testing.T) {
	t.Parallel()
	const n, rounds = 4, 8
	for range rounds {
		path := newPath(t)
		var all []*process
		for range n {
			all = append(all, startProcess(t, path))
		}
		for _, p := range all {
			p.send("open")
		}
		for _, p := range all {
			p.wantOK()
		}
		for i, p := range all {
			p.send("insert", "1", fmt.Sprint(i))
		}
		for _, p := range all {
			p.wantOK()
			p.send("close")
		}
		for _, p := range all {
			p.wantOK()
			p.kill()
		}
		if got, err := openStore(t, path).List(t.Context(), "1"); err != nil || len(got) != n {
			t.Errorf("List: got %d, %v, want one of each of the %d processes", len(got), err, n)
		}
	}
}

// TestKilledWriter kills a process in the middle of its writes, again and again:
// what it was told is done stays done. At times another process reads beside it.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	const rounds = 30
	path := newPath(t)
	there := map[string]bool{} // of what may no longer change
	for round := range rounds {
		p := openProcess(t, path)
		if round%2 == 0 {
			s := openStore(t, path)
			p.send("churn", "1")
			afterKill(t, p, 5+7*round%40, there)
			wantThere(t, s, there)
			s.Close()
			continue
		}
		p.send("churn", "1")
		afterKill(t, p, 5+7*round%40, there)
		s := openStore(t, path)
		wantThere(t, s, there)
		s.Close()
	}
	if len(there) < rounds {
		t.Errorf("only %d credentials were written", len(there))
	}
}

// afterKill kills the process after some answers, and notes what it said.
func afterKill(t *testing.T, p *process, answers int, there map[string]bool) {
	t.Helper()
	for i := 0; ; i++ {
		if i == answers {
			_ = p.command.Process.Kill()
		}
		line, ok := p.answer()
		if !ok {
			break
		}
		switch what, uuid, _ := strings.Cut(line, " "); what {
		case "inserted":
			there[uuid] = true
		case "deleting": // unknown, if nothing follows
			delete(there, uuid)
		case "deleted":
			there[uuid] = false
		default:
			t.Fatalf("the other process: %s", line)
		}
	}
	_ = p.command.Wait()
}

func wantThere(t *testing.T, s *sqlite.Store, want map[string]bool) {
	t.Helper()
	list, err := s.List(t.Context(), "1")
	if err != nil {
		t.Fatalf("List after a crash: %v", err)
	}
	got := map[string]bool{}
	for _, c := range list {
		got[c.UUID] = true
	}
	for uuid, there := range want {
		if got[uuid] != there {
			t.Errorf("credential %s: there is %v, acknowledged was %v", uuid, got[uuid], there)
		}
	}
}

// TestStoresOfOneFile closes one of two Stores of a file while another process
// comes: what SQLite needs of the one that stays must not go with the other.
func TestStoresOfOneFile(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	stays := openStore(t, path)
	insert(t, stays, newCredential("1", "before"))
	if err := openStore(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	before, _ := stays.Revision()
	p := openProcess(t, path)
	p.do("insert", "1", "other")
	if after, ok := stays.Revision(); !ok || after == before {
		t.Errorf("Version: got %d, %v after another process's write, was %d", after, ok, before)
	}
	p.do("close")
	insert(t, stays, newCredential("1", "after"))
	if got, err := stays.List(t.Context(), "1"); err != nil || len(got) != 3 {
		t.Errorf("List: got %d, %v, want 3", len(got), err)
	}
}

func cancelledContext(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	return ctx
}
