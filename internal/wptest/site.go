// Package wptest runs a real WordPress for tests: MariaDB, php-fpm and nginx from Debian's
// packages. Each site has its own configuration and data in a temporary directory, and a free
// port, so that tests can run at the same time. It is for tests only; scripts/wordpress-deps
// installs what it needs.
package wptest

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/sparekey-dev/sparekey/internal/testdb"
	"github.com/sparekey-dev/sparekey/internal/testproc"
)

// Config is how a site differs from a plain one, which its zero value is.
type Config struct {
	// Workers is how many requests PHP answers at the same time; 4 if zero.
	Workers int
	// MustUse are must-use plugins: paths of PHP files.
	MustUse []string
	// ConfigPHP is added to wp-config.php.
	ConfigPHP string
	// StripAuthorization keeps the header Authorization from PHP, as Apache with
	// CGI does.
	StripAuthorization bool
	// Folder is where the site is at its host, such as "/blog". Default: the root.
	Folder string
	// Multisite makes it a network of one site.
	Multisite bool
	// PassUnderscores passes headers with underscores in their names to PHP,
	// where they look like those with hyphens.
	PassUnderscores bool
}

// Site is a WordPress that runs until the end of the test.
type Site struct {
	URL      string          // http://127.0.0.1:port and the folder, with Debian's WordPress behind it
	Database *testdb.MariaDB // its tables begin with Prefix
	Users    map[string]User // by login: one of every role

	dir, php, fpm, nginx string
	config               Config
}

// User is a user who can sign in.
type User struct {
	ID                           int
	Login, Email, Password, Role string
}

// Prefix is how the names of the tables begin.
const Prefix = "wp_"

// The users of every site; none has no role.
const (
	Admin       = "admin"
	Editor      = "editor"
	Author      = "author"
	Contributor = "contributor"
	Subscriber  = "subscriber"
	NoRole      = "none"
)

//go:embed files
var files embed.FS

// Start starts a site. It takes about three seconds.
func Start(tb testing.TB, config Config) *Site {
	tb.Helper()
	if config.Workers == 0 {
		config.Workers = 4
	}
	s := &Site{config: config, Users: map[string]User{}}
	source := s.findParts(tb)
	s.dir = testproc.Dir(tb)
	s.Database = testdb.StartMariaDB(tb)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer listener.Close() // nginx has its own copy then
	s.URL = "http://" + listener.Addr().String() + config.Folder
	s.writeFiles(tb, source)
	s.install(tb)
	s.startPHP(tb)
	s.startNginx(tb, listener.(*net.TCPListener))
	return s
}

// findParts finds the programs, and WordPress itself: where the environment
// variable WORDPRESS says, or Debian.
func (s *Site) findParts(tb testing.TB) (wordpress string) {
	tb.Helper()
	s.php = testproc.Program(tb, testdb.Remedy, "php")
	s.fpm = testproc.Program(tb, testdb.Remedy, "php-fpm", "php-fpm8.4", "php-fpm8.3", "php-fpm8.2")
	s.nginx = testproc.Program(tb, testdb.Remedy, "nginx")
	wordpress = "/usr/share/wordpress"
	if dir := os.Getenv("WORDPRESS"); dir != "" {
		wordpress = dir
	}
	if _, err := os.Stat(filepath.Join(wordpress, "wp-load.php")); err != nil {
		testproc.Missing(tb, "WordPress", testdb.Remedy)
	}
	return wordpress
}

// addr is the host and the port.
func (s *Site) addr() string {
	addr, _, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), "/")
	return addr
}

func (s *Site) root() string { return filepath.Join(s.dir, "wordpress") }

