package wplive_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// index is what a site says of where its API is, and its authorise screen.
type index struct {
	Home           string
	Authentication map[string]struct{ Endpoints map[string]string }
	Routes         map[string]struct {
		Links struct{ Self []struct{ Href string } } `json:"_links"`
	}
}

// permalinks sets the form of a site's addresses.
func permalinks(t *testing.T, site *wptest.Site, structure string) {
	t.Helper()
	site.PHP(t, `update_option( 'permalink_structure', $args[0] ); delete_option( 'rewrite_rules' );`, structure)
}

// TestPlaces has an application find the API of a site by its index, and create, list, use,
// rename and revoke an application password there, with Sparekey in front.
func TestPlaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config     wptest.Config
		permalinks string
		told       bool   // Sparekey's settings name the folder
		root       string // of the API, behind the host
	}{
		"index.php":            {permalinks: "/index.php/%postname%/", root: "/index.php/wp-json/"},
		"plain":                {permalinks: "", root: "/index.php?rest_route=/"},
		"folder":               {config: wptest.Config{Folder: "/blog"}, permalinks: "/%postname%/", told: true, root: "/blog/wp-json/"},
		"folder and index.php": {config: wptest.Config{Folder: "/Some/blog"}, permalinks: "/index.php/%postname%/", told: true, root: "/Some/blog/index.php/wp-json/"},
		"folder, plain":        {config: wptest.Config{Folder: "/blog"}, permalinks: "", told: true, root: "/blog/index.php?rest_route=/"},
		"folder, not told":     {config: wptest.Config{Folder: "/blog"}, permalinks: "/%postname%/", root: "/blog/wp-json/"},
		"another prefix":       {config: wptest.Config{MustUse: []string{"testdata/zz-prefix.php"}}, permalinks: "/%postname%/", root: "/api/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := wptest.Start(t, c.config)
			permalinks(t, site, c.permalinks)
			args := []string{"--upstream=" + strings.TrimSuffix(site.URL, c.config.Folder)}
			if c.told {
				args = []string{"--upstream=" + site.URL, "--url=http://127.0.0.1" + c.config.Folder}
			}
			key := serve(t, site, args...)
			boot, _ := site.CreatePassword(t, wptest.Author, "boot")
			testPlace(t, key, c.config.Folder, c.root, boot)
			testPlaceUsual(t, key, c.config.Folder, boot)
			key.checkLog(t, boot)
			if complaints := site.Errors(t); complaints != "" {
				t.Errorf("PHP says:\n%s", complaints)
			}
		})
	}
}

// testPlace goes through the life of an application password as an application does that
// knows nothing but the site's address.
func testPlace(t *testing.T, key *server, folder, root, boot string) {
	t.Helper()
	at := side{"Sparekey at " + root, key.url}
	var found index
	at.call(t, http.StatusOK, wptest.Call{Path: folder + "/?rest_route=/"}).Decode(t, &found)
	if len(found.Routes["/"].Links.Self) != 1 {
		t.Fatalf("the index is %+v", found)
	}
	self := pathOf(t, found.Routes["/"].Links.Self[0].Href)
	if self != root {
		t.Fatalf("the site has its API at %s, want %s", self, root)
	}
	mine := root + "wp/v2/users/me/application-passwords"
	call := func(want int, method, path, secret, body string) wptest.Answer {
		t.Helper()
		return at.call(t, want, wptest.Call{Method: method, Path: path, Login: wptest.Author, Secret: secret, JSON: body})
	}
	var made item
	answer := call(http.StatusCreated, http.MethodPost, mine, boot, `{"name":"made at its place"}`)
	answer.Decode(t, &made)
	if home := strings.TrimSuffix(root, "index.php?rest_route=/"); !strings.Contains(pathOf(t, answer.Header.Get("Location")), home) {
		t.Errorf("Location: %s", answer.Header.Get("Location"))
	}
	call(http.StatusOK, http.MethodGet, mine+"/introspect", made.Password, "")
	var me struct{ Name string }
	call(http.StatusOK, http.MethodGet, root+"wp/v2/users/me", made.Password, "").Decode(t, &me) // WordPress's
	if me.Name == "" {
		t.Error("WordPress does not know the user")
	}
	var list []item
	call(http.StatusOK, http.MethodGet, mine, made.Password, "").Decode(t, &list)
	if len(list) != 2 {
		t.Errorf("the list is %+v", list)
	}
	self = pathOf(t, answer.Header.Get("Location"))
	call(http.StatusOK, http.MethodGet, self, made.Password, "") // the link leads to it
	call(http.StatusOK, http.MethodPut, self, boot, `{"name":"renamed"}`)
	call(http.StatusOK, http.MethodDelete, self, boot, "")
	call(http.StatusUnauthorized, http.MethodGet, mine, made.Password, "")
	call(http.StatusUnauthorized, http.MethodGet, root+"wp/v2/users/me", made.Password, "")
	call(http.StatusUnauthorized, http.MethodPost, mine, "wrong", `{"name":"x"}`)
	// The screen that the index advertises is Sparekey's.
	screen := pathOf(t, found.Authentication["application-passwords"].Endpoints["authorization"])
	if screen != folder+"/wp-admin/authorize-application.php" {
		t.Errorf("the screen is at %s", screen)
	}
	leads := at.call(t, http.StatusFound, wptest.Call{Path: screen + "?app_name=an+app"}).Header.Get("Location")
	if !strings.Contains(leads, "/sign-in?redirect_to=") {
		t.Errorf("the screen leads to %s", leads)
	}
	page := at.call(t, http.StatusOK, wptest.Call{Path: strings.TrimSuffix(leads[:strings.Index(leads, "?")], "?")})
	if link := page.Header.Get("Link"); folder == "" && root != "/index.php?rest_route=/" && !strings.Contains(link, root+">") {
		t.Errorf("the pages say that the API is at %s", link)
	}
}

