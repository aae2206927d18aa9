package gateway

import (
	"encoding/json"
	"net/http"
	"strings"
)

// lfsType is the media type of the API of Git LFS.
const lfsType = "application/vnd.git-lfs+json"

// WriteRefusal writes an answer to a refused request, with the message in the form that the
// clients of the application show to people: clients of image registries and Git LFS read only
// their own JSON, or cut a text off after a few words. Everything else gets a line of text.
// RequestURI and headers of r count.
//
// The forms are those of the OCI distribution specification 1.1, "Error Codes", and of
// Git LFS, docs/api, "Response Errors".
func WriteRefusal(w http.ResponseWriter, r *http.Request, status int, message string) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	switch {
	case isForLFS(path, r.Header):
		writeJSON(w, status, lfsType, map[string]string{"message": message})
	case isForRegistry(path):
		writeJSON(w, status, "application/json", map[string][]registryError{"errors": {{Code: registryCode(status), Message: message}}})
	default:
		http.Error(w, message, status)
	}
}

func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil { // never: it is all text
		status, body = http.StatusInternalServerError, nil
	}
	w.Header().Del("Content-Length")
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// isForLFS reports whether a client of Git LFS sends a request.
func isForLFS(path string, header http.Header) bool {
	return strings.Contains(path, "/info/lfs/") || strings.Contains(header.Get("Accept"), lfsType)
}

// isForRegistry reports whether a path is of the API of image registries: /v2/ itself, the
// catalog, or what belongs to a repository.
func isForRegistry(path string) bool {
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok || rest == "" || rest == "_catalog" {
		return ok || path == "/v2"
	}
	for _, part := range [...]string{"/manifests/", "/blobs/", "/tags/", "/referrers/"} {
		if strings.Contains(rest, part) {
			return true
		}
	}
	return false
}

// registryError is one error as the clients of registries read it.
type registryError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// registryCode is the code for a status: one of the specification's, or one that the
// registry distribution has beside these.
func registryCode(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "UNAUTHORIZED"
	case http.StatusForbidden:
		return "DENIED"
	case http.StatusTooManyRequests:
		return "TOOMANYREQUESTS"
	case http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	}
	return "UNKNOWN"
}