func (s *Site) writeFiles(tb testing.TB, source string) {
	tb.Helper()
	// cp, since Debian's files are links in part.
	if out, err := exec.CommandContext(tb.Context(), "cp", "-rL", source, s.root()).CombinedOutput(); err != nil {
		tb.Fatalf("copy WordPress: %v\n%s", err, out)
	}
	if s.config.Folder != "" {
		folder := filepath.Join(s.dir, "www", s.config.Folder)
		if err := errors.Join(os.MkdirAll(filepath.Dir(folder), 0o755), os.Symlink(s.root(), folder)); err != nil {
			tb.Fatal(err)
		}
	}
	content := filepath.Join(s.root(), "wp-content")
	dropInstalled(tb, content)
	for _, dir := range []string{"themes/plain", "mu-plugins", "uploads"} {
		if err := os.MkdirAll(filepath.Join(content, dir), 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	s.write(tb, "nginx.conf", filepath.Join(s.dir, "nginx.conf"))
	s.write(tb, "php-fpm.conf", filepath.Join(s.dir, "php-fpm.conf"))
	s.write(tb, "install.php", filepath.Join(s.dir, "install.php"))
	s.write(tb, "wp-config.php", filepath.Join(s.root(), "wp-config.php"))
	s.write(tb, "theme-style.css", filepath.Join(content, "themes/plain/style.css"))
	s.write(tb, "theme-index.php", filepath.Join(content, "themes/plain/index.php"))
	for _, plugin := range s.config.MustUse {
		code, err := os.ReadFile(plugin)
		if err == nil {
			err = os.WriteFile(filepath.Join(content, "mu-plugins", filepath.Base(plugin)), code, 0o600)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// dropInstalled takes out of a copy of WordPress what other packages and people add to it:
// translations, must-use plugins, and drop-ins such as object-cache.php. Tests must not
// depend on what else is installed.
func dropInstalled(tb testing.TB, content string) {
	tb.Helper()
	added, err := filepath.Glob(filepath.Join(content, "*.php"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, dir := range []string{"languages", "mu-plugins", "uploads", "upgrade", "cache"} {
		added = append(added, filepath.Join(content, dir))
	}
	for _, path := range added {
		if filepath.Base(path) == "index.php" {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(content, "languages"), 0o755); err != nil {
		tb.Fatal(err)
	}
}

// write fills in one of the embedded files.
func (s *Site) write(tb testing.TB, name, path string) {
	tb.Helper()
	parsed, err := template.New(name).Funcs(template.FuncMap{"php": phpString}).ParseFS(files, "files/"+name)
	if err != nil {
		tb.Fatal(err)
	}
	var text bytes.Buffer
	err = parsed.Execute(&text, struct {
		Config
		Dir, Addr, Database, DatabaseName, DatabaseUser, DatabasePassword, Prefix, Salt string
		Root                                                                            bool
	}{
		Config: s.config, Dir: s.dir, Addr: s.addr(), Database: s.Database.Addr, DatabaseName: testdb.Database,
		DatabaseUser: testdb.User, DatabasePassword: testdb.Password, Prefix: Prefix, Salt: rand.Text(), Root: os.Geteuid() == 0,
	})
	if err == nil {
		err = os.WriteFile(path, text.Bytes(), 0o600)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// phpString is text as a literal of PHP.
func phpString(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// install makes the tables and the users.
func (s *Site) install(tb testing.TB) {
	tb.Helper()
	type user struct {
		Login    string `json:"login"`
		Email    string `json:"email"`
		Password string `json:"password"`
		Role     string `json:"role"`
	}
	input := struct {
		Title string `json:"title"`
		Users []user `json:"users"`
	}{Title: "A test"}
	for _, pair := range [][2]string{
		{Admin, "administrator"}, {Editor, "editor"}, {Author, "author"},
		{Contributor, "contributor"}, {Subscriber, "subscriber"}, {NoRole, ""},
	} {
		input.Users = append(input.Users, user{pair[0], pair[0] + "@example.com", "main-password-of-" + pair[0], pair[1]})
	}
	text, err := json.Marshal(input)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := s.command(tb, filepath.Join(s.dir, "install.php"), s.root())
	cmd.Stdin = bytes.NewReader(text)
	ids := map[string]int{}
	if err := json.Unmarshal([]byte(run(tb, cmd)), &ids); err != nil {
		tb.Fatal(err)
	}
	for _, u := range input.Users {
		s.Users[u.Login] = User{ID: ids[u.Login], Login: u.Login, Email: u.Email, Password: u.Password, Role: u.Role}
	}
}

func (s *Site) startPHP(tb testing.TB) {
	tb.Helper()
	args := []string{"--nodaemonize", "--fpm-config", filepath.Join(s.dir, "php-fpm.conf")}
	if os.Geteuid() == 0 {
		args = append(args, "--allow-to-run-as-root")
	}
	testproc.Start(tb, exec.Command(s.fpm, args...), filepath.Join(s.dir, "fpm.out"),
		testproc.Accepts("unix", filepath.Join(s.dir, "fpm.sock")))
}

// startNginx passes the socket to nginx, so that no other program can take the port.
func (s *Site) startNginx(tb testing.TB, listener *net.TCPListener) {
	tb.Helper()
	socket, err := listener.File()
	if err != nil {
		tb.Fatal(err)
	}
	defer socket.Close()
	cmd := exec.Command(s.nginx, "-c", filepath.Join(s.dir, "nginx.conf"), "-e", filepath.Join(s.dir, "nginx.log"))
	cmd.ExtraFiles = []*os.File{socket}
	cmd.Env = append(os.Environ(), "NGINX=3;")
	addr := listener.Addr().String()
	testproc.Start(tb, cmd, filepath.Join(s.dir, "nginx.out"), func() error {
		return answers("http://" + addr + s.config.Folder + "/readme.html")
	})
}

// Log is what nginx logged: a line for every request that reached it, once that
// is answered.
func (s *Site) Log(tb testing.TB) string {
	tb.Helper()
	return s.read(tb, "access.log")
}

// Errors is what PHP complained about.
func (s *Site) Errors(tb testing.TB) string {
	tb.Helper()
	return s.read(tb, "php-errors.log")
}

func (s *Site) read(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil && !os.IsNotExist(err) {
		tb.Fatal(err)
	}
	return string(text)
}

// DatabaseURL is the address of the database as Sparekey takes it.
func (s *Site) DatabaseURL() string {
	return fmt.Sprintf("wordpress://%s:%s@%s/%s?prefix=%s", testdb.User, testdb.Password, s.Database.Addr, testdb.Database, Prefix)
}
