package rest

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
)

// IsFor reports whether a request asks for something of the API, by its
// RequestURI: below the path of [Config.BaseURL], or with a query parameter
// rest_route.
func (h *Handler) IsFor(r *http.Request) bool {
	u, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return false
	}
	path, below := strings.CutPrefix(u.EscapedPath(), h.basePath)
	return below && !h.byQuery && (path == "" || path[0] == '/') || u.Query().Has("rest_route")
}

// Refuse answers a request that an application would have answered, had it been let
// through, in the form and with the codes of the API: for a gateway in front of an
// application that has routes of the API as well. err says why a credential is not
// accepted, as basicauth.Guard.Identify has it, and is nil where it is not the
// credential's fault. message is for people, where the table of the API has
// nothing better. Other headers, such as WWW-Authenticate, are the caller's.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, status int, message string, err error) {
	setCommonHeaders(w.Header(), r, h.root())
	var refused *sparekey.AuthError
	byOther := !errors.As(err, &refused) && !errors.Is(err, basicauth.ErrCrossOrigin)
	switch {
	case err == nil:
		h.refuseWith(w, r, &apiError{code: codeOfStatus(status), status: status, message: message})
	case byOther && errors.Is(err, sparekey.ErrForbidden):
		h.refuseWith(w, r, &apiError{code: codeRefusedByPolicy, status: status, message: message})
	case refused != nil && refused.Reason == sparekey.ReasonMalformed && !isPresented(r):
		h.refuseWith(w, r, &apiError{code: codeNotLoggedIn, status: status})
	default:
		h.failCredential(w, r, status, err)
	}
}

func (h *Handler) refuseWith(w http.ResponseWriter, r *http.Request, p *apiError) {
	setNoCache(w.Header())
	writePlain(w, r, p)
}

// isPresented reports whether a request has a Basic credential, well-formed or not.
func isPresented(r *http.Request) bool {
	return slices.ContainsFunc(r.Header["Authorization"], func(value string) bool {
		_, _, presented, _ := basicauth.Parse(value)
		return presented
	})
}

// codeOfStatus returns the code for a reason other than the credential why a request does not
// reach the application.
func codeOfStatus(status int) code {
	switch status {
	case http.StatusBadRequest:
		return codeBadRequest
	case http.StatusNotFound:
		return codeNoRoute
	case http.StatusBadGateway:
		return codeBadGateway
	case http.StatusGatewayTimeout:
		return codeGatewayTimeout
	case http.StatusLoopDetected:
		return codeLoop
	}
	return codeUnavailable
}
