package wpcache_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/sparekey-dev/sparekey/internal/testdb"
	"github.com/sparekey-dev/sparekey/internal/wpcache"
)

func TestDrop(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t)
	options, err := redis.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	for _, key := range []string{"wp_:user_meta:5", "wp_:user_meta:55", "wp_:options:notoptions", "wp_:posts:5"} {
		if err := client.Set(t.Context(), key, "x", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	cache, err := wpcache.New(server.URL + "?key=wp_:user_meta:{user},wp_:options:notoptions")
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	for range 2 { // what is not there is dropped already
		if err := cache.Drop(t.Context(), "5"); err != nil {
			t.Error(err)
		}
	}
	left, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(left) != 2 || strings.Contains(strings.Join(left, " "), "notoptions") {
		t.Errorf("left: %q, %v", left, err)
	}
	server.Kill()
	if err := cache.Drop(t.Context(), "5"); err == nil || !strings.Contains(err.Error(), "user 5") {
		t.Errorf("without a server: %v", err)
	}
	server.Restart(t)
	if err := cache.Drop(t.Context(), "5"); err != nil {
		t.Errorf("after its restart: %v", err)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "redis://u:sesame@h/0", "redis://u:sesame@h/0?key=wp_:user_meta:5", "http://u:sesame@h/0?key={user}", "redis://u:ses%ame@h?key={user}",
		"redis://u:sesame@h/x?key={user}", "redis://u:sesame@h/0?key={user}&nonsense=1",
	} {
		if _, err := wpcache.New(bad); err == nil || strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), "ses%ame") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
