package sparekey

import (
	"context"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/sparekey-dev/sparekey/internal/authcache"
	"github.com/sparekey-dev/sparekey/scope"
)

// RoleAdministrator is the role whose holders may manage the credentials of all users under
// [AllowAdministrators].
const RoleAdministrator = "administrator"

// User owns credentials, or manages them. Sparekey only reads users; a [Directory] keeps
// them.
type User struct {
	// ID identifies the user and never changes. It is opaque here; the REST API shows decimal
	// IDs as numbers, as WordPress does.
	ID          string
	Login       string
	Email       string
	DisplayName string
	Roles       []string
	Registered  time.Time // UTC, or zero when unknown
}

// HasRole reports whether the user holds the role.
func (u User) HasRole(role string) bool { return slices.Contains(u.Roles, role) }

// Directory finds users. Implementations must be safe for concurrent use, and return an error
// that matches [ErrUserNotFound] for an unknown user. Every other error means that the
// directory could not be asked.
//
// UserByLogin should take the same time for known and unknown users, since callers can
// measure its duration.
type Directory interface {
	// UserByLogin finds the user with this login or, if there is none, with this e-mail
	// address. The directory decides which texts are equal (case, blanks).
	UserByLogin(ctx context.Context, login string) (User, error)
	// UserByID finds the user with this ID.
	UserByID(ctx context.Context, id string) (User, error)
}

// UserQuery selects users for a list.
type UserQuery struct {
	Search string // part of the login, e-mail address or display name, ignoring case; empty: all
	Role   string // only holders of this role; empty: all
	Offset int    // how many to skip
	Limit  int    // how many at most; 0: all
}

// UserLister is an optional interface of a [Directory] that can list its users.
type UserLister interface {
	// Users returns the selected users in the order of their creation, and how
	// many there are without Offset and Limit.
	Users(ctx context.Context, q UserQuery) (users []User, total int, err error)
}

// Authority is an optional interface of a [Directory] that decides which users may manage the
// credentials of others. A [Service] asks it if [Config.Allow] and [Config.AllowAll] are not
// set, and package rest asks it which users may list users.
//
// Its methods must decide by the current data of the user with the actor's ID: the actor's
// rights may have changed since the actor was read. An actor without an ID may do nothing. An
// error means that the directory could not be asked; callers then allow nothing. The methods
// must be safe for concurrent use.
type Authority interface {
	// CanManage reports whether actor may create, list, change and revoke the
	// credentials of target.
	CanManage(ctx context.Context, actor, target User) (bool, error)
	// CanSearch reports whether actor may search the credentials of all users.
	CanSearch(ctx context.Context, actor User) (bool, error)
	// CanListUsers reports whether actor may list all users, with their logins,
	// e-mail addresses and roles.
	CanListUsers(ctx context.Context, actor User) (bool, error)
}

// Attempt is a login and a secret from a caller, with the circumstances that decide about it.
type Attempt struct {
	Login  string // login or e-mail address, as it was sent
	Secret Secret
	// Addr is the caller's address, or the zero Addr when it is unknown.
	Addr netip.Addr
	// Secure says that the secret was not sent in the clear over a network: it came over TLS,
	// or from this machine. Other attempts are refused.
	Secure bool
	// Request is what the caller wants to do. A credential with scopes is refused
	// where it is zero.
	Request Request
	// Scope is the scope of the application's own that the request needs, if any; see
	// [scope.Named]. It is all that a credential with scopes needs then, whatever the method
	// and the path.
	Scope string
	// Upstream knows how the application that will answer may read the request. Nil:
	// the request is what its method and its path say, and its query does not matter.
	Upstream Upstream
	// Deny, unless it is nil, is the error that refuses the attempt even if its secret is
	// right, whatever its limits. A front-end sets it where the request itself must not be
	// carried out. See [Refuse].
	Deny error
}

