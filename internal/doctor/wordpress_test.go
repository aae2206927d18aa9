package doctor_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/doctor"
	"github.com/sparekey-dev/sparekey/internal/testdb"
	"github.com/sparekey-dev/sparekey/internal/testproc"
	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// TestPlainWordPress examines real ones, which answer a wrong credential as they
// answer none.
func TestPlainWordPress(t *testing.T) {
	t.Parallel()
	php := testproc.Program(t, testdb.Remedy, "php")
	if modules, err := exec.CommandContext(t.Context(), php, "-m").Output(); err != nil || !strings.Contains(string(modules), "\nxml\n") {
		testproc.Missing(t, "php-xml, without which WordPress has no XML-RPC,", testdb.Remedy)
	}
	for name, c := range map[string]struct {
		config       wptest.Config
		right, wrong doctor.Cause
		without      doctor.Cause
	}{
		"as it comes":               {wptest.Config{}, "", doctor.WrongCredential, doctor.NoEffect},
		"Authorization is stripped": {wptest.Config{StripAuthorization: true}, doctor.Stripped, doctor.WrongCredential, doctor.NoEffect},
		"switched off":              {wptest.Config{ConfigPHP: offPHP}, doctor.Disabled, doctor.Disabled, doctor.Disabled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := wptest.Start(t, c.config)
			secret, _ := site.CreatePassword(t, wptest.Admin, "rig")
			for _, path := range []string{"", "/wp-json/", "/?rest_route=/wp/v2/users/me"} {
				for _, try := range []struct {
					login, secret string
					want          doctor.Cause
				}{
					{wptest.Admin, secret, c.right},
					{wptest.Admin, "abcd EFGH 1234 ijkl MNOP 6789", c.wrong},
					{"", "", c.without},
				} {
					r, err := doctor.Examine(t.Context(), doctor.Target{URL: site.URL + path, Login: try.login, Secret: try.secret})
					if err != nil {
						t.Fatal(err)
					}
					want(t, r, try.want)
				}
			}
		})
	}
}

// offPHP hooks into WordPress before plugins can.
const offPHP = `$GLOBALS['wp_filter']['wp_is_application_passwords_available'][10][] = array( 'function' => fn() => false, 'accepted_args' => 1 );`
