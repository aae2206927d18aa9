package proxy

import "net/http"

// Forwarded returns the request line's target that the application gets, for tests.
func Forwarded(r *http.Request) (target, sent string, ok bool) {
	target, ok = originForm(r)
	return target, parseTarget(target).RequestURI(), ok
}

// IsWatching reports whether the goroutine that checks requests under way runs.
func (p *Proxy) IsWatching() bool {
	p.rechecker.mu.Lock()
	defer p.rechecker.mu.Unlock()
	return p.rechecker.running
}