// testPlaceUsual: the parameter rest_route works in the folder of every site, and leads to
// nothing elsewhere.
func testPlaceUsual(t *testing.T, key *server, folder, boot string) {
	t.Helper()
	const route = "?rest_route=/wp/v2/users/me/application-passwords"
	for path, want := range map[string]int{
		folder + "/" + route: http.StatusOK, folder + "/index.php" + route: http.StatusOK, folder + "/x/" + route: http.StatusNotFound,
		folder + "/x/wp-json/wp/v2/users/me/application-passwords": http.StatusNotFound,
	} {
		if answer := wptest.Send(t, key.url, wptest.Call{Path: path, Login: wptest.Author, Secret: boot}); answer.Status != want {
			t.Errorf("%s: %s, want %d", path, answer, want)
		}
	}
}

// pathOf is the path of a URL with its query.
func pathOf(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

// TestPlacesOfNetwork: each site of a network has its own API, and all have the same users.
func TestPlacesOfNetwork(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{Multisite: true,
		ConfigPHP: `if ( defined( 'DOMAIN_CURRENT_SITE' ) ) { $_SERVER['HTTP_HOST'] = DOMAIN_CURRENT_SITE; }`}) // whatever the front's is
	author := strconv.Itoa(site.Users[wptest.Author].ID)
	site.PHP(t, `$id = wp_insert_site( array( 'domain' => DOMAIN_CURRENT_SITE, 'path' => '/second/', 'title' => 'second', 'user_id' => 1 ) );
		if ( is_wp_error( $id ) ) { fwrite( STDERR, $id->get_error_message() ); exit( 1 ); }
		global $wpdb;
		$wpdb->update( $wpdb->blogs, array( 'domain' => DOMAIN_CURRENT_SITE ), array( 'blog_id' => $id ) ); // some versions drop the colon
		clean_blog_cache( $id );
		add_user_to_blog( $id, (int) $args[0], 'author' );
		switch_to_blog( $id );
		update_option( 'home', 'http://' . DOMAIN_CURRENT_SITE . '/second' ); update_option( 'siteurl', 'http://' . DOMAIN_CURRENT_SITE . '/second' );
		update_option( 'permalink_structure', '/%postname%/' ); delete_option( 'rewrite_rules' );`, author)
	key := serve(t, site, "--upstream="+site.URL)
	boot, _ := site.CreatePassword(t, wptest.Author, "boot")
	at := side{"Sparekey", key.url}
	for _, root := range []string{"/wp-json", "/second/wp-json", "/second/index.php/wp-json", "/second/?rest_route="} {
		var made item
		mine := root + "/wp/v2/users/me/application-passwords"
		at.call(t, http.StatusCreated, wptest.Call{Method: http.MethodPost, Path: mine, Login: wptest.Author, Secret: boot, JSON: `{"name":"of ` + root + `"}`}).Decode(t, &made)
		at.call(t, http.StatusOK, wptest.Call{Path: mine + "/" + made.UUID, Login: wptest.Author, Secret: made.Password})
		at.call(t, http.StatusOK, wptest.Call{Method: http.MethodDelete, Path: mine + "/" + made.UUID, Login: wptest.Author, Secret: boot})
		at.call(t, http.StatusUnauthorized, wptest.Call{Path: mine, Login: wptest.Author, Secret: made.Password})
	}
	at.call(t, http.StatusNotFound, wptest.Call{Path: "/third/wp-json/wp/v2/users/me/application-passwords", Login: wptest.Author, Secret: boot})
}
