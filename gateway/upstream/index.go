package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// Index reads the routes of a WordPress from the index of its REST API, and at which path
// the API is, when they are needed for the first time and again every five minutes. It is
// safe for concurrent use.
type Index struct {
	// URL is the address of the index, such as "http://127.0.0.1:8088/?rest_route=/".
	URL string
	// Host is the Host header that the site answers to. Default: that of URL.
	Host string
	// Transport sends the request. Default: http.DefaultTransport.
	Transport http.RoundTripper
	// Log gets a warning when the index cannot be read. Default: nothing is logged.
	Log *slog.Logger
	// Now is the clock. Default: time.Now.
	Now func() time.Time

	reading sync.Mutex
	known   atomic.Pointer[indexed]
}

type indexed struct {
	routes *Routes
	site   *Site     // nil: no index could be read yet
	next   time.Time // when to read them again
}

// errNoIndex says that the index of a site could not be read.
var errNoIndex = errors.New("the index of WordPress's REST API cannot be read")

const (
	indexTime  = 3 * time.Second // for an answer
	indexLasts = 5 * time.Minute
	indexRetry = 10 * time.Second // after one that could not be read
	indexSize  = 32 << 20         // bytes; a large site has some 5 MB
)

// Routes returns the routes of the site. Until they could be read for the first time,
// they are those of WordPress 7.1. The first call waits for the site for up to three
// seconds; later ones do not wait for one another.
func (x *Index) Routes() *Routes { return x.look().routes }

// Site returns what the index says of the site itself, as it was last read. The error says
// that it could not be read yet. It waits as [Index.Routes] does.
func (x *Index) Site() (Site, error) {
	known := x.look()
	if known.site == nil {
		return Site{}, errNoIndex
	}
	return *known.site, nil
}

func (x *Index) look() *indexed {
	now := x.now()
	known := x.known.Load()
	if known != nil && now.Before(known.next) {
		return known
	}
	if known == nil {
		x.reading.Lock()
	} else if !x.reading.TryLock() {
		return known // another request reads it
	}
	defer x.reading.Unlock()
	if again := x.known.Load(); again != nil && now.Before(again.next) {
		return again
	}
	fresh, err := x.read()
	if err != nil {
		if x.Log != nil {
			x.Log.Warn("the index of WordPress's REST API cannot be read, so requests to routes of plugins are denied to application passwords with scopes", "url", x.URL, "error", err)
		}
		return x.keep(known, now.Add(indexRetry))
	}
	return x.keep(fresh, now.Add(indexLasts))
}

// keep keeps what is known until then.
func (x *Index) keep(known *indexed, next time.Time) *indexed {
	if known == nil {
		known = &indexed{routes: NewRoutes(nil)}
	}
	known = &indexed{known.routes, known.site, next}
	x.known.Store(known)
	return known
}

func (x *Index) now() time.Time {
	if x.Now == nil {
		return time.Now() //nolint:forbidigo // the default clock
	}
	return x.Now()
}

// read reads the index.
func (x *Index) read() (*indexed, error) {
	ctx, cancel := context.WithTimeout(context.Background(), indexTime) //nolint:forbidigo // the routes are for every request, not only the one that asks
	defer cancel()
	index, err := x.fetch(ctx)
	if err != nil {
		return nil, err
	}
	if len(index.Routes) == 0 {
		return nil, errors.New("the answer lists no routes")
	}
	routes := NewRoutes(slices.Collect(maps.Keys(index.Routes)))
	site := index.site()
	routes.prefix = decoded(site.otherPrefix())
	return &indexed{routes: routes, site: &site}, nil
}

// fetch asks for the index.
func (x *Index) fetch(ctx context.Context) (*siteIndex, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, x.URL, http.NoBody)
	if err != nil {
		return nil, err
	}
	if x.Host != "" {
		r.Host = x.Host
	}
	transport := x.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, &statusError{res.StatusCode}
	}
	var index siteIndex
	if err := json.NewDecoder(io.LimitReader(res.Body, indexSize)).Decode(&index); err != nil {
		return nil, &formatError{err}
	}
	index.link = res.Header.Get("Link")
	return &index, nil
}

// siteIndex is the index of a REST API, as far as it counts here.
type siteIndex struct {
	Home   string `json:"home"` // the URL of the site
	URL    string `json:"url"`  // the URL of WordPress's own files
	Routes map[string]struct {
		Links struct {
			Self []struct {
				Href string `json:"href"`
			} `json:"self"`
		} `json:"_links"`
	} `json:"routes"`

	link string // the header Link of the answer
}

// Site is a site of a WordPress, as the index of its API describes it. Paths are
// percent-encoded, without a slash at their end, and those that the application has.
type Site struct {
	// Home is the folder of the site; "" is the root of the host.
	Home string
	// Files is the folder of WordPress's own files, such as wp-admin.
	Files string
	// Root is the path of the API's root behind Home, such as "/wp-json" or
	// "/index.php/wp-json". It is "" where the API has no paths, and is found by
	// the parameter rest_route alone.
	Root string
}

// apiLink is the link to the API's root, which is in every answer of the API.
var apiLink = regexp.MustCompile(`<([^>]*)>; *rel="https://api\.w\.org/"`)

// site is what the index says of the site.
func (x *siteIndex) site() Site {
	s := Site{Home: folderOf(x.Home), Files: folderOf(x.URL)}
	var href string
	if links := x.Routes["/"].Links.Self; len(links) > 0 {
		href = links[0].Href
	} else if found := apiLink.FindStringSubmatch(x.link); found != nil {
		href = found[1]
	}
	path, query := rawpath.Split(href)
	if strings.Contains(query, "rest_route") {
		return s
	}
	path = oneForm(strings.TrimRight(path, "/"))
	if root, ok := rawpath.CutFolder(path, s.Home); ok {
		path = root
	}
	s.Root = path
	return s
}

// folderOf is the path of a URL, without a slash at its end.
func folderOf(text string) string {
	path, _ := rawpath.Split(strings.TrimRight(text, "/") + "/")
	return oneForm(strings.TrimRight(path, "/"))
}

// oneForm is a path that is percent-encoded where a URL needs it and nowhere else.
func oneForm(path string) string {
	return (&url.URL{Path: decoded(path)}).EscapedPath()
}

// decoded is a path without its percent-encoding, or as it is where that is none.
func decoded(path string) string {
	if decoded, err := url.PathUnescape(path); err == nil {
		return decoded
	}
	return path
}

// prefix returns what the paths of the API begin with, in a folder or behind index.php. It
// is "wp-json" unless a plugin changes that by WordPress's filter rest_url_prefix, and ""
// where the API has no paths.
func (s Site) prefix() string {
	return strings.Trim(strings.TrimPrefix(s.Root, "/index.php"), "/")
}

// otherPrefix is the prefix where it is another one than "wp-json", else "".
func (s Site) otherPrefix() string {
	if prefix := s.prefix(); prefix != api[1:] {
		return prefix
	}
	return ""
}
