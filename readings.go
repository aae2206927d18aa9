package sparekey

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
	"github.com/sparekey-dev/sparekey/scope"
)

// Request is what a caller asks for, as it was received.
type Request struct {
	Method string
	// Target is the request-target (RFC 9112, section 3.2), in origin form
	// ("/path?query") or absolute form, neither decoded nor cleaned.
	Target string
}

// IsZero reports whether the request is missing, because the caller does not speak HTTP.
func (r Request) IsZero() bool { return r.Method == "" && r.Target == "" }

// Path is the request's path as it was received, without the query, which may hold
// secrets of an application.
func (r Request) Path() string {
	path, _ := rawpath.Split(r.Target)
	return path
}

// Upstream knows how the application that will answer a request may read it. Package
// gateway/upstream implements it for each kind of application.
type Upstream interface {
	// Readings returns all that the application may take the request for. It is called
	// for limited credentials only, and may read the request's body. scoped says that
	// the credential has scopes; else only what manages users, credentials or code has
	// to be in the result. The caller does not change the result.
	Readings(scoped bool) *Readings
}

// Reading is one method on one path for which an application may take a request; see
// [scope.Access].
type Reading = scope.Access

// Readings are all that an application may take a request for. A limited credential
// may send the request if its limits allow every one of them.
type Readings struct {
	// All are the readings. There is at least one, unless Unclear says why not.
	All []Reading
	// Unclear says, as the rest of a sentence for people, why the application may read
	// the request in a way that is not in All. Empty: All is complete. It refuses the
	// request to a credential with scopes.
	Unclear string
	// UnclearManages says that such a way may manage users, credentials or code. It
	// refuses the request to every credential with a limit.
	UnclearManages bool
	// Hint says, in sentences for people, what to do where the limits do not cover one of
	// the readings after the first. It may be empty.
	Hint string
	// Boundless says, as the rest of a sentence for people, why no limit of a credential
	// holds in what the request has the application do. It refuses the request to every
	// credential with a limit.
	Boundless string
}

// ManagePasswords reports whether the application would create, change or revoke
// application passwords by itself.
func (r *Readings) ManagePasswords() bool {
	return slices.ContainsFunc(r.All, func(r Reading) bool { return r.Named == scope.NamePasswords })
}

// onlyReadings returns the readings of a request whose query and headers do not matter.
func onlyReadings(r Request) *Readings {
	path, ok := rawpath.Decode(r.Path())
	if !ok {
		return &Readings{Unclear: UnclearPath(r.Path())}
	}
	all := []Reading{{Method: r.Method, Path: path}}
	for _, other := range rawpath.Parameters(path) {
		if rawpath.IsAmbiguous(other) {
			return &Readings{Unclear: UnclearPath(path)}
		}
		all = append(all, Reading{Method: r.Method, Path: other})
	}
	return &Readings{All: all}
}

// UnclearPath is [Readings.Unclear] for a path that programs read in different ways.
func UnclearPath(path string) string {
	return fmt.Sprintf("programs read the path %q in different ways; send it without \"//\", \".\", \"..\" and encoded slashes", clip(path))
}

// judge refuses a request that the limits of a credential do not cover, with an
// [*AuthError]. It returns the rule that covers the request itself, if scopes narrow the
// credential. The rule: a limited credential may send a request only if its limits allow
// every reading, and not where the readings are unclear.
func (s *Service) judge(c *Credential, a *Attempt, previous bool) (rule string, err error) {
	limited := previous || s.IsLimited(*c)
	if !limited && (a.Upstream == nil || !s.restrictsCreation(c)) {
		return "", nil
	}
	scopes := c.Limits.Scopes
	var readings *Readings
	switch {
	case a.Upstream != nil:
		readings = a.Upstream.Readings(scopes != "")
	case scopes == "":
		return "", nil
	case a.Request.IsZero():
		return "", outOfScope("This application password is limited to requests over HTTP, and this is not one.")
	default:
		readings = onlyReadings(a.Request)
	}
	switch {
	case readings.Boundless != "" && limited:
		return "", outOfScope("This application password is limited, and " + readings.Boundless + ".")
	case readings.UnclearManages && !limited:
		return "", outOfScope("This site restricts how application passwords are created, and this request may create one unseen: " + readings.Unclear + ".")
	case !limited && readings.ManagePasswords():
		return "", outOfScope("This site restricts how application passwords are created: Sparekey alone creates them.")
	case !limited:
		return "", nil
	case readings.UnclearManages:
		return "", outOfScope("This application password is limited, and this request may do something else than it says: " + readings.Unclear + ".")
	case scopes != "" && (readings.Unclear != "" || len(readings.All) == 0):
		return "", outOfScope("This application password may not do that: " + readings.Unclear + ".")
	}
	return s.coverAll(scopes, readings)
}

// coverAll refuses the request unless the scopes cover every reading. Without scopes, it
// refuses only readings that need a rule with a certain name.
func (s *Service) coverAll(scopes scope.List, readings *Readings) (rule string, err error) {
	for i, reading := range readings.All {
		if scopes == "" && reading.Named == "" {
			continue
		}
		by, ok := "", false
		if scopes != "" {
			by, ok = scopes.Covers(reading, s.config.Bundles)
		}
		if !ok {
			return "", s.notCovered(scopes, reading, i > 0, readings.Hint)
		}
		if i == 0 {
			rule = by
		}
	}
	return rule, nil
}

// notCovered is the refusal of a reading that no scope covers. isOther says that the
// reading is another one than the request's own method and path; hint is then part of it.
func (s *Service) notCovered(scopes scope.List, reading Reading, isOther bool, hint string) error {
	what := clip(reading.Method) + " " + clip(reading.Path)
	if reading.Method == "*" {
		what = "every method on " + clip(reading.Path)
	}
	has := "it has: " + clip(scopes.String())
	if scopes == "" {
		has = "it has no scopes"
	}
	if unknown := s.config.Bundles.Unknown(scopes); len(unknown) > 0 {
		has += fmt.Sprintf(" (and %q is not defined here)", clip(unknown[0]))
	}
	if reading.Named != "" {
		return outOfScope(fmt.Sprintf("This application password is limited, so %s needs a scope with %q in its path; %s.", what, reading.Named, has))
	}
	if isOther {
		what += ", for which the application may take this request because of a header, a parameter or its body"
	}
	message := fmt.Sprintf("This application password may not do that: no scope covers %s; %s.", what, has)
	if isOther && hint != "" {
		message += " " + hint
	}
	return outOfScope(message)
}

func outOfScope(message string) error { return Refuse(ReasonOutOfScope, message) }

// clip shortens a text that a client has chosen, for a message.
func clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
