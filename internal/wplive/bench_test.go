package wplive_test

import (
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/internal/testproc"
	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// The benchmarks compare within one run, one at a time:
// scripts/bench-wordpress runs them.

// BenchmarkIntrospect asks both sides which application password is used, of a
// user with 1, 100 and 5,000 of them. The used one is the last, as it is the worst
// for WordPress; the others have the hashes of WordPress 6.8 and later, which cost
// less than those of this WordPress.
func BenchmarkIntrospect(b *testing.B) {
	site := wptest.Start(b, wptest.Config{})
	key := serve(b, site, "--log-level=info")
	for b.Loop() {
		for _, n := range []int{1, 100, 5000} {
			compareIntrospect(b, site, key, n)
		}
	}
}

func compareIntrospect(b *testing.B, site *wptest.Site, key *server, n int) {
	b.Helper()
	secret := fillRow(b, site, n)
	var ratios []float64
	var theirs, ours []time.Duration
	for range 5 {
		atTheirs := ask(b, site.URL+introspect, secret, 2*time.Second)
		atOurs := ask(b, key.url+introspect, secret, 2*time.Second)
		ratios = append(ratios, float64(median(atTheirs))/float64(median(atOurs)))
		theirs, ours = append(theirs, atTheirs...), append(ours, atOurs...)
	}
	b.Logf("of %d: WordPress %s; Sparekey %s; ratio of the medians %.0f (%.0f to %.0f), of the tenths %.0f", n, latencies(theirs), latencies(ours),
		median(ratios), slices.Min(ratios), slices.Max(ratios), float64(theirs[len(theirs)/10])/float64(ours[len(ours)/10]))
}

// fillRow gives the author n application passwords, of which the last has the
// secret.
func fillRow(b *testing.B, site *wptest.Site, n int) (secret string) {
	b.Helper()
	return site.PHP(b, `
		$user = get_user_by( 'login', 'author' );
		WP_Application_Passwords::delete_all_application_passwords( $user->ID );
		$made = WP_Application_Passwords::create_new_application_password( $user->ID, array( 'name' => 'used' ) );
		$list = array();
		for ( $i = 1; $i < (int) $args[0]; $i++ ) {
			$list[] = array( 'uuid' => wp_generate_uuid4(), 'app_id' => '', 'name' => "other $i",
				'password' => '$generic$' . rtrim( strtr( base64_encode( random_bytes( 30 ) ), '+/', '-_' ), '=' ),
				'created' => time(), 'last_used' => null, 'last_ip' => null );
		}
		$list[] = $made[1];
		update_user_meta( $user->ID, '_application_passwords', $list );
		echo $made[0];`, strconv.Itoa(n))
}

// ask sends one request after the other, as one client does, for a time and at
// least once.
func ask(b *testing.B, url, secret string, during time.Duration) (took []time.Duration) {
	b.Helper()
	for end := time.Now().Add(during); len(took) == 0 || time.Now().Before(end); {
		one, err := askOnce(url, secret)
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, one)
	}
	return took
}

func askOnce(url, secret string) (time.Duration, error) {
	r, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	r.SetBasicAuth(wptest.Author, secret)
	begin := time.Now()
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", url, res.StatusCode, body)
	}
	return time.Since(begin), err
}

// floodTime is how long a flood lasts: go test … -flood 60s.
var floodTime = flag.Duration("flood", 5*time.Second, "how long the flood of BenchmarkFlood lasts")

// BenchmarkFlood sends as many wrong credentials as 32 connections can, and
// measures what one good client of the site sees meanwhile: of WordPress alone,
// and of WordPress behind Sparekey, from the same address.
func BenchmarkFlood(b *testing.B) {
	site := wptest.Start(b, wptest.Config{})
	behind := func(throttle string) string {
		return serve(b, site, "--log-level=info", "--throttle="+throttle, "--upstream="+site.URL).url
	}
	const path = mePath + "?context=edit"
	fronts := []struct {
		name, url   string
		calm, flood []time.Duration
	}{
		{name: "WordPress alone", url: site.URL + path},
		{name: "behind Sparekey", url: behind("on") + path},
		{name: "behind Sparekey with --throttle=off", url: behind("off") + path},
	}
	for b.Loop() {
		secret := fillRow(b, site, 1)
		for range 200 { // in turns, so that other work on the machine is the same for both
			for i := range fronts {
				fronts[i].calm = append(fronts[i].calm, ask(b, fronts[i].url, secret, 0)...)
			}
		}
		for i := range fronts {
			stop := flood(b, fronts[i].url, *floodTime+2*time.Second)
			time.Sleep(time.Second)
			fronts[i].flood = ask(b, fronts[i].url, secret, *floodTime)
			b.Logf("%s: %s; flooded with %s: %s", fronts[i].name, latencies(fronts[i].calm), stop(), latencies(fronts[i].flood))
		}
	}
}

// flood has wrk send a wrong credential all the time. The returned function waits for the end
// and gives wrk's own count.
func flood(b *testing.B, url string, during time.Duration) (wait func() string) {
	b.Helper()
	wrk := testproc.Program(b, "run scripts/bench, which installs it", "wrk")
	authorization := "Basic " + base64.StdEncoding.EncodeToString([]byte(wptest.Author+":wrong wrong wrong wrong"))
	cmd := exec.Command(wrk, "-t1", "-c32", "-d", strconv.Itoa(int(during.Seconds()))+"s", "--timeout", "30s", "-H", "Authorization: "+authorization, url)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return func() string {
		if err := cmd.Wait(); err != nil {
			b.Fatalf("%v\n%s", err, &out)
		}
		for line := range strings.Lines(out.String()) {
			if count, ok := strings.CutPrefix(line, "Requests/sec:"); ok {
				return strings.TrimSpace(count) + " refusals per second"
			}
		}
		return out.String()
	}
}

// latencies says how long requests took, and how many there were. It sorts them. The fastest
// tenth says most where other work disturbs.
func latencies(took []time.Duration) string {
	slices.Sort(took)
	at := func(percent int) time.Duration { return took[(len(took)-1)*percent/100].Round(10 * time.Microsecond) }
	return fmt.Sprintf("a tenth in %s, half in %s, 99 %% in %s (%d requests)", at(10), at(50), at(99), len(took))
}

func median[T float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
