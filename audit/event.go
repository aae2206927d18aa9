package audit

import (
	"strings"

	"github.com/sparekey-dev/sparekey"
)

// Bounds on text that others chose, in bytes.
const (
	maxText = 512
	maxPath = 1024
)

// recordOf returns what the log keeps of an event.
func recordOf(e sparekey.Event) Record {
	r := Record{
		Time: e.Time, Kind: kindOf(e.Kind),
		User: clip(e.User.ID, maxText), Login: clip(e.User.Login, maxText),
		Credential: clip(e.Credential.UUID, maxText), Name: clip(e.Credential.Name, maxText),
		Actor: clip(e.Actor.ID, maxText), ActorLogin: clip(e.Actor.Login, maxText), By: clip(e.Acting, maxText),
		Addr: e.Addr, Method: clip(e.Request.Method, maxText), Path: pathOf(e.Request.Target),
		Rule: clip(e.Rule, maxText), Reason: sparekey.Reason(clip(string(e.Reason), maxText)),
	}
	switch e.Kind {
	case sparekey.KindCreated, sparekey.KindLimited:
		limits := e.Credential.Limits
		r.Expires, r.MaxUses = limits.Expires, limits.MaxUses
		r.Scopes, r.Networks = limits.Scopes.Rules(), limits.Networks.Strings()
	case sparekey.KindRotated:
		r.OldUntil = e.Credential.OldUntil
	case KindUserCreated, KindRoleSet:
		for _, role := range e.User.Roles {
			r.Roles = append(r.Roles, clip(role, maxText))
		}
	default: // the others change no limits
	}
	return r
}

func kindOf(k sparekey.Kind) sparekey.Kind {
	if k == sparekey.KindAuthenticated {
		return KindUsed
	}
	return k
}

// clip returns the beginning of a text, as a copy.
func clip(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return strings.Clone(text)
}

// pathOf returns the path of a request target: without the query, and without
// what an absolute one has before the path, where there can be a password.
func pathOf(target string) string {
	if end := strings.IndexAny(target, "?#"); end >= 0 {
		target = target[:end]
	}
	if !strings.HasPrefix(target, "/") {
		_, rest, _ := strings.Cut(target, "://")
		slash := strings.IndexByte(rest, '/')
		if slash < 0 {
			return ""
		}
		target = rest[slash:]
	}
	return clip(target, maxPath)
}
