package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
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
	next   time.Time // when to read them again
}

const (
	indexTime  = 3 * time.Second // for an answer
	indexLasts = 5 * time.Minute
	indexRetry = 10 * time.Second // after one that could not be read
	indexSize  = 32 << 20         // bytes; a large site has some 5 MB
)

// Routes returns the routes of the site. Until they could be read for the first time,
// they are those of WordPress 7.1. The first call waits for the site for up to three
// seconds; later ones do not wait for one another.
func (x *Index) Routes() *Routes {
	now := x.now()
	known := x.known.Load()
	if known != nil && now.Before(known.next) {
		return known.routes
	}
	if known == nil {
		x.reading.Lock()
	} else if !x.reading.TryLock() {
		return known.routes // another request reads them
	}
	defer x.reading.Unlock()
	if again := x.known.Load(); again != nil && now.Before(again.next) {
		return again.routes
	}
	routes, err := x.read()
	if err != nil {
		if x.Log != nil {
			x.Log.Warn("the index of WordPress's REST API cannot be read, so requests to routes of plugins are denied to application passwords with scopes", "url", x.URL, "error", err)
		}
		return x.keep(known, now.Add(indexRetry))
	}
	return x.keep(&indexed{routes: routes}, now.Add(indexLasts))
}

// keep keeps routes until then.
func (x *Index) keep(known *indexed, next time.Time) *Routes {
	if known == nil {
		known = &indexed{routes: NewRoutes(nil)}
	}
	x.known.Store(&indexed{known.routes, next})
	return known.routes
}

func (x *Index) now() time.Time {
	if x.Now == nil {
		return time.Now() //nolint:forbidigo // the default clock
	}
	return x.Now()
}

// read returns the routes that the index lists.
func (x *Index) read() (*Routes, error) {
	ctx, cancel := context.WithTimeout(context.Background(), indexTime) //nolint:forbidigo // the routes are for every request, not only the one that asks
	defer cancel()
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
		return nil, fmt.Errorf("the answer is %s", res.Status)
	}
	var index siteIndex
	if err := json.NewDecoder(io.LimitReader(res.Body, indexSize)).Decode(&index); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(index.Routes) == 0 {
		return nil, errors.New("the answer lists no routes")
	}
	routes := NewRoutes(slices.Collect(maps.Keys(index.Routes)))
	routes.prefix = index.prefix()
	return routes, nil
}

// siteIndex is the index of a REST API, as far as it counts here.
type siteIndex struct {
	Home   string `json:"home"` // the URL of the site
	Routes map[string]struct {
		Links struct {
			Self []struct {
				Href string `json:"href"`
			} `json:"self"`
		} `json:"_links"`
	} `json:"routes"`
}

// prefix returns what a plugin has put in place of "wp-json" in the paths of the API, by
// WordPress's filter rest_url_prefix. It is empty where it is that, or where the API has
// no paths.
func (x *siteIndex) prefix() string {
	links := x.Routes["/"].Links.Self
	if len(links) == 0 {
		return ""
	}
	path, query := rawpath.Split(links[0].Href)
	if strings.Contains(query, "rest_route") {
		return ""
	}
	home, _ := rawpath.Split(strings.TrimSuffix(x.Home, "/") + "/")
	path = strings.TrimPrefix(strings.TrimPrefix(path, strings.TrimSuffix(home, "/")), "/index.php")
	if prefix := strings.Trim(path, "/"); prefix != api[1:] {
		return prefix
	}
	return ""
}
