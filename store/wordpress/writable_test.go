package wordpress_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/wordpress"
)

// TestCheckWritable has a server become read-only, an account without the right to write
// and a write that does not end. The check changes nothing that others would notice.
func TestCheckWritable(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	w := server.newSite(t, singleSite)
	w.setRow("7", row("i:0;", direct))
	root := server.connectAs(t, "root", "", w.name)
	open := func(account, rights string) *wordpress.Store {
		t.Helper()
		if _, err := root.Exec("CREATE USER " + account + "@'127.0.0.1' IDENTIFIED BY 'sesame'; GRANT " + rights + " ON " + w.name + ".* TO " + account + "@'127.0.0.1'"); err != nil {
			t.Fatal(err)
		}
		s, err := wordpress.Open(t.Context(), "wordpress://"+account+":sesame@"+server.Addr+"/"+w.name, wordpress.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	writer, reader := open("writer", "SELECT, INSERT, UPDATE, DELETE, CREATE"), open("reader", "SELECT")
	if err := reader.CheckWritable(t.Context()); err == nil || sparekey.Refused(err) {
		t.Errorf("without the right to make tables: %v", err)
	}
	before := w.text(`SELECT MD5(GROUP_CONCAT(umeta_id, meta_value)) FROM {p}usermeta`)
	for checks := range 3 {
		if err := writer.CheckWritable(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := w.text(`SELECT checks FROM {p}sparekey_writable`), string(rune('1'+checks)); got != want {
			t.Errorf("%s checks wrote something, want %s", got, want) // a full disk shows only where there is something to write
		}
	}
	if after := w.text(`SELECT MD5(GROUP_CONCAT(umeta_id, meta_value)) FROM {p}usermeta`); after != before {
		t.Error("the check changed a row of WordPress's")
	}
	if err := reader.CheckWritable(t.Context()); err == nil {
		t.Error("an account that may not write counts as one that can")
	}
	set := func(value string) {
		t.Helper()
		if _, err := root.Exec("SET GLOBAL read_only = " + value); err != nil {
			t.Fatal(err)
		}
	}
	set("ON")
	if err := writer.CheckWritable(t.Context()); err == nil {
		t.Error("a server that is read-only counts as writable")
	}
	if err := writer.Ping(t.Context()); err != nil {
		t.Errorf("it cannot be read either: %v", err)
	}
	set("OFF")
	if err := writer.CheckWritable(t.Context()); err != nil {
		t.Errorf("once it can be written again: %v", err)
	}
	holder, err := root.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback()
	if _, err := holder.ExecContext(t.Context(), "UPDATE "+w.name+".wp_sparekey_writable SET checks = 0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := writer.CheckWritable(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a write that does not end: %v", err)
	}
}
