package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// network is a WordPress with a site in /shop and in its root.
type network struct {
	asked, now, most atomic.Int32
	hold             chan struct{} // an answer waits until it is closed
}

// RoundTrip implements [http.RoundTripper].
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.asked.Add(1)
	now := n.now.Add(1)
	defer n.now.Add(-1)
	if now > n.most.Load() {
		n.most.Store(now)
	}
	select {
	case <-n.hold:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	folder := ""
	if strings.HasPrefix(r.URL.Path, "/shop") {
		folder = "/shop"
	}
	body := fmt.Sprintf(`{"home":"http://x%[1]s","url":"http://x%[1]s","routes":{"/":{}}}`, folder)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func sitesOf(n *network) *upstream.Sites {
	return &upstream.Sites{Main: &upstream.Index{URL: "http://x/?rest_route=/", Transport: n}, Origin: "http://x"}
}

// TestManyFolders has strangers ask for many folders at once: the application is asked about
// few at a time.
func TestManyFolders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &network{hold: make(chan struct{})}
		sites := sitesOf(n)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = sites.MainSite() }() // it is not known yet
		synctest.Wait()
		close(n.hold)
		synctest.Wait()
		n.hold = make(chan struct{})
		n.most.Store(0)
		for i := range 100 {
			go func() { _, _ = sites.In(ctx, fmt.Sprint("/f", i)) }()
		}
		synctest.Wait()
		if got := n.most.Load(); got < 1 || got > 4 {
			t.Errorf("%d are asked at once", got)
		}
		cancel()
		synctest.Wait()
		close(n.hold)
		if site, err := sites.In(t.Context(), "/shop"); err != nil || site.Home != "/shop" {
			t.Errorf("afterwards: %+v, %v", site, err)
		}
	})
}

// TestInventedFoldersKeepSites has strangers invent more folders than are kept: a site that
// is known stays so.
func TestInventedFoldersKeepSites(t *testing.T) {
	t.Parallel()
	n := &network{hold: make(chan struct{})}
	close(n.hold)
	sites := sitesOf(n)
	if site, err := sites.In(t.Context(), "/shop"); err != nil || site.Home != "/shop" {
		t.Fatalf("%+v, %v", site, err)
	}
	for i := range 3000 {
		if _, err := sites.In(t.Context(), fmt.Sprint("/f", i)); !errors.Is(err, upstream.ErrNoSite) {
			t.Fatal(err)
		}
	}
	before := n.asked.Load()
	if site, err := sites.In(t.Context(), "/shop"); err != nil || site.Home != "/shop" || n.asked.Load() != before {
		t.Errorf("%+v, %v; asked again: %v", site, err, n.asked.Load() != before)
	}
}
