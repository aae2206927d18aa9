package upstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// ErrNoSite says that a WordPress has no site in a folder.
var ErrNoSite = errors.New("the WordPress has no site in this folder")

// Sites finds the sites of a WordPress by their folders: the one in front of which Sparekey
// stands, and others of a network. It asks the index of each, once in five minutes, so that
// where an API is does not have to be guessed. It is safe for concurrent use.
type Sites struct {
	// Main is the index of the site in the folder Base.
	Main *Index
	// Base is the folder below which clients see the application, and Folder the one that
	// the application has in its place; see the --url and --upstream of the program. Both
	// are percent-encoded, without a slash at their end.
	Base, Folder string
	// Origin is the scheme and host of the application, such as "http://127.0.0.1:8088",
	// for the sites in other folders. Default: there are none.
	Origin string

	mu     sync.Mutex
	known  map[string]knownSite // by folder, without the main one
	asking chan struct{}        // has an element for each site that is being asked
}

type knownSite struct {
	site Site
	err  error
	next time.Time // when to ask again
}

// maxSites bounds for how many folders it is known whether a site is there.
const maxSites = 256

// maxAsking bounds how many sites are asked at once: any client can have one asked, by a
// path, before it presents a credential. The others wait.
const maxAsking = 4

// In returns the site in a folder, with paths as clients see them, or [ErrNoSite]. Any
// other error means that the site could not be asked.
func (s *Sites) In(ctx context.Context, folder string) (Site, error) {
	if decoded, ok := rawpath.Decode(folder); !ok && folder != "" || strings.ContainsAny(decoded, "?#;*") {
		return Site{}, ErrNoSite // programs read it in different ways
	}
	folder = oneForm(folder)
	if strings.EqualFold(folder, s.Base) {
		return s.MainSite()
	}
	if main, err := s.MainSite(); err == nil && strings.EqualFold(folder, main.Home) {
		return main, nil
	}
	rest, ok := rawpath.CutFolder(folder, s.Base)
	if !ok || s.Origin == "" {
		return Site{}, ErrNoSite
	}
	return s.other(ctx, folder, s.Folder+rest)
}

// MainSite returns the site of which Main is the index, with paths as clients see them. The
// error says that it could not be asked yet.
func (s *Sites) MainSite() (Site, error) {
	site, err := s.Main.Site()
	if err != nil {
		return Site{}, err
	}
	home := s.Base
	if s.Base == s.Folder { // clients see the addresses of the application
		home = site.Home
	}
	return site.seenIn(home, site.Home), nil
}

// seenIn is a site whose own folder clients see as another one.
func (s Site) seenIn(folder, own string) Site {
	s.Home = folder
	if rest, ok := rawpath.CutFolder(s.Files, own); ok {
		s.Files = folder + rest
	}
	return s
}

// other asks for the site in a folder that the application has at the path own.
func (s *Sites) other(ctx context.Context, folder, own string) (Site, error) {
	now := s.Main.now()
	s.mu.Lock()
	known, ok := s.known[folder]
	if s.asking == nil {
		s.asking = make(chan struct{}, maxAsking)
	}
	s.mu.Unlock()
	if ok && now.Before(known.next) {
		return known.site, known.err
	}
	fresh := knownSite{next: now.Add(indexLasts)}
	fresh.site, fresh.err = s.ask(ctx, folder, own)
	if fresh.err != nil {
		if ctx.Err() != nil {
			return Site{}, ctx.Err() // which says nothing about the site
		}
		fresh.next = now.Add(indexRetry)
	}
	if fresh.err != nil && !errors.Is(fresh.err, ErrNoSite) && ok && known.err == nil {
		fresh.site, fresh.err = known.site, nil // it is down, but was there
	}
	s.keep(folder, fresh)
	return fresh.site, fresh.err
}

// keep keeps what is known of a folder. Where too many are known, one of them is asked again
// when it is needed: one without a site, if there is such, since clients can invent these.
func (s *Sites) keep(folder string, site knownSite) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]knownSite{}
	}
	if _, ok := s.known[folder]; !ok && len(s.known) >= maxSites {
		s.evict(site.err == nil)
	}
	if len(s.known) < maxSites || site.err == nil {
		s.known[folder] = site
	}
}

// evict makes room for one folder: one without a site goes, or evenSite, if all have one.
func (s *Sites) evict(evenSite bool) {
	for folder, known := range s.known {
		if known.err != nil {
			delete(s.known, folder)
			return
		}
	}
	for folder := range s.known {
		if evenSite {
			delete(s.known, folder)
		}
		return
	}
}

// ask asks a site where it is. WordPress answers at many addresses, so the site is in this
// folder only if it says so itself.
func (s *Sites) ask(ctx context.Context, folder, own string) (Site, error) {
	ctx, cancel := context.WithTimeout(ctx, indexTime)
	defer cancel()
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return Site{}, ctx.Err()
	}
	index := Index{
		URL:  s.Origin + own + "/?rest_route=/&_fields=home,url,routes./",
		Host: s.Main.Host, Transport: s.Main.Transport,
	}
	found, err := index.fetch(ctx)
	var answered *statusError
	switch {
	case errors.As(err, &answered) && answered.status < http.StatusInternalServerError:
		return Site{}, ErrNoSite
	case errors.As(err, new(*formatError)) && ctx.Err() == nil:
		return Site{}, ErrNoSite
	case err != nil:
		return Site{}, err
	}
	site := found.site()
	if !strings.EqualFold(site.Home, own) && !strings.EqualFold(site.Home, folder) {
		return Site{}, ErrNoSite
	}
	return site.seenIn(folder, site.Home), nil
}

// Prefix is the prefix of the main site's API, decoded, where it is another one than
// "wp-json", else "", also where the site could not be asked yet.
func (s *Sites) Prefix() string { return decoded(s.otherPrefix()) }

func (s *Sites) otherPrefix() string {
	site, err := s.MainSite()
	if err != nil {
		return ""
	}
	return site.otherPrefix()
}

// Locate splits the path of a request into the folder of a site and the route of its API, by
// the prefix of the API. ok is false for a path that leads to no API.
func (s *Sites) Locate(path string) (folder, route string, ok bool) {
	for _, prefix := range []string{api, "/" + s.otherPrefix()} {
		if prefix == "/" {
			continue
		}
		for from := 0; ; {
			at := strings.Index(path[from:], prefix)
			if at < 0 {
				break
			}
			end := from + at + len(prefix)
			if rest := path[end:]; rest == "" || rest[0] == '/' {
				return FolderOf(path[:from+at]), cmp.Or(rest, "/"), true
			}
			from = end
		}
	}
	return "", "", false
}

// FolderOf is the folder of a site whose front page has this path, with or without
// index.php.
func FolderOf(path string) string {
	return strings.TrimRight(strings.TrimSuffix(strings.TrimRight(path, "/"), "/index.php"), "/")
}

// statusError is an answer with another status than 200.
type statusError struct{ status int }

func (e *statusError) Error() string {
	return fmt.Sprintf("the answer is %d %s", e.status, http.StatusText(e.status))
}

// formatError is an answer that is not an index.
type formatError struct{ err error }

func (e *formatError) Error() string { return "read the answer: " + e.err.Error() }
func (e *formatError) Unwrap() error { return e.err }
