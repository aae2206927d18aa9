package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey/scope"
)

// response is an answer before it is formatted as requested.
type response struct {
	status     int    // 0: 200
	header     object // of strings
	body       any
	isError    bool
	noEnvelope bool // even if the request asks for one
}

// setCommonHeaders sets what every answer has.
func setCommonHeaders(header http.Header, r *http.Request, root string) {
	header.Set("Content-Type", "application/json; charset=UTF-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Robots-Tag", "noindex")
	header.Set("Link", rootLink(root))
	setCORS(header, r.Header.Get("Origin"))
}

// rootLink is the header Link by which clients find the API.
func rootLink(root string) string { return "<" + root + `>; rel="https://api.w.org/"` }

// setNoCache keeps an answer out of every cache.
func setNoCache(header http.Header) {
	header.Set("Expires", "Wed, 11 Jan 1984 05:00:00 GMT")
	header.Set("Cache-Control", "no-cache, must-revalidate, max-age=0, no-store, private")
}

// retryBroken is after how many seconds to repeat what could not be answered.
const retryBroken = "5"

// failure returns the answer for an error: the table's for a refusal, and 503 for any other
// error.
func (c *call) failure(err error) *response {
	var deniedCode code
	if c.endpoint != nil {
		deniedCode = c.endpoint.deniedCode
	}
	p := refusal(err, deniedCode)
	if p == nil {
		c.h.logBroken(c.r, err)
		p = &apiError{code: codeUnavailable}
	}
	status := c.statusOf(p)
	answer := &response{status: status, body: p.body(status), isError: true, noEnvelope: p.noEnvelope}
	if status == http.StatusServiceUnavailable {
		answer.header = []member{{"Retry-After", retryBroken}}
	}
	return answer
}

func (c *call) statusOf(p *apiError) int {
	status := p.status
	if status == statusByCaller {
		status, _ = p.code.entry()
	}
	switch {
	case status != statusByCaller:
		return status
	case c.caller.signedIn:
		return http.StatusForbidden
	}
	return http.StatusUnauthorized
}

// logBroken logs a request that could not be answered, unless its client is gone.
func (h *Handler) logBroken(r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return
	}
	h.config.Log.ErrorContext(r.Context(), "REST request could not be answered",
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err))
}

// write sends an answer in the requested format.
func (c *call) write(w http.ResponseWriter, answer *response) {
	status, header := answer.status, answer.header
	if status == 0 {
		status = http.StatusOK
	}
	if c.route != nil {
		if allow := c.allowedMethods(); len(allow) > 0 {
			header = append(header, member{"Allow", strings.Join(allow, ", ")})
		}
	}
	c.setCaching(w.Header(), status)
	body := answer.body
	if !answer.isError {
		body = pick(body, c.fields())
	}
	if _, wrap := c.query["_envelope"]; wrap && !answer.noEnvelope {
		body = object{{"body", body}, {"status", status}, {"headers", header}}
		status, header = http.StatusOK, nil
	}
	for _, h := range header {
		w.Header().Add(h.key, h.value.(string))
	}
	if status == http.StatusUnauthorized && c.jsonp() == nil { // which only a script element asks for
		c.h.guard.Challenge(w.Header(), c.r)
	}
	c.writeBody(w, status, encode(body, c.has("_pretty")))
}

func (c *call) writeBody(w http.ResponseWriter, status int, body []byte) {
	if given := c.jsonp(); given != nil {
		w.Header().Set("Content-Type", "application/javascript; charset=UTF-8")
		if isCallback(given) {
			body = slices.Concat([]byte("/**/"+given.(string)+"("), body, []byte(")"))
		}
	}
	w.WriteHeader(status)
	if c.method != http.MethodHead {
		w.Write(body) //nolint:errcheck // the client is gone
	}
}

// setCaching keeps answers for one caller out of caches, and lets caches tell answers for
// different origins apart. A cache must also not serve an answer that depends on a header or
// a body, since it looks only at the address.
func (c *call) setCaching(header http.Header, status int) {
	safe := scope.IsSafe(c.r.Method)
	isOverridden := c.r.Header[overrideHeader] != nil && (safe || status >= http.StatusBadRequest)
	hasBody := safe && c.r.ContentLength != 0
	if c.caller.signedIn || isOverridden || hasBody {
		setNoCache(header)
	}
	if !c.caller.signedIn && c.r.Method == http.MethodGet {
		header.Set("Vary", "Origin")
	}
}

// writePlain sends a problem that no envelope or script may change.
func writePlain(w http.ResponseWriter, r *http.Request, p *apiError) {
	if p.status == statusByCaller {
		p.status, _ = p.code.entry()
	}
	body := encode(p.body(p.status), false)
	w.WriteHeader(p.status)
	if r.Method != http.MethodHead {
		w.Write(body) //nolint:errcheck // the client is gone
	}
}

// fields lists the requested members; none means all.
func (c *call) fields() []string {
	given, _, _ := c.lookup("_fields")
	list, _ := readWords(given)
	return list[:min(len(list), maxParams)]
}

// selection is a tree of the requested members. A leaf is requested with all of its members.
type selection map[string]selection

// pick keeps the requested members of an item, or of each item of a list.
func pick(body any, fields []string) any {
	if len(fields) == 0 {
		return body
	}
	chosen := selection{}
	for _, f := range fields {
		chosen.add(strings.SplitN(f, ".", maxFieldDepth))
	}
	return chosen.of(body)
}

// add asks for the member at a path. Links are asked for whole.
func (s selection) add(path []string) {
	if path[0] == "_links" {
		path = path[:1]
	}
	for i, name := range path {
		branch, known := s[name]
		if known && branch == nil {
			return // the whole of it is asked for already
		}
		if i == len(path)-1 {
			s[name] = nil
			return
		}
		if !known {
			branch = selection{}
			s[name] = branch
		}
		s = branch
	}
}

func (s selection) of(v any) any {
	if s == nil {
		return v
	}
	switch v := v.(type) {
	case []any:
		picked := make([]any, len(v))
		for i, element := range v {
			picked[i] = s.of(element)
		}
		return picked
	case object:
		picked := object{}
		for _, m := range v {
			if branch, ok := s[m.key]; ok {
				picked = append(picked, member{m.key, branch.of(m.value)})
			}
		}
		return picked
	}
	return v
}
