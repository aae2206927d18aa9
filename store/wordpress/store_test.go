package wordpress_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/testdb"
	"github.com/sparekey-dev/sparekey/store/wordpress"
	"github.com/sparekey-dev/sparekey/storetest"
)

// server is the MariaDB of a test function and what runs below it.
type server struct {
	*testdb.MariaDB
	root *sql.DB
	made atomic.Int64
}

func newServer(tb testing.TB) *server {
	tb.Helper()
	s := &server{MariaDB: testdb.StartMariaDB(tb)}
	s.root = s.connect(tb, testdb.Database)
	// Rows of a megabyte, written thousands of times, want some room.
	for _, setting := range []string{"innodb_log_file_size = 268435456", "innodb_buffer_pool_size = 268435456"} {
		if _, err := s.root.Exec("SET GLOBAL " + setting); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

func (s *server) connect(tb testing.TB, database string) *sql.DB {
	tb.Helper()
	return s.connectAs(tb, testdb.User, testdb.Password, database)
}

func (s *server) connectAs(tb testing.TB, user, password, database string) *sql.DB {
	tb.Helper()
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = user, password, "tcp", s.Addr, database
	c.MultiStatements, c.Logger = true, &mysql.NopLogger{}
	if err := c.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		tb.Fatal(err)
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		tb.Fatal(err)
	}
	db := sql.OpenDB(connector)
	tb.Cleanup(func() { db.Close() })
	return db
}

// site is the database of a WordPress that is not there itself: its tables, as far
// as this package knows them, in a database of their own.
type site struct {
	tb     testing.TB
	server *server
	db     *sql.DB
	name   string
	prefix string
}

const singleSite = `
CREATE TABLE {p}users (ID bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, user_login varchar(60) NOT NULL DEFAULT '',
	user_pass varchar(255) NOT NULL DEFAULT '', user_nicename varchar(50) NOT NULL DEFAULT '', user_email varchar(100) NOT NULL DEFAULT '',
	user_registered datetime NOT NULL DEFAULT '0000-00-00 00:00:00', display_name varchar(250) NOT NULL DEFAULT '',
	KEY user_login_key (user_login), KEY user_email (user_email)) COLLATE utf8mb4_unicode_520_ci;
CREATE TABLE {p}usermeta (umeta_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id bigint unsigned NOT NULL DEFAULT 0,
	meta_key varchar(255) DEFAULT NULL, meta_value longtext DEFAULT NULL, KEY user_id (user_id), KEY meta_key (meta_key(191)))
	COLLATE utf8mb4_unicode_520_ci;
CREATE TABLE {p}options (option_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, option_name varchar(191) NOT NULL DEFAULT '',
	option_value longtext NOT NULL, autoload varchar(20) NOT NULL DEFAULT 'yes', UNIQUE KEY option_name (option_name))
	COLLATE utf8mb4_unicode_520_ci;
INSERT INTO {p}options (option_name, option_value) VALUES ('db_version', '60421'),
	('{p}user_roles', 'a:3:{s:13:"administrator";a:0:{}s:6:"editor";a:0:{}s:10:"subscriber";a:0:{}}');`

const multiSite = singleSite + `
ALTER TABLE {p}users ADD spam tinyint NOT NULL DEFAULT 0, ADD deleted tinyint NOT NULL DEFAULT 0;
CREATE TABLE {p}site (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, domain varchar(200) NOT NULL DEFAULT '');
CREATE TABLE {p}sitemeta (meta_id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, site_id bigint NOT NULL DEFAULT 0,
	meta_key varchar(255) DEFAULT NULL, meta_value longtext DEFAULT NULL, KEY site_id (site_id));
INSERT INTO {p}site (domain) VALUES ('example.org'), ('example.net');`

func (s *server) newSite(tb testing.TB, schema string) *site {
	tb.Helper()
	w := &site{tb: tb, server: s, name: fmt.Sprintf("site%d", s.made.Add(1)), prefix: "wp_"}
	if _, err := s.root.Exec("CREATE DATABASE " + w.name); err != nil {
		tb.Fatal(err)
	}
	w.db = s.connect(tb, w.name)
	w.exec(schema)
	return w
}

// exec runs statements, in which {p} is the prefix.
func (w *site) exec(query string, args ...any) {
	w.tb.Helper()
	if _, err := w.db.Exec(strings.ReplaceAll(query, "{p}", w.prefix), args...); err != nil {
		w.tb.Fatal(err)
	}
}

// text is the one value that a query returns.
func (w *site) text(query string, args ...any) string {
	w.tb.Helper()
	var text sql.NullString
	err := w.db.QueryRow(strings.ReplaceAll(query, "{p}", w.prefix), args...).Scan(&text)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		w.tb.Fatal(err)
	}
	return text.String
}

// row is the value that WordPress reads of a user.
func (w *site) row(userID string) string {
	w.tb.Helper()
	return w.text(`SELECT meta_value FROM {p}usermeta WHERE user_id = ? AND meta_key = '_application_passwords' ORDER BY umeta_id LIMIT 1`, userID)
}

// setRow writes a user's rows as PHP does: all of them, whatever they were.
func (w *site) setRow(userID, value string) {
	w.tb.Helper()
	if w.text(`SELECT COUNT(*) FROM {p}usermeta WHERE user_id = ? AND meta_key = '_application_passwords'`, userID) == "0" {
		w.exec(`INSERT INTO {p}usermeta (user_id, meta_key, meta_value) VALUES (?, '_application_passwords', ?)`, userID, value)
		return
	}
	w.exec(`UPDATE {p}usermeta SET meta_value = ? WHERE user_id = ? AND meta_key = '_application_passwords'`, value, userID)
}

func (w *site) url() string {
	return fmt.Sprintf("wordpress://%s:%s@%s/%s?prefix=%s", testdb.User, testdb.Password, w.server.Addr, w.name, w.prefix)
}

func (w *site) open(config wordpress.Config, parameters ...string) *wordpress.Store {
	w.tb.Helper()
	s, err := wordpress.Open(w.tb.Context(), strings.Join(append([]string{w.url()}, parameters...), "&"), config)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			w.tb.Errorf("Close: %v", err)
		}
	})
	return s
}

// recorder keeps the events that it receives.
type recorder struct {
	mu     sync.Mutex
	events []sparekey.Event
}

func (r *recorder) observe(_ context.Context, e sparekey.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) all() []sparekey.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

func (r *recorder) kinds() (kinds []sparekey.Kind) {
	for _, e := range r.all() {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestStore(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	t.Run("cases", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) sparekey.Store {
			return server.newSite(t, singleSite).open(wordpress.Config{}, "pool=8")
		})
	})
}

func TestAudit(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	t.Run("cases", func(t *testing.T) {
		storetest.RunAudit(t, func(t *testing.T) storetest.AuditStore {
			return server.newSite(t, singleSite).open(wordpress.Config{}, "pool=8")
		})
	})
}

// TestStoreOnAnOldSite keeps hashes in the sidecar.
func TestStoreOnAnOldSite(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	t.Run("cases", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) sparekey.Store {
			if strings.HasSuffix(t.Name(), "/Large") {
				t.Skip("TestStore has it, and it takes long")
			}
			return server.newSite(t, multiSite).open(wordpress.Config{}, "pool=8", "hashes=phpass")
		})
	})
}
