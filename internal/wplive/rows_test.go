package wplive_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// A row as WordPress 7.1 writes it, with a record in the middle to which other code has added
// unknown keys, of every scalar type, and a list.
const (
	first71  = `i:0;a:7:{s:4:"uuid";s:36:"f0ec248a-b1fb-4deb-a034-9dc03f1ac263";s:6:"app_id";s:0:"";s:4:"name";s:6:"direct";s:8:"password";s:49:"$generic$up-A_HhotQlaOcx3_p4zjSOpulaImcfNEMCjCiDD";s:7:"created";i:1795319925;s:9:"last_used";i:1795319926;s:7:"last_ip";s:9:"127.0.0.1";}`
	extra71  = `i:3;a:10:{s:4:"uuid";s:36:"0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a";s:6:"app_id";s:0:"";s:4:"name";s:14:"back\slash ☃";s:8:"password";s:49:"$generic$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";s:7:"created";s:10:"1795319925";s:9:"last_used";N;s:7:"last_ip";N;s:4:"note";b:1;s:4:"more";d:0.5;s:4:"list";a:1:{i:0;s:1:"x";}}`
	second71 = `i:7;a:7:{s:4:"uuid";s:36:"517fa197-9b5c-4cf1-a9af-e8bbff11faa6";s:6:"app_id";s:0:"";s:4:"name";s:4:"seed";s:8:"password";s:49:"$generic$a_SABDAqVti4ASRraaNv9DHkhcynJrVJuiYu3tQX";s:7:"created";i:1795319926;s:9:"last_used";N;s:7:"last_ip";N;}`

	firstSecret  = "abcdEFGH1234abcdEFGH1234"
	secondSecret = "0H2FloRR4t0iYxT0ERSu60Lw"
)

// TestRowsOfLaterVersions works on rows as WordPress 6.8 and later write them:
// what is not touched stays as it is, byte for byte, and WordPress still reads
// the result.
func TestRowsOfLaterVersions(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{})
	key, db := serve(t, site), openDatabase(t, site)
	sparekey, wordpress := side{"Sparekey", key.url}, side{"WordPress", site.URL}
	author := site.Users[wptest.Author]
	boot, _ := site.CreatePassword(t, wptest.Author, "boot") // sets the flag, too
	if _, err := db.ExecContext(t.Context(), `UPDATE wp_usermeta SET meta_value = ? WHERE user_id = ? AND meta_key = '_application_passwords'`,
		"a:3:{"+first71+extra71+second71+"}", author.ID); err != nil {
		t.Fatal(err)
	}
	sparekey.call(t, http.StatusUnauthorized, wptest.Call{Path: introspect, Login: wptest.Author, Secret: boot})

	var got item
	sparekey.call(t, http.StatusOK, wptest.Call{Path: introspect, Login: wptest.Author, Secret: secondSecret}).Decode(t, &got)
	if got.Name != "seed" || got.LastUsed == nil {
		t.Errorf("%+v", got)
	}
	made := sparekey.create(t, firstSecret, "made")
	sparekey.call(t, http.StatusOK, wptest.Call{
		Method: http.MethodPut, Path: minePath + "/" + got.UUID, Login: wptest.Author, Secret: made.Password, JSON: createBody("renamed"),
	})
	after := row(t, db, author)
	if !strings.Contains(after, extra71) {
		t.Errorf("an untouched record has changed:\n%s", after)
	}
	// The new one stands behind the highest key, as PHP appends.
	if !strings.Contains(after, `}i:8;a:7:{s:4:"uuid";s:36:"`+made.UUID+`"`) {
		t.Errorf("not appended as PHP does:\n%s", after)
	}
	// This WordPress reads all of them and takes the one that it can verify.
	names := func(s side) (names string) {
		for _, one := range s.list(t, wptest.Author, made.Password) {
			names += one.Name + "|"
		}
		return names
	}
	if theirs, ours := names(wordpress), names(sparekey); theirs != ours || theirs != `direct|back\slash ☃|renamed|made|` {
		t.Errorf("WordPress lists %s, Sparekey %s", theirs, ours)
	}
	sparekey.call(t, http.StatusOK, wptest.Call{Method: http.MethodDelete, Path: minePath + "/" + made.UUID, Login: wptest.Author, Secret: made.Password})
	if after := row(t, db, author); !strings.Contains(after, extra71) || strings.Contains(after, made.UUID) {
		t.Errorf("%s", after)
	}
}
