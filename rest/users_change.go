package rest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/scope"
)

// UserChanger changes the users of an application. It must be safe for concurrent use.
type UserChanger interface {
	// ChangeUser changes a user. by is the caller; its Credential is the zero Credential for
	// a session. The API has already checked the caller's permission. It refuses with a
	// [*sparekey.InvalidError] about the field "email", "display name" or "password", with
	// [sparekey.ErrEmailTaken] or with [sparekey.ErrUserNotFound]. Any other error means that
	// there was no answer. If the change takes long, ChangeUser asks
	// [sparekey.Manager.Confirm] in the step in which it makes the change, and returns that
	// error.
	ChangeUser(ctx context.Context, by sparekey.Identity, id string, change sparekey.UserChange) (sparekey.User, error)
}

// changeUser changes the e-mail address, the display name or the main password of the user in
// the path. The rules are WordPress's, with one exception: it refuses a member that is not
// stored here, unless its value is the current one. A client should not believe that it was
// stored.
func (c *call) changeUser() (*response, error) {
	if c.h.config.Users == nil {
		return nil, refuse(codeUsersReadOnly)
	}
	u, err := c.subject()
	if err != nil {
		return nil, err
	}
	if err := c.mayChangeUsers(); err != nil {
		return nil, err
	}
	change, err := c.userChange(u)
	if err != nil {
		return nil, err
	}
	c.args["context"] = contextEdit
	if change == (sparekey.UserChange{}) {
		return &response{body: c.userItem(u)}, nil
	}
	by := sparekey.Identity{User: c.caller.user}
	if c.caller.identity != nil {
		by = *c.caller.identity
	}
	u, err = c.h.config.Users.ChangeUser(c.r.Context(), by, u.ID, change)
	if err != nil {
		return nil, userProblem(err)
	}
	return &response{body: c.userItem(u)}, nil
}

// mayChangeUsers refuses a limited application password unless a rule of its scopes
// names the users: with another main password it would get everything that the account
// can do. The secret from before a rotation may not either.
func (c *call) mayChangeUsers() error {
	id := c.caller.identity
	switch {
	case id == nil:
		return nil
	case id.OldSecret:
		return sparekey.ErrOldSecret
	}
	if err := c.manager().Confirm(c.r.Context()); err != nil { // its limits are those from before the body
		return err
	}
	if !c.h.svc.IsLimited(id.Credential) {
		return nil
	}
	access := scope.Access{Method: c.method, Path: c.h.basePath + c.path, Named: scope.NameUsers}
	if scopes := id.Credential.Limits.Scopes; scopes != "" {
		if _, ok := scopes.Covers(access, c.h.svc.Bundles()); ok {
			return nil
		}
	}
	return &apiError{code: codeOutOfScope, message: "This application password is limited, so to change a user it needs a scope with \"" +
		scope.NameUsers + "\" in its path. Use one that has it, or one without limits."}
}

// userChange reads what is to change of a user.
func (c *call) userChange(u sparekey.User) (change sparekey.UserChange, err error) {
	var errs []argError
	text := func(name string, check func(string) *argError) *string {
		value, found, wrong := c.readArg(arg{name: name, accept: aString(check)})
		if wrong != nil {
			wrong.param = name
			errs = append(errs, *wrong)
		}
		s, isText := value.(string)
		if !found || !isText {
			return nil
		}
		return &s
	}
	if name := text("name", anyText); name != nil {
		plain := strings.Join(strings.Fields(*name), " ")
		change.DisplayName = &plain
	}
	// An empty address is none, as in WordPress.
	if change.Email = text("email", anyText); change.Email != nil && *change.Email == "" {
		change.Email = nil
	}
	change.Password = text("password", passwordError)
	login := text("username", anyText)
	errs = append(errs, c.unstoredErrors(u)...)
	switch {
	case errs != nil:
		return change, invalidParams(errs)
	case login != nil && *login != "" && *login != u.Login:
		return change, refuse(codeLoginFixed)
	case c.changesRoles(u):
		return change, refuse(codeCannotEditRoles)
	}
	return change, nil
}

func anyText(string) *argError { return nil }

// passwordError is WordPress's rule for main passwords: a backslash is part of none,
// since it would not be the same in every place where it is typed.
func passwordError(s string) *argError {
	if s == "" || strings.Contains(s, `\`) {
		return &argError{code: argErrPassword, message: "Must not be empty, and must not contain a backslash."}
	}
	return nil
}

// changesRoles reports whether the request changes roles, which only the operator can.
func (c *call) changesRoles(u sparekey.User) bool {
	given, found, _ := c.lookup("roles")
	if !found || given == nil {
		return false
	}
	roles, ok := readWords(given)
	slices.Sort(roles)
	return !ok || !slices.Equal(roles, slices.Sorted(slices.Values(u.Roles)))
}

// storedMembers are the members of a user that changeUser handles, or that clients cannot set.
var storedMembers = []string{
	"id", "username", "name", "email", "roles", "link", "registered_date", "capabilities", "extra_capabilities", "avatar_urls",
}

// unstoredErrors returns an error for each member that WordPress stores and Sparekey does not.
func (c *call) unstoredErrors(u sparekey.User) (errs []argError) {
	for _, f := range c.h.userFields() {
		given, found, _ := c.lookup(f.name)
		if slices.Contains(storedMembers, f.name) || !found || isEmptyValue(given) {
			continue
		}
		is, err := json.Marshal(f.value(person{u, contextEdit}))
		wanted, err2 := json.Marshal(given)
		if errors.Join(err, err2) == nil && string(is) == string(wanted) {
			continue
		}
		errs = append(errs, argError{param: f.name, code: argErrNotKept, message: "This site does not keep it, so it cannot be changed."})
	}
	return errs
}

func isEmptyValue(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// userProblem translates the names in a refusal of the UserChanger to those of the API.
func userProblem(err error) error {
	if errors.Is(err, sparekey.ErrEmailTaken) {
		return refuse(codeEmailTaken)
	}
	names := map[string]struct {
		param string
		code  argErrorCode
	}{"email": {"email", argErrEmail}, "display name": {"name", argErrPattern}, "password": {"password", argErrPassword}}
	var errs []argError
	for _, err := range unjoin(err) {
		var invalid *sparekey.InvalidError
		if !errors.As(err, &invalid) {
			return err
		}
		as, known := names[invalid.Field]
		if !known {
			return err
		}
		errs = append(errs, argError{param: as.param, code: as.code, message: strings.ToUpper(invalid.Problem[:1]) + invalid.Problem[1:] + "."})
	}
	return invalidParams(errs)
}

// unjoin undoes errors.Join.
func unjoin(err error) []error {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		return several.Unwrap()
	}
	return []error{err}
}
