package cli

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/internal/testdb"
	"github.com/sparekey-dev/sparekey/internal/wptest"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// sparekey runs a command line.
func sparekeyCommand(t *testing.T, args ...string) (status int, out, problems string) {
	t.Helper()
	var o, e strings.Builder
	status = run(t.Context(), args, terminal{strings.NewReader(""), &o, &e})
	return status, o.String(), e.String()
}

func wantOutput(t *testing.T, what string, wantStatus int, want []string, args ...string) {
	t.Helper()
	status, out, problems := sparekeyCommand(t, args...)
	if status != wantStatus {
		t.Errorf("%s: status %d, want %d", what, status, wantStatus)
	}
	for _, w := range want {
		if !strings.Contains(out+problems, w) {
			t.Errorf("%s: no %q in:\n%s%s", what, w, out, problems)
		}
	}
	if strings.Contains(out+problems, "$generic$") || strings.Contains(out+problems, "$P$") || strings.Contains(out+problems, "sparekey-test") {
		t.Errorf("%s: a hash or a password in:\n%s%s", what, out, problems)
	}
}

func TestImportAndExport(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{Workers: 1})
	first, firstID := site.CreatePassword(t, wptest.Editor, `one "of" WordPress's`)
	second, secondID := site.CreatePassword(t, wptest.Editor, "another")
	site.CreatePassword(t, wptest.Author, "whose row breaks")
	site.PHP(t, `$u = get_user_by( 'login', 'author' ); global $wpdb;
		$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->usermeta} SET meta_value = 'O:8:\"stdClass\":0:{}' WHERE user_id = %d AND meta_key = '_application_passwords'", $u->ID ) );`)
	database := filepath.Join(t.TempDir(), "sparekey.db")
	from := site.DatabaseURL()
	imports := []string{"import", "wordpress", "--from", from, "--to", database}

	wantOutput(t, "dry run", 1, []string{"users: 6 would be copied, 0 were there", "application passwords: 2 would be copied", "refused: 1", "(author): "},
		append(imports, "--dry-run")...)
	if _, err := sqlite.Open(t.Context(), filepath.Join(database, "x")); err == nil {
		t.Error("a dry run made the database")
	}
	wantOutput(t, "import", 1, []string{"users: 6 copied, 0 were there", "application passwords: 2 copied, 0 were there", "refused: 1"}, imports...)
	wantOutput(t, "again", 1, []string{"users: 0 copied, 6 were there", "application passwords: 0 copied, 2 were there", "refused: 1"}, imports...)

	store, err := sqlite.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	service := sparekey.New(store, store, sparekey.Config{})
	for _, secret := range []string{first, second} {
		a := sparekey.Attempt{Login: wptest.Editor, Secret: sparekey.ParseSecret(secret), Secure: true}
		if _, err := service.Authenticate(t.Context(), a); err != nil {
			t.Errorf("an imported application password: %v", err)
		}
	}
	accounts := login.New(store, nil, time.Now)
	u, err := accounts.Verify(t.Context(), wptest.Editor, " "+site.Users[wptest.Editor].Password+"\n") // WordPress trims
	if err != nil || !u.HasRole("editor") || u.Email != site.Users[wptest.Editor].Email {
		t.Errorf("an imported main password: %+v, %v", u, err)
	}
	list, err := store.List(t.Context(), u.ID)
	if err != nil || len(list) != 2 || list[0].UUID != firstID || list[0].Name != `one "of" WordPress's` {
		t.Errorf("imported: %+v, %v", list, err)
	}
	if _, err := service.AsOperator().Revoke(t.Context(), u.ID, secondID); err != nil {
		t.Fatal(err)
	}
	wantOutput(t, "after a revocation", 1, []string{"0 copied, 1 were there, 1 were revoked there and stay so"}, imports...)
	if _, err := service.Authenticate(t.Context(), sparekey.Attempt{Login: wptest.Editor, Secret: sparekey.ParseSecret(second), Secure: true}); !errors.Is(err, sparekey.ErrUnauthenticated) {
		t.Errorf("the import brought back what was revoked: %v", err)
	}

	_, _, err = service.AsOperator().Create(t.Context(), u.ID, sparekey.NewCredential{Name: "made by Sparekey"})
	if err != nil {
		t.Fatal(err)
	}
	exports := []string{"export", "wordpress", "--from", database, "--to", from}
	wantOutput(t, "dry export", 1, []string{"application passwords: 1 would be copied, 1 were there"}, append(exports, "--dry-run")...)
	wantOutput(t, "export", 1, []string{"application passwords: 1 copied, 1 were there"}, exports...)
	wantOutput(t, "list on the site", 0, []string{"made by Sparekey", `one "of" WordPress's`},
		"user", "application-password", "list", wptest.Editor, "--fields=name", "--database", from)
	if got := wptest.Send(t, site.URL, wptest.Call{
		Path: "/wp-json/wp/v2/users/me/application-passwords", Login: wptest.Editor, Secret: first,
	}); !strings.Contains(got.Body, "made by Sparekey") {
		t.Errorf("WordPress does not show what was exported: %s", got)
	}
	entry := cacheEntry(t, site.Users[wptest.Subscriber].ID)
	cached := "&cache=" + url.QueryEscape(entry.url)
	status, out, problems := sparekeyCommand(t, "user", "application-password", "create", strconv.Itoa(site.Users[wptest.Subscriber].ID), "on the site", "--porcelain", "--database", from+cached)
	if status != 0 {
		t.Fatalf("create: %s", problems)
	}
	if got := wptest.Send(t, site.URL, wptest.Call{Path: "/wp-json/wp/v2/users/me", Login: wptest.Subscriber, Secret: strings.TrimSpace(out)}); got.Status != 200 {
		t.Errorf("WordPress about what the command line made: %s", got)
	}

	if entry.isThere(t) {
		t.Error("the object cache still has the user")
	}

	for name, args := range map[string][]string{
		"import from no site": {"import", "wordpress", "--from", database, "--to", from},
		"export to no site":   {"export", "wordpress", "--from", database, "--to", database},
		"user create":         {"user", "create", "new", "new@example.com", "--database", from},
		"user delete":         {"user", "delete", wptest.Editor, "--yes", "--database", from},
	} {
		if status, out, problems := sparekeyCommand(t, args...); status != 1 || strings.Contains(problems+out, "sparekey-test") {
			t.Errorf("%s: status %d, %s%s", name, status, out, problems)
		}
	}
}

