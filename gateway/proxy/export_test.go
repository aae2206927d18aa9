package proxy

import "net/http"

// Forwarded returns the request line's target that the application gets, for tests.
func Forwarded(r *http.Request) (target, sent string, ok bool) {
	target, ok = originForm(r)
	return target, locate(target).RequestURI(), ok
}

// IsWatching reports whether the goroutine that checks requests under way runs.
func (p *Proxy) IsWatching() bool {
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	return p.watch.running
}
