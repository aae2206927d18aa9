package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web/internal/authorize"
)

// tokenError is a refusal in the words of RFC 6749, 5.2.
type tokenError struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func (e *tokenError) Error() string { return e.Code + ": " + e.Description }

func invalidRequest(description string) error {
	return &tokenError{http.StatusBadRequest, "invalid_request", description}
}

func invalidGrant(description string) error {
	return &tokenError{http.StatusBadRequest, "invalid_grant", description}
}

// errWithdrawn refuses a code whose user has ended what they agreed in.
var errWithdrawn = invalidGrant("the user has signed out, or revoked everything, since they agreed")

// Token returns the endpoint at which an application exchanges its code. It is at
// BaseURL + "/token" already.
//
// It takes a POST with a form or a JSON object of strings: grant_type, which is
// authorization_code, code, code_verifier and, optionally, success_url as it was
// in the request. It answers with the JSON object {"site_url", "user_login",
// "password"}, or with an error as RFC 6749, 5.2, has it. A code is good for one
// try. The request says all that counts and no cookie is looked at, so pages of
// any site may send it and read the answer.
func (h *Handler) Token() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if h.panicked(r, recover()) {
				writeJSON(w, http.StatusInternalServerError, &tokenError{Code: "server_error"})
			}
		}()
		grant, err := h.exchange(w, r)
		var refused *tokenError
		switch {
		case errors.As(err, &refused):
			writeJSON(w, refused.status, refused)
		case err != nil:
			h.config.Log.ErrorContext(r.Context(), "a code could not be exchanged", slog.Any("error", err))
			writeJSON(w, http.StatusServiceUnavailable,
				&tokenError{Code: "temporarily_unavailable", Description: "no answer at the moment: ask the user to authorise again"})
		default:
			writeJSON(w, http.StatusOK, members(grant))
		}
	})
}

func members(g authorize.Grant) map[string]string {
	m := map[string]string{}
	for _, f := range g.Fields() {
		m[f.Name] = f.Value
	}
	return m
}

var grantTypes = map[string]func(*Handler, *http.Request, url.Values) (authorize.Grant, error){
	"authorization_code": (*Handler).exchangeCode,
}

func (h *Handler) exchange(w http.ResponseWriter, r *http.Request) (authorize.Grant, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return authorize.Grant{}, &tokenError{http.StatusMethodNotAllowed, "invalid_request", "use POST"}
	}
	if !h.config.Origin(r).Secure {
		return authorize.Grant{}, invalidRequest("use HTTPS, since the answer holds a password")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	parameters, err := tokenParameters(r)
	if err != nil {
		return authorize.Grant{}, err
	}
	exchange, ok := grantTypes[parameters.Get("grant_type")]
	if !ok {
		return authorize.Grant{}, &tokenError{http.StatusBadRequest, "unsupported_grant_type", "grant_type must be authorization_code"}
	}
	return exchange(h, r, parameters)
}

// tokenParameters reads the body. A parameter stands there once (RFC 6749, 3.2).
func tokenParameters(r *http.Request) (url.Values, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // what cannot be read is neither of these
	switch kind {
	case "application/x-www-form-urlencoded":
		if err := r.ParseForm(); err != nil {
			return nil, invalidRequest("the form cannot be read")
		}
	case "application/json":
		return jsonParameters(r.Body)
	default:
		return nil, invalidRequest("the Content-Type must be application/x-www-form-urlencoded or application/json")
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, invalidRequest(name + " is there more than once")
		}
	}
	return r.PostForm, nil
}

func jsonParameters(body io.Reader) (url.Values, error) {
	var object map[string]string
	decoder := json.NewDecoder(body)
	if err := decoder.Decode(&object); err != nil || decoder.More() {
		return nil, invalidRequest("the body must be one JSON object of strings")
	}
	values := url.Values{}
	for name, value := range object {
		values.Set(name, value)
	}
	return values, nil
}

// exchangeCode creates the approved password. Each attempt invalidates the code, so that a thief
// cannot try several verifiers.
func (h *Handler) exchangeCode(r *http.Request, parameters url.Values) (authorize.Grant, error) {
	code, verifier := parameters.Get("code"), parameters.Get("code_verifier")
	if code == "" || verifier == "" {
		return authorize.Grant{}, invalidRequest("code and code_verifier are needed")
	}
	a, ok := h.codes.take(code)
	successURL := parameters.Get("success_url")
	if !ok || !a.provenBy(verifier) || successURL != "" && successURL != a.successURL {
		return authorize.Grant{}, invalidGrant("the code is unknown, used or too old, or is another application's")
	}
	secret, err := h.createApproved(r.Context(), a)
	if err != nil && sparekey.Refused(err) { // it changed since the approval
		return authorize.Grant{}, invalidGrant("the password cannot be made: " + reason(err))
	}
	if err != nil {
		return authorize.Grant{}, err
	}
	return authorize.Grant{SiteURL: a.siteURL, Login: a.user.Login, Secret: secret}, nil
}

// undoTimeout limits the revocation of a password that must not be returned.
const undoTimeout = 10 * time.Second

// createApproved creates the password, if the approval is still valid.
func (h *Handler) createApproved(ctx context.Context, a approval) (sparekey.Secret, error) {
	var err error
	if a.user, err = h.svc.Directory().UserByID(ctx, a.user.ID); err != nil { // with the present roles
		return sparekey.Secret{}, err
	}
	if err := h.stillApproved(ctx, a); err != nil {
		return sparekey.Secret{}, err
	}
	m := h.svc.As(a.user)
	var secret sparekey.Secret
	var made sparekey.Credential
	list := func() ([]sparekey.Credential, error) { return m.List(ctx, a.user.ID) }
	err = withFreeName(list, a.credential, func(n sparekey.NewCredential) (err error) {
		secret, made, err = m.Create(ctx, a.user.ID, n)
		return err
	})
	if err != nil {
		return sparekey.Secret{}, err
	}
	a.others = slices.DeleteFunc(slices.Clone(a.others), func(uuid string) bool { return slices.Contains(a.credential.Replaces, uuid) })
	if err := h.stillApproved(ctx, a); err != nil { // it was withdrawn before this password existed
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout) // even after a disconnect
		defer cancel()
		if _, undo := h.svc.As(a.user).Revoke(ctx, a.user.ID, made.UUID); undo != nil && !sparekey.Refused(undo) {
			err = undo // the client does not get the secret
		}
		return sparekey.Secret{}, err
	}
	return secret, nil
}

// stillApproved refuses if the session of the approval ended, or if the user revoked all
// passwords that they had then.
func (h *Handler) stillApproved(ctx context.Context, a approval) error {
	if a.sessionLasts != nil {
		if ok, err := a.sessionLasts(ctx); err != nil || !ok {
			return cmp.Or(err, errWithdrawn)
		}
	}
	if len(a.others) == 0 {
		return nil
	}
	list, err := h.svc.As(a.user).List(ctx, a.user.ID)
	if err == nil && !slices.ContainsFunc(list, func(c sparekey.Credential) bool { return slices.Contains(a.others, c.UUID) }) {
		return errWithdrawn
	}
	return err
}

// reason says why a password cannot be created, without details about the user.
func reason(err error) string {
	for _, known := range []error{
		sparekey.ErrDuplicateName, sparekey.ErrUnavailable, sparekey.ErrUnavailableForUser, sparekey.ErrForbidden,
	} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return "the user cannot have it any more"
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Access-Control-Allow-Origin", "*")
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings in a struct or a map
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}