// entry is what WordPress's object cache has of a user.
type entry struct {
	url, key string
	client   *redis.Client
}

func cacheEntry(t *testing.T, user int) entry {
	t.Helper()
	server := testdb.StartRedis(t)
	options, err := redis.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	e := entry{server.URL + "?key=wp_:user_meta:{user}", fmt.Sprint("wp_:user_meta:", user), redis.NewClient(options)}
	t.Cleanup(func() { e.client.Close() })
	if err := e.client.Set(t.Context(), e.key, "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e entry) isThere(t *testing.T) bool {
	t.Helper()
	n, err := e.client.Exists(t.Context(), e.key).Result()
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestNoPasswordIsPrinted(t *testing.T) {
	t.Parallel()
	for _, database := range []string{
		"wordpress://u:sesame@h:1/db?prefix=wp_", "wordpress://u:s?sesame@h:1/db", "wordpress://h:1/db?cache=redis%3A%2F%2F%3Asesame%40h",
		"wordpress://u:sesame@h:1/db?cache=redis://:sesame@h", "wordpress://u:ses%40sesame@h:1/db",
	} {
		if got := config.RedactURL(database); strings.Contains(got, "sesame") || !strings.Contains(got, "h") {
			t.Errorf("%s is printed as %s", database, got)
		}
		status, out, problems := sparekeyCommand(t, "user", "list", "--database", database)
		if status != 1 || strings.Contains(out+problems, "sesame") {
			t.Errorf("%s: status %d, %s%s", database, status, out, problems)
		}
	}
}