// Identity is the result of a successful attempt. Its texts may be parts of a block of 16 kB,
// which stays in memory as long as one of them is in use. To keep one for long, keep a
// [strings.Clone].
type Identity struct {
	User       User
	Credential Credential
	// Rule is the rule that covers the request, or the name of its bundle; empty
	// where the credential has no scopes.
	Rule string
	// OldSecret says that the secret is the previous one, whose grace period ends soon.
	OldSecret bool
	// OldSecretUntil is the end of its grace period, as [Service.OldSecretUntil] returns it;
	// zero unless OldSecret is true.
	OldSecretUntil time.Time
	// UpcomingExpiry is when the credential expires, if that is within [ExpiryNotice], and
	// otherwise zero.
	UpcomingExpiry time.Time

	service *Service // that authenticated the attempt, or nil
}

// Allows reports whether the credential may do what a scope of the application's own stands for
// (see [scope.Named]), as a handler's requirement of it would: a credential without scopes may.
// It returns false for a name that the Service's bundles do not have as such a scope, and for an
// identity that no Service made.
func (id Identity) Allows(name string) bool {
	if id.service == nil || !id.service.config.Bundles.HasNamed(name) {
		return false
	}
	_, ok := id.Credential.Limits.Scopes.Covers(scope.Access{Method: "*", Scope: name}, id.service.config.Bundles)
	return ok
}

// times, numbers, texts and flags are the fields of an identity that its record holds, besides
// the roles.
func (id *Identity) times() [7]*time.Time {
	c := &id.Credential
	return [...]*time.Time{&id.User.Registered, &c.Created, &c.LastUsed, &c.Limits.Expires, &c.OldUntil, &id.UpcomingExpiry, &id.OldSecretUntil}
}

func (id *Identity) numbers() [2]*int {
	return [...]*int{&id.Credential.Limits.MaxUses, &id.Credential.Uses}
}

func (id *Identity) texts() [14]*string {
	u, c := &id.User, &id.Credential
	return [...]*string{
		&u.ID, &u.Login, &u.Email, &u.DisplayName,
		&c.UUID, &c.UserID, &c.AppID, &c.Name, &c.Hash, &c.LastIP,
		(*string)(&c.Limits.Scopes), (*string)(&c.Limits.Networks), &c.OldHash, &id.Rule,
	}
}

func (id *Identity) flags() [2]*bool {
	return [...]*bool{&id.OldSecret, &id.Credential.HashUnused}
}

// encodeIdentity returns an identity as text without pointers, for the cache. ok is false if decoding would not return
// exactly the same identity, which then must not be cached.
func encodeIdentity(id Identity) (record string, ok bool) {
	var w authcache.RecordWriter
	for _, t := range id.times() {
		*t = t.UTC().Round(0) // directories and stores may keep it in any zone
		w.Time(*t)
	}
	for _, n := range id.numbers() {
		w.Number(int64(*n))
	}
	for _, s := range id.texts() {
		w.Text(*s)
	}
	for _, f := range id.flags() {
		w.Flag(*f)
	}
	roles := int64(len(id.User.Roles)) + 1
	if id.User.Roles == nil {
		roles = 0
	}
	w.Number(roles)
	for _, role := range id.User.Roles {
		w.Text(role)
	}
	record = string(w)
	var decoded Identity
	decodeIdentity(record, &decoded)
	return record, reflect.DeepEqual(decoded, id)
}

// decodeIdentity fills in the identity that was encoded. Its texts are parts of the record.
func decodeIdentity(record string, id *Identity) {
	r := authcache.RecordReader(record)
	for _, t := range id.times() {
		*t = r.Time()
	}
	for _, n := range id.numbers() {
		*n = int(r.Number())
	}
	for _, s := range id.texts() {
		*s = r.Text()
	}
	for _, f := range id.flags() {
		*f = r.Flag()
	}
	id.User.Roles = nil
	if roles := r.Number(); roles > 0 { // one more than there are
		id.User.Roles = make([]string, roles-1)
	}
	for i := range id.User.Roles {
		id.User.Roles[i] = r.Text()
	}
}

// UserChange holds the changes to a user. Nil fields stay unchanged.
type UserChange struct {
	Email       *string
	DisplayName *string
	Password    *string // the main password, in plaintext
}
